//! The call to a sync's callback address after it has ended (REFERENCE A3): a `POST` of the sync, to addresses that
//! `bulk.callbacks` allows and to no others, whatever names, redirects and time do in between.

mod allowed;
mod client;
mod pins;
mod target;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;

pub use allowed::{Allowed, Net, Place};
use client::{Answer, NoAnswer, Times, post};
use pins::{Pins, Resolve, System, Unpinned};
use target::Target;

/// Redirects that are followed within one attempt; a receiver needs one, a loop never ends.
const MAX_REDIRECTS: usize = 3;
/// A receiver is near; one that takes longer is tried again.
const TIMES: Times = Times { connect: Duration::from_secs(2), whole: Duration::from_secs(5) };
/// Before the second, third and fourth attempt: a restart of the receiver is waited for, an absence is not.
const BACKOFF: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// What a callback came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// The receiver answered, with a status that asks for no other attempt.
    Delivered {
        /// Its status.
        status: u16,
        /// Attempts made, this one included.
        attempts: u32,
    },
    /// The address, or one it redirected to, is not called; why, in words for the sync's log.
    NotAllowed(String),
    /// Nobody took it.
    Failed {
        /// What came of the last attempt, in words for the sync's log.
        reason: String,
        /// Attempts made; 0 when the host was not found.
        attempts: u32,
    },
}

/// Posts `body` (JSON) to `url`. Up to four attempts of at most 5 s a request, with 1 s, 5 s and 25 s between, after
/// failed connections, late answers, 429 and 5xx. 307 and 308 are followed with the same body, up to three times;
/// 301, 302 and 303, which would make a `GET` of it, count as the answer. Each host is resolved once.
///
/// `own` are the sockets this daemon listens on, which are never called. Ends early, as failed, once `stop` does.
pub async fn call(
    url: &str,
    body: Bytes,
    rules: &Allowed,
    own: &[SocketAddr],
    stop: impl Future<Output = ()>,
) -> Called {
    call_by(&System, &Pace { times: TIMES, backoff: &BACKOFF }, url, body, rules, own, stop).await
}

/// How patient a call is.
struct Pace<'a> {
    times: Times,
    /// One attempt more than there are waits.
    backoff: &'a [Duration],
}

async fn call_by(
    resolver: &impl Resolve,
    pace: &Pace<'_>,
    url: &str,
    body: Bytes,
    rules: &Allowed,
    own: &[SocketAddr],
    stop: impl Future<Output = ()>,
) -> Called {
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(reason) => return Called::NotAllowed(reason),
    };
    let attempts = AtomicU32::new(0);
    let mut call =
        Call { target, body, times: pace.times, pins: Pins::new(resolver, rules, own), attempts: &attempts };
    tokio::select! {
        biased;
        () = stop => Called::Failed {
            reason: "the daemon stopped before the receiver had answered".to_owned(),
            attempts: attempts.load(Ordering::Relaxed),
        },
        called = call.run(pace.backoff) => called,
    }
}

/// What one attempt came to.
enum Attempt {
    Answered(StatusCode),
    /// Another attempt may do better.
    Again(String),
    /// None will.
    NotAllowed(String),
    Hopeless(String),
}

/// One callback and all its attempts.
struct Call<'a, R> {
    target: Target,
    body: Bytes,
    times: Times,
    pins: Pins<'a, R>,
    /// Read also when the call is given up from outside.
    attempts: &'a AtomicU32,
}

impl<R: Resolve> Call<'_, R> {
    async fn run(&mut self, backoff: &[Duration]) -> Called {
        let mut waits = backoff.iter();
        loop {
            let outcome = self.attempt().await;
            let attempts = self.attempts.load(Ordering::Relaxed);
            let reason = match outcome {
                Attempt::Answered(status) => return Called::Delivered { status: status.as_u16(), attempts },
                Attempt::NotAllowed(reason) => return Called::NotAllowed(reason),
                Attempt::Hopeless(reason) => return Called::Failed { reason, attempts },
                Attempt::Again(reason) => reason,
            };
            match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Called::Failed { reason, attempts },
            }
        }
    }

    async fn attempt(&mut self) -> Attempt {
        let mut target = self.target.clone();
        for redirects in 0..=MAX_REDIRECTS {
            let addresses = match self.pins.addresses(&target).await {
                Ok(addresses) => addresses,
                Err(unpinned) => return refused(unpinned, redirects),
            };
            if redirects == 0 {
                self.attempts.fetch_add(1, Ordering::Relaxed);
            }
            match post(&target, &addresses, self.body.clone(), self.times).await {
                Ok(answer) => match next(&target, &answer) {
                    Next::Done(attempt) => return attempt,
                    Next::Follow(there) => target = there,
                },
                Err(error) => return Attempt::Again(format!("{}: {}", target.shown(), told(&error))),
            }
        }
        Attempt::Hopeless(format!("{} redirects more than {MAX_REDIRECTS} times", self.target.shown()))
    }
}

fn refused(unpinned: Unpinned, redirects: usize) -> Attempt {
    let from = if redirects == 0 { "" } else { "redirected to " };
    match unpinned {
        Unpinned::NotAllowed(reason) => Attempt::NotAllowed(format!("{from}{reason}")),
        Unpinned::Unknown(reason) => Attempt::Hopeless(format!("{from}{reason}")),
    }
}

/// With the cause: hyper's own words alone name none.
fn told(error: &NoAnswer) -> String {
    let cause = std::error::Error::source(error).and_then(std::error::Error::source);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// What to do after an answer.
enum Next {
    Done(Attempt),
    Follow(Target),
}

fn next(target: &Target, answer: &Answer) -> Next {
    let status = answer.status;
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Next::Done(Attempt::Again(format!("{} answered {}", target.shown(), status.as_u16())));
    }
    let repeats = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let Some(location) = answer.location.as_deref().filter(|_| repeats) else {
        return Next::Done(Attempt::Answered(status));
    };
    match target.redirected(location) {
        Ok(there) => Next::Follow(there),
        Err(reason) => {
            let reason = format!("{} redirects to an address that is not called: {reason}", target.shown());
            Next::Done(Attempt::NotAllowed(reason))
        }
    }
}

#[cfg(test)]
mod tests;
