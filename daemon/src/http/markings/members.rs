//! The members of a patch: known, as their types, and none that says which marking it is.

use quire_protocol::domain::{Kind, Member, Role};
use quire_protocol::shapes::coerce::coerce;
use serde_json::{Map, Value};

use crate::http::input::{bad, refuse_unknown};
use crate::http::problem::Problem;

/// True when a patch says which marking it means: [`changes`] has to know the marking then.
pub(super) fn name_identity(sent: &Map<String, Value>) -> bool {
    sent.keys().any(|name| Kind::Marking.member(name).is_some_and(is_identity))
}

/// What a patch changes, under the documented names. Of members that differ only in letter case the last counts.
///
/// # Errors
/// 400 for an unknown member, a value of another type, or an identity that is not the one of `current`.
pub(super) fn changes(
    sent: Map<String, Value>,
    current: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, Problem> {
    let kind = Kind::Marking;
    let unknown = sent.keys().map(String::as_str).filter(|name| kind.member(name).is_none());
    refuse_unknown("member", unknown, &names())?;
    let mut changed = Map::with_capacity(sent.len());
    for (name, value) in sent {
        let Some(member) = kind.member(&name) else { continue };
        let value = coerce(member, value).map_err(|why| bad(why.to_string()).with("member", member.name))?;
        if is_identity(member) {
            keeps(member, &value, current)?;
        } else {
            changed.insert(member.name.to_owned(), value);
        }
    }
    Ok(changed)
}

fn names() -> Vec<&'static str> {
    Kind::Marking.members().iter().filter(|member| !is_identity(member)).map(|member| member.name).collect()
}

/// Says which marking it is, or whose.
fn is_identity(member: &Member) -> bool {
    matches!(member.role, Role::Key | Role::RowId | Role::Account)
}

fn keeps(member: &Member, value: &Value, current: Option<&Map<String, Value>>) -> Result<(), Problem> {
    if current.is_some_and(|current| current.get(member.name) == Some(value)) {
        return Ok(());
    }
    let why = format!("`{}` says which marking this is and cannot be changed", member.name);
    Err(bad(why).with("member", member.name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const GUID: &str = "538b23c8-1b20-4a8b-9d2a-0123456789ab";

    fn of(sent: Value) -> Result<Value, Problem> {
        let current = json!({ "id": 7, "syncGuid": GUID, "AccountId": 3, "color": "red" });
        let changed = changes(sent.as_object().unwrap().clone(), current.as_object())?;
        Ok(Value::Object(changed))
    }

    #[test]
    fn members_take_any_letter_case_and_become_their_types() {
        let sent = json!({ "COLOR": 5, "charIndexStart": "12", "section": null, "syncisremoved": "true" });
        let wanted = json!({ "color": "5", "CharIndexStart": 12, "section": null, "SyncIsRemoved": true });
        assert_eq!(of(sent).unwrap(), wanted);
        assert_eq!(of(json!({ "color": "a", "Color": "b" })).unwrap(), json!({ "color": "b" }));
        assert_eq!(of(json!({})).unwrap(), json!({}));
    }

    #[test]
    fn a_marking_stays_the_one_it_is() {
        let same = json!({ "id": "7", "syncGuid": GUID.to_uppercase(), "AccountId": 3, "note": "n" });
        assert_eq!(of(same).unwrap(), json!({ "note": "n" }));
        for other in [json!({ "id": 8 }), json!({ "syncGuid": null }), json!({ "accountid": 4 })] {
            let problem = of(other).unwrap_err();
            assert_eq!(problem.status.as_u16(), 400);
            assert!(problem.members.contains_key("member"));
        }
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        let wrong =
            [("CharIndexStart", json!("here")), ("color", json!({ "deep": 1 })), ("bookID", json!(null))];
        for (name, value) in wrong {
            let problem = of(json!({ name: value })).unwrap_err();
            assert_eq!((problem.status.as_u16(), &problem.members["member"]), (400, &json!(name)));
        }
        let problem = of(json!({ "color": "red", "surprise": 1, "colour": 2 })).unwrap_err();
        assert_eq!(problem.members["unknown"], json!(["surprise", "colour"]));
    }
}
