//! Definitions and syncs of the Bulk shapes.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome, unusable};
use crate::http::Client;
use crate::process::until;

/// Where the shapes are.
pub const BASE: &str = "/api/bulk/2.0";

/// A sync that has not ended by then never will.
const LIMIT: Duration = Duration::from_secs(600);
/// How often it is looked at; part of the error of its time.
const PAUSE: Duration = Duration::from_millis(5);

/// What is of use in a definition and in a sync.
#[derive(Deserialize)]
struct Made {
    uri: String,
    #[serde(default)]
    status: String,
}

/// Makes a definition; gives its URI.
pub fn define(client: &mut Client, path: &str, body: &Value) -> Outcome<String> {
    let answer = client.demand("POST", &format!("{BASE}/{path}"), body.to_string().as_bytes())?;
    Ok(answer.json::<Made>("a definition")?.uri)
}

/// Runs a sync to its good end; gives its URI.
pub fn run(client: &mut Client, instance: &str) -> Outcome<String> {
    let body = json!({ "syncedInstanceUri": instance }).to_string();
    let made: Made = client.demand("POST", &format!("{BASE}/syncs"), body.as_bytes())?.json("a sync")?;
    let path = format!("{BASE}{}", made.uri);
    let mut status = made.status;
    until("the end of a sync", LIMIT, PAUSE, || {
        status = client.demand("GET", &path, b"")?.json::<Made>("a sync")?.status;
        Ok(status != "pending" && status != "active")
    })?;
    match status.as_str() {
        "success" => Ok(made.uri),
        _ => Err(refusal(client, &path, &status)),
    }
}

fn refusal(client: &mut Client, path: &str, status: &str) -> Failure {
    let logs = client.demand("GET", &format!("{path}/logs"), b"");
    let logs = logs.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
    unusable(&format!("a sync ended with {status}"), logs)
}
