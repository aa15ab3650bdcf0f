//! `quire status`.

use serde_json::Value;

use super::client::Client;
use super::{Failure, output};

/// Shows whatever the daemon says about itself, member by member.
pub(super) fn run(client: &Client, json: bool) -> Result<(), Failure> {
    let status = client.get("/v1/status")?;
    if json {
        return Ok(output::json(&status)?);
    }
    let mut rows = Vec::new();
    flatten("", &status, &mut rows);
    Ok(output::aligned(rows.iter())?)
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&full, member, rows);
            }
        }
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let cells: Vec<String> = items.iter().map(output::cell).collect();
            rows.push(vec![name.to_owned(), cells.join(", ")]);
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&format!("{name}.{number}"), item, rows);
            }
        }
        other => rows.push(vec![name.to_owned(), output::cell(other)]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_within_members_are_dotted() {
        let mut rows = Vec::new();
        flatten("", &json!({"a": 1, "b": {"c": true, "d": ["x", "y"]}, "e": [{"f": null}]}), &mut rows);
        assert_eq!(rows, [["a", "1"], ["b.c", "yes"], ["b.d", "x, y"], ["e.0.f", ""]]);
    }
}
