//! `quire peers`.

use serde_json::Value;

use super::client::Client;
use super::{Failure, output};

/// Lists the paired devices.
pub(super) fn run(client: &Client, json: bool) -> Result<(), Failure> {
    let answer = client.get("/v1/peers")?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let peers = list(&answer);
    if peers.is_empty() {
        return Ok(output::line("No device is paired yet; `quire pair` shows an invitation.")?);
    }
    let rows: Vec<Vec<String>> = peers.iter().map(row).collect();
    let heading = ["NAME", "DEVICE", "CONNECTED", "BEHIND BY", "SET ASIDE", "ADDRESS", "LAST ERROR"];
    Ok(output::table(&heading, &rows)?)
}

/// The peers of an answer to `GET /v1/peers`.
pub(super) fn list(answer: &Value) -> &[Value] {
    answer["peers"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn row(peer: &Value) -> Vec<String> {
    let set_aside = peer["setAside"]
        .as_array()
        .map_or_else(|| output::cell(&peer["setAside"]), |records| records.len().to_string());
    let cell = |member: &str| output::cell(&peer[member]);
    vec![
        cell("name"),
        cell("deviceId"),
        cell("connected"),
        cell("behindBy"),
        set_aside,
        cell("address"),
        cell("lastError"),
    ]
}
