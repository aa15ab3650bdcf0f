//! The shell of Quire.

pub mod channel;
