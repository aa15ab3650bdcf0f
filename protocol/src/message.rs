//! What two peers say to each other, and the bytes of it.
//!
//! A message is one kind byte and a postcard body. Kinds that this version does not know are skipped by
//! their length, so a newer peer may say more. Spaces and logs are named by number within a session: the
//! number is given by the side that speaks, the first time it names one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Clock;
use crate::id::{Incarnation, Space};
use crate::identity::Certificate;
use crate::limits::{MAX_LOGS, MAX_MESSAGE, MAX_ROSTER, MAX_SEQ, MAX_SPACES};
use crate::roster::{RosterEntry, Ruling};

/// Version of the wire that this code speaks.
pub const WIRE_VERSION: u16 = 1;

/// One message.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// First on either side.
    Greeting(Greeting),
    /// Roster entries and certificates, before anything that needs them.
    Credentials(Credentials),
    /// Spaces this side shares with the other, and what it has of them. A space keeps the number of its
    /// first mention, counted over all such messages of this side.
    Clocks(Vec<(Space, Clock)>),
    /// Records.
    Segment(SegmentMessage),
    /// "I have this log up to here on my disk."
    Ack(Progress),
    /// "I will not take this log beyond here": its author is not known, or its chain does not fit.
    Refuse(Progress),
    /// "Are you there?"
    Ping,
    /// "Yes."
    Pong,
    /// What the chains of this side's logs are, for a peer to see whether they are the same.
    Heads(Heads),
    /// "Which records follow this one in your copy of the log?"
    Recount(Place),
    /// The answer: where, and a segment as it is kept; no bytes when there is none.
    Branch(Place, Vec<u8>),
}

/// The ends of the logs of a space.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Heads {
    /// Number of the space among those the speaker named.
    pub space: u32,
    /// The ends.
    pub heads: Vec<ShortHead>,
}

/// The end of a log, short: its number, and the first bytes of the chain there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShortHead {
    /// Which log.
    pub log: Incarnation,
    /// Its last record that is here and good.
    pub seq: u64,
    /// First bytes of the chain there.
    pub chain: [u8; 8],
}

/// A place in a log, by the log's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Number of the space among those the speaker named.
    pub space: u32,
    /// Which log.
    pub log: Incarnation,
    /// Behind this record.
    pub after: u64,
}

/// How a session begins.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Greeting {
    /// Highest wire version this side speaks.
    pub version: u16,
    /// Digest of the credentials this side would send: equal digests need no sending.
    pub credentials: [u8; 8],
}

/// What lets a peer verify logs of devices it never met.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Credentials {
    /// What was ruled on the entries; before them, so that what was taken back is never trusted in between.
    pub rulings: Vec<Ruling>,
    /// Who may share what.
    pub roster: Vec<RosterEntry>,
    /// Whose logs are whose.
    pub certificates: Vec<Certificate>,
}

/// A log, by the number the speaker gave it, or with its name for the first time (it then gets the next).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum LogName {
    /// Said before.
    Known(u32),
    /// Said for the first time.
    New(Incarnation),
}

/// One segment of a log of a space.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SegmentMessage {
    /// Number of the space among those the speaker named.
    pub space: u32,
    /// Which log.
    pub log: LogName,
    /// The segment as its author encoded it.
    #[serde(with = "bytes")]
    pub segment: Vec<u8>,
}

/// A place in a log, named by the numbers of the side that sent its segments.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Number of the space.
    pub space: u32,
    /// Number of the log.
    pub log: u32,
    /// Sequence number.
    pub seq: u64,
}

/// Bytes are not a message.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MessageError {
    /// Too long, cut, or a field that does not fit.
    #[error("a message of kind {0} is malformed or over a bound")]
    Malformed(u8),
    /// Nothing at all.
    #[error("a message is empty")]
    Empty,
}

impl Message {
    /// The bytes that are sent.
    pub fn encode(&self) -> Vec<u8> {
        let with = |kind: u8, body: Result<Vec<u8>, postcard::Error>| {
            let mut out = vec![kind];
            out.extend(body.unwrap_or_default());
            out
        };
        match self {
            Message::Greeting(body) => with(1, postcard::to_allocvec(body)),
            Message::Credentials(body) => with(2, postcard::to_allocvec(body)),
            Message::Clocks(body) => with(3, postcard::to_allocvec(body)),
            Message::Segment(body) => with(4, postcard::to_allocvec(body)),
            Message::Ack(body) => with(5, postcard::to_allocvec(body)),
            Message::Refuse(body) => with(6, postcard::to_allocvec(body)),
            Message::Ping => vec![7],
            Message::Pong => vec![8],
            Message::Heads(body) => with(9, postcard::to_allocvec(body)),
            Message::Recount(body) => with(10, postcard::to_allocvec(body)),
            Message::Branch(place, segment) => {
                let mut out = with(11, postcard::to_allocvec(place));
                out.extend_from_slice(segment);
                out
            }
        }
    }

    /// Reads a message; `Ok(None)` for a kind this version does not know.
    pub fn decode(bytes: &[u8]) -> Result<Option<Message>, MessageError> {
        let (kind, body) = bytes.split_first().ok_or(MessageError::Empty)?;
        let malformed = || MessageError::Malformed(*kind);
        if bytes.len() > MAX_MESSAGE {
            return Err(malformed());
        }
        let message = match kind {
            1 => Message::Greeting(read(body).ok_or_else(malformed)?),
            2 => Message::Credentials(read(body).ok_or_else(malformed)?),
            3 => Message::Clocks(read(body).ok_or_else(malformed)?),
            4 => Message::Segment(read(body).ok_or_else(malformed)?),
            5 => Message::Ack(read(body).ok_or_else(malformed)?),
            6 => Message::Refuse(read(body).ok_or_else(malformed)?),
            7 => Message::Ping,
            8 => Message::Pong,
            9 => Message::Heads(read(body).ok_or_else(malformed)?),
            10 => Message::Recount(read(body).ok_or_else(malformed)?),
            11 => {
                let (place, segment) = postcard::take_from_bytes(body).map_err(|_| malformed())?;
                Message::Branch(place, segment.to_vec())
            }
            _ => return Ok(None),
        };
        within_bounds(&message).then_some(Some(message)).ok_or_else(malformed)
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    postcard::from_bytes(body).ok()
}

fn within_bounds(message: &Message) -> bool {
    match message {
        Message::Credentials(c) => {
            [c.rulings.len(), c.roster.len(), c.certificates.len()].iter().all(|n| *n <= MAX_ROSTER)
        }
        Message::Clocks(spaces) => {
            let usable = |(space, clock): &(Space, Clock)| {
                clock.len() <= MAX_LOGS
                    && clock.iter().all(|(_, seq)| seq <= MAX_SEQ)
                    && Space::parse(space.as_str()).is_some()
            };
            spaces.len() <= MAX_SPACES && spaces.iter().all(usable)
        }
        Message::Heads(said) => said.heads.len() <= MAX_LOGS,
        _ => true,
    }
}

/// Bytes as one length and the bytes, not element by element.
mod bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(from).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_come_back_and_a_push_costs_five_bytes_of_framing() {
        let segment = SegmentMessage { space: 0, log: LogName::Known(1), segment: vec![7; 100] };
        let clock = [(Incarnation([1; 16]), 5)].into_iter().collect();
        let messages = [
            Message::Greeting(Greeting { version: 1, credentials: [3; 8] }),
            Message::Credentials(Credentials::default()),
            Message::Clocks(vec![(Space::account(3), clock)]),
            Message::Segment(segment.clone()),
            Message::Ack(Progress { space: 1, log: 2, seq: 300 }),
            Message::Ping,
            Message::Heads(Heads {
                space: 0,
                heads: vec![ShortHead { log: Incarnation([1; 16]), seq: 300, chain: [2; 8] }],
            }),
            Message::Recount(Place { space: 1, log: Incarnation([1; 16]), after: 300 }),
            Message::Branch(Place { space: 1, log: Incarnation([1; 16]), after: 300 }, vec![1, 2, 3]),
        ];
        for message in messages {
            assert_eq!(Message::decode(&message.encode()), Ok(Some(message)));
        }
        assert_eq!(Message::Segment(segment).encode().len(), 105);
    }

    #[test]
    fn unknown_kinds_are_skipped_and_bad_ones_refused() {
        assert_eq!(Message::decode(&[200, 1, 2]), Ok(None));
        assert_eq!(Message::decode(&[]), Err(MessageError::Empty));
        assert_eq!(Message::decode(&[4, 0]), Err(MessageError::Malformed(4)));
        let foreign = postcard::to_allocvec(&vec![("../etc".to_owned(), Clock::default())]).unwrap();
        assert!(Message::decode(&[&[3], &foreign[..]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(&bytes);
        }
    }
}
