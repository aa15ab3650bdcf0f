//! What can be exported and imported, by the names in paths.

use std::fmt::{Display, Formatter};

/// An object of the Bulk shapes (contract 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// Reading history, and what happened to markings.
    Activities,
    /// Markings.
    Markings,
    /// Accounts.
    Contacts,
    /// Nodes of one type of one tenant, by the number that this daemon gave them.
    CustomObject(u64),
}

impl Object {
    /// The object of a path's part, in any letter case (REFERENCE fact 9); `None` for those that are not served and for
    /// `customObjects`, which needs a number.
    #[must_use]
    pub fn named(part: &str) -> Option<Object> {
        let all = [Object::Activities, Object::Markings, Object::Contacts];
        all.into_iter().find(|object| object.word().eq_ignore_ascii_case(part))
    }

    /// The custom object of that number.
    #[must_use]
    pub fn custom(number: &str) -> Option<Object> {
        whole(number).map(Object::CustomObject)
    }

    /// The first part of its path.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Object::Activities => "activities",
            Object::Markings => "markings",
            Object::Contacts => "contacts",
            Object::CustomObject(_) => "customObjects",
        }
    }
}

impl Display for Object {
    /// Its path: `/activities`, `/customObjects/7`.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Object::CustomObject(number) => write!(f, "/customObjects/{number}"),
            other => write!(f, "/{}", other.word()),
        }
    }
}

/// A whole number from 1 on, as ids in paths are written: digits and nothing else.
#[must_use]
pub fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_known_by_their_paths() {
        for (part, object) in [
            ("activities", Object::Activities),
            ("MARKINGS", Object::Markings),
            ("Contacts", Object::Contacts),
        ] {
            assert_eq!(Object::named(part), Some(object));
            assert_eq!(object.to_string(), format!("/{}", part.to_ascii_lowercase()));
        }
        assert_eq!(Object::custom("7"), Some(Object::CustomObject(7)));
        assert_eq!(Object::CustomObject(7).to_string(), "/customObjects/7");
        for other in ["", "accounts", "customObjects", "markings "] {
            assert_eq!(Object::named(other), None);
        }
        for no_number in ["", "0", "-1", "+1", "1a", "99999999999999999999"] {
            assert_eq!(Object::custom(no_number), None);
        }
    }
}
