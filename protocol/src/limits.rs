//! Every bound of what two devices may say to each other, in one place, each with its reason.
//! A bound of one device alone (connections, caches) lives in the daemon.

/// Bytes of a space's name. A tenant's name is 43; room for kinds to come.
pub const MAX_SPACE_NAME: usize = 64;

/// Raw bytes of one Automerge change (security model 5.3, step 1): keeps gate and fold of one record
/// far below a second. Larger values travel as blobs.
pub const MAX_CHANGE: usize = 64 * 1024;

/// Operations in one change. A whole note of [`MAX_INLINE`] characters replaced by another one of the
/// same length is 2 × 16,384 operations, one per character; the rest is room for members and props.
pub const MAX_OPS: u64 = 36 * 1024;

/// Dependencies of one change. More concurrent heads on one item than devices a person owns.
pub const MAX_DEPS: u64 = 64;

/// Other actors named by one change: devices that edited the same item, and echoes, each of which is an actor of its own.
/// A removal of a whole note names all that typed it.
pub const MAX_OTHER_ACTORS: u64 = 1024;

/// Columns in a change. Automerge 0.12 writes at most 14; a later one may add some.
pub const MAX_COLUMNS: u64 = 32;

/// Highest operation counter and actor sequence: Automerge's own indexes are 32-bit signed inside.
pub const MAX_COUNTER: u64 = 1 << 31;

/// Bytes of a key in a document. Member names are short; flat `props` paths are joined keys.
pub const MAX_KEY: usize = 256;

/// Bytes of a node's `type` or `id`: they are its name everywhere, so they are never kept outside its document.
pub const MAX_IDENTITY: usize = 1024;

/// Bytes of a value kept inside a document; a larger one becomes a blob. Keeps documents small, because
/// every edit saves the document anew.
pub const MAX_INLINE: usize = 16 * 1024;

/// The same, when a change with several large values would pass [`MAX_CHANGE`].
pub const MIN_INLINE: usize = 1024;

/// Bytes of a value at all (contract 2): above it the item is refused before anything is written.
pub const MAX_VALUE: usize = 16 * 1024 * 1024;

/// Bytes of one part of a blob: one record, below [`MAX_CHANGE`] with room for its header.
pub const BLOB_PART: usize = 48 * 1024;

/// Derived actors of one incarnation in one document (design 3): own edits none of which saw another.
pub const MAX_DERIVED_ACTORS: u8 = 64;

/// Records in one segment. One signature covers them, and they are taken or refused as one; enough that the
/// smallest edits fill a page.
pub const MAX_SEGMENT_RECORDS: usize = 128;

/// Bytes of one pack of records, unless one record alone takes more: with its head and seal it is a row that fills a
/// page of 4 KiB in the store, and it is sent as it is kept. One read of a record inflates one pack.
pub const PACK: usize = 3968;

/// Raw bytes of a segment before a further record starts the next one.
pub const SEGMENT_TARGET: usize = 64 * 1024;

/// Raw bytes of any segment: its target, plus one record of the greatest size and its header.
pub const MAX_SEGMENT: usize = SEGMENT_TARGET + MAX_CHANGE + 256;

/// Bytes of one message between peers: a few segments.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// Records of one log: one a microsecond for nine years. Far from where adding to a number a peer said goes round.
pub const MAX_SEQ: u64 = 1 << 48;

/// Logs in one clock. Every installation and every restore of a person's devices makes one.
pub const MAX_LOGS: usize = 4096;

/// Spaces named in one session's greeting.
pub const MAX_SPACES: usize = 65_536;

/// Entries of a roster: devices of one person, or of one team that shares a space.
pub const MAX_ROSTER: usize = 4096;

/// Bytes of what one ruling on the roster says: a cut of [`MAX_LOGS`] logs fits.
pub const MAX_RULING: usize = 128 * 1024;

/// Statements of the roster kept of one signer who is not this device: far more than a person pairs and removes in a
/// life, and one device alone cannot fill the roster so that no removal finds room.
pub const MAX_STATEMENTS_OF_ONE: usize = 512;

/// Proven forks kept of one author's logs: one for each space of a cloned device, and one device alone cannot fill
/// the roster. A proof takes at most 19 KB, mostly less than one.
pub const MAX_FORKS_OF_ONE: usize = 128;

/// Proofs of one log after which nothing of it is good: a clone of a clone needs two, and each earlier one has all behind
/// it said again.
pub const MAX_FORKS_OF_LOG: usize = 4;

/// Questions with which one doubt is settled: twice the digits of the longest log, with room. Who answers so many
/// times without an end proves nothing.
pub const MAX_RECOUNT: usize = 128;

/// Questions of a peer that are answered in one session: each costs a walk through a log.
pub const MAX_ANSWERS: usize = 1024;

/// Doubts that are followed up in one session.
pub const MAX_DOUBTS: usize = 64;

/// Bytes of a device's display name.
pub const MAX_DEVICE_NAME: usize = 128;

/// Bytes in flight to one peer before its acknowledgement is waited for.
pub const WINDOW: usize = 4 * 1024 * 1024;

/// Bytes of segments asked of the store at once, so that one slow peer costs little memory.
pub const FETCH: usize = 256 * 1024;
