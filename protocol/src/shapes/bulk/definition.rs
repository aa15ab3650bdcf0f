//! Definitions of exports and imports: what a client says of one, checked, and as it is shown again (REFERENCE A2).

mod read;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::field::{DataType, Field, Resolved, StatementError, resolve};
use super::filter::Filter;
use super::object::Object;
use super::rule::UpdateRule;
use super::span::Span;

/// Characters of a definition's name.
pub const MAX_NAME: usize = 100;
/// Fields of an export.
pub const MAX_EXPORT_FIELDS: usize = 250;
/// Fields of an import.
pub const MAX_IMPORT_FIELDS: usize = 100;
/// Characters of a field's name in a definition: as long as the name of a property can be.
pub const MAX_FIELD_NAME: usize = crate::limits::MAX_KEY;
/// The name of [`WholeRule::ByField`].
const USE_FIELD_RULE: &str = "useFieldRule";

/// What a client said of a definition, checked. What it did not say is absent, so that a later version may have
/// other defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// What it is called: 1 to [`MAX_NAME`] characters.
    pub name: String,
    /// The names and statements of its fields, in the order they were sent. No two names differ by letter case alone.
    pub fields: Vec<(String, String)>,
    /// Which records are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Accepted and shown; dates are always exported as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub are_system_timestamps_in_utc: Option<bool>,
    /// After which time the definition is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_delete: Option<Span>,
    /// How long data is kept: see [`Draft::retention`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Span>,
    /// The most records that are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_records: Option<u64>,
    /// The name of the field by which an import finds what it changes (`identifierFieldName`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// What becomes of what an import brings; always written if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_rule: Option<WholeRule>,
    /// The rules of single fields, by their names (`updateRuleByField`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub update_rules: Vec<(String, UpdateRule)>,
    /// Whether each upload of data makes a sync. False if not said: clients make their own.
    #[serde(default)]
    pub is_sync_triggered_on_import: bool,
    /// Whether a row changes each item that its identifier finds.
    #[serde(default)]
    pub is_updating_multiple_matched_records: bool,
    /// Accepted and shown: true, false or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_identifier_field_name: Option<Value>,
}

/// The `updateRule` of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WholeRule {
    /// One rule for all fields.
    One(UpdateRule),
    /// Each field has its own (`useFieldRule`); those that have none are always written.
    ByField,
}

/// A field of a definition, and where its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the data.
    pub name: String,
    /// Its key in a record; empty for what never has a value.
    pub key: String,
    /// What it holds.
    pub data_type: DataType,
}

impl Draft {
    /// What a client said of a definition of that object, which has those fields.
    ///
    /// Names of members are read in any letter case; unknown and read-only members are ignored; null is as good as
    /// absent; numbers, `true` and `false` may be texts.
    ///
    /// # Errors
    /// Every [`Failure`] that there is, at least one.
    pub fn read(
        object: Object,
        is_import: bool,
        sent: &Map<String, Value>,
        fields: &[Field],
    ) -> Result<Draft, Vec<Failure>> {
        read::draft(object, is_import, sent, fields)
    }

    /// How long data is kept: as said, else by default.
    #[must_use]
    pub fn retention(&self, is_import: bool) -> Span {
        let default = if is_import { Span::IMPORT_RETENTION } else { Span::EXPORT_RETENTION };
        self.retention.clone().unwrap_or(default)
    }

    /// What becomes of that field of an import.
    #[must_use]
    pub fn rule_of(&self, field_name: &str) -> UpdateRule {
        match self.update_rule {
            None => UpdateRule::Always,
            Some(WholeRule::One(rule)) => rule,
            Some(WholeRule::ByField) => {
                let own =
                    self.update_rules.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(field_name));
                own.map_or(UpdateRule::Always, |(_, rule)| *rule)
            }
        }
    }

    /// The fields of the definition with what they stand for now.
    ///
    /// # Errors
    /// A [`Failure`] for each statement that no longer stands for anything.
    pub fn columns(&self, object: Object, fields: &[Field]) -> Result<Vec<Column>, Vec<Failure>> {
        let mut columns = Vec::with_capacity(self.fields.len());
        let mut failures = Vec::new();
        for (name, statement) in &self.fields {
            match resolved(object, fields, statement) {
                Ok(found) => {
                    columns.push(Column { name: name.clone(), key: found.key, data_type: found.data_type });
                }
                Err(failure) => failures.push(*failure),
            }
        }
        if failures.is_empty() { Ok(columns) } else { Err(failures) }
    }

    /// The filter of the definition.
    ///
    /// # Errors
    /// The [`Failure`] of a filter that no longer reads.
    pub fn filter(&self, object: Object, fields: &[Field]) -> Result<Option<Filter>, Vec<Failure>> {
        self.filter
            .as_deref()
            .map(|text| filter(object, fields, text))
            .transpose()
            .map_err(|failure| vec![*failure])
    }

    /// The definition as it is answered, in the documented order and without what nobody knows here: `uri`, dates and
    /// names of users.
    #[must_use]
    pub fn shown(&self, is_import: bool) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            value.into_iter().for_each(|value| drop(shown.insert(name.to_owned(), value)));
        };
        put("name", Some(self.name.as_str().into()));
        put(
            "fields",
            Some(object_of(self.fields.iter().map(|(name, statement)| (name, statement.as_str())))),
        );
        let retention = Some(self.retention(is_import).text().into());
        if is_import {
            put("identifierFieldName", self.identifier.as_deref().map(Value::from));
            put("isSyncTriggeredOnImport", Some(self.is_sync_triggered_on_import.into()));
            put("dataRetentionDuration", retention);
            put("isUpdatingMultipleMatchedRecords", Some(self.is_updating_multiple_matched_records.into()));
            put("nullIdentifierFieldName", self.null_identifier_field_name.clone());
            put("updateRule", self.update_rule.map(|rule| rule.name().into()));
            let rules = self.update_rules.iter().map(|(name, rule)| (name, rule.name()));
            put("updateRuleByField", (!self.update_rules.is_empty()).then(|| object_of(rules)));
        } else {
            put("filter", self.filter.as_deref().map(Value::from));
            put("dataRetentionDuration", retention);
            put("maxRecords", self.max_records.map(Value::from));
            put("areSystemTimestampsInUTC", self.are_system_timestamps_in_utc.map(Value::from));
        }
        put("autoDeleteDuration", self.auto_delete.as_ref().map(|span| span.text().into()));
        shown
    }
}

impl WholeRule {
    /// Its documented name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WholeRule::One(rule) => rule.name(),
            WholeRule::ByField => USE_FIELD_RULE,
        }
    }

    /// The rule of that name, in any letter case.
    #[must_use]
    pub fn named(name: &str) -> Option<WholeRule> {
        let by_field = || name.eq_ignore_ascii_case(USE_FIELD_RULE).then_some(WholeRule::ByField);
        UpdateRule::named(name).map(WholeRule::One).or_else(by_field)
    }
}

fn object_of<'a>(members: impl Iterator<Item = (&'a String, &'a str)>) -> Value {
    Value::Object(members.map(|(name, value)| (name.clone(), value.into())).collect())
}

/// What a statement stands for, or what is answered when it stands for nothing.
fn resolved(object: Object, fields: &[Field], statement: &str) -> Result<Resolved, Box<Failure>> {
    let failure = |error: StatementError| Failure::new("fields", &statement.into(), error.to_string());
    resolve(object, fields, statement).map_err(|error| Box::new(failure(error)))
}

fn filter(object: Object, fields: &[Field], text: &str) -> Result<Filter, Box<Failure>> {
    Filter::parse(text, &|statement| resolve(object, fields, statement)).map_err(|error| {
        let failure = Failure::new("filter", &text.into(), error.message);
        Box::new(Failure { position: Some(error.position), ..failure })
    })
}

#[cfg(test)]
mod tests;
