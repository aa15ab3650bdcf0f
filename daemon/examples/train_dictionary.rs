//! Trains the dictionary that document rows are compressed with (`daemon/src/store/dictionary.bin`).
//!
//!     python3 tests/bench/markings.py 4000 FILE 7
//!     cargo run --release -p quire-daemon --example train_dictionary FILE daemon/src/store/dictionary.bin
//!
//! The seed must differ from the benchmark's, so that no text of it is in the dictionary. A new dictionary
//! is a new form of row: never replace the file that released stores were written with.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use quire_daemon::engine::Engine;
use quire_daemon::store::rows::bytes;
use quire_protocol::shapes::{json, model};
use serde_json::{Value, json};

/// A page of redb four times over: larger ones gained 3 % (measured), smaller ones lost 5 %.
const SIZE: usize = 16 * 1024;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (input, output) = (arguments.next().unwrap(), arguments.next().unwrap());
    let text = std::fs::read_to_string(input).unwrap();
    let markings: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let engine = Engine::in_memory("trainer").unwrap();
    let body = json!({"Account": {"AccountId": 3}, "Markings": markings});
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    engine.synchronize(read, 1_800_000_000_000).await.unwrap();
    let mut samples = Vec::new();
    let view = engine.view().unwrap();
    view.documents(0, None, &mut |_, row| {
        samples.push(bytes(row));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let dictionary = zstd::dict::from_samples(&samples, SIZE).unwrap();
    let mut with = zstd::bulk::Compressor::with_dictionary(1, &dictionary).unwrap();
    let packed: usize = samples.iter().map(|sample| with.compress(sample).unwrap().len()).sum();
    let plain: usize = samples.iter().map(Vec::len).sum();
    std::fs::write(output, dictionary).unwrap();
    println!(
        "{} rows, {} bytes each, {} packed",
        samples.len(),
        plain / samples.len(),
        packed / samples.len()
    );
}
