//! One run of a definition, or one exchange with a peer.

use std::collections::BTreeSet;

use quire_protocol::shapes::bulk::date::stamp;
use quire_protocol::shapes::bulk::definition::Draft;
use quire_protocol::shapes::bulk::sync::Instance;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::definition::{Named, Staged, Stamp, Way};
use super::log::{Code, Item};

/// Where a sync is in its life (REFERENCE A3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Pending,
    Active,
    Success,
    Warning,
    Error,
}

impl Status {
    pub fn has_ended(self) -> bool {
        !matches!(self, Status::Pending | Status::Active)
    }

    pub fn word(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Active => "active",
            Status::Success => "success",
            Status::Warning => "warning",
            Status::Error => "error",
        }
    }
}

/// What is synced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Subject {
    Definition(Named),
    /// A device, by its id in hex.
    Peer(String),
}

impl Subject {
    pub fn of(instance: Instance) -> Subject {
        match instance {
            Instance::Definition { object, is_import, id } => {
                let way = if is_import { Way::Import } else { Way::Export };
                Subject::Definition(Named { object, way, id })
            }
            Instance::Peer(device) => Subject::Peer(device),
        }
    }

    pub fn uri(&self) -> String {
        match self {
            Subject::Definition(named) => named.to_string(),
            Subject::Peer(device) => format!("/peers/{device}"),
        }
    }
}

/// Exported rows as they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exported {
    pub rows: u64,
    pub bytes: u64,
    /// Their file is still there.
    pub kept: bool,
}

/// How far it is. That of an import is written in the transaction of the rows that it counts; that of an export is in
/// memory only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Rows that were gone through, over all uploads.
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub rejected: u64,
}

/// A sync as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sync {
    pub id: u64,
    pub subject: Subject,
    #[serde(default)]
    pub callback: Option<String>,
    pub status: Status,
    pub created: Stamp,
    #[serde(default)]
    pub started_at: Option<i64>,
    #[serde(default)]
    pub ended_at: Option<i64>,
    #[serde(default)]
    pub logs: Vec<Item>,
    /// The definition as it was when the sync was made; dropped when it has ended.
    #[serde(default)]
    pub draft: Option<Draft>,
    /// How long what it leaves is kept, in milliseconds.
    #[serde(default)]
    pub retention: i64,
    #[serde(default)]
    pub exported: Option<Exported>,
    /// Imports only: the rows it took from staging; dropped when it has ended.
    #[serde(default)]
    pub staged: Vec<Staged>,
    #[serde(default)]
    pub progress: Progress,
    /// Imports only: members of rows that are no fields of the definition.
    #[serde(default)]
    pub unknown: BTreeSet<String>,
    /// Imports only: rejected rows that are kept.
    #[serde(default)]
    pub rejects: u64,
    /// Its callback address is still to be called.
    #[serde(default)]
    pub to_call: bool,
}

impl Sync {
    /// One that waits for its turn, and leaves nothing but itself.
    pub fn new(id: u64, subject: Subject, callback: Option<String>, created: Stamp) -> Sync {
        Sync {
            id,
            subject,
            to_call: callback.is_some(),
            callback,
            status: Status::Pending,
            created,
            started_at: None,
            ended_at: None,
            logs: Vec::new(),
            draft: None,
            retention: 0,
            exported: None,
            staged: Vec::new(),
            progress: Progress::default(),
            unknown: BTreeSet::new(),
            rejects: 0,
        }
    }

    /// As it is answered: absent members are left out.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut tell = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                shown.insert(name.to_owned(), value.into());
            }
        };
        tell("syncedInstanceUri", Some(self.subject.uri()));
        tell("callbackUrl", self.callback.clone());
        tell("syncStartedAt", self.started_at.map(stamp));
        tell("syncEndedAt", self.ended_at.map(stamp));
        tell("status", Some(self.status.word().to_owned()));
        tell("createdAt", Some(stamp(self.created.at)));
        tell("createdBy", Some(self.created.by.clone()));
        tell("uri", Some(format!("/syncs/{}", self.id)));
        shown
    }

    pub fn named(&self) -> Option<Named> {
        match self.subject {
            Subject::Definition(named) => Some(named),
            Subject::Peer(_) => None,
        }
    }

    pub fn way(&self) -> Option<Way> {
        self.named().map(|named| named.way)
    }

    /// Whether what it left is no longer kept, or will not be from now on.
    pub fn is_outlived(&self, now: i64) -> bool {
        self.ended_at.is_some_and(|ended| now.saturating_sub(ended) >= self.retention)
    }

    /// Bytes of exported rows on the disk.
    pub fn bytes(&self) -> u64 {
        self.exported.filter(|exported| exported.kept).map_or(0, |exported| exported.bytes)
    }

    /// How far it is, while it runs.
    pub fn so_far(&self, now: i64) -> Option<Item> {
        let runs = self.status == Status::Active && self.named().is_some();
        runs.then(|| Code::PROCESSED.count(self.progress.rows, now))
    }

    pub fn staged_rows(&self) -> u64 {
        self.staged.iter().map(Staged::left).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use quire_protocol::shapes::bulk::object::Object;
    use serde_json::json;

    fn documented() -> Sync {
        let named = Named { object: Object::Activities, way: Way::Export, id: 7 };
        let stamp = Stamp { site: "APITest".into(), by: "API.User".into(), at: 1_443_204_512_348 };
        let callback = Some("http://www.example.com".into());
        Sync { retention: 1_000, ..Sync::new(66100, Subject::Definition(named), callback, stamp) }
    }

    #[test]
    fn a_new_sync_is_answered_as_the_page_prints_it() {
        let text = Value::Object(documented().shown()).to_string();
        let wanted = json!({
            "syncedInstanceUri": "/activities/exports/7",
            "callbackUrl": "http://www.example.com",
            "status": "pending",
            "createdAt": "2015-09-25T18:08:32.3480000Z",
            "createdBy": "API.User",
            "uri": "/syncs/66100",
        });
        assert_eq!(text, wanted.to_string());
    }

    #[test]
    fn a_sync_comes_back_from_its_bytes_and_lives_for_its_retention() {
        let mut sync = documented();
        sync.ended_at = Some(5_000);
        let kept: Sync = serde_json::from_slice(&serde_json::to_vec(&sync).unwrap()).unwrap();
        assert_eq!(kept, sync);
        assert!(!sync.is_outlived(5_999));
        assert!(sync.is_outlived(6_000));
        assert!(!sync.is_outlived(0));
    }
}
