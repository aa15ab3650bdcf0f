//! The HTTP shell. Nothing here knows the engine: these modules decide who may speak, how long and how much, and what a
//! refusal looks like. What is said is the router's business.

pub mod bodies;
pub mod caller;
pub mod door;
pub mod guard;
pub mod problem;
pub mod server;
pub mod token;
