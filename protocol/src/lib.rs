//! What two Quire devices, or a device and its app, must agree on. Pure: no IO, no clock, no randomness.

pub mod domain;
pub mod shapes;
