//! Sockets <-> sessions: the shell around the protocol's session.
//!
//! Here lives how the outputs of one session are performed on one channel, in order. When to connect and to
//! whom is `peers`; what a message means is the protocol's `session`; what is kept is the engine's.

mod link;
mod outgoing;

pub use link::{End, run};
