//! Why the service does not do what it is asked.

use quire_protocol::shapes::bulk::failure::Failure;
use serde_json::Value;

use crate::engine::EngineError;
use crate::store::StoreError;

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

impl BulkError {
    /// One member that cannot be used.
    pub(super) fn invalid(field: &str, value: impl Into<Value>, constraint: impl Into<String>) -> BulkError {
        BulkError::Invalid(vec![Failure::new(field, &value.into(), constraint)])
    }
}

impl From<std::io::Error> for BulkError {
    fn from(error: std::io::Error) -> BulkError {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => BulkError::Full,
            _ => BulkError::Failed(error.to_string()),
        }
    }
}

impl From<EngineError> for BulkError {
    fn from(error: EngineError) -> BulkError {
        match error {
            EngineError::Stopping | EngineError::Behind => BulkError::Busy,
            EngineError::Store(StoreError::Full(_)) => BulkError::Full,
            EngineError::Store(StoreError::Database(_) | StoreError::ReadOnly(_)) => BulkError::Busy,
            other => BulkError::Failed(other.to_string()),
        }
    }
}
