//! HTTP for apps. The shell (`server`, `door`, `guard`, `caller`, `token`, `bodies`, `problem`, `unserved`) knows no engine:
//! it decides who may speak, how long and how much, and what a refusal looks like. What is said is the business of the
//! `router`, and of the files behind it: one for each documented endpoint or group of them. `endpoints` says what there is,
//! as data; whoever adds one writes its entry there, its handler, and the line in `router` that joins them.

pub mod bodies;
pub mod caller;
mod conditions;
mod conflicts;
mod devices;
pub mod door;
pub mod endpoint;
pub mod endpoints;
mod events;
mod failure;
pub mod guard;
mod input;
mod markings;
pub mod network;
mod pairing;
mod peers;
mod positions;
pub mod problem;
pub mod router;
pub mod server;
mod shapes;
mod speaker;
mod spelling;
mod status;
mod synchronization;
pub mod token;
mod unserved;
