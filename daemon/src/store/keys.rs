//! Every kind of row, its key and its value, in one place. Numbers in keys are big-endian, so that the
//! order of keys is the order of numbers. `SPACE` is the number a space has in this store.
//!
//! | row | key | value |
//! |---|---|---|
//! | meta | `m` name | by name, see [`super::rows`] |
//! | space | `s` SPACE | the space's name |
//! | log number | `n` number | incarnation: logs are named by number in document rows |
//! | head | `h` SPACE incarnation | last sequence number, chain |
//! | forked head | `F` SPACE incarnation | last record that the branches of a log share, chain there as it is here |
//! | block | `l` SPACE incarnation first-sequence | flags, arrival of its first record, seal, packed records |
//! | open record | `o` SPACE incarnation sequence | [`super::rows::OpenRow`]: an own record in no block yet; after a crash only |
//! | arrival | `a` arrival of the first record | SPACE, incarnation, first sequence, count |
//! | document | `d` SPACE document | [`super::rows::Stored`]: all it says, or where its creation is |
//! | conflict | `c` SPACE document | nothing: the document holds a conflict |
//! | blob part | `b` SPACE hash part | log, sequence: where the part's record is |
//! | cursor | `t` application milliseconds | [`super::rows::CursorRow`] |
//! | certificate | `i` incarnation | certificate |
//! | roster | `r` entry id | roster entry |
//! | acknowledged | `k` device SPACE | clock that the device's disk has |
//! | address | `p` device | addresses where it was reached |
//! | ruling | `z` ruling id | signed ruling on the roster |
//! | set aside | `x` SPACE incarnation sequence | document, reason |
//! | aside of | `f` SPACE document change incarnation sequence | nothing: a record of that document is set aside |
//! | invited | `u` device | [`super::rows::InvitedRow`]: proved the code of an invitation, and was not heard of since |
//! | node id | `g` SPACE GUID document | nothing: this `nodeId` finds the node |
//! | child | `e` SPACE parent document | nothing: a node that is or was below that one |
//! | branch | `w` SPACE document | [`super::rows::BranchRow`]: a node whose move lost, or once did |
//! | token | `y` SPACE arrival | the token's document |
//! | message | `q` SPACE number | [`super::rows::MessageRow`] |
//! | message name | `j` SPACE hash | its number |
//! | application | `v` number | hash of the device that the number was given to |
//! | shelf | `B` name | what a service of this daemon keeps under that name; never replicated |

use quire_protocol::id::{DeviceId, DocId, Incarnation};

/// Key of the tags' key, a value without a tag.
pub const TAG_KEY: &[u8] = b"0tag";

/// Key of the data key of an encrypted store, which has this row instead: wrapped, see [`super::protection`].
pub const WRAPPED_KEY: &[u8] = b"0key";

/// What the keys of rows begin with that say how the others rest.
pub(super) const ABOUT_VALUES: u8 = b'0';

/// Number of a space in this store.
pub type SpaceNo = u32;

/// What a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Kind {
    Meta = b'm',
    Space = b's',
    LogNumber = b'n',
    Head = b'h',
    ForkedHead = b'F',
    Block = b'l',
    Open = b'o',
    Arrival = b'a',
    Document = b'd',
    Conflict = b'c',
    Blob = b'b',
    Cursor = b't',
    Certificate = b'i',
    Roster = b'r',
    Acknowledged = b'k',
    Address = b'p',
    Ruling = b'z',
    SetAside = b'x',
    AsideOf = b'f',
    Invited = b'u',
    NodeId = b'g',
    Child = b'e',
    Branch = b'w',
    Token = b'y',
    Message = b'q',
    MessageName = b'j',
    Application = b'v',
    Shelf = b'B',
}

/// A key built part by part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key(Vec<u8>);

impl Key {
    /// The beginning of every key of a kind.
    pub fn of(kind: Kind) -> Key {
        Key(vec![kind as u8])
    }

    /// Appends a space.
    pub fn space(self, space: SpaceNo) -> Key {
        self.bytes(&space.to_be_bytes())
    }

    /// Appends a log.
    pub fn log(self, log: Incarnation) -> Key {
        self.bytes(&log.0)
    }

    /// Appends a document.
    pub fn doc(self, doc: DocId) -> Key {
        self.bytes(&doc.0)
    }

    /// Appends a device.
    pub fn device(self, device: DeviceId) -> Key {
        self.bytes(&device.0)
    }

    /// Appends a number.
    pub fn number(self, number: u64) -> Key {
        self.bytes(&number.to_be_bytes())
    }

    /// Appends a number that may be negative, in order.
    pub fn signed(self, number: i64) -> Key {
        self.number((number as u64) ^ (1 << 63))
    }

    /// Appends bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Key {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The first key that does not begin with this one.
    pub fn end(&self) -> Key {
        let mut end = self.0.clone();
        while let Some(last) = end.last_mut() {
            if *last < u8::MAX {
                *last += 1;
                break;
            }
            end.pop();
        }
        Key(end)
    }
}

impl std::ops::Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A key for an error message: its kind and its bytes in hex.
pub fn describe(key: &[u8]) -> String {
    let (kind, rest) = key.split_first().map_or(('?', key), |(kind, rest)| (char::from(*kind), rest));
    format!("{kind}:{}", data_encoding::HEXLOWER.encode(rest))
}

/// A number at the end of a key.
pub fn last_number(key: &[u8]) -> u64 {
    let at = key.len().saturating_sub(8);
    key[at..].try_into().map_or(0, u64::from_be_bytes)
}

/// A signed number at the end of a key.
pub fn last_signed(key: &[u8]) -> i64 {
    (last_number(key) ^ (1 << 63)) as i64
}

/// Sixteen bytes of a key from `at`.
pub fn sixteen(key: &[u8], at: usize) -> [u8; 16] {
    key.get(at..at + 16).and_then(|b| b.try_into().ok()).unwrap_or([0; 16])
}
