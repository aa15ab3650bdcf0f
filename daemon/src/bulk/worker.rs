//! The life of a sync after it was made: its turn, its work, its end, its callback.

use std::sync::Arc;
use std::sync::PoisonError;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::callback::{self, Called};
use super::change::Change;
use super::definition::{Named, Staged, Way};
use super::error::{BulkError, Result};
use super::inner::Inner;
use super::limits::END_AGAIN;
use super::log::{Code, Item, Severity};
use super::registry::Registry;
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
        let turn = turn(&inner, id).acquire().await;
        if turn.is_err() || inner.is_stopping() {
            return;
        }
        if run(&inner, id).await {
            drop(turn);
            call_back(&inner, id);
        }
    });
}

/// Who waits for a peer holds up no export or import.
fn turn(inner: &Inner, id: u64) -> &Semaphore {
    let is_exchange = inner.registry().sync(id).is_ok_and(|sync| sync.named().is_none());
    if is_exchange { &inner.exchanges } else { &inner.active }
}

/// Runs a sync; true when it has ended.
async fn run(inner: &Arc<Inner>, id: u64) -> bool {
    let outcome = match start(inner, id).await {
        Ok(sync) => work(inner, sync).await,
        Err(error) => Outcome::failed(inner.now(), "sync", &error, None),
    };
    match outcome {
        Outcome::Stopped => false,
        // What fails because the daemon stops has not failed: it goes on after the next start.
        Outcome::Ended { status: Status::Error, .. } if inner.is_stopping() => false,
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
                let (inner, now) = (Arc::clone(inner), inner.now());
                let done = tokio::task::spawn_blocking(move || export::run(&inner, &sync, named, &fields));
                done.await.unwrap_or_else(|error| {
                    Outcome::failed(now, "export", &BulkError::Failed(error.to_string()), None)
                })
            }
            Err(error) => Outcome::failed(inner.now(), "definition", &error, None),
        },
    }
}

/// Says how a sync ended; tries again until that is kept, or the daemon stops. Until then it is active, as the shelf says.
async fn end(
    inner: &Arc<Inner>,
    id: u64,
    status: Status,
    logs: Vec<Item>,
    exported: Option<Exported>,
) -> bool {
    let mut stop = inner.stop.subscribe();
    loop {
        let (now, logs) = (inner.now(), logs.clone());
        let ended = inner
            .commit(move |registry, changes| end_now(registry, id, (status, now), logs, exported, changes));
        match ended.await {
            Ok(uploads) => {
                inner.remove_files(uploads, Vec::new()).await;
                return true;
            }
            Err(error) => {
                tracing::error!(%error, sync = id, "the end of a bulk sync cannot be kept; it is tried again")
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return false,
            () = tokio::time::sleep(END_AGAIN) => {}
        }
    }
}

/// Gives the uploads that are no longer needed. An import that failed gives back what it had not come to.
fn end_now(
    registry: &Registry,
    id: u64,
    (status, now): (Status, i64),
    logs: Vec<Item>,
    exported: Option<Exported>,
    changes: &mut Vec<Change>,
) -> Result<Vec<u64>> {
    let mut sync = registry.sync(id)?.clone();
    let left = if status == Status::Error { not_done(&sync) } else { Vec::new() };
    let taken = std::mem::take(&mut sync.staged);
    (sync.status, sync.ended_at, sync.exported, sync.draft) = (status, Some(now), exported, None);
    // The logs name them now.
    sync.unknown.clear();
    sync.logs.extend(logs);
    sync.logs.push(Code::ENDED.with(&[&id.to_string(), status.word()], now).as_(weight(status)));
    let is_left = |upload: u64| left.iter().any(|staged| staged.upload == upload);
    let uploads = taken.iter().map(|staged| staged.upload).filter(|upload| !is_left(*upload)).collect();
    changes.extend(give_back(registry, &sync, left));
    changes.push(Change::sync(sync));
    Ok(uploads)
}

fn weight(status: Status) -> Severity {
    match status {
        Status::Error => Severity::Error,
        Status::Warning => Severity::Warning,
        _ => Severity::Information,
    }
}

/// What an import had taken from staging and not come to.
fn not_done(sync: &Sync) -> Vec<Staged> {
    let mut done = sync.progress.rows;
    let mut rest = Vec::new();
    for staged in &sync.staged {
        let here = done.min(staged.left());
        done -= here;
        if here < staged.left() {
            rest.push(Staged { done: staged.done + here, ..staged.clone() });
        }
    }
    rest
}

fn give_back(registry: &Registry, sync: &Sync, taken: Vec<Staged>) -> Option<Change> {
    let named: Named = sync.named().filter(|_| !taken.is_empty())?;
    let mut definition = registry.definitions.get(&named)?.clone();
    definition.staged.splice(0..0, taken);
    Some(Change::definition(definition))
}

/// Calls the callback address of a sync that has ended, if it has one.
fn call_back(inner: &Arc<Inner>, id: u64) {
    let Some((url, body)) = inner.registry().syncs.get(&id).and_then(to_call) else { return };
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let called = match inner.calls_waiting.try_acquire() {
            Ok(_place) => call(&inner, &url, body).await,
            Err(_) => Called::NotAllowed("too many callbacks wait.".to_owned()),
        };
        // Who was called is not called again; whoever was not is, after the next start.
        if inner.is_stopping() && !matches!(called, Called::Delivered { .. }) {
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

async fn call(inner: &Inner, url: &str, body: Bytes) -> Called {
    let Ok(_turn) = inner.calls.acquire().await else {
        return Called::NotAllowed("the daemon stops.".to_owned());
    };
    let allowed = inner.callbacks.read().unwrap_or_else(PoisonError::into_inner).clone();
    let mut stop = inner.stop.subscribe();
    let stopped = async move {
        // An error means that the service is gone: stopped all the same.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    callback::call(url, body, &allowed, &inner.own, stopped).await
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

#[cfg(test)]
mod tests {
    use super::super::definition::Stamp;
    use super::*;

    #[test]
    fn an_import_that_failed_gives_back_what_it_had_not_come_to() {
        let staged = |upload, rows, done| Staged { upload, rows, done, bytes: 1, at: 0, by: String::new() };
        let progress = |rows| Progress { rows, ..Progress::default() };
        let sync = |rows| Sync {
            progress: progress(rows),
            staged: vec![staged(1, 10, 4), staged(2, 5, 0), staged(3, 7, 0)],
            ..Sync::new(
                1,
                Subject::Peer(String::new()),
                None,
                Stamp { site: String::new(), by: String::new(), at: 0 },
            )
        };
        assert_eq!(not_done(&sync(0)), sync(0).staged);
        assert_eq!(not_done(&sync(8)), [staged(2, 5, 2), staged(3, 7, 0)]);
        assert_eq!(not_done(&sync(3)), [staged(1, 10, 7), staged(2, 5, 0), staged(3, 7, 0)]);
        assert_eq!(not_done(&sync(18)), []);
    }
}
