//! The shell of Quire: store, engine, sockets, HTTP.

#[cfg(feature = "server")]
pub mod discovery;
