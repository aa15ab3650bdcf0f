//! `quire conflicts`.

use serde_json::Value;

use super::client::Client;
use super::{Failure, output};

/// Lists concurrent values: the one that holds and the others.
pub(super) fn run(client: &Client, json: bool) -> Result<(), Failure> {
    let answer = client.get("/v1/conflicts")?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let conflicts = list(&answer);
    if conflicts.is_empty() {
        return Ok(output::line("No conflicts.")?);
    }
    let rows: Vec<Vec<String>> = conflicts.iter().map(row).collect();
    Ok(output::table(&["ID", "SPACE", "ITEM", "MEMBER", "VALUE", "OTHERS"], &rows)?)
}

/// The conflicts of an answer to `GET /v1/conflicts`.
pub(super) fn list(answer: &Value) -> &[Value] {
    let list = if answer.is_array() { answer } else { &answer["conflicts"] };
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn row(conflict: &Value) -> Vec<String> {
    let cell = |member: &str| output::cell(&conflict[member]);
    vec![cell("id"), cell("space"), cell("item"), cell("member"), cell("value"), others(conflict)]
}

fn others(conflict: &Value) -> String {
    let others = conflict["others"].as_array().map(Vec::as_slice).unwrap_or_default();
    others.iter().map(other).collect::<Vec<_>>().join(", ")
}

fn other(other: &Value) -> String {
    match other.get("value") {
        None => output::cell(other),
        Some(value) => format!("{} (by {})", output::cell(value), device(other)),
    }
}

/// The device of a value: by its name where the daemon knows it.
fn device(other: &Value) -> String {
    let device = &other["device"];
    match device {
        Value::Object(_) => output::cell(device.get("name").unwrap_or(&device["deviceId"])),
        _ => output::cell(device),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conflict_is_a_row() {
        let answer = json!({"conflicts": [{"id": "c", "space": "account:3", "item": "g", "member": "type",
            "value": 2, "others": [{"value": 3, "device": "phone"}]}]});
        assert_eq!(row(&list(&answer)[0]), ["c", "account:3", "g", "type", "2", "3 (by phone)"]);
    }
}
