//! Every committed seed of the fuzz targets for the daemon's readers through the same checks (`fuzz/README.md`),
//! without a fuzzer.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../fuzz/shell/src/lib.rs"]
mod invariant;

use std::fs;
use std::path::Path;

/// Checks every input below `fuzz/seeds/TARGET`.
fn each(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        check(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "no seeds of {target}");
}

#[test]
fn what_was_sealed_comes_back_whatever_the_cuts() {
    each("frame", invariant::frame::check);
}

#[test]
fn a_stranger_gets_no_byte() {
    each("handshake", invariant::handshake::check);
}

#[test]
fn no_claimed_address_leads_back_here() {
    each("mdns_txt", invariant::mdns_txt::check);
}

#[test]
fn who_is_let_in_names_this_daemon() {
    each("http_host_origin", invariant::http_host_origin::check);
}

#[test]
fn queries_are_read_or_refused() {
    each("query_params", invariant::query_params::check);
}

#[test]
fn a_wrong_configuration_is_refused_with_its_line() {
    each("config_toml", invariant::config_toml::check);
}

#[test]
fn invitations_and_codes_are_read_as_they_are_shown() {
    each("pairing_uri", invariant::pairing_uri::check);
}
