//! What must hold for any input, one module for each reader of what strangers send. A target of libFuzzer calls
//! `check` with what it makes up; `protocol/tests/seeds.rs` calls it, on any toolchain, with every committed seed.

pub mod anchor;
pub mod bulk_definition;
pub mod bulk_filter;
pub mod cursor_time;
pub mod form;
pub mod json;
pub mod json_lenient_vs_strict;
mod members;
pub mod message;
pub mod protocol_session;
pub mod record_gate;
pub mod roster;
pub mod segment;
pub mod xml;

use quire_protocol::shapes::MAX_MESSAGE;

/// A message about bad input, with its path and its place, stays short whatever was sent.
fn assert_short(message: &str) {
    assert!(message.chars().count() <= 3 * MAX_MESSAGE, "{message}");
}
