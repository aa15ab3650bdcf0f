//! Everything that two Quire devices, or a device and its app, must agree on. Pure: no IO, no clock, no
//! randomness. `README.md` beside this crate says the same in prose, with the byte layouts.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod change;
pub mod clock;
pub mod document;
pub mod domain;
pub mod gate;
pub mod id;
pub mod identity;
pub mod item;
pub mod limits;
pub mod message;
pub mod node;
pub mod record;
pub mod restore;
pub mod roster;
pub mod session;
pub mod shapes;
pub mod tree;
