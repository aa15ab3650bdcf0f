//! A client of the Bulk shapes: definitions, staged rows, syncs and what they leave.

use crate::http::Response;
use crate::process::Daemon;
use crate::wait::eventually;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Where the shapes are.
pub const BASE: &str = "/api/bulk/2.0";

/// The most rows of one page of data.
pub const PAGE: usize = 50_000;

/// Tens of thousands of rows, by a program that was built without optimization, on a machine that does other work too.
pub const LONG: Duration = Duration::from_secs(180);

const JSON: &str = "application/json";

/// Somebody who calls a daemon.
#[derive(Debug, Clone)]
pub struct Bulk<'d> {
    daemon: &'d Daemon,
    authorization: Option<String>,
}

impl Daemon {
    /// Its Bulk shapes, for a caller who says no name.
    pub fn bulk(&self) -> Bulk<'_> {
        Bulk { daemon: self, authorization: None }
    }
}

impl<'d> Bulk<'d> {
    /// The same for a caller of that name (`Site\User`) and password.
    #[must_use]
    pub fn named(&self, name: &str, password: &str) -> Bulk<'d> {
        Bulk { authorization: Some(basic(name, password)), ..*self }
    }

    /// Any request to a path under [`BASE`].
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Response {
        let mut all = headers.to_vec();
        all.extend(self.authorization.as_deref().map(|value| ("Authorization", value)));
        self.daemon.anonymous(method, &format!("{BASE}{path}"), &all, body)
    }

    /// `GET`, whatever the answer.
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], None)
    }

    /// `GET` of JSON that is there.
    pub fn read(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// `POST` of JSON, whatever the answer.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, body)
    }

    /// `PUT` of JSON, whatever the answer.
    pub fn put(&self, path: &str, body: &Value) -> Response {
        self.send("PUT", path, body)
    }

    /// `DELETE`, whatever the answer.
    pub fn delete(&self, path: &str) -> Response {
        self.request("DELETE", path, &[], None)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        self.request(method, path, &[("Content-Type", JSON)], Some(body.to_string().as_bytes()))
    }

    /// Makes an export of these fields, each a name and what stands in its statement after the object's word
    /// (`Field(note)`, `Id`). Gives its URI.
    pub fn export(&self, object: &str, fields: &[(&str, &str)], filter: Option<&str>) -> String {
        let body = json!({ "name": "an export", "fields": statements(object, fields), "filter": filter });
        uri(&self.post(&format!("/{object}/exports"), &body).expect(201).json())
    }

    /// Makes an import of members by their own names, with further members of the definition. Gives its URI.
    pub fn import(&self, object: &str, members: &[&str], key: &str, more: &Value) -> String {
        let fields: Vec<(&str, String)> =
            members.iter().map(|name| (*name, format!("Field({name})"))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, rest)| (*name, rest.as_str())).collect();
        let mut body = json!({
            "name": "an import", "fields": statements(object, &fields), "identifierFieldName": key,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        uri(&self.post(&format!("/{object}/imports"), &body).expect(201).json())
    }

    /// Stages rows.
    pub fn stage(&self, definition: &str, rows: &[Value]) {
        self.post(&format!("{definition}/data"), &Value::from(rows)).expect(204);
    }

    /// Starts a sync; gives its URI.
    pub fn start(&self, instance: &str) -> String {
        uri(&self.post("/syncs", &json!({ "syncedInstanceUri": instance })).expect(201).json())
    }

    /// Waits until a sync has ended; gives it.
    pub fn ended(&self, sync: &str) -> Value {
        eventually(&format!("the end of {sync}"), LONG, || {
            let state = self.read(sync);
            (!["pending", "active"].contains(&state["status"].as_str()?)).then_some(state)
        })
    }

    /// Runs a sync to its end, which must be `status`; gives its URI.
    pub fn run(&self, instance: &str, status: &str) -> String {
        let sync = self.start(instance);
        let ended = self.ended(&sync);
        assert_eq!(ended["status"], status, "{ended}\n{:#?}", self.logs(&sync));
        sync
    }

    /// Imports rows by a definition; the sync must end with `status`. Gives its URI.
    pub fn take(&self, definition: &str, rows: &[Value], status: &str) -> String {
        self.stage(definition, rows);
        self.run(definition, status)
    }

    /// Runs an export of these fields and gives its rows.
    pub fn exported(&self, object: &str, fields: &[(&str, &str)], filter: Option<&str>) -> Vec<Value> {
        let definition = self.export(object, fields, filter);
        let sync = self.start(&definition);
        assert_ne!(self.ended(&sync)["status"], "error", "{:#?}", self.logs(&sync));
        self.rows(&sync)
    }

    /// All rows of a definition or a sync, over as many pages as it takes.
    pub fn rows(&self, of: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let page = self.read(&format!("{of}/data?limit={PAGE}&offset={}", all.len()));
            all.extend(items(&page));
            if page["hasMore"] == false {
                return all;
            }
        }
    }

    /// What a sync tells of itself.
    pub fn logs(&self, sync: &str) -> Vec<Value> {
        items(&self.read(&format!("{sync}/logs")))
    }

    /// The count of the log item with that code; `None` without one.
    pub fn count(&self, sync: &str, code: u32) -> Option<u64> {
        let code = format!("ELQ-{code:05}");
        self.logs(sync).iter().find(|item| item["statusCode"] == *code)?["count"].as_u64()
    }

    /// Waits for a log item whose message has all these words.
    pub fn told(&self, sync: &str, words: &[&str], deadline: Duration) -> Value {
        eventually(&format!("{words:?} in the logs of {sync}"), deadline, || {
            self.logs(sync).into_iter().find(|item| {
                let message = item["message"].as_str().unwrap_or_default();
                words.iter().all(|word| message.contains(word))
            })
        })
    }
}

/// The list in an answer; absent when it is empty.
pub fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().cloned().unwrap_or_default()
}

/// The URI of a definition or a sync.
///
/// # Panics
/// When it has none.
pub fn uri(made: &Value) -> String {
    made["uri"].as_str().unwrap_or_else(|| panic!("no uri: {made}")).to_owned()
}

/// Fields of a definition.
fn statements(object: &str, fields: &[(&str, &str)]) -> Map<String, Value> {
    let word = match object {
        "activities" => "Activity".to_owned(),
        "markings" => "Marking".to_owned(),
        "contacts" => "Contact".to_owned(),
        custom => custom.replace("customObjects/", "CustomObject[") + "]",
    };
    let statement = |rest: &str| Value::from(format!("{{{{{word}.{rest}}}}}"));
    fields.iter().map(|(name, rest)| ((*name).to_owned(), statement(rest))).collect()
}

/// The content of `Authorization` for a name and a password (RFC 7617).
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{name}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word =
            [0, 1, 2].iter().fold(0_usize, |word, at| word << 8 | usize::from(*group.get(*at).unwrap_or(&0)));
        for at in 0..4 {
            let letter = char::from(LETTERS[word >> (18 - 6 * at) & 63]);
            text.push(if at <= group.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_sent_as_the_standard_says() {
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }

    #[test]
    fn statements_begin_with_the_word_of_their_object() {
        let one = |object: &str| statements(object, &[("a", "Field(b)")])["a"].clone();
        assert_eq!(one("markings"), "{{Marking.Field(b)}}");
        assert_eq!(one("customObjects/7"), "{{CustomObject[7].Field(b)}}");
    }
}
