//! The shell of Quire: what one device decides alone. Where to keep, how to carry, whom to serve.
//!
//! The map, from the inside out: `store` keeps rows, `replica` knows what they mean, `engine` owns the
//! replica and commits in groups, `transport` and `http` translate for peers and apps. Without the feature
//! `server` only the engine and its channel remain, for embedding.

pub mod channel;
pub mod engine;
pub mod escape;
pub mod file_error;
pub mod folder;
pub mod random;
pub mod replica;
pub mod sealed;
pub mod store;
pub mod transport;
pub mod vault;

#[cfg(feature = "server")]
pub mod apps;
pub mod backup;
#[cfg(feature = "server")]
pub mod bulk;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod daemon;
#[cfg(feature = "server")]
pub mod discovery;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod logging;
#[cfg(feature = "server")]
pub mod pairing;
#[cfg(feature = "server")]
pub mod passwords;
#[cfg(feature = "server")]
pub mod peers;
