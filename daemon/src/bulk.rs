//! The Bulk service (contract 6, REFERENCE A): definitions of exports and imports, the syncs that run them, and what
//! they staged or exported.
//!
//! What is small (definitions, syncs, how far they are, rejected rows) is kept on the engine's shelf, so that the progress of
//! an import is in the transaction of the edits it made. What is large (uploads, exported rows) is in files of one folder.
//! Nothing of it is replicated: a definition belongs to the daemon it was made at, what an import writes to everybody.

pub mod callback;
mod change;
mod contents;
mod custom;
mod data;
mod definition;
mod definitions;
mod error;
mod exchange;
mod export;
mod files;
mod import;
mod inner;
mod keeping;
mod log;
mod registry;
mod rows;
mod service;
mod shelf;
mod staging;
mod sync;
mod syncs;
mod uploads;
pub mod users;
mod worker;

pub use data::Data;
pub use definition::{Named, Way};
pub use error::{BulkError, Result};
pub use exchange::{Exchange, PeerLink};
pub use quire_protocol::shapes::bulk::failure::Failure;
pub use service::{Bulk, DataOf, Options};
pub use staging::Upload;
pub use users::Caller;

/// Bounds of the service, each with its reason.
pub mod limits {
    use std::time::Duration;

    /// Definitions at one time: what real Eloqua allows to be made in an hour (REFERENCE A7), exports and imports.
    pub const MAX_DEFINITIONS: usize = 4_000;
    /// Ended syncs that are kept; the oldest go first. Each takes a KB or two of memory, with a log of many
    /// unknown fields some ten.
    pub const MAX_SYNCS: usize = 4_000;
    /// Syncs that may wait for their turn: a client that starts more is told to come back (503).
    pub const MAX_WAITING: usize = 200;
    /// Syncs that run at one time: one that reads the disk and one that writes it.
    pub const ACTIVE: usize = 2;
    /// Syncs with peers that run at one time: a few devices, which may all be away.
    pub const EXCHANGES: usize = 8;
    /// Uploads of one import sync (REFERENCE A7: "files").
    pub const MAX_UPLOADS: usize = 500;
    /// Bytes staged for one import sync (REFERENCE A7: about 250 MB).
    pub const MAX_STAGED: u64 = 250 * 1024 * 1024;
    /// Rows of one export of activities (REFERENCE A7).
    pub const MAX_ACTIVITIES: u64 = 5_000_000;
    /// Rows of an import that are written in one transaction: 10,000 markings in one request take a second, and everybody
    /// else who writes waits for it.
    pub const CHUNK_ROWS: usize = 500;
    /// Bytes of rows of one transaction, for the same reason.
    pub const CHUNK_BYTES: usize = 1024 * 1024;
    /// Rejected rows that are kept of one sync. The logs count all.
    pub const MAX_REJECTS: u64 = 100_000;
    /// Characters of a rejected row's value that are repeated.
    pub const MAX_REJECTED_VALUE: usize = 1_000;
    /// Different unknown fields that the logs of one sync name, and characters of each.
    pub const MAX_UNKNOWN_FIELDS: usize = 50;
    /// See [`MAX_UNKNOWN_FIELDS`].
    pub const MAX_UNKNOWN_NAME: usize = 100;
    /// How long a sync with a peer waits for it.
    pub const EXCHANGE_TIME: Duration = Duration::from_secs(60);
    /// How often it is looked whether the exchange is done, and how far an import is.
    pub const EXCHANGE_LOOK: Duration = Duration::from_millis(50);
    /// How often what is no longer to be kept is removed from the disk. Readers are refused at once.
    pub const SWEEP: Duration = Duration::from_secs(60);
    /// Ids of definitions that were deleted automatically and are remembered as gone.
    pub const MAX_GONE: usize = 4_000;
    /// Custom objects: types of nodes in all tenants.
    pub const MAX_CUSTOM_OBJECTS: usize = 10_000;
    /// Rows between two entries of an export's index: reading on from any row skips at most so many.
    pub const INDEX_EVERY: u64 = 512;
    /// Members of an uploaded row; an import has at most 100 fields, others are ignored.
    pub const MAX_COLUMNS: usize = 1_000;
    /// Values of an uploaded row, those within arrays and objects included: a row in memory takes some ten times the bytes
    /// of one that is sent.
    pub const MAX_VALUES: usize = 20_000;
    /// Bytes of the names of an uploaded CSV file's columns, which each of its rows repeats.
    pub const MAX_HEADER: usize = 64 * 1024;
    /// Bytes of a rejected row that is kept, about: the client has it whole.
    pub const MAX_REJECT: usize = 16 * 1024;
    /// Bytes of one definition's names, statements and filter: 250 fields of ordinary names take 20 KB.
    pub const MAX_DEFINITION: usize = 256 * 1024;
    /// The same of all definitions together, which are in memory.
    pub const MAX_ALL_DEFINITIONS: usize = 32 * 1024 * 1024;
    /// Callbacks that are on their way at one time, and that may wait for it; beyond, the sync's log says that its own
    /// was not called.
    pub const CALLS: usize = 16;
    /// See [`CALLS`].
    pub const MAX_CALLS_WAITING: usize = 100;
    /// Keys of a custom object that have numbers: members and properties, those that are no longer used too.
    pub const MAX_KEYS: usize = 4_000;
    /// Between two tries to keep how a sync ended.
    pub const END_AGAIN: Duration = Duration::from_secs(2);
}
