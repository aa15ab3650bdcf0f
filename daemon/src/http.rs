//! HTTP for apps. The shell (`server`, `door`, `guard`, `caller`, `token`, `bodies`, `problem`) knows no engine: it decides
//! who may speak, how long and how much, and what a refusal looks like. What is said is the business of the `router`, and
//! of the files behind it: one for each documented endpoint or group of them.

pub mod bodies;
pub mod caller;
mod conditions;
mod conflicts;
pub mod door;
mod events;
mod failure;
pub mod guard;
mod input;
mod markings;
pub mod network;
mod pairing;
mod peers;
pub mod problem;
pub mod router;
pub mod server;
mod status;
mod synchronization;
pub mod token;
