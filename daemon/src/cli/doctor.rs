//! `quire doctor`: what is wrong, and what to do about it.

use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, output, peers};

/// One thing that was looked at.
struct Finding {
    what: String,
    is_well: bool,
    says: String,
    to_do: &'static str,
}

/// Looks at everything the daemon tells of itself; ends with 1 when anything needs somebody.
pub(super) fn run(client: &Client, json: bool) -> Result<(), Failure> {
    let status = client.get("/v1/status")?;
    let (known, conflicts) = (client.get("/v1/peers")?, client.get("/v1/conflicts")?);
    let aside = client.get("/v1/set-aside")?;
    let mut found = vec![ready(client), discovery(&status), removed(&status)];
    found.extend(peers::list(&known).iter().map(peer));
    found.push(set_aside(&aside));
    found.push(settled(&conflicts));
    if json {
        output::json(&json!({ "findings": found.iter().map(Finding::json).collect::<Vec<_>>(),
            "setAside": aside["setAside"] }))?;
    } else {
        let rows: Vec<Vec<String>> = found.iter().map(Finding::row).collect();
        output::table(&["LOOKED AT", "", "FOUND", "TO DO"], &rows)?;
        for record in list(&aside, "setAside") {
            output::line(aside_line(record))?;
        }
    }
    let ill = found.iter().filter(|finding| !finding.is_well).count();
    if ill == 0 { Ok(()) } else { Err(Failure::Said(format!("{ill} of {} need a look", found.len()))) }
}

impl Finding {
    fn new(what: impl Into<String>, is_well: bool, says: impl Into<String>, to_do: &'static str) -> Finding {
        Finding { what: what.into(), is_well, says: says.into(), to_do }
    }

    fn json(&self) -> Value {
        let to_do = if self.is_well { Value::Null } else { self.to_do.into() };
        json!({ "what": self.what, "ok": self.is_well, "found": self.says, "toDo": to_do })
    }

    fn row(&self) -> Vec<String> {
        let (mark, to_do) = if self.is_well { ("ok", "") } else { ("!", self.to_do) };
        vec![self.what.clone(), mark.to_owned(), self.says.clone(), to_do.to_owned()]
    }
}

fn ready(client: &Client) -> Finding {
    match client.get("/readyz") {
        Err(super::ClientError::Refused { detail, .. }) => {
            Finding::new("daemon", false, detail, "look at its log")
        }
        // The answer is a word, not JSON: whoever gives it is ready.
        _ => Finding::new("daemon", true, "it is ready", ""),
    }
}

fn discovery(status: &Value) -> Finding {
    let says = output::cell(&status["discovery"]);
    let well = !says.starts_with("unavailable");
    Finding::new("discovery", well, says, "give the addresses of peers by --connect, or allow UDP port 5353")
}

fn removed(status: &Value) -> Finding {
    let by = list(status, "removedBy");
    let says = match by.len() {
        0 => "nobody removed it".to_owned(),
        1 => "another device removed it".to_owned(),
        n => format!("{n} devices removed it"),
    };
    Finding::new(
        "this device",
        by.is_empty(),
        says,
        "pair again with the devices that are yours, or see `quire recovery`",
    )
}

fn peer(peer: &Value) -> Finding {
    let what = format!("peer {}", output::cell(&peer["name"]));
    let behind = peer["behindBy"].as_u64().unwrap_or(0);
    if peer["connected"] == true {
        return Finding::new(what, true, format!("connected, {behind} records to go"), "");
    }
    let error = output::cell(&peer["lastError"]);
    // A device that is switched off is no fault; one that answers otherwise than a peer is.
    let well = !error.contains("pair them again");
    Finding::new(what, well, format!("away, lacks {behind} records {error}"), "pair them again")
}

fn set_aside(aside: &Value) -> Finding {
    let count = list(aside, "setAside").len();
    let says = if count == 0 { "none".to_owned() } else { format!("{count} (at most 100 are told)") };
    let to_do = "see the reasons below; `quire unpair DEVICE --adopt` takes in those of a removed device";
    Finding::new("records set aside", count == 0, says, to_do)
}

/// Conflicts are for people to settle when they like: nothing is ill.
fn settled(conflicts: &Value) -> Finding {
    let count = list(conflicts, "conflicts").len();
    Finding::new("conflicts", true, format!("{count} to settle at leisure: `quire conflicts`"), "")
}

fn aside_line(record: &Value) -> String {
    let cell = |member: &str| output::cell(&record[member]);
    let line = format!(
        "set aside: {} record {} of {}: {}",
        cell("space"),
        cell("seq"),
        cell("deviceId"),
        cell("reason")
    );
    crate::escape::Escaped(line).to_string()
}

fn list<'a>(answer: &'a Value, member: &str) -> &'a [Value] {
    answer[member].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ill_says_what_to_do() {
        let gone = json!({ "name": "phone", "connected": false, "behindBy": 3,
            "lastError": "it has removed this device; to share with it again, pair them again" });
        assert!(!peer(&gone).is_well && peer(&gone).json()["toDo"].is_string());
        let away = json!({ "name": "phone", "connected": false, "behindBy": 3, "lastError": "no route" });
        assert!(peer(&away).is_well);
        assert!(!set_aside(&json!({ "setAside": [{}] })).is_well);
        assert!(removed(&json!({ "removedBy": [] })).is_well);
        assert!(!discovery(&json!({ "discovery": "unavailable: no multicast" })).is_well);
    }
}
