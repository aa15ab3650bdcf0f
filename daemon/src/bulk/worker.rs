//! The life of a sync after it was made: its turn, its work, its end, its callback.

use std::sync::Arc;
use std::sync::PoisonError;

use bytes::Bytes;

use super::callback::{self, Called};
use super::change::Change;
use super::definition::{Named, Way};
use super::error::{BulkError, Result};
use super::log::{Code, Item, Severity};
use super::service::Inner;
use super::sync::{Exported, Progress, Status, Subject, Sync};
use super::{exchange, export, import};

/// What became of the work.
pub(super) enum Outcome {
    /// The daemon stops; it goes on after the next start.
    Stopped,
    /// It has ended so.
    Ended { status: Status, logs: Vec<Item>, exported: Option<Exported> },
}

impl Outcome {
    /// It cannot be done; `progress` is what was, all the same.
    pub fn failed(now: i64, what: &str, error: &BulkError, progress: Option<Progress>) -> Outcome {
        tracing::warn!(%error, what, "a bulk sync failed");
        let mut logs: Vec<Item> =
            progress.map(|progress| import::done_so_far(progress, now)).into_iter().collect();
        logs.push(match error {
            BulkError::Full => Code::FULL.count(0, now).as_(Severity::Error),
            BulkError::Invalid(failures) => {
                let words: Vec<&str> = failures.iter().map(|failure| failure.constraint.as_str()).collect();
                Code::CONSTRAINT.with(&[&words.join(" ")], now).as_(Severity::Error)
            }
            BulkError::Busy => Code::TEMPORARY.count(0, now).as_(Severity::Error),
            _ => Code::FAILED.with(&[what], now).as_(Severity::Error),
        });
        Outcome::Ended { status: Status::Error, logs, exported: None }
    }
}

/// Goes on with what had not ended when the daemon did.
pub(super) fn resume(inner: &Arc<Inner>) {
    let (running, to_call) = {
        let registry = inner.registry();
        let running: Vec<u64> =
            registry.syncs.values().filter(|sync| !sync.status.has_ended()).map(|sync| sync.id).collect();
        let ended = registry.syncs.values().filter(|sync| sync.status.has_ended() && sync.to_call);
        (running, ended.map(|sync| sync.id).collect::<Vec<_>>())
    };
    running.into_iter().for_each(|id| begin(inner, id));
    to_call.into_iter().for_each(|id| call_back(inner, id));
}

/// Has a sync wait for its turn, and run.
pub(super) fn begin(inner: &Arc<Inner>, id: u64) {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let turn = inner.active.acquire().await;
        if turn.is_err() || inner.is_stopping() {
            return;
        }
        if run(&inner, id).await {
            drop(turn);
            call_back(&inner, id);
        }
    });
}

/// Runs a sync; true when it has ended.
async fn run(inner: &Arc<Inner>, id: u64) -> bool {
    let outcome = match start(inner, id).await {
        Ok(sync) => work(inner, sync).await,
        Err(error) => Outcome::failed(inner.now(), "sync", &error, None),
    };
    match outcome {
        Outcome::Stopped => false,
        Outcome::Ended { status, logs, exported } => end(inner, id, status, logs, exported).await,
    }
}

async fn start(inner: &Arc<Inner>, id: u64) -> Result<Sync> {
    let now = inner.now();
    inner
        .commit(move |registry, changes| {
            let mut sync = registry.sync(id)?.clone();
            sync.status = Status::Active;
            sync.started_at = sync.started_at.or(Some(now));
            changes.push(Change::sync(sync.clone()));
            Ok(sync)
        })
        .await
}

async fn work(inner: &Arc<Inner>, sync: Sync) -> Outcome {
    match sync.subject.clone() {
        Subject::Peer(device) => exchange::run(inner, &device).await,
        Subject::Definition(named) => match export::fields_of(inner, named.object).await {
            Ok(fields) if named.way == Way::Import => import::run(inner, sync, named, &fields).await,
            Ok(fields) => {
                let inner = Arc::clone(inner);
                let done = tokio::task::spawn_blocking(move || export::run(&inner, &sync, named, &fields));
                done.await.unwrap_or(Outcome::Stopped)
            }
            Err(error) => Outcome::failed(inner.now(), "definition", &error, None),
        },
    }
}

/// Says how a sync ended. An import that failed gives back what it had taken from staging.
async fn end(
    inner: &Arc<Inner>,
    id: u64,
    status: Status,
    logs: Vec<Item>,
    exported: Option<Exported>,
) -> bool {
    let now = inner.now();
    let ended = inner
        .commit(move |registry, changes| {
            let mut sync = registry.sync(id)?.clone();
            let taken = std::mem::take(&mut sync.staged);
            (sync.status, sync.ended_at, sync.exported, sync.draft) = (status, Some(now), exported, None);
            sync.logs.extend(logs);
            sync.logs.push(Code::ENDED.with(&[&id.to_string(), status.word()], now).as_(weight(status)));
            let kept = give_back(registry, &sync, &taken);
            let uploads = if kept.is_some() { Vec::new() } else { taken };
            changes.extend(kept);
            changes.push(Change::sync(sync));
            Ok(uploads)
        })
        .await;
    match ended {
        Ok(uploads) => {
            uploads.iter().for_each(|staged| inner.files.remove_upload(staged.upload));
            true
        }
        Err(error) => {
            tracing::error!(%error, sync = id, "the end of a bulk sync cannot be kept; it runs again after the next start");
            if let Some(sync) = inner.registry().syncs.get_mut(&id) {
                (sync.status, sync.ended_at) = (Status::Error, Some(now));
                sync.logs.push(Code::TEMPORARY.count(0, now).as_(Severity::Error));
            }
            false
        }
    }
}

fn weight(status: Status) -> Severity {
    match status {
        Status::Error => Severity::Error,
        Status::Warning => Severity::Warning,
        _ => Severity::Information,
    }
}

fn give_back(
    registry: &super::registry::Registry,
    sync: &Sync,
    taken: &[super::definition::Staged],
) -> Option<Change> {
    let named: Named = sync.named().filter(|_| sync.status == Status::Error && !taken.is_empty())?;
    let mut definition = registry.definitions.get(&named)?.clone();
    definition.staged.splice(0..0, taken.iter().cloned());
    Some(Change::definition(definition))
}

/// Calls the callback address of a sync that has ended, if it has one.
fn call_back(inner: &Arc<Inner>, id: u64) {
    let Some((url, body)) = inner.registry().syncs.get(&id).and_then(to_call) else { return };
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let allowed = inner.callbacks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut stop = inner.stop.subscribe();
        let stopped = async move {
            // An error means that the service is gone: stopped all the same.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let called = callback::call(&url, body, &allowed, &inner.own, stopped).await;
        if inner.is_stopping() {
            return;
        }
        let item = told(&called, &url, inner.now());
        let noted = inner
            .commit(move |registry, changes| {
                let mut sync = registry.sync(id)?.clone();
                sync.to_call = false;
                sync.logs.extend(item);
                changes.push(Change::sync(sync));
                Ok(())
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, sync = id, "that a callback was done cannot be kept; it is called again after the next start");
        }
    });
}

fn to_call(sync: &Sync) -> Option<(String, Bytes)> {
    let url = sync.callback.clone().filter(|_| sync.to_call && sync.status.has_ended())?;
    let body = serde_json::to_vec(&sync.shown()).ok()?;
    Some((url, body.into()))
}

fn told(called: &Called, url: &str, now: i64) -> Option<Item> {
    match called {
        Called::Delivered { .. } => None,
        Called::NotAllowed(why) => {
            let what = format!("The callback {url} was not called: {why}");
            Some(Code::CONSTRAINT.with(&[&what], now).as_(Severity::Warning))
        }
        Called::Failed { reason, attempts } => {
            let what = format!("callback {url}: {reason} (attempts: {attempts})");
            Some(Code::FAILED.with(&[&what], now).as_(Severity::Warning))
        }
    }
}
