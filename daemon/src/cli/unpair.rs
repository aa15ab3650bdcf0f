//! `quire unpair`.

use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, UnpairArgs, output, peers};
use crate::escape::Escaped;

/// Removes a device, or takes in what was set aside of a removed one.
pub(super) fn run(client: &Client, args: &UnpairArgs) -> Result<(), Failure> {
    if args.adopt {
        return adopt(client, &args.device);
    }
    let status = client.get("/v1/status")?;
    let is_this = output::cell(&status["deviceId"]).eq_ignore_ascii_case(&args.device);
    if is_this || args.leave {
        return leave(client, &status, args, is_this);
    }
    let known = client.get("/v1/peers")?;
    let peer = find(&known, &args.device)?;
    let device = output::cell(&peer["deviceId"]);
    client.delete(&format!("/v1/peers/{device}"))?;
    output::line(format_args!(
        "Removed {} ({device}). What it wrote so far stays; what it writes from now on does not count.",
        Escaped(output::cell(&peer["name"]))
    ))?;
    for companion in peers::list(&known).iter().filter(|other| came_with(other, &device)) {
        output::line(format_args!(
            "{} came with it and stays: remove it too if you do not know it.",
            Escaped(output::cell(&companion["name"]))
        ))?;
    }
    Ok(())
}

/// Only who says so in full leaves: by the id of this device, and that it is to leave.
fn leave(client: &Client, status: &Value, args: &UnpairArgs, is_this: bool) -> Result<(), Failure> {
    if !(is_this && args.leave) {
        return Err(Failure::Said(format!(
            "to take this device out and destroy all that it keeps, say its id: quire unpair {} --leave",
            output::cell(&status["deviceId"])
        )));
    }
    client.post("/v1/leave", &json!({ "deviceId": status["deviceId"], "evenIfLost": args.even_if_lost }))?;
    Ok(output::line("This device has left. Its keys and all that it kept are destroyed as the daemon ends.")?)
}

fn adopt(client: &Client, device: &str) -> Result<(), Failure> {
    // Ids have letters and digits alone; anything else would be another path.
    if !device.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Failure::Said(format!("{} is no device id", Escaped(device))));
    }
    client.post(&format!("/v1/peers/{device}/adopt"), &json!({}))?;
    Ok(output::line("What was set aside of it counts now, on every device.")?)
}

/// Known through that device alone.
fn came_with(peer: &Value, device: &str) -> bool {
    let adders = peer["addedBy"].as_array().map(Vec::as_slice).unwrap_or_default();
    !adders.is_empty() && adders.iter().all(|adder| adder == device)
}

/// The peer of a name or id.
pub(super) fn find<'a>(known: &'a Value, said: &str) -> Result<&'a Value, Failure> {
    let peers = peers::list(known);
    let by_id =
        peers.iter().find(|peer| peer["deviceId"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(said)));
    if let Some(peer) = by_id {
        return Ok(peer);
    }
    let mut named = peers.iter().filter(|peer| peer["name"] == said);
    match (named.next(), named.next()) {
        (Some(peer), None) => Ok(peer),
        (Some(_), Some(_)) => Err(Failure::Said(format!(
            "more than one device is called {}: say its id, see `quire peers`",
            Escaped(said)
        ))),
        (None, _) => Err(Failure::Said(format!("no device {} is paired; see `quire peers`", Escaped(said)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_id_or_its_only_name() {
        let known = json!({ "peers": [
            { "deviceId": "AA", "name": "phone" }, { "deviceId": "BB", "name": "desk" },
            { "deviceId": "CC", "name": "desk" },
        ] });
        assert_eq!(find(&known, "phone").unwrap()["deviceId"], "AA");
        assert_eq!(find(&known, "bb").unwrap()["deviceId"], "BB");
        assert!(find(&known, "desk").unwrap_err().to_string().contains("more than one"));
        assert!(find(&known, "tv").is_err());
    }
}
