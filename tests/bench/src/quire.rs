//! The daemon, from outside: its command line, `ready.json` and HTTP.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Context, Failure, Outcome, unusable};
use crate::http::{Answer, Client};
use crate::process::{Process, until};
use crate::subject::{ACCOUNT, App, Assigned, Clock, Invitation, Subject, timed};
use crate::workload::Marking;

/// A daemon that is not ready by then never will be.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How often `ready.json` is looked for; part of the error of the start's figure.
const READY_PAUSE: Duration = Duration::from_micros(200);
/// The application that only ever reads everything.
const READER: u32 = 900;

/// A running daemon.
pub struct Quire {
    binary: PathBuf,
    folder: PathBuf,
    name: String,
    process: Process,
    ready: Ready,
    token: String,
}

#[derive(Deserialize)]
struct Ready {
    pid: u32,
    api: String,
    peer: String,
    #[serde(rename = "tokenFile")]
    token_file: PathBuf,
}

impl Quire {
    /// Starts `quire serve` on an existing folder.
    pub fn start(binary: &Path, folder: &Path, name: &str) -> Outcome<Self> {
        let mut process = serve(binary, folder, name)?;
        let ready = await_ready(&mut process, folder)?;
        let token = read_token(&ready)?;
        Ok(Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            name: name.to_owned(),
            process,
            ready,
            token,
        })
    }
}

fn serve(binary: &Path, folder: &Path, name: &str) -> Outcome<Process> {
    let mut command = Command::new(binary);
    command.args([
        "serve",
        "--no-discovery",
        "--api",
        "127.0.0.1:0",
        "--peer",
        "127.0.0.1:0",
        "--name",
        name,
    ]);
    command.arg("--data-dir").arg(folder);
    let settings: Vec<_> = std::env::vars_os().map(|(key, _)| key).collect();
    for key in settings.iter().filter(|key| key.to_string_lossy().starts_with("QUIRE_")) {
        command.env_remove(key);
    }
    Process::start(&mut command, &folder.with_extension("log"))
}

/// A killed daemon leaves its `ready.json` behind, so the process id has to be the right one.
fn await_ready(process: &mut Process, folder: &Path) -> Outcome<Ready> {
    let (file, mut found) = (folder.join("ready.json"), None);
    until("quire's ready.json", READY_LIMIT, READY_PAUSE, || {
        if process.has_ended() {
            let log = fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
            return Err(unusable("quire ended", log.lines().last().unwrap_or("without a word")));
        }
        let text = fs::read(&file).unwrap_or_default();
        found = serde_json::from_slice::<Ready>(&text).ok().filter(|ready| ready.pid == process.id());
        Ok(found.is_some())
    })?;
    found.ok_or_else(|| Failure::Unusable("no ready.json".to_owned()))
}

fn read_token(ready: &Ready) -> Outcome<String> {
    let token = fs::read_to_string(&ready.token_file).while_doing("read the API token")?;
    Ok(token.trim().to_owned())
}

impl Subject for Quire {
    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn start_again(&mut self) -> Outcome<()> {
        self.process = serve(&self.binary, &self.folder, &self.name)?;
        self.ready = await_ready(&mut self.process, &self.folder)?;
        self.token = read_token(&self.ready)?;
        Ok(())
    }

    fn client(&self) -> Outcome<Client> {
        let address = self.ready.api.strip_prefix("http://").unwrap_or(&self.ready.api);
        Client::connect(address.trim_end_matches('/'), Some(&self.token))
    }

    fn post(&self, client: &mut Client, app: &mut App, markings: &[&str]) -> Outcome<Duration> {
        let body = synchronize_body(app, markings);
        let (time, answer) =
            timed(|| client.demand("POST", "/api/synchronization/synchronize", body.as_bytes()))?;
        app.cursor = Some(cursor(&answer)?);
        Ok(time)
    }

    fn edit(&self, client: &mut Client, marking: &Marking, member: &str, value: &str) -> Outcome<Duration> {
        let body = json!({ member: value }).to_string();
        let path = format!("/v1/markings/{}", marking.guid);
        timed(|| client.demand("PATCH", &path, body.as_bytes())).map(|(time, _)| time)
    }

    fn read(&self, client: &mut Client, guid: &str) -> Outcome<Option<Value>> {
        let answer = client.call("GET", &format!("/v1/markings/{guid}"), b"")?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.success("read a marking")?.json("a marking").map(Some)
    }

    /// By the documented request of an application that has nothing: everything is sent.
    fn read_all(&self, client: &mut Client) -> Outcome<HashMap<String, Value>> {
        let body = synchronize_body(&App::new(READER), &[]);
        let answer = client.demand("POST", "/api/synchronization/synchronize", body.as_bytes())?;
        let mut answer: Value = answer.json("synchronize")?;
        let markings = answer["Result"]["Markings"].take();
        let Value::Array(markings) = markings else { return Ok(HashMap::new()) };
        Ok(markings.into_iter().filter_map(|marking| Some((text(&marking, "syncGuid")?, marking))).collect())
    }

    fn clock(&self, client: &mut Client) -> Outcome<Clock> {
        let answer = client.call("GET", &format!("/v1/spaces/account:{ACCOUNT}/clock"), b"")?;
        if answer.status == 404 {
            return Ok(Clock::new());
        }
        let answer: Held = answer.success("read a clock")?.json("a clock")?;
        Ok(answer.vector)
    }

    fn losers(&self, client: &mut Client) -> Outcome<HashSet<Assigned>> {
        let answer: Value = client.demand("GET", "/v1/conflicts", b"")?.json("conflicts")?;
        let list = list_in(&answer).ok_or_else(|| unusable("/v1/conflicts", "no list in it"))?;
        Ok(list.iter().flat_map(losers_of).collect())
    }

    fn invite(&self, client: &mut Client) -> Outcome<Invitation> {
        let answer: Value = client.demand("POST", "/v1/pairing/invitations", b"{}")?.json("an invitation")?;
        let code = text(&answer, "code").ok_or_else(|| unusable("an invitation", "no code in it"))?;
        Ok(Invitation { address: self.ready.peer.clone(), code })
    }

    fn accept(&self, client: &mut Client, invitation: &Invitation) -> Outcome<()> {
        let body = json!({ "code": invitation.code, "address": invitation.address }).to_string();
        client.demand("POST", "/v1/pairing/accept", body.as_bytes()).map(|_| ())
    }

    fn pulls(&self) -> bool {
        false
    }

    fn wake(&self, client: &mut Client) -> Outcome<()> {
        client.demand("POST", "/v1/sync", b"{}").map(|_| ())
    }
}

#[derive(Deserialize)]
struct Held {
    vector: Clock,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(rename = "IsSuccess")]
    is_success: bool,
    #[serde(rename = "Errors", default)]
    errors: Value,
    #[serde(rename = "Result")]
    result: Option<Cursor>,
}

#[derive(Deserialize)]
struct Cursor {
    #[serde(rename = "CurrentSyncTimestamp")]
    current: String,
}

/// A request without items has to name its account; one with items leaves that to them, as most applications do.
fn synchronize_body(app: &App, markings: &[&str]) -> String {
    let account =
        if markings.is_empty() { format!(r#""Account":{{"AccountId":{ACCOUNT}}},"#) } else { String::new() };
    let cursor = app.cursor.as_ref().map_or_else(|| "null".to_owned(), |cursor| format!("{cursor:?}"));
    format!(
        r#"{{{account}"AccountApplicationId":{},"ApplicationType":1,"LastSyncTimestamp":{cursor},"Markings":[{}]}}"#,
        app.id,
        markings.join(",")
    )
}

fn cursor(answer: &Answer) -> Outcome<String> {
    let answered: Answered = answer.json("synchronize")?;
    match answered.result {
        Some(result) if answered.is_success => Ok(result.current),
        _ => Err(unusable("synchronize", answered.errors)),
    }
}

fn text(object: &Value, member: &str) -> Option<String> {
    object.get(member)?.as_str().map(str::to_owned)
}

/// The list of an answer, whether it is the answer or a member of it.
fn list_in(answer: &Value) -> Option<&Vec<Value>> {
    match answer {
        Value::Array(list) => Some(list),
        Value::Object(members) => members.values().find_map(Value::as_array),
        _ => None,
    }
}

fn losers_of(conflict: &Value) -> Vec<Assigned> {
    let (Some(item), Some(member)) = (text(conflict, "item"), text(conflict, "member")) else {
        return Vec::new();
    };
    let others = conflict["others"].as_array().map(Vec::as_slice).unwrap_or_default();
    let values = others.iter().filter_map(|other| other.get("value").unwrap_or(other).as_str());
    values.map(|value| (item.clone(), member.clone(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::{App, list_in, losers_of, synchronize_body};
    use serde_json::{Value, json};

    #[test]
    fn the_request_is_json_with_and_without_items() {
        let app = App { id: 7, cursor: Some("2026-01-01T00:00:00.010Z".to_owned()) };
        let with: Value =
            serde_json::from_str(&synchronize_body(&app, &["{\"id\":1}", "{}"])).unwrap_or_default();
        assert_eq!(with["Markings"], json!([{"id": 1}, {}]));
        assert_eq!(with["LastSyncTimestamp"], "2026-01-01T00:00:00.010Z");
        let without: Value = serde_json::from_str(&synchronize_body(&App::new(7), &[])).unwrap_or_default();
        assert_eq!(without["Account"]["AccountId"], 3);
        assert!(without["LastSyncTimestamp"].is_null());
    }

    #[test]
    fn losers_are_found_with_and_without_a_device() {
        let answer = json!({"conflicts": [{"item": "g", "member": "color", "value": "a",
            "others": [{"value": "b", "device": "d"}, "c"]}]});
        let losers: Vec<_> = list_in(&answer).into_iter().flatten().flat_map(losers_of).collect();
        let lost = |value: &str| ("g".to_owned(), "color".to_owned(), value.to_owned());
        assert_eq!(losers, [lost("b"), lost("c")]);
    }
}
