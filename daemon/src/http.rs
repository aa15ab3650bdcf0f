//! HTTP for apps. The shell (`server`, `door`, `guard`, `caller`, `token`, `bodies`, `problem`, `unserved`) knows no engine:
//! it decides who may speak, how long and how much, and what a refusal looks like. What is said is the business of the
//! `router`, and of the files behind it: one for each documented endpoint or group of them. `endpoints` says what there is,
//! as data; whoever adds one writes its entry there, its handler, and the line in `router` that joins them.

pub mod admission;
mod backup;
pub mod bodies;
mod bulk;
pub mod caller;
mod conditions;
mod conflicts;
mod dashboard;
mod devices;
pub mod door;
pub mod endpoint;
pub mod endpoints;
mod events;
mod failure;
#[doc(hidden)]
pub mod fuzzing;
mod granted;
pub mod guard;
mod help;
mod history;
mod input;
mod markings;
mod messages;
pub mod network;
mod nodes;
pub mod openapi;
mod pairing;
mod peers;
mod positions;
pub mod problem;
mod query;
mod roster;
pub mod router;
pub mod server;
pub mod sessions;
mod shapes;
mod speaker;
mod spelling;
mod status;
mod sync_tokens;
mod synchronization;
mod tenant;
mod tenant_devices;
mod tenant_nodes;
pub mod tls;
pub mod token;
mod unserved;
mod web;
