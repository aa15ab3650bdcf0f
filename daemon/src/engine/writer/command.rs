//! What the writer can be asked.

use std::sync::mpsc::SyncSender;

use quire_protocol::clock::Clock;
use quire_protocol::id::{ChangeId, DeviceId, DocId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, Scope};
use quire_protocol::message::Credentials;
use quire_protocol::shapes::model::{Answer, SynchronizationModel};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::engine::{
    EngineError, ImportPut, Imported, Ingested, ItemView, MarkingsDone, MarkingsPut, MessageAction,
    MessagePut, NodeName, NodePut, RosterChange, ShelfRow, TokenPut,
};
use crate::replica::{Pending, View};

/// Where a caller waits.
pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// Items of a request, and bytes of segments, up to which a command may follow others in a sitting: its readers
/// wait for all of it.
const FEW_ITEMS: usize = 16;
const FEW_BYTES: usize = 16 * 1024;

/// What the writer can be asked.
#[allow(missing_docs)]
pub(in crate::engine) enum Command {
    Synchronize {
        model: Box<SynchronizationModel>,
        candidates: Vec<i64>,
        now_ms: i64,
        reply: Reply<Told>,
    },
    Ingest {
        peer: DeviceId,
        segments: Vec<(Space, Incarnation, Vec<u8>)>,
        reply: Reply<Vec<Ingested>>,
    },
    Learn {
        credentials: Credentials,
        reply: Reply<()>,
    },
    AddPeer {
        card: DeviceCard,
        scopes: Vec<Scope>,
        brought: Credentials,
        addresses: Vec<String>,
        reply: Reply<()>,
    },
    Roster {
        change: RosterChange,
        reply: Reply<bool>,
    },
    RememberAddress {
        peer: DeviceId,
        address: String,
        reply: Reply<()>,
    },
    Acknowledge {
        peer: DeviceId,
        space: Space,
        clock: Clock,
    },
    Patch {
        guid: String,
        members: Map<String, Value>,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    Remove {
        guid: String,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    Restore {
        space: Space,
        doc: DocId,
        version: ChangeId,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    Resolve {
        id: String,
        value: Value,
        reply: Reply<Option<ItemView>>,
    },
    PutMarkings {
        put: Box<MarkingsPut>,
        reply: Reply<MarkingsDone>,
    },
    Register {
        device: String,
        reply: Reply<i64>,
    },
    PutNode {
        put: Box<NodePut>,
        reply: Reply<ItemView>,
    },
    PatchNode {
        name: NodeName,
        put: Box<NodePut>,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    RemoveNode {
        space: Space,
        name: NodeName,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    PutMessage {
        put: Box<MessagePut>,
        reply: Reply<Map<String, Value>>,
    },
    PutToken {
        put: Box<TokenPut>,
        reply: Reply<Map<String, Value>>,
    },
    Import {
        put: Box<ImportPut>,
        reply: Reply<Vec<Imported>>,
    },
    Probe {
        reply: Reply<()>,
    },
    Shelve {
        rows: Vec<ShelfRow>,
        reply: Reply<()>,
    },
    /// Ends the sitting, so that readers see what was answered.
    Show {
        done: SyncSender<()>,
    },
    Stop {
        reply: Reply<()>,
    },
}

impl Command {
    /// Done so soon that readers may wait for it.
    pub(super) fn is_small(&self) -> bool {
        match self {
            Command::Synchronize { model, .. } => model.items.len() <= FEW_ITEMS,
            Command::Ingest { segments, .. } => {
                segments.iter().map(|(_, _, encoded)| encoded.len()).sum::<usize>() <= FEW_BYTES
            }
            Command::PutMarkings { put, .. } => put.items.len() <= FEW_ITEMS,
            Command::PutMessage { put, .. } => match &put.action {
                MessageAction::Remove(names) => names.len() <= FEW_ITEMS,
                MessageAction::Put(nodes) => nodes.len() <= FEW_ITEMS,
            },
            Command::Import { .. } => false,
            Command::Shelve { rows, .. } => {
                let bytes = |(name, value): &ShelfRow| name.len() + value.as_ref().map_or(0, Vec::len);
                rows.len() <= FEW_ITEMS && rows.iter().map(bytes).sum::<usize>() <= FEW_BYTES
            }
            _ => true,
        }
    }
}

/// How a `synchronize` request is answered.
pub(in crate::engine) enum Told {
    /// With this.
    Answer(Box<Answer>),
    /// With what is read from here.
    News(Box<(Pending, View)>),
}

/// A command, and whether it is worth a commit of its own.
pub(in crate::engine) struct Job {
    /// In a box: a place in the queue is there also while nobody waits in it (0.8 MB of them without).
    pub(super) command: Box<Command>,
    pub(super) lazy: bool,
}

impl Job {
    /// A command whose caller waits.
    pub(in crate::engine) fn new(command: Command) -> Job {
        Job { command: Box::new(command), lazy: false }
    }

    /// A command that goes with the next commit.
    pub(in crate::engine) fn later(command: Command) -> Job {
        Job { command: Box::new(command), lazy: true }
    }
}
