//! What the process tests share: real daemons, a small HTTP client, a counting proxy and sample data.
//!
//! Everything here speaks to a daemon only from outside: by HTTP, by the command line and by signals.

pub mod app;
pub mod clock;
pub mod host;
pub mod http;
pub mod process;
pub mod proxy;
pub mod sample;
pub mod wait;
