//! The pure part of the Bulk shapes (REFERENCE A): objects and their fields, and the small languages in which
//! definitions and queries are written.

pub mod compare;
pub mod date;
pub mod media;
pub mod object;
pub mod rule;
pub mod search;
