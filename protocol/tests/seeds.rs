//! Every committed seed of the fuzz targets through the same checks (`fuzz/README.md`), without a fuzzer: an input
//! that once broke a reader stays with everybody's tests.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../fuzz/src/lib.rs"]
mod invariant;

use std::fs;
use std::path::Path;

/// Inputs below `fuzz/seeds/TARGET`, and the documented samples of that kind.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = fs::read_dir(root.join("fuzz/seeds").join(target)).unwrap();
    let samples = fs::read_dir(root.join("tests/fixtures/shapes")).unwrap();
    let paths = own.chain(samples).map(|entry| entry.unwrap().path());
    paths.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

fn each(target: &str, check: fn(&[u8])) {
    for (name, seed) in seeds(target) {
        eprintln!("{name}");
        check(&seed);
    }
}

#[test]
fn xml_is_read_again_as_it_was_written() {
    each("xml", invariant::xml::check);
}

#[test]
fn json_is_read_alike_by_both_readers() {
    each("json", invariant::json::check);
}

#[test]
fn forms_mean_the_same_when_written_again() {
    each("form", invariant::form::check);
}

#[test]
fn anchors_come_back_as_the_same_clock() {
    each("anchor", invariant::anchor::check);
}

#[test]
fn filters_are_read_or_refused_in_their_place() {
    each("bulk_filter", invariant::bulk_filter::check);
}

#[test]
fn definitions_are_refused_or_read_again_as_shown() {
    each("bulk_definition", invariant::bulk_definition::check);
}

#[test]
fn messages_come_back() {
    each("message", invariant::message::check);
}

#[test]
fn a_session_shares_and_acknowledges_what_it_was_told() {
    each("protocol_session", invariant::protocol_session::check);
}

#[test]
fn what_the_gate_lets_through_every_replica_can_use() {
    each("record_gate", invariant::record_gate::check);
}

#[test]
fn nothing_altered_passes_under_a_seal() {
    each("segment", invariant::segment::check);
}

#[test]
fn trust_follows_from_the_set_of_entries() {
    each("roster", invariant::roster::check);
}

#[test]
fn dates_are_written_as_they_are_read() {
    each("cursor_time", invariant::cursor_time::check);
}

#[test]
fn what_is_json_is_read_as_what_it_is() {
    each("json_lenient_vs_strict", invariant::json_lenient_vs_strict::check);
}
