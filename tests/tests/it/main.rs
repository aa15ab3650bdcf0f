//! Stories about real `quire` processes, told from outside: by HTTP, by the command line and by signals.

#![allow(clippy::unwrap_used)]

mod app_passwords;
mod at_rest;
mod backup;
mod bad_input;
mod bulk;
mod bulk_access;
mod bulk_callbacks;
mod bulk_clients;
mod bulk_crash;
mod bulk_imports;
mod bulk_lists;
mod bulk_peers;
mod bulk_statuses;
mod bytes;
mod companions;
mod cyan;
mod damage;
mod dashboard;
mod demo;
mod forks;
mod hostile_discovery;
mod hostile_pairing;
mod hostile_pairing_crash;
mod hostile_records;
mod hostile_sessions;
mod hostile_strangers;
mod hostile_timing;
mod hostile_wire;
mod https;
mod localhost;
mod localhost_browser;
mod localhost_canary;
mod mono;
mod native;
mod netns;
mod openapi;
mod peers;
mod restart;
mod restore_crash;
mod revocation;
mod store_gone;
mod synchronize;
