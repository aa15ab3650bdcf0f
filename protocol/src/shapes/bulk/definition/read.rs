//! Reading what a client sent as a definition, with all that is wrong with it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Draft, MAX_EXPORT_FIELDS, MAX_FIELD_NAME, MAX_IMPORT_FIELDS, MAX_NAME, WholeRule};
use crate::shapes::bulk::failure::{Failure, Sent, must_be_text};
use crate::shapes::bulk::field::{Field, Resolved};
use crate::shapes::bulk::object::Object;
use crate::shapes::bulk::rule::UpdateRule;
use crate::shapes::bulk::span::Span;

/// A field of the definition: name, statement, and what that stands for, unless it is wrong.
type Entry<'a> = (&'a str, &'a str, Option<Resolved>);

pub(super) fn draft(
    object: Object,
    is_import: bool,
    sent: &Map<String, Value>,
    fields: &[Field],
) -> Result<Draft, Vec<Failure>> {
    let mut sent = Sent::new(sent);
    let name = sent.needed("name", MAX_NAME).unwrap_or_default().to_owned();
    let entries = entries(&mut sent, object, is_import, fields);
    let mut draft = Draft {
        name,
        fields: entries
            .iter()
            .map(|(name, statement, _)| ((*name).to_owned(), (*statement).to_owned()))
            .collect(),
        filter: None,
        are_system_timestamps_in_utc: None,
        auto_delete: span(&mut sent, "autoDeleteDuration", &Span::LEAST_AUTO_DELETE, &Span::LONGEST),
        retention: span(&mut sent, "dataRetentionDuration", &Span::LEAST_RETENTION, &Span::MOST_RETENTION),
        max_records: None,
        identifier: None,
        update_rule: None,
        update_rules: Vec::new(),
        is_sync_triggered_on_import: false,
        is_updating_multiple_matched_records: false,
        null_identifier_field_name: None,
    };
    match is_import {
        true => import(&mut sent, object, &entries, &mut draft),
        false => export(&mut sent, object, fields, &mut draft),
    }
    no_actions(&mut sent);
    sent.done(draft)
}

fn export(sent: &mut Sent<'_>, object: Object, fields: &[Field], draft: &mut Draft) {
    draft.are_system_timestamps_in_utc = sent.flag("areSystemTimestampsInUTC");
    draft.max_records = sent.whole("maxRecords");
    match sent.get("filter") {
        None => {}
        Some(Value::String(text)) if text.trim().is_empty() => {}
        Some(Value::String(text)) => match super::filter(object, fields, text) {
            Ok(_) => draft.filter = Some(text.clone()),
            Err(failure) => sent.failures.push(*failure),
        },
        Some(other) => sent.fail("filter", other, "Must be a string value"),
    }
}

fn import(sent: &mut Sent<'_>, object: Object, entries: &[Entry<'_>], draft: &mut Draft) {
    draft.identifier = identifier(sent, object, entries);
    let identifier = draft.identifier.as_deref();
    for (name, statement, resolved) in entries {
        if resolved.as_ref().is_some_and(|found| found.read_only) && identifier != Some(*name) {
            sent.fail("fields", &(*statement).into(), "Must not reference a read-only field");
        }
    }
    draft.is_sync_triggered_on_import = sent.flag("isSyncTriggeredOnImport").unwrap_or(false);
    draft.is_updating_multiple_matched_records =
        sent.flag("isUpdatingMultipleMatchedRecords").unwrap_or(false);
    draft.null_identifier_field_name = null_identifier(sent);
    draft.update_rule = update_rule(sent);
    draft.update_rules = update_rules(sent, entries);
}

/// The fields, each in itself right or reported.
fn entries<'a>(sent: &mut Sent<'a>, object: Object, is_import: bool, fields: &[Field]) -> Vec<Entry<'a>> {
    let most = if is_import { MAX_IMPORT_FIELDS } else { MAX_EXPORT_FIELDS };
    let members = match sent.get("fields") {
        Some(Value::Object(members)) if (1..=most).contains(&members.len()) => members,
        other => {
            let constraint = format!("Must be an object of 1 to {most} names with their statements");
            sent.fail("fields", other.unwrap_or(&Value::Null), constraint);
            return Vec::new();
        }
    };
    let mut seen = BTreeSet::new();
    let mut entries = Vec::with_capacity(members.len());
    for (name, statement) in members {
        if name.trim().is_empty() || name.chars().nth(MAX_FIELD_NAME).is_some() {
            sent.fail("fields", &name.as_str().into(), must_be_text(MAX_FIELD_NAME));
        }
        if !seen.insert(name.to_lowercase()) {
            sent.fail(
                "fields",
                &name.as_str().into(),
                "Must not be the name of another field, in any letter case",
            );
        }
        let Some(text) = statement.as_str() else {
            sent.fail("fields", statement, "Must be a string value");
            continue;
        };
        let resolved = super::resolved(object, fields, text).map_err(|failure| sent.failures.push(*failure));
        entries.push((name.as_str(), text, resolved.ok()));
    }
    entries
}

/// The field by which rows find what is there, in its spelling among the fields.
fn identifier(sent: &mut Sent<'_>, object: Object, entries: &[Entry<'_>]) -> Option<String> {
    let is_needed = object != Object::Activities;
    let name = match is_needed {
        true => sent.needed("identifierFieldName", MAX_FIELD_NAME)?,
        false => sent.text("identifierFieldName", MAX_FIELD_NAME)?,
    };
    let Some((own, _, resolved)) = entry(entries, name) else {
        sent.fail("identifierFieldName", &name.into(), "Must be the name of one of the fields");
        return None;
    };
    let keys = identifying(object);
    if resolved.as_ref().is_some_and(|resolved| !keys.contains(&resolved.key.as_str())) {
        let constraint = format!("Must be a field that identifies: {}", keys.join(", "));
        sent.fail("identifierFieldName", &name.into(), constraint);
    }
    Some((*own).to_owned())
}

/// The keys by which something of that object can be found.
fn identifying(object: Object) -> &'static [&'static str] {
    match object {
        Object::Activities => &["syncGuid"],
        Object::Markings => &["syncGuid", "id", "Marking.Id"],
        Object::Contacts => &["AccountId", "Contact.Id", "Email"],
        Object::CustomObject(_) => &["nodeId", "id"],
    }
}

/// The field of that name: the exact spelling, else any letter case.
fn entry<'e, 'a>(entries: &'e [Entry<'a>], name: &str) -> Option<&'e Entry<'a>> {
    let exact = entries.iter().find(|(own, ..)| *own == name);
    exact.or_else(|| entries.iter().find(|(own, ..)| own.eq_ignore_ascii_case(name)))
}

fn update_rule(sent: &mut Sent<'_>) -> Option<WholeRule> {
    let value = sent.get("updateRule")?;
    let rule = value.as_str().and_then(|name| WholeRule::named(name.trim()));
    if rule.is_none() {
        let constraint = "Must be one of always, ifNewIsNotNull, ifExistingIsNull, useFieldRule";
        sent.fail("updateRule", value, constraint);
    }
    if rule == Some(WholeRule::ByField) && sent.get("updateRuleByField").is_none() {
        sent.fail("updateRuleByField", &Value::Null, "Must have the rules of the fields");
    }
    rule
}

/// The rules of single fields, which are named as in the definition or by their statements.
fn update_rules(sent: &mut Sent<'_>, entries: &[Entry<'_>]) -> Vec<(String, UpdateRule)> {
    let members = match sent.get("updateRuleByField") {
        None => return Vec::new(),
        // A field can be named twice: by its name and by its statement.
        Some(Value::Object(members)) if members.len() <= 2 * MAX_IMPORT_FIELDS => members,
        Some(other) => {
            sent.fail("updateRuleByField", other, "Must be an object of names of fields with their rules");
            return Vec::new();
        }
    };
    let mut rules = Vec::with_capacity(members.len());
    for (name, rule) in members {
        let by_statement = || entries.iter().find(|(_, statement, _)| statement.eq_ignore_ascii_case(name));
        let own = entry(entries, name).or_else(by_statement);
        let named = rule.as_str().and_then(|rule| UpdateRule::named(rule.trim()));
        match (own, named) {
            (Some((own, ..)), Some(rule)) => rules.push(((*own).to_owned(), rule)),
            (None, _) => {
                let constraint = "Must be the name or the statement of one of the fields";
                sent.fail("updateRuleByField", &name.as_str().into(), constraint);
            }
            (_, None) => {
                let constraint = "Must be one of always, ifNewIsNotNull, ifExistingIsNull";
                sent.fail("updateRuleByField", rule, constraint);
            }
        }
    }
    rules
}

fn null_identifier(sent: &mut Sent<'_>) -> Option<Value> {
    match sent.get("nullIdentifierFieldName")? {
        flag @ Value::Bool(_) => Some(flag.clone()),
        Value::String(text) if text.chars().nth(MAX_FIELD_NAME).is_none() => Some(text.as_str().into()),
        other => {
            sent.fail("nullIdentifierFieldName", other, must_be_text(MAX_FIELD_NAME));
            None
        }
    }
}

fn span(sent: &mut Sent<'_>, name: &str, least: &Span, most: &Span) -> Option<Span> {
    let value = sent.get(name)?;
    let bounds = least.seconds()..=most.seconds();
    let span = value.as_str().and_then(|text| Span::parse(text.trim()).ok());
    let span = span.filter(|span| bounds.contains(&span.seconds()));
    if span.is_none() {
        sent.fail(
            name,
            value,
            format!("Must be an ISO 8601 duration in whole seconds, from {least} to {most}"),
        );
    }
    span
}

/// Actions change lists, and there are none.
fn no_actions(sent: &mut Sent<'_>) {
    match sent.get("syncActions") {
        None => {}
        Some(Value::Array(actions)) if actions.is_empty() => {}
        Some(other) => sent.fail("syncActions", other, "Must reference an existing object"),
    }
}
