//! How long things are kept. What has outlived its time is refused at once, by whoever asks; here its place is freed.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};

use super::change::Change;
use super::error::Result;
use super::inner::Inner;
use super::limits::{MAX_SYNCS, SWEEP};
use super::registry::Registry;
use super::shelf;
use super::sync::Sync;

/// Rejected rows that are removed in one transaction.
const REMOVED: usize = 1_000;

/// Removes files that belong to nothing: what a crash left between a file and its row.
pub(super) fn remove_unknown_files(inner: &Inner) {
    let known = known_files(inner);
    inner.files.sweep(|path| known.contains(path));
}

/// Has every file rest as the store does, since `encrypt` may have changed.
pub(super) fn cover_files(inner: &Inner) -> Result<()> {
    for path in known_files(inner) {
        match inner.files.cover(path) {
            // A restored backup has the rows without their files.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

fn known_files(inner: &Inner) -> HashSet<PathBuf> {
    let registry = inner.registry();
    let mut known = HashSet::new();
    let staged = registry.definitions.values().flat_map(|definition| &definition.staged);
    for upload in staged.chain(registry.syncs.values().flat_map(|sync| &sync.staged)) {
        known.insert(inner.files.upload(upload.upload));
    }
    for sync in registry.syncs.values().filter(|sync| sync.exported.is_some_and(|exported| exported.kept)) {
        known.extend([inner.files.rows(sync.id), inner.files.index(sync.id)]);
    }
    known
}

/// Frees places now and then, until the service stops.
pub(super) fn start(inner: &Arc<Inner>) {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let mut stop = inner.stop.subscribe();
        let mut turns = interval(SWEEP);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = turns.tick() => {}
            }
            if let Err(error) = turn(&inner).await {
                tracing::warn!(%error, "bulk data that is no longer kept could not be removed; it is tried again");
            }
        }
    });
}

async fn turn(inner: &Arc<Inner>) -> Result<()> {
    forget_missing(inner).await?;
    sweep(inner).await
}

/// Exported rows whose file is not there are gone, and so are uploads: a backup has their rows without them.
async fn forget_missing(inner: &Arc<Inner>) -> Result<()> {
    let (exports, uploads) = {
        let registry = inner.registry();
        let exports = ids(&registry, |sync| {
            sync.exported.is_some_and(|exported| exported.kept) && !inner.files.rows(sync.id).exists()
        });
        let is_missing = |upload: u64| !inner.files.upload(upload).exists();
        let definitions = registry.definitions.values();
        let uploads: Vec<_> = definitions
            .filter(|known| known.staged.iter().any(|staged| is_missing(staged.upload)))
            .map(|known| known.named)
            .collect();
        (exports, uploads)
    };
    for id in exports {
        tracing::warn!(sync = id, "the file of exported rows is gone");
        inner.forget_rows(id).await?;
    }
    for named in uploads {
        tracing::warn!(%named, "a file of staged rows is gone; what was staged must be sent again");
        inner.clear(named).await?;
    }
    Ok(())
}

/// Frees the places of everything that has outlived its time.
pub(super) async fn sweep(inner: &Arc<Inner>) -> Result<()> {
    let now = inner.now();
    let (rows, rejects, definitions, staged, syncs) = {
        let registry = inner.registry();
        (
            ids(&registry, |sync| sync.bytes() > 0 && sync.is_outlived(now)),
            ids(&registry, |sync| sync.rejects > 0 && sync.is_outlived(now)),
            registry
                .definitions
                .values()
                .filter(|known| known.is_outlived(now))
                .map(|known| known.named)
                .collect::<Vec<_>>(),
            registry
                .definitions
                .values()
                .filter(|known| known.has_old_staging(now))
                .map(|known| known.named)
                .collect::<Vec<_>>(),
            surplus(&registry),
        )
    };
    for id in rows {
        inner.forget_rows(id).await?;
    }
    for id in rejects {
        forget_rejects(inner, id).await?;
    }
    for named in definitions {
        // One that a sync runs waits for its end.
        if inner.registry().running(named).is_none() {
            inner.delete_definition(named, true).await?;
        }
    }
    for named in staged {
        forget_staging(inner, named, now).await?;
    }
    for id in syncs {
        forget_rejects(inner, id).await?;
        inner
            .commit(move |_, changes| {
                changes.push(Change::RemoveSync(id));
                Ok(())
            })
            .await?;
        inner.remove_files(Vec::new(), vec![id]).await;
    }
    Ok(())
}

fn ids(registry: &Registry, wanted: impl Fn(&Sync) -> bool) -> Vec<u64> {
    registry.syncs.values().filter(|sync| wanted(sync)).map(|sync| sync.id).collect()
}

/// Ended syncs beyond the bound, oldest first.
fn surplus(registry: &Registry) -> Vec<u64> {
    let ended = ids(registry, |sync| sync.status.has_ended() && !sync.to_call);
    let many = registry.syncs.len().saturating_sub(MAX_SYNCS);
    ended.into_iter().take(many).collect()
}

async fn forget_staging(inner: &Arc<Inner>, named: super::definition::Named, now: i64) -> Result<()> {
    let uploads = inner
        .commit(move |registry, changes| {
            let Some(known) = registry.definitions.get(&named) else { return Ok(Vec::new()) };
            let mut definition = known.clone();
            let (old, kept) = definition.staging_by_age(now);
            definition.staged = kept;
            changes.push(Change::definition(definition));
            Ok(old)
        })
        .await?;
    if !uploads.is_empty() {
        tracing::warn!(%named, uploads = uploads.len(), "staged rows that nobody synced have outlived their time and are removed");
    }
    inner.remove_files(uploads.iter().map(|staged| staged.upload).collect(), Vec::new()).await;
    Ok(())
}

/// Rows go first, the sync says so last: after a crash in between it is tried again.
async fn forget_rejects(inner: &Arc<Inner>, id: u64) -> Result<()> {
    loop {
        let (engine, prefix) = (inner.engine.clone(), shelf::rejects(id));
        let read = tokio::task::spawn_blocking(move || engine.shelf(&prefix, None, REMOVED)).await;
        let rows = match read {
            Ok(rows) => rows?,
            Err(_) => return Ok(()),
        };
        let is_last = rows.len() < REMOVED;
        inner
            .commit(move |registry, changes| {
                changes.extend(rows.into_iter().map(|(name, _)| Change::Remove(name)));
                if is_last && let Ok(sync) = registry.sync(id) {
                    changes.push(Change::sync(Sync { rejects: 0, ..sync.clone() }));
                }
                Ok(())
            })
            .await?;
        if is_last {
            return Ok(());
        }
    }
}
