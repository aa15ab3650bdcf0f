//! The Bulk service's own parts: who may call it, and whom it calls back.

pub mod callback;

pub mod users;
