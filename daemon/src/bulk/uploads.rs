//! Staging: rows that wait for a sync.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::change::Change;
use super::definition::{Named, Staged, Stamp, Way};
use super::error::{BulkError, Result};
use super::inner::Inner;
use super::limits::{MAX_STAGED, MAX_UPLOADS};
use super::registry::Registry;
use super::staging::{Upload, write_rows};
use super::users::Caller;

/// Storage that is taken before the registry knows of it; given back when this is dropped.
pub(super) struct Reserved {
    inner: Arc<Inner>,
    bytes: u64,
}

impl Reserved {
    /// Takes nothing yet.
    pub fn none(inner: &Arc<Inner>) -> Reserved {
        Reserved { inner: Arc::clone(inner), bytes: 0 }
    }

    /// Takes so many bytes in all.
    ///
    /// # Errors
    /// [`BulkError::Full`]: the configuration allows no more.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        let more = bytes.saturating_sub(self.bytes);
        let storage = self.inner.storage.load(Ordering::Relaxed);
        let kept = self.inner.registry().bytes();
        let reserved = self.inner.reserved.fetch_add(more, Ordering::Relaxed) + more;
        self.bytes += more;
        if kept + reserved > storage { Err(BulkError::Full) } else { Ok(()) }
    }
}

impl Reserved {
    /// Says how many rows an export has written so far.
    pub fn note_rows(&self, sync: u64, rows: u64) {
        if let Some(sync) = self.inner.registry().syncs.get_mut(&sync) {
            sync.progress.rows = rows;
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.inner.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Inner {
    pub async fn stage(
        self: &Arc<Self>,
        caller: &Caller,
        named: Named,
        upload: Upload,
    ) -> Result<Option<Map<String, Value>>> {
        let triggers = self.may_stage(named)?;
        let number = self.next_upload().await?;
        let stamp = Stamp::new(caller, self.now());
        let inner = Arc::clone(self);
        let (rows, bytes, reserved) =
            tokio::task::spawn_blocking(move || inner.write_upload(number, &upload))
                .await
                .unwrap_or(Err(BulkError::Busy))?;
        let staged = Staged { upload: number, rows, done: 0, bytes, at: stamp.at, by: stamp.by };
        if let Err(error) = self.keep_upload(named, staged).await {
            self.remove_files(vec![number], Vec::new()).await;
            return Err(error);
        }
        drop(reserved);
        if !triggers {
            return Ok(None);
        }
        let sent = json!({ "syncedInstanceUri": named.to_string() });
        match self.create_sync(caller, sent.as_object().unwrap_or(&Map::new())).await {
            // The rows are staged, and who sent them again would have them twice: another sync takes them.
            Err(BulkError::Active { .. } | BulkError::Busy) => Ok(None),
            begun => begun.map(Some),
        }
    }

    /// Whether a sync begins by it.
    fn may_stage(&self, named: Named) -> Result<bool> {
        let registry = self.registry();
        let definition = registry.definition(named, self.now())?;
        let triggers = definition.draft.is_sync_triggered_on_import;
        match registry.running(named) {
            Some(sync) if triggers => Err(BulkError::Active { sync, uri: named.to_string() }),
            _ => Ok(triggers),
        }
    }

    async fn next_upload(self: &Arc<Self>) -> Result<u64> {
        self.commit(|registry, changes| {
            let mut counters = registry.counters.clone();
            counters.upload += 1;
            let number = counters.upload;
            changes.push(Change::Counters(counters));
            Ok(number)
        })
        .await
    }

    fn write_upload(self: &Arc<Self>, number: u64, upload: &Upload) -> Result<(u64, u64, Reserved)> {
        let mut reserved = Reserved::none(self);
        let (Upload::Json(sent) | Upload::Csv(sent)) = upload;
        reserved.grow(sent.len() as u64)?;
        let mut file = self.files.create(self.files.upload(number))?;
        // Rows of CSV repeat the names of their columns: what is written is counted, not only what was sent.
        let rows = write_rows(upload, &mut file, &mut |bytes| reserved.grow(bytes))?;
        reserved.grow(file.bytes)?;
        Ok((rows, file.keep()?, reserved))
    }

    async fn keep_upload(self: &Arc<Self>, named: Named, staged: Staged) -> Result<()> {
        self.commit(move |registry, changes| {
            let mut definition = registry.definition(named, staged.at)?.clone();
            if definition.staged.len() >= MAX_UPLOADS {
                let constraint = format!("At most {MAX_UPLOADS} uploads for one sync.");
                return Err(BulkError::invalid("data", definition.staged.len(), constraint));
            }
            if definition.staged_bytes() + staged.bytes > MAX_STAGED {
                return Err(BulkError::Full);
            }
            definition.used_at = staged.at;
            definition.staged.push(staged);
            changes.push(Change::definition(definition));
            Ok(())
        })
        .await
    }

    pub async fn clear(self: &Arc<Self>, named: Named) -> Result<()> {
        let now = self.now();
        let uploads = self.commit(move |registry, changes| cleared(registry, named, now, changes)).await?;
        self.remove_files(uploads.iter().map(|staged| staged.upload).collect(), Vec::new()).await;
        Ok(())
    }
}

/// What a sync has taken already is no longer staged, and stays.
fn cleared(registry: &Registry, named: Named, now: i64, changes: &mut Vec<Change>) -> Result<Vec<Staged>> {
    let mut definition = registry.definition(named, now)?.clone();
    if named.way != Way::Import {
        return Err(BulkError::NotFound);
    }
    let uploads = std::mem::take(&mut definition.staged);
    changes.push(Change::definition(definition));
    Ok(uploads)
}
