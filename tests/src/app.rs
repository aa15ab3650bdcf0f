//! A desktop app that speaks the documented synchronization, as an app would: it keeps the cursor it was given
//! and posts whole objects.

use crate::process::Daemon;
use serde_json::{Value, json};

/// One installation of an app, for one account.
#[derive(Debug, Clone)]
pub struct App {
    /// The account it speaks for.
    pub account: i64,
    /// Its `AccountApplicationId`: cursors belong to it.
    pub application: i64,
    /// The cursor of the last answer it took, verbatim.
    pub cursor: Option<String>,
}

impl App {
    /// An app that has never synchronized.
    pub fn new(account: i64, application: i64) -> Self {
        Self { account, application, cursor: None }
    }

    /// The request it would send with these markings.
    pub fn request(&self, markings: &[Value]) -> Value {
        json!({
            "Account": { "AccountId": self.account },
            "AccountApplicationId": self.application,
            "ApplicationType": 1,
            "Markings": markings,
            "LastSyncTimestamp": self.cursor,
        })
    }

    /// Sends these markings, takes the cursor of the answer, and gives its `Result`.
    ///
    /// # Panics
    /// When the answer is no full success.
    pub fn sync(&mut self, daemon: &Daemon, markings: &[Value]) -> Value {
        let request = self.request(markings);
        self.sync_with(daemon, &request)
    }

    /// The same for a request with more in it.
    pub fn sync_with(&mut self, daemon: &Daemon, request: &Value) -> Value {
        let result = self.without_taking_the_cursor(daemon, request);
        self.cursor = Some(cursor(&result));
        result
    }

    /// Sends a request, checks that it succeeded, and loses the answer's cursor: an app whose answer never arrived.
    pub fn without_taking_the_cursor(&self, daemon: &Daemon, request: &Value) -> Value {
        success(daemon.synchronize(request))
    }

    /// Asks for what is new without sending anything.
    pub fn pull(&mut self, daemon: &Daemon) -> Value {
        self.sync(daemon, &[])
    }
}

/// The `Result` of an answer that is a full success in every member that says so.
///
/// # Panics
/// When it is not.
pub fn success(mut answer: Value) -> Value {
    assert_eq!(answer["Errors"], Value::Null, "Errors of a success: {answer}");
    assert_eq!((&answer["IsSuccess"], &answer["StatusCode"]), (&json!(true), &json!(200)), "{answer}");
    answer["Result"].take()
}

/// The cursor of a `Result`; both members that carry it must agree.
///
/// # Panics
/// When they do not, or there is none.
pub fn cursor(result: &Value) -> String {
    assert_eq!(result["CurrentSyncTimestamp"], result["ServerDateTime"], "the two cursors of one answer");
    result["CurrentSyncTimestamp"].as_str().unwrap_or_else(|| panic!("no cursor: {result}")).to_owned()
}

/// Everything that a fresh app with that account finds at a daemon.
pub fn everything(daemon: &Daemon, account: i64) -> Value {
    // Fresh at every call: an application id that nobody else of the tests uses.
    let application = i64::from(uuid::Uuid::new_v4().as_fields().0 >> 2) + 1_000;
    App::new(account, application).pull(daemon)
}

/// The marking of that guid in the `Markings` of a `Result`.
pub fn marking_in<'a>(result: &'a Value, guid: &str) -> Option<&'a Value> {
    result["Markings"].as_array()?.iter().find(|marking| marking["syncGuid"] == guid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_the_cursor_verbatim() {
        let app = App { cursor: Some("2026-01-02T03:04:05.67Z".into()), ..App::new(3, 7) };
        let request = app.request(&[json!({"syncGuid": "x"})]);
        assert_eq!(request["LastSyncTimestamp"], "2026-01-02T03:04:05.67Z");
        assert_eq!(request["Account"]["AccountId"], 3);
        assert_eq!(request["Markings"][0]["syncGuid"], "x");
    }

    #[test]
    #[should_panic(expected = "two cursors")]
    fn cursors_that_differ_are_noticed() {
        cursor(&json!({"CurrentSyncTimestamp": "a", "ServerDateTime": "b"}));
    }

    #[test]
    #[should_panic(expected = "Errors of a success")]
    fn errors_are_no_success() {
        success(json!({"Errors": {}, "IsSuccess": true, "StatusCode": 200}));
    }
}
