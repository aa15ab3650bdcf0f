//! The shell of Quire: what one device decides alone.

pub mod escape;
pub mod folder;

#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod daemon;
#[cfg(feature = "server")]
pub mod logging;
