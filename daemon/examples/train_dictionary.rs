//! Trains the dictionaries that document rows are compressed with (`daemon/src/store/dictionary.bin`) and packs
//! of records (`protocol/src/record/pack/dictionary.bin`).
//!
//!     python3 tests/bench/markings.py 4000 FILE 7
//!     cargo run --release -p quire-daemon --example train_dictionary FILE ROWS RECORDS
//!
//! The seed must differ from the benchmark's, so that no text of it is in the dictionary. A new dictionary
//! is a new form of row, or of pack: never replace the files that released stores were written with.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use quire_daemon::engine::Engine;
use quire_daemon::store::rows::bytes;
use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use quire_protocol::record::{Segment, pack};
use quire_protocol::shapes::{json, model};
use serde_json::{Value, json};

/// A page of redb four times over: larger ones gained 3 % (measured), smaller ones lost 5 %.
const ROWS: usize = 16 * 1024;

/// Four times that: half as much lost 3 % (measured).
const RECORDS: usize = 64 * 1024;

/// Edits of this many markings go into the dictionary of records.
const EDITED: usize = 1500;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, rows, records] = &arguments[..] else { panic!("FILE ROWS RECORDS") };
    let text = std::fs::read_to_string(input).unwrap();
    let markings: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let engine = Engine::in_memory("trainer").unwrap();
    let body = json!({"Account": {"AccountId": 3}, "Markings": markings});
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    engine.synchronize(read, 1_800_000_000_000).await.unwrap();
    train("rows", &document_rows(&engine), ROWS, rows);
    edit(&engine, &markings).await;
    train("records", &record_texts(&engine), RECORDS, records);
}

fn document_rows(engine: &Engine) -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    let view = engine.view().unwrap();
    view.documents(0, None, &mut |_, row| {
        samples.push(bytes(row));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    samples
}

/// Edits as apps make them: a color, a note, a removal.
async fn edit(engine: &Engine, markings: &[Value]) {
    for (at, marking) in markings.iter().take(EDITED).enumerate() {
        let change = match at % 5 {
            0 | 1 => json!({"color": marking["color"], "chapter": format!("Chapter {at}")}),
            2 => json!({"color": format!("#{:06x}", at * 7919 % 0x00ff_ffff)}),
            3 => json!({"note": markings[at + EDITED]["content"]}),
            _ => json!({"SyncIsRemoved": true}),
        };
        let guid = marking["syncGuid"].as_str().unwrap();
        engine.patch(guid, change.as_object().unwrap().clone(), None).await.unwrap();
    }
}

/// What packs compress: items as they begin, and edits, each by itself.
fn record_texts(engine: &Engine) -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    let segments = engine.fetch(&Space::account(3), &Clock::default(), usize::MAX).unwrap();
    for (log, encoded) in segments {
        let records = Segment::decode(log, &encoded).unwrap().records;
        samples.extend(records.chunk_by(|a, b| a.doc == b.doc).map(|item| pack::text(log, item)));
    }
    samples
}

fn train(what: &str, samples: &[Vec<u8>], size: usize, output: &str) {
    let dictionary = zstd::dict::from_samples(samples, size).unwrap();
    let mut with = zstd::bulk::Compressor::with_dictionary(1, &dictionary).unwrap();
    let packed: usize = samples.iter().map(|sample| with.compress(sample).unwrap().len()).sum();
    let plain: usize = samples.iter().map(Vec::len).sum();
    std::fs::write(output, dictionary).unwrap();
    let (plain, packed) = (plain / samples.len(), packed / samples.len());
    println!("{} {what}, {plain} bytes each, {packed} packed", samples.len());
}
