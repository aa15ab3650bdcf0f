//! What must hold for any input of the daemon's own readers, one module for each. A target of libFuzzer calls `check`
//! with what it makes up; `daemon/tests/seeds.rs` calls it, on any toolchain, with every committed seed.

pub mod config_toml;
pub mod frame;
pub mod handshake;
pub mod http_host_origin;
pub mod mdns_txt;
pub mod pairing_uri;
pub mod query_params;
mod wire;
