//! `quire spaces`.

use serde_json::Value;

use super::client::Client;
use super::{Failure, output};

/// Lists the spaces that are held.
pub(super) fn run(client: &Client, json: bool) -> Result<(), Failure> {
    let answer = client.get("/v1/spaces")?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let spaces = answer["spaces"].as_array().map(Vec::as_slice).unwrap_or_default();
    if spaces.is_empty() {
        return Ok(output::line("Nothing is held yet.")?);
    }
    let rows: Vec<Vec<String>> = spaces.iter().map(row).collect();
    Ok(output::table(&["SPACE", "ITEMS", "LOGS", "RECORDS"], &rows)?)
}

fn row(space: &Value) -> Vec<String> {
    let vector = space["vector"].as_object();
    let records: u64 = vector.iter().flat_map(|logs| logs.values()).filter_map(Value::as_u64).sum();
    let logs = vector.map_or(0, serde_json::Map::len);
    vec![output::cell(&space["space"]), output::cell(&space["items"]), logs.to_string(), records.to_string()]
}
