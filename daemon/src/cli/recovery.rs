//! `quire recovery`: a key that is on paper alone. It is made and used in this process; the daemon sees its public half
//! and what it signed.

use std::io::{BufRead as _, IsTerminal as _};

use bip39::{Language, Mnemonic};
use data_encoding::HEXLOWER;
use quire_protocol::id::DeviceId;
use quire_protocol::identity::DeviceKey;
use quire_protocol::roster::{Ruling, Saying};
use serde_json::json;
use zeroize::Zeroizing;

use super::client::Client;
use super::{Failure, output, unpair};
use crate::random;

/// Longest line that is read: 24 words of at most 8 letters, generously.
const MAX_LINE: u64 = 1024;

/// Makes a key, has the devices keep to it, and prints its words.
pub(super) fn new(client: &Client) -> Result<(), Failure> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(random::bytes());
    let words = Mnemonic::from_entropy_in(Language::English, &*seed)
        .map_err(|error| Failure::Said(format!("no words could be made: {error}")))?;
    let key = DeviceKey::from_seed(&seed).public();
    client.post("/v1/recovery", &json!({ "key": HEXLOWER.encode(&key.0) }))?;
    let words: Vec<&str> = words.words().collect();
    for six in words.chunks(6) {
        output::line(six.join(" "))?;
    }
    output::complain(
        "These 24 words are kept nowhere else. Write them down; who has them decides which devices are yours.",
    );
    Ok(())
}

/// Throws devices out with the words on standard input.
pub(super) fn expel(client: &Client, devices: &[String]) -> Result<(), Failure> {
    let known = client.get("/v1/peers")?;
    let ids = devices.iter().map(|said| device(&known, said)).collect::<Result<Vec<_>, _>>()?;
    if std::io::stdin().is_terminal() {
        output::complain("Type the 24 words, then Enter:");
    }
    let key = read_key(&mut std::io::stdin().lock())?;
    let ruling = Ruling::make(&Saying::Expel { devices: ids }, &key);
    let bytes = postcard::to_allocvec(&ruling)
        .map_err(|error| Failure::Said(format!("the ruling cannot be written: {error}")))?;
    client.post("/v1/recovery/expulsions", &json!({ "ruling": HEXLOWER.encode(&bytes) }))?;
    Ok(output::line(
        "They are out, and nothing that they ruled counts. Devices that they had removed must meet again: pair them.",
    )?)
}

/// A paired device by its name, or any by its id: who threw this one out may be no peer any more.
fn device(known: &serde_json::Value, said: &str) -> Result<DeviceId, Failure> {
    if let Some(id) = DeviceId::parse(said) {
        return Ok(id);
    }
    let peer = unpair::find(known, said)?;
    let id = peer["deviceId"].as_str().and_then(DeviceId::parse);
    id.ok_or_else(|| Failure::Said("the daemon names a device without an id".to_owned()))
}

/// The key of the words that are read, over one line or several.
fn read_key(from: &mut impl std::io::BufRead) -> Result<DeviceKey, Failure> {
    let wrong = |why: String| Failure::Said(format!("these are not the 24 words of a recovery key: {why}"));
    let mut all = Zeroizing::new(String::new());
    while all.split_whitespace().count() < 24 {
        let mut line = Zeroizing::new(String::new());
        let taken = std::io::Read::take(&mut *from, MAX_LINE).read_line(&mut line)?;
        if taken == 0 {
            return Err(wrong(format!("there are {}", all.split_whitespace().count())));
        }
        all.push_str(&line.to_lowercase());
        all.push(' ');
    }
    let plain = Zeroizing::new(all.split_whitespace().collect::<Vec<_>>().join(" "));
    let words = Mnemonic::parse_in_normalized(Language::English, &plain).map_err(|e| wrong(e.to_string()))?;
    let (entropy, length) = words.to_entropy_array();
    let seed: Option<[u8; 32]> = entropy.get(..length).and_then(|bytes| bytes.try_into().ok());
    let seed = Zeroizing::new(seed.ok_or_else(|| wrong("there are fewer".to_owned()))?);
    Ok(DeviceKey::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_lines_of_any_length() {
        let words = Mnemonic::from_entropy_in(Language::English, &[7; 32]).unwrap();
        let words: Vec<&str> = words.words().collect();
        assert_eq!(words.len(), 24);
        let wanted = DeviceKey::from_seed(&[7; 32]).public();
        for text in
            [words.join(" "), words.chunks(6).map(|six| six.join("  ")).collect::<Vec<_>>().join("\n")]
        {
            assert_eq!(read_key(&mut text.to_uppercase().as_bytes()).unwrap().public(), wanted);
        }
    }

    #[test]
    fn other_words_are_refused() {
        let words = Mnemonic::from_entropy_in(Language::English, &[7; 32]).unwrap();
        let mut words: Vec<&str> = words.words().collect();
        assert!(read_key(&mut words[..23].join(" ").as_bytes()).is_err());
        words.swap(0, 1);
        assert!(read_key(&mut words.join(" ").as_bytes()).is_err() || words[0] == words[1]);
        assert!(read_key(&mut "word ".repeat(24).as_bytes()).is_err());
    }
}
