//! The shell of Quire: what one device decides alone. Where to keep, how to carry, whom to serve.
//!
//! The map, from the inside out: `store` keeps rows, `replica` knows what they mean, `engine` owns the
//! replica and commits in groups, `transport` and `http` translate for peers and apps. Without the feature
//! `server` only the engine and its channel remain, for embedding.

pub mod channel;
#[cfg(feature = "server")]
pub mod discovery;
pub mod engine;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod pairing;
#[cfg(feature = "server")]
pub mod peers;
pub mod random;
pub mod replica;
pub mod store;
pub mod transport;
