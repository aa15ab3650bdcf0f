//! A signed log of mallory's, honest or not.

use quire_protocol::change::Change;
use quire_protocol::document::{Register, creation};
use quire_protocol::domain::Kind;
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::identity::DeviceKey;
use quire_protocol::record::{Chain, RULES, Record, RecordKind, Segment, chain_start};

/// Where a log is: what was sealed of it.
#[derive(Clone, Debug)]
pub struct Log {
    /// Of which space.
    pub space: Space,
    /// Whose.
    pub incarnation: Incarnation,
    /// Its last record.
    pub seq: u64,
    /// The chain there.
    pub chain: Chain,
}

impl Log {
    /// An empty one.
    #[must_use]
    pub fn new(space: &Space, incarnation: Incarnation) -> Log {
        let chain = chain_start(space, incarnation);
        Log { space: space.clone(), incarnation, seq: 0, chain }
    }

    /// Seals records as the next ones; gives the segment.
    pub fn seal(&mut self, records: Vec<Record>, key: &DeviceKey) -> Segment {
        let place = (self.seq, &self.chain);
        let (segment, chain) = Segment::seal(&self.space, self.incarnation, place, records, key);
        (self.seq, self.chain) = (segment.hi(), chain);
        segment
    }

    /// The same, encoded.
    pub fn next(&mut self, records: Vec<Record>, key: &DeviceKey) -> Vec<u8> {
        let segment = self.seal(records, key);
        segment.encode(self.incarnation)
    }
}

/// A record of that payload.
#[must_use]
pub fn record(doc: DocId, kind: RecordKind, payload: Vec<u8>) -> Record {
    Record { doc, kind, rules: RULES, more: false, claimed_ms: 0, payload }
}

/// The document of a marking.
#[must_use]
pub fn document(guid: &str) -> DocId {
    DocId::of(Kind::Marking, guid)
}

/// A marking as a device makes it.
#[must_use]
pub fn marking(log: Incarnation, guid: &str, color: &str) -> Change {
    let text = |text: &str| Register::Text(text.into());
    let values = [
        ("kind", Register::Int(i64::from(Kind::Marking.code()))),
        ("key", text(guid)),
        ("life", Register::Int(2)),
        ("AccountId", Register::Int(3)),
        ("color", text(color)),
    ];
    creation(document(guid), log, None, values)
}

/// The same as a record.
#[must_use]
pub fn marking_record(log: Incarnation, guid: &str) -> Record {
    record(document(guid), RecordKind::CHANGE, marking(log, guid, "red").raw().to_vec())
}
