//! Placeholder.

#[cfg(feature = "server")]
pub mod http;
