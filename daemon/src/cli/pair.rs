//! `quire pair`: show an invitation and wait, or accept one.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, PairArgs, output, peers};
use crate::escape::Escaped;

/// Somebody stands before it; a second later is soon enough, and costs the daemon nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The daemon may have to find the other device first.
const ACCEPT_WITHIN: Duration = Duration::from_secs(60);

/// Accepts `CODE`, or invites.
pub(super) fn run(client: &Client, args: &PairArgs) -> Result<(), Failure> {
    match &args.code {
        Some(code) => accept(client, code, args.at.as_deref(), args.read.json),
        None => invite(client, &args.space, args.read.json),
    }
}

fn accept(client: &Client, code: &str, at: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut body = json!({ "code": code });
    if let Some(address) = at {
        body["address"] = address.into();
    }
    let peer = client.within(ACCEPT_WITHIN).post("/v1/pairing/accept", &body)?;
    show_peer(&peer, json)
}

fn invite(client: &Client, spaces: &[String], json: bool) -> Result<(), Failure> {
    let known = device_ids(&client.get("/v1/peers")?);
    let invitation = client.post("/v1/pairing/invitations", &offer(spaces))?;
    let lifetime = Duration::from_secs(invitation["expiresInSeconds"].as_u64().unwrap_or_default());
    let expires = Instant::now() + lifetime;
    show_invitation(&invitation, lifetime, json)?;
    while Instant::now() < expires {
        std::thread::sleep(LOOK_EVERY);
        let answer = client.get("/v1/peers")?;
        let is_new = |peer: &&Value| peer["deviceId"].as_str().is_some_and(|id| !known.contains(id));
        if let Some(peer) = peers::list(&answer).iter().find(is_new) {
            return show_peer(peer, json);
        }
    }
    Err(Failure::Said("the invitation has expired; run `quire pair` again for another".to_owned()))
}

/// What an invitation shares: these spaces, for reading and writing unless something else is said, or everything.
fn offer(spaces: &[String]) -> Value {
    if spaces.is_empty() {
        return json!({});
    }
    let one = |said: &String| {
        let (space, rights) = said.split_once('=').unwrap_or((said, "rw"));
        json!({ "space": space, "rights": rights })
    };
    json!({ "spaces": spaces.iter().map(one).collect::<Vec<_>>() })
}

fn device_ids(answer: &Value) -> BTreeSet<String> {
    peers::list(answer).iter().filter_map(|peer| peer["deviceId"].as_str().map(str::to_owned)).collect()
}

fn show_invitation(invitation: &Value, lifetime: Duration, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::line(invitation)?);
    }
    let code = output::cell(&invitation["code"]);
    let uri = output::cell(&invitation["uri"]);
    if std::io::stdout().is_terminal() {
        match qr(&uri) {
            Ok(picture) => output::line(picture)?,
            Err(error) => output::complain(&format!("no QR code: {error}")),
        }
    }
    output::line(format_args!("code  {}", Escaped(&code)))?;
    output::line(format_args!("uri   {}", Escaped(&uri)))?;
    output::line("")?;
    output::line(format_args!("On the other device: quire pair {}", Escaped(&code)))?;
    output::line(format_args!("Waiting for it, for {} seconds at most; Ctrl-C ends.", lifetime.as_secs()))?;
    Ok(())
}

/// Half blocks, light on dark as most terminals are, with the quiet zone that cameras need.
fn qr(text: &str) -> Result<String, qrcode::types::QrError> {
    let code = QrCode::new(text.as_bytes())?;
    let mut picture = code.render::<Dense1x2>();
    picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true);
    Ok(picture.build())
}

fn show_peer(peer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::line(peer)?);
    }
    let (name, device) = (output::cell(&peer["name"]), output::cell(&peer["deviceId"]));
    output::line(format_args!("Paired with {} ({}).", Escaped(name), Escaped(device)))?;
    output::line(format_args!("It may: {}", Escaped(granted(&peer["grants"]))))?;
    if let Some(own) = peer.get("granted") {
        output::line(format_args!("This device may: {}", Escaped(granted(own))))?;
    }
    Ok(())
}

/// Grants in one line.
pub(super) fn granted(grants: &Value) -> String {
    let Some(spaces) = grants.as_array() else { return output::cell(grants) };
    let words = |one: &Value| {
        let rights = one["rights"].as_array().map(Vec::as_slice).unwrap_or_default();
        rights.iter().map(output::cell).collect::<Vec<_>>().join(", ")
    };
    let one = |one: &Value| format!("{} ({})", output::cell(&one["space"]), words(one));
    spaces.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_the_modules_of_the_code() {
        let text = "quire:pair?code=ABCD-EFGH&at=192.168.1.2:7471";
        let code = QrCode::new(text.as_bytes()).unwrap();
        let (width, quiet) = (code.width(), 4);
        let picture = qr(text).unwrap();
        let rows: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        for (index, color) in code.to_colors().into_iter().enumerate() {
            let (x, y) = (index % width + quiet, index / width + quiet);
            let lit = match (rows[y / 2][x], y % 2) {
                ('█', _) | ('▀', 0) | ('▄', 1) => true,
                (' ' | '▀' | '▄', _) => false,
                (other, _) => panic!("unexpected {other:?}"),
            };
            assert_eq!(lit, color == qrcode::Color::Light, "module {x},{y}");
        }
    }
}
