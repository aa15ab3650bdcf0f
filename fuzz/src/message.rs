//! Messages between peers: what is read is written and read again as the same, within the bounds.

use quire_protocol::limits::{MAX_LOGS, MAX_ROSTER, MAX_SPACES};
use quire_protocol::message::Message;

/// Kinds that are known, and one that is not.
const KINDS: u8 = 9;

/// Reads the input as a message, and again with a first byte that is a known kind.
pub fn check(data: &[u8]) {
    read(data);
    if let Some((kind, body)) = data.split_first() {
        read(&[&[kind % (KINDS + 1)], body].concat());
    }
}

fn read(bytes: &[u8]) {
    let Ok(Some(message)) = Message::decode(bytes) else { return };
    bounded(&message);
    let written = message.encode();
    assert_eq!(Message::decode(&written), Ok(Some(message)), "{bytes:?}");
}

fn bounded(message: &Message) {
    match message {
        Message::Credentials(said) => {
            assert!(said.roster.len() <= MAX_ROSTER && said.certificates.len() <= MAX_ROSTER);
            said.roster.iter().for_each(|entry| _ = (entry.holds(), entry.id()));
            said.certificates.iter().for_each(|certificate| _ = certificate.holds());
        }
        Message::Clocks(spaces) => {
            assert!(spaces.len() <= MAX_SPACES && spaces.iter().all(|(_, clock)| clock.len() <= MAX_LOGS));
        }
        _ => {}
    }
}
