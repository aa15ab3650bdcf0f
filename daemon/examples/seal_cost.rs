//! What encryption costs: the same new markings, edits and reads through an engine on disk, with and without it.
//!
//! `cargo run --profile dist -p quire-daemon --no-default-features --example seal_cost [MARKINGS [FOLDER]]`
//!
//! Each of the two runs in a process of its own, so that the memory told is its own.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quire_daemon::engine::{DATABASE, Engine, MarkingFilter};
use quire_daemon::store::protection::Protection;
use quire_daemon::vault::{Choice, NoKeyStore, Vault};
use quire_protocol::shapes::{json, model};
use serde_json::{Value, json};

/// Markings when nobody says how many.
const MARKINGS: usize = 20_000;

/// Markings of one request in bulk.
const BULK: usize = 100;

/// Of all markings one in so many is written in a request of its own.
const ONE_IN: usize = 20;

/// Says to the process that is started which of the two it is.
const CHILD: &str = "QUIRE_SEAL_COST";

const NOW: i64 = 1_800_000_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(MARKINGS);
    let folder = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    if let Ok(encrypt) = std::env::var(CHILD) {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(measure(folder.path(), encrypt == "true", count));
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{count} markings, times a marking; load {}", load.trim());
    for encrypt in ["false", "true"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.arg(count.to_string()).arg(&folder).env(CHILD, encrypt);
        assert!(child.status().unwrap().success());
    }
}

async fn measure(folder: &Path, encrypt: bool, count: usize) {
    let (engine, mut cursor) = (open(folder, encrypt), None);
    let singles = count / ONE_IN;
    let bulk = timed(count - singles, async {
        for from in (singles..count).step_by(BULK) {
            say(&engine, &mut cursor, &(from..count.min(from + BULK)).collect::<Vec<_>>(), "").await;
        }
    })
    .await;
    let single = timed(singles, async {
        for number in 0..singles {
            say(&engine, &mut cursor, &[number], "").await;
        }
    })
    .await;
    let edit = timed(singles, async {
        for number in 0..singles {
            say(&engine, &mut cursor, &[number], "edited").await;
        }
    })
    .await;
    let get = timed(count, async {
        for number in 0..count {
            assert!(engine.marking(&guid(number), None).unwrap().is_some());
        }
    })
    .await;
    let list = timed(count, async {
        let found = engine.markings(&MarkingFilter { limit: count, ..MarkingFilter::default() }).unwrap();
        assert_eq!(found.len(), count);
    })
    .await;
    let peak = memory("VmHWM:");
    engine.stop().await;
    drop(engine);
    let size = std::fs::metadata(folder.join(DATABASE)).unwrap().len();
    let opened = timed(1, async { drop(open(folder, encrypt)) }).await;
    println!(
        "encrypt = {encrypt}: new in bulk {bulk:.1} µs, new alone {single:.1}, edited alone {edit:.1}, read alone \
         {get:.1}, listed {list:.1}; {:.1} MB on disk, {} KiB at most in memory; opened and closed in {:.0} ms",
        size as f64 / 1e6,
        peak,
        opened / 1e3
    );
}

fn open(folder: &Path, encrypt: bool) -> Engine {
    let keeper = Vault::of(folder, Choice::File, Box::new(NoKeyStore));
    let protection = Protection { encrypt: Some(encrypt), keeper: Some(Arc::new(keeper)) };
    Engine::open_protected(folder, "seal", protection).unwrap()
}

/// Microseconds of each of so many things.
async fn timed(count: usize, work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    let took: Duration = start.elapsed();
    took.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// An app that takes each answer's cursor, so that answers name what is new alone.
async fn say(engine: &Engine, cursor: &mut Option<String>, numbers: &[usize], note: &str) {
    let markings: Vec<Value> = numbers.iter().map(|number| marking(*number, note)).collect();
    let body = json!({"Account": {"AccountId": 3}, "AccountApplicationId": 1, "LastSyncTimestamp": cursor,
        "Markings": markings});
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    let answer = engine.synchronize(read, NOW).await.unwrap().answer;
    assert!(answer.is_success());
    *cursor = Some(answer.cursor);
}

fn marking(number: usize, note: &str) -> Value {
    json!({
        "syncGuid": guid(number), "AccountId": 3, "color": "yellow", "note": note,
        "content": format!("the {number}th passage that somebody marked, with some more words around it"),
    })
}

fn guid(number: usize) -> String {
    // Spread as random ones are.
    let hash = blake3::hash(&number.to_le_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    uuid(&bytes)
}

fn uuid(bytes: &[u8; 16]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// KiB that the system counts for this process; 0 where it does not say.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
