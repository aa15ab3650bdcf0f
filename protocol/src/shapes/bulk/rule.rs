//! What becomes of a field that an import brings for something that is there already.

use serde::{Deserialize, Serialize};

/// An update rule (REFERENCE A2, `updateRule` and `updateRuleByField`). An empty text counts as null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UpdateRule {
    /// What is brought is written, also when it is nothing.
    #[default]
    Always,
    /// It is written unless it is null.
    IfNewIsNotNull,
    /// It is written where there is nothing yet.
    IfExistingIsNull,
}

impl UpdateRule {
    /// Every rule.
    pub const ALL: [UpdateRule; 3] =
        [UpdateRule::Always, UpdateRule::IfNewIsNotNull, UpdateRule::IfExistingIsNull];

    /// Its documented name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UpdateRule::Always => "always",
            UpdateRule::IfNewIsNotNull => "ifNewIsNotNull",
            UpdateRule::IfExistingIsNull => "ifExistingIsNull",
        }
    }

    /// The rule of that name, in any letter case.
    #[must_use]
    pub fn named(name: &str) -> Option<UpdateRule> {
        UpdateRule::ALL.into_iter().find(|rule| rule.name().eq_ignore_ascii_case(name))
    }

    /// Whether a value is to be written over one that is there, by which of the two are null.
    #[must_use]
    pub fn writes(self, new_is_null: bool, existing_is_null: bool) -> bool {
        match self {
            UpdateRule::Always => true,
            UpdateRule::IfNewIsNotNull => !new_is_null,
            UpdateRule::IfExistingIsNull => existing_is_null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_by_name_and_say_what_is_written() {
        for rule in UpdateRule::ALL {
            assert_eq!(UpdateRule::named(&rule.name().to_uppercase()), Some(rule));
        }
        assert_eq!(UpdateRule::named("useFieldRule"), None);
        let writes = |rule: UpdateRule| {
            [(false, false), (true, false), (false, true)].map(|(new, old)| rule.writes(new, old))
        };
        assert_eq!(writes(UpdateRule::Always), [true, true, true]);
        assert_eq!(writes(UpdateRule::IfNewIsNotNull), [true, false, true]);
        assert_eq!(writes(UpdateRule::IfExistingIsNull), [false, false, true]);
    }
}
