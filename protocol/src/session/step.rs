//! What a session is told, and what it wants done.

use super::doubt::Compared;
use crate::clock::Clock;
use crate::id::{Incarnation, Space};
use crate::message::{Credentials, Message, ShortHead};

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A message came.
    Received(Message),
    /// This store's own clocks of spaces that the peer may read: at the beginning, and after each commit.
    Committed(Vec<(Space, Clock)>),
    /// The answer to [`Output::Fetch`]: encoded segments in order of arrival; empty when there are none.
    Fetched {
        /// Of which space.
        space: Space,
        /// Log and bytes of each.
        segments: Vec<(Incarnation, Vec<u8>)>,
    },
    /// A segment that [`Output::Ingest`] named is on disk; also when it was there before.
    Ingested {
        /// Of which space.
        space: Space,
        /// Of which log.
        log: Incarnation,
        /// The log is here up to this record.
        seq: u64,
    },
    /// A segment that [`Output::Ingest`] named cannot be taken.
    Refused {
        /// Of which space.
        space: Space,
        /// Of which log.
        log: Incarnation,
        /// The log is here up to this record.
        seq: u64,
    },
    /// The answer to [`Output::Heads`].
    Heads {
        /// Of which space.
        space: Space,
        /// The ends of its logs.
        heads: Vec<ShortHead>,
    },
    /// The peer's log is not the one that is here: they differ at record `at` or before it.
    Doubt {
        /// Of which space.
        space: Space,
        /// Which log.
        log: Incarnation,
        /// Where.
        at: u64,
    },
    /// The answer to [`Output::Branch`]: a segment as it is kept, empty when there is none.
    Branch {
        /// Of which space.
        space: Space,
        /// Of which log.
        log: Incarnation,
        /// Behind which record.
        after: u64,
        /// Encoded.
        segment: Vec<u8>,
    },
    /// The answer to [`Output::Compare`].
    Compared {
        /// Behind which record.
        after: u64,
        /// What came out.
        compared: Compared,
    },
    /// This side's credentials for the peer changed.
    Credentials(Credentials),
    /// Time went by.
    Tick,
}

/// What is to be done, in this order.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send this.
    Send(Message),
    /// Read segments that `after` does not cover, about `bytes` of them.
    Fetch {
        /// Of which space.
        space: Space,
        /// What the peer has or is being sent.
        after: Clock,
        /// How much to read.
        bytes: usize,
    },
    /// Verify and keep this segment, then say [`Input::Ingested`] or [`Input::Refused`].
    Ingest {
        /// Of which space.
        space: Space,
        /// Of which log.
        log: Incarnation,
        /// Encoded.
        segment: Vec<u8>,
    },
    /// Keep these, then say [`Input::Committed`] again: more spaces may be shared now.
    Learn(Credentials),
    /// Read the ends of the logs of this space, as the peer may know them.
    Heads {
        /// Which space.
        space: Space,
    },
    /// Compare the ends of the peer's logs with those that are here, and say [`Input::Doubt`] of each that has the same
    /// number with another chain.
    CompareHeads {
        /// Of which space.
        space: Space,
        /// The peer's.
        heads: Vec<ShortHead>,
    },
    /// Read what follows a record of a log, as it is kept.
    Branch {
        /// Of which space.
        space: Space,
        /// Of which log.
        log: Incarnation,
        /// Behind which record.
        after: u64,
    },
    /// Compare a segment of the peer with the records that are here, and keep the proof when the log forked.
    Compare {
        /// Of which space.
        space: Space,
        /// Of which log.
        log: Incarnation,
        /// Behind which record.
        after: u64,
        /// Encoded.
        segment: Vec<u8>,
    },
    /// The peer shares this space and has this much of it on its disk.
    PeerHas {
        /// Which space.
        space: Space,
        /// Up to where.
        clock: Clock,
    },
    /// The peer will not take a log of ours or of others.
    PeerRefuses {
        /// Of which space.
        space: Space,
        /// Which log.
        log: Incarnation,
    },
    /// End the session, for this reason.
    Close(&'static str),
}
