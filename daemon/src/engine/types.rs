//! What goes in and out of the engine.

use quire_protocol::clock::Clock;
use quire_protocol::domain::Kind;
use quire_protocol::id::{DeviceId, DocId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, PublicKey, Rights};
use quire_protocol::node::NodeKey;
use quire_protocol::roster::{Ruling, Scope};
use quire_protocol::shapes::bulk::rule::UpdateRule;
use quire_protocol::shapes::model::{Answer, Item};
use serde_json::{Map, Value};
use thiserror::Error;

/// What the engine could not do.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The store failed: nothing was acknowledged, the store is being opened again.
    #[error("{0}")]
    Store(#[from] crate::store::StoreError),
    /// The item has changed since the caller's `If-Match`.
    #[error("the item has changed since: read it again")]
    Stale,
    /// A member cannot take this value.
    #[error("{0}")]
    Member(String),
    /// The name is in use with other content, or is another item's.
    #[error("{0}")]
    Taken(String),
    /// Records that the answer needs are still on their way from another device.
    #[error("Not all of it has arrived here yet. Try again.")]
    Behind,
    /// The engine is stopping.
    #[error("the daemon is stopping")]
    Stopping,
    /// A rule of trust forbids it.
    #[error("{0}")]
    Forbidden(String),
}

/// What subscribers hear, after it is on disk.
#[derive(Clone, Debug)]
pub enum Event {
    /// Records were committed: the spaces' clocks now, and what changed.
    Committed {
        /// Of each space touched.
        clocks: Vec<(Space, Clock)>,
        /// In order of arrival.
        changes: Vec<Changed>,
    },
    /// Who is trusted with what has changed.
    Roster,
}

/// One change of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Rises with each change on this daemon; survives restarts.
    pub id: u64,
    /// In which space.
    pub space: Space,
    /// What kind of item; `None` when this version does not know it.
    pub kind: Option<Kind>,
    /// The item's identity (a marking's `syncGuid`).
    pub identity: String,
    /// Whether it is removed now.
    pub removed: bool,
    /// The log that the change came in.
    pub log: Incarnation,
}

/// What became of one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingested {
    /// Of which space.
    pub space: Space,
    /// Of which log.
    pub log: Incarnation,
    /// The log is here up to this record.
    pub seq: u64,
    /// Why it was not taken, when it was not.
    pub refused: Option<Refusal>,
}

/// Why a segment was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// For people.
    pub reason: String,
    /// Its author's signature does not fit the records that are here: the log may have forked.
    pub doubt: bool,
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(reason: T) -> Refusal {
        Refusal { reason: reason.into(), doubt: false }
    }
}

/// A device that is trusted with something.
#[derive(Clone, Debug)]
pub struct PeerRecord {
    /// Its keys and name.
    pub card: DeviceCard,
    /// True for a device of the same person.
    pub everything: bool,
    /// Rights in single spaces otherwise.
    pub spaces: Vec<(Space, Rights)>,
    /// Devices that added it, and that are trusted themselves.
    pub added_by: Vec<DeviceId>,
    /// Where it was reached, newest first, as `HOST:PORT`.
    pub addresses: Vec<String>,
}

/// What is changed in the roster, in this device's name unless something else is said.
pub enum RosterChange {
    /// Who proved an invitation's code is kept until it is heard of.
    Invite(DeviceCard, Vec<Scope>),
    /// It did not take the invitation.
    Uninvite(DeviceId),
    /// It came.
    AdmitInvited(DeviceId),
    /// A device is removed, for all who share anything with it.
    Remove(DeviceId),
    /// This device leaves.
    Leave,
    /// What is here of a removed device's logs is taken for good.
    Adopt(DeviceId),
    /// A key is put above the devices.
    NameRecovery(PublicKey),
    /// Devices are thrown out: a ruling by a recovery key.
    Expel(Ruling),
}

/// A space as the native API shows it.
#[derive(Clone, Debug)]
pub struct SpaceView {
    /// Its name.
    pub space: Space,
    /// What is here of it.
    pub clock: Clock,
    /// Items, removed ones included.
    pub items: u64,
}

/// Which markings.
#[derive(Clone, Debug, Default)]
pub struct MarkingFilter {
    /// Of this account only.
    pub account: Option<i64>,
    /// Of this `bookID` only.
    pub book: Option<i64>,
    /// Only removed ones, or only those that are not; `None`: both.
    pub removed: Option<bool>,
    /// At most so many.
    pub limit: usize,
    /// Those after this [`ItemView::position`].
    pub after: Option<String>,
}

/// One item as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemView {
    /// Its space.
    pub space: Space,
    /// Its document.
    pub doc: DocId,
    /// The documented members, in order.
    pub members: Map<String, Value>,
    /// Names this state of the item on this daemon.
    pub etag: String,
    /// Its place in the stable order of lists; opaque.
    pub position: String,
    /// Whether it is removed. Markings say so in their members too.
    pub removed: bool,
}

/// Markings as an app sends them that brings no cursor.
#[derive(Clone, Debug)]
pub struct MarkingsPut {
    /// What is to be done to them.
    pub action: MarkingsAction,
    /// The markings, each identity once.
    pub items: Vec<Item>,
    /// The account of new ones that name none.
    pub account: Option<i64>,
}

/// What an app does to markings without a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkingsAction {
    /// They say this now; what is not known is created.
    Post,
    /// Their notes say this now. Nothing is created.
    EditNote,
    /// They are removed; what is not known is kept whole, as removed.
    Remove,
}

/// What became of a [`MarkingsPut`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarkingsDone {
    /// The documented members of those that were taken, as they are now.
    pub markings: Vec<Map<String, Value>>,
    /// What was wrong with the others; what is merely not known is in neither.
    pub errors: Vec<String>,
}

/// A node as an app sends it.
#[derive(Clone, Debug)]
pub struct NodePut {
    /// Its tenant.
    pub space: Space,
    /// The members that were sent, by their documented names and as their types.
    pub members: Map<String, Value>,
    /// It came in a form that has no objects and arrays in `props`.
    pub textual: bool,
    /// A removed node is to be there again.
    pub revives: bool,
    /// The moment, for dates that were not sent; decides nothing.
    pub now: String,
    /// A GUID for a node that brings no name at all.
    pub fresh: String,
}

/// What finds a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeName {
    /// Any `nodeId` it was given; lower-case with hyphens.
    Guid(String),
    /// Its type and id.
    Key(NodeKey),
    /// Its document.
    Doc(DocId),
}

/// Which nodes. Members that are absent do not matter.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the members are those of a node")]
pub struct NodeFilter {
    pub space: Space,
    pub node_id: Option<String>,
    pub ty: Option<String>,
    pub id: Option<String>,
    pub parent_type: Option<String>,
    pub parent_id: Option<String>,
    pub title: Option<String>,
    /// A text that `props` hold somewhere.
    pub body: Option<String>,
    pub created: DateRange,
    pub updated: DateRange,
    /// Properties by name, and what they say.
    pub props: Vec<(String, String)>,
    /// Only removed ones, or only those that are not; `None`: both.
    pub removed: Option<bool>,
    /// At most so many.
    pub limit: usize,
    /// Without the first so many.
    pub skip: usize,
    /// Those after this [`ItemView::position`].
    pub after: Option<String>,
}

impl NodeFilter {
    /// Every node of a tenant that is there.
    pub fn of(space: Space) -> NodeFilter {
        NodeFilter {
            space,
            node_id: None,
            ty: None,
            id: None,
            parent_type: None,
            parent_id: None,
            title: None,
            body: None,
            created: DateRange::default(),
            updated: DateRange::default(),
            props: Vec::new(),
            removed: Some(false),
            limit: usize::MAX,
            skip: 0,
            after: None,
        }
    }
}

/// A span of dates, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct DateRange {
    /// From here on.
    pub after: Option<i64>,
    /// Up to here, this one left out.
    pub before: Option<i64>,
}

/// A sync token as a client asks for it.
#[derive(Clone, Debug)]
pub struct TokenPut {
    /// Its tenant.
    pub space: Space,
    /// The members that were sent.
    pub sent: Map<String, Value>,
    /// Its id, when none was sent.
    pub fresh: String,
    /// The moment, for its dates; decides nothing.
    pub now: String,
    /// Anchors of sixteen digits.
    pub short: bool,
}

/// A page of a token's window.
#[derive(Clone, Debug)]
pub struct WindowPage {
    /// Nodes that are there.
    pub nodes: Vec<Map<String, Value>>,
    /// How many there are in the window.
    pub total: usize,
    /// `nodeId`s of all that are removed.
    pub removed: Vec<String>,
}

/// A message of a field app.
#[derive(Clone, Debug)]
pub struct MessagePut {
    /// The tenant that keeps it.
    pub space: Space,
    /// Its representation, filled in.
    pub message: Map<String, Value>,
    /// What it asks for.
    pub action: MessageAction,
}

/// What a message asks for.
#[derive(Clone, Debug)]
pub enum MessageAction {
    /// These nodes go, each in its tenant.
    Remove(Vec<(Space, NodeName)>),
    /// These come, or change.
    Put(Vec<NodePut>),
}

/// What is exported and imported (REFERENCE A).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordsOf {
    /// Reading activities, and each change of a marking. What is imported are reading activities.
    Activities,
    /// Markings, removed ones too.
    Markings,
    /// Accounts.
    Contacts,
    /// Nodes that are there.
    Nodes {
        /// Of this tenant.
        space: Space,
        /// Of this type.
        ty: String,
    },
}

/// Rows to be imported, in one transaction.
pub struct ImportPut {
    /// What the rows are.
    pub into: RecordsOf,
    /// Key by which a row is known; without one it is that of the object (`syncGuid`, `AccountId`, a node's names).
    pub identifier: Option<String>,
    /// Update rules by key; [`UpdateRule::Always`] for the others.
    pub rules: Vec<(String, UpdateRule)>,
    /// A row that names several items changes all of them; otherwise it is rejected.
    pub all_matches: bool,
    /// Index of the first row in its sync.
    pub first: u64,
    /// Names the sync: new items that bring no GUID are given one of it and their index.
    pub seed: Vec<u8>,
    /// Values by key.
    pub rows: Vec<Map<String, Value>>,
    /// The moment, for dates of nodes that were not sent; decides nothing.
    pub now: String,
    /// Makes the rows of the shelf that are to be on disk with the edits, or not at all. It runs in the writer: it must
    /// be short.
    pub shelve: Shelve,
}

/// Makes rows of the shelf of what became of the rows of an import.
pub type Shelve = Box<dyn FnOnce(&[Imported]) -> Vec<ShelfRow> + Send>;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is a new item.
    Created,
    /// It changed what was there.
    Updated,
    /// It said nothing new.
    Unchanged,
    /// It could not be used, and wrote nothing.
    Rejected {
        /// The documented status code.
        code: &'static str,
        /// Why, for people.
        message: String,
        /// Keys of the values that are at fault.
        keys: Vec<String>,
    },
}

/// A name on the shelf, and what it is to hold; `None` takes it off.
pub type ShelfRow = (Vec<u8>, Option<Vec<u8>>);

/// A name on the shelf, and what it holds.
pub type Shelved = (Vec<u8>, Vec<u8>);

/// One key of one item that holds more than one value.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictView {
    /// Names the conflict.
    pub id: String,
    /// Its space.
    pub space: Space,
    /// What kind of item.
    pub kind: Kind,
    /// The item's identity.
    pub item: String,
    /// The member; `place` for the members that move as one.
    pub member: String,
    /// The value in force.
    pub value: Value,
    /// The values that lost, with the device that wrote each.
    pub others: Vec<(Value, Option<DeviceId>)>,
}

/// The answer to a `synchronize` request.
#[derive(Clone, Debug)]
pub struct Synchronized {
    /// In the documented shape, to be written by the caller.
    pub answer: Answer,
}
