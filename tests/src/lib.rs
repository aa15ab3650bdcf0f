//! What the process tests share: real daemons, a small HTTP client, a counting proxy and sample data.
//!
//! All but [`network`] speaks to a daemon only from outside: by HTTP, by the command line and by signals.
//! [`network`] is a world of replicas and sessions in memory, for what only many seeds can show.

pub mod app;
pub mod apps;
pub mod browser;
pub mod bulk;
pub mod clock;
pub mod config;
pub mod host;
pub mod hostile;
pub mod http;
pub mod inside;
pub mod mdns;
pub mod moments;
pub mod network;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod sample;
pub mod seed;
pub mod timing;
pub mod twin;
pub mod wait;
