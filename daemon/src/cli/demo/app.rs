//! A desktop app as the demo plays it: it posts whole objects and returns the cursor it was given.

use serde_json::{Value, json};

use super::super::Failure;
use super::super::client::{Client, ClientError};

const SYNCHRONIZE: &str = "/api/synchronization/synchronize";
/// The documented request, as the page shows it.
const SAMPLE: &str = include_str!("../demo_sample.json");
/// The account of the sample's markings.
const ACCOUNT: u32 = 3;

/// The value of one member.
pub(super) type Member = Value;

/// An app: its number and the cursor that its daemon gave it.
pub(super) struct App {
    application: u32,
    cursor: Value,
}

impl App {
    /// An app that has nothing yet.
    pub(super) fn new(application: u32) -> Self {
        Self { application, cursor: Value::Null }
    }

    /// Posts a request as it is, and keeps the cursor of the answer.
    pub(super) fn post(&mut self, client: &Client, request: &Value) -> Result<Value, Failure> {
        let answer = client.post(SYNCHRONIZE, request)?;
        if answer["IsSuccess"] != true || answer["StatusCode"] != 200 {
            let reason = answer["Errors"]["MessagesString"].as_str().unwrap_or("no reason");
            return Err(Failure::Said(format!("{SYNCHRONIZE} did not take a request: {reason}")));
        }
        self.cursor = answer["Result"]["CurrentSyncTimestamp"].clone();
        Ok(answer)
    }

    /// Posts one marking, whole.
    pub(super) fn send(&mut self, client: &Client, marking: &Value) -> Result<(), Failure> {
        let request = self.request(json!([marking]));
        self.post(client, &request).map(|_| ())
    }

    /// Asks for what is new, and gives the markings of the answer.
    pub(super) fn receive(&mut self, client: &Client) -> Result<Vec<Value>, Failure> {
        let request = self.request(json!([]));
        let answer = self.post(client, &request)?;
        Ok(answer["Result"]["Markings"].as_array().cloned().unwrap_or_default())
    }

    fn request(&self, markings: Value) -> Value {
        let mut request = json!({
            "Account": { "AccountId": ACCOUNT },
            "AccountApplicationId": self.application,
            "ApplicationType": 1,
            "Markings": markings,
        });
        if !self.cursor.is_null() {
            request["LastSyncTimestamp"] = self.cursor.clone();
        }
        request
    }
}

/// The documented request.
pub(super) fn sample() -> Result<Value, Failure> {
    serde_json::from_str(SAMPLE).map_err(|error| Failure::Said(format!("the documented sample: {error}")))
}

/// The marking of a request that counts: an item that comes twice counts as it comes last.
pub(super) fn last_marking(request: &Value) -> Result<Value, Failure> {
    let last = request["Markings"].as_array().and_then(|list| list.last()).cloned();
    last.ok_or_else(|| Failure::Said("the documented sample has no marking".to_owned()))
}

/// A marking that nobody has seen yet.
pub(super) fn live_marking() -> Value {
    json!({
        "syncGuid": uuid::Uuid::new_v4().to_string(),
        "groupId": uuid::Uuid::new_v4().to_string(),
        "AccountId": ACCOUNT,
        "bookID": 4,
        "version": "1",
        "content": "Call me Ishmael.",
        "chapter": "Loomings",
        "chapterId": "chapter-1",
        "section": "",
        "subSection1": "",
        "subSection2": "",
        "CharIndexStart": 0,
        "CharIndexEnd": 16,
        "note": "the best first line",
        "color": "yellow",
        "type": 1,
        "actionType": 1,
        "textLength": 16,
        "selectionOuterHtml": "<p>Call me Ishmael.</p>",
        "selectionInnerHtml": "Call me Ishmael.",
        "Timestamp": "2025-03-13T20:04:43.9577025-04:00",
        "SyncIsRemoved": false,
        "selectionParentOuterHtml": "<div><p>Call me Ishmael.</p></div>",
        "ignoreParentChildRelationship": true,
    })
}

/// A marking as the daemon shows it; none while it does not have it.
pub(super) fn marking(client: &Client, guid: &str) -> Result<Option<Value>, Failure> {
    match client.get(&format!("/v1/markings/{guid}")) {
        Ok(marking) => Ok(Some(marking)),
        Err(ClientError::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Leaves a member out, which is no edit.
pub(super) fn forget(marking: &mut Value, member: &str) {
    if let Some(members) = marking.as_object_mut() {
        members.remove(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_marking_has_the_members_of_the_documented_one() {
        let documented = last_marking(&sample().unwrap()).unwrap();
        let live = live_marking();
        let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut expected = members(&documented);
        expected.retain(|member| member != "id");
        assert_eq!(members(&live), expected);
        assert_eq!(documented["AccountId"], ACCOUNT);
    }

    #[test]
    fn an_app_returns_the_cursor_it_was_given() {
        let mut app = App::new(2);
        assert_eq!(app.request(json!([])).get("LastSyncTimestamp"), None);
        app.cursor = json!("2026-01-01T00:00:00.010Z");
        assert_eq!(app.request(json!([]))["LastSyncTimestamp"], app.cursor);
    }
}
