//! The Bulk service (contract 6, REFERENCE A): definitions of exports and imports, the syncs that run them, and what
//! they staged or exported.

use std::io;

use quire_protocol::shapes::bulk::object::Object;
use serde_json::{Map, Value};

/// The service; cheap to clone.
#[derive(Clone)]
pub struct Bulk;

/// Who calls: the user name as it is shown in `createdBy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The site (company), empty when none was told.
    pub site: String,
    /// The name.
    pub user: String,
    /// True when the user is one of the configuration's; false where nobody needs to be.
    pub known: bool,
}

/// Exports or imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Data goes out.
    Export,
    /// Data comes in.
    Import,
}

/// What names a definition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// Of which object.
    pub object: Object,
    /// Which way.
    pub way: Way,
    /// Its number, from 1 on, for its object and way.
    pub id: u64,
}

/// Whose data is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataOf {
    /// Of the latest finished sync of this definition.
    Definition(Named),
    /// Of this sync.
    Sync(u64),
}

/// Rows as they are uploaded.
#[derive(Clone, Debug)]
pub enum Upload {
    /// A JSON array of objects.
    Json(bytes::Bytes),
    /// CSV with a header row.
    Csv(bytes::Bytes),
}

/// Exported data, to be streamed.
pub struct Data {
    /// Rows there are in all.
    pub total: u64,
    /// Names of the columns, in the order of the definition.
    pub names: Vec<String>,
    /// Rows from the offset on; each has a value for each name. Blocks on the disk: not for a runtime's thread.
    pub rows: Box<dyn Iterator<Item = io::Result<Vec<String>>> + Send>,
}

/// A member of a request that cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The member.
    pub field: String,
    /// What was sent.
    pub value: Value,
    /// What it must be.
    pub constraint: String,
    /// Where in the value it goes wrong: characters from 0.
    pub position: Option<usize>,
}

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// 400: members cannot be used.
    #[error("the request cannot be used")]
    Invalid(Vec<Failure>),
    /// 403: another user's.
    #[error("it belongs to another user")]
    Forbidden,
    /// 404: there is no such thing.
    #[error("there is no such resource")]
    NotFound,
    /// 409: a sync of the definition is active.
    #[error("sync {sync} of {uri} has not ended")]
    Active {
        /// The number of the sync that is.
        sync: u64,
        /// The definition.
        uri: String,
    },
    /// 410: it was there.
    #[error("it is no longer kept")]
    Gone,
    /// 412: something depends on it.
    #[error("something depends on it")]
    InUse,
    /// 413: the storage that the configuration allows is used up.
    #[error("the storage for bulk data is used up")]
    Full,
    /// 500: a file or the store failed.
    #[error("bulk data cannot be read or written: {0}")]
    Failed(String),
    /// 503: too much waits already, or the daemon stops.
    #[error("too many syncs wait")]
    Busy,
}

/// Result of a service call.
pub type Result<T, E = BulkError> = std::result::Result<T, E>;

#[allow(missing_docs, unused_variables)]
impl Bulk {
    /// Who calls, by the content of `Authorization` (any scheme but Basic, or none, is nobody). `None`: credentials that do not hold, or none where users are configured.
    pub async fn authenticate(&self, authorization: Option<&[u8]>) -> Option<Caller> {
        todo!()
    }
    /// Definitions, of one object or of all, in the order of their creation, as they are shown. Blocks on the disk for custom objects.
    pub fn definitions(&self, of: Option<&Object>, way: Way) -> Result<Vec<Map<String, Value>>> {
        todo!()
    }
    pub async fn create_definition(
        &self,
        caller: &Caller,
        object: Object,
        way: Way,
        sent: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        todo!()
    }
    pub async fn definition(&self, named: &Named) -> Result<Map<String, Value>> {
        todo!()
    }
    pub async fn change_definition(
        &self,
        caller: &Caller,
        named: &Named,
        sent: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        todo!()
    }
    pub async fn delete_definition(&self, named: &Named) -> Result<()> {
        todo!()
    }
    /// Fields of an object. Blocks on the disk.
    pub fn fields(&self, of: &Object) -> Result<Vec<Map<String, Value>>> {
        todo!()
    }
    /// Custom objects. Blocks on the disk.
    pub fn custom_objects(&self) -> Result<Vec<Map<String, Value>>> {
        todo!()
    }
    /// Stages rows; gives the sync that began by it, when the definition says so.
    pub async fn stage(
        &self,
        caller: &Caller,
        named: &Named,
        upload: Upload,
    ) -> Result<Option<Map<String, Value>>> {
        todo!()
    }
    /// Throws staged rows away.
    pub async fn clear(&self, named: &Named) -> Result<()> {
        todo!()
    }
    pub async fn create_sync(&self, caller: &Caller, sent: Map<String, Value>) -> Result<Map<String, Value>> {
        todo!()
    }
    /// Syncs in the order of their creation.
    pub fn syncs(&self) -> Vec<Map<String, Value>> {
        todo!()
    }
    pub fn sync(&self, id: u64) -> Result<Map<String, Value>> {
        todo!()
    }
    pub fn logs(&self, id: u64) -> Result<Vec<Map<String, Value>>> {
        todo!()
    }
    /// A page of rejected rows, and how many there are. Blocks on the disk.
    pub fn rejects(&self, id: u64, offset: u64, limit: u64) -> Result<(Vec<Map<String, Value>>, u64)> {
        todo!()
    }
    /// Exported data from a row on. Blocks on the disk.
    pub fn data(&self, caller: &Caller, of: &DataOf, offset: u64) -> Result<Data> {
        todo!()
    }
    pub async fn delete_data(&self, caller: &Caller, of: &DataOf) -> Result<()> {
        todo!()
    }
}
