//! What a stopped store holds, inflated: each row as it is, each record of a block, each document with its snapshot.

use std::ops::ControlFlow;
use std::path::Path;

use quire_daemon::engine::DATABASE;
use quire_daemon::store::keys::{Kind, describe};
use quire_daemon::store::rows::{OpenRow, Stored, decode_doc};
use quire_daemon::store::{Rows, Store};
use quire_protocol::clock::take_varint;
use quire_protocol::id::Incarnation;
use quire_protocol::record::Seal;
use quire_protocol::record::pack::Pack;

/// Bytes of a space's number in a key.
const SPACE: usize = 4;

/// Bit of a block's first byte that says that a seal follows.
const SEALED: u8 = 2;

/// One thing that is kept: where, and its bytes.
#[derive(Debug)]
pub struct Kept {
    /// The row.
    pub place: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// All of it. How many there are of what was inflated is said for whoever relies on it.
#[derive(Debug, Default)]
pub struct Inside {
    /// Each thing.
    pub all: Vec<Kept>,
    /// Records that came out of blocks.
    pub records: usize,
    /// Documents that were kept whole.
    pub documents: usize,
}

impl Inside {
    /// What the store of that data folder holds; it must not be in use, nor encrypted.
    ///
    /// # Panics
    /// When anything in it cannot be read.
    #[must_use]
    pub fn of(data: &Path) -> Inside {
        let store = Store::open(&data.join(DATABASE)).expect("the store");
        let mut inside = Inside::default();
        let rows = store.read().expect("a reader");
        let mut add = |key: &[u8], value: &[u8]| {
            inside.keep(key, key.to_vec());
            inside.keep(key, value.to_vec());
            inside.inflate(key, value);
            Ok(ControlFlow::Continue(()))
        };
        // What begins with `0` says how the others rest and has no tag.
        rows.scan(&[b'0' + 1], &[u8::MAX], &mut add).expect("every row");
        inside
    }

    /// Where these bytes are.
    #[must_use]
    pub fn places_of(&self, text: &str) -> Vec<&str> {
        let holds = |kept: &&Kept| kept.bytes.windows(text.len()).any(|part| part == text.as_bytes());
        self.all.iter().filter(holds).map(|kept| kept.place.as_str()).collect()
    }

    fn keep(&mut self, key: &[u8], bytes: Vec<u8>) {
        self.all.push(Kept { place: describe(key), bytes });
    }

    fn inflate(&mut self, key: &[u8], value: &[u8]) {
        let kind = key.first().copied();
        if kind == Some(Kind::Block as u8) {
            let log = key[1 + SPACE..][..16].try_into().map(Incarnation).expect("a log");
            for record in records(log, value) {
                self.records += 1;
                self.keep(key, record);
            }
        } else if kind == Some(Kind::Document as u8) {
            if let Stored::Whole(row) = decode_doc(key, value).expect("a document") {
                self.documents += 1;
                self.keep(key, postcard::to_allocvec(&row).expect("a row"));
            }
        } else if kind == Some(Kind::Open as u8) {
            self.keep(key, OpenRow::decode(key, value).expect("an open record").record.payload);
        }
    }
}

/// The payloads of a block.
fn records(log: Incarnation, block: &[u8]) -> Vec<Vec<u8>> {
    let (flags, rest) = block.split_first().expect("flags");
    let (_, mut rest) = take_varint(rest).expect("an arrival");
    if flags & SEALED != 0 {
        (_, rest) = Seal::take(rest).expect("a seal");
    }
    let pack = Pack::open(log, rest).expect("a pack");
    pack.records().expect("its records").into_iter().map(|record| record.payload).collect()
}
