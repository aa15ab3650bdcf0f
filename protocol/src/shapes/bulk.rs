//! The pure part of the Bulk shapes (REFERENCE A): objects and their fields, and the small languages in which
//! definitions and queries are written.

pub mod compare;
pub mod date;
pub mod definition;
pub mod failure;
pub mod field;
pub mod filter;
pub mod media;
pub mod object;
pub mod rule;
pub mod search;
pub mod span;
pub mod sync;
pub mod text;
