//! Segments on their way from the socket to the disk.

use std::collections::BTreeMap;
use std::pin::Pin;

use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use quire_protocol::record as signed;
use quire_protocol::session::Input;

use super::{End, Link, Segment};
use crate::engine::{EngineError, Ingested, Refusal};

/// Bytes of segments handed to the engine at once, and that wait while it writes: enough that one sync
/// serves many segments, little enough that a slow peer's memory is not felt.
pub(super) const INGEST_BYTES: usize = 1024 * 1024;

/// Segments handed to the engine at once. A segment of few bytes may hold 64 KiB, and all of a call is
/// checked in one turn of the writer, for which apps wait.
const INGEST_SEGMENTS: usize = 64;

/// Records handed to the engine at once, but for the last segment's: those that are set aside or of few bytes come
/// 128 a segment, and each costs its rows.
const INGEST_RECORDS: u64 = 2048;

/// The engine at work.
pub(super) type Ingesting = Pin<Box<dyn Future<Output = Result<Vec<Ingested>, EngineError>> + Send>>;

impl Link {
    /// Hands over what has arrived, unless the engine still writes what arrived before.
    pub(super) fn ingest(&mut self) {
        if self.ingesting.is_some() || self.arrived.is_empty() {
            return;
        }
        let (engine, peer) = (self.engine.clone(), self.peer);
        let rest = self.arrived.split_off(one_turn(&self.arrived));
        let segments = std::mem::replace(&mut self.arrived, rest);
        self.arrived_bytes = self.arrived.iter().map(|(_, _, segment)| segment.len()).sum();
        self.ingesting = Some(Box::pin(async move { engine.ingest(peer, segments).await }));
    }

    pub(super) async fn ingested(&mut self, done: Vec<Ingested>) -> Result<(), End> {
        self.ingesting = None;
        self.sender_has(&done);
        for Ingested { space, log, seq, refused } in done {
            let input = match refused {
                None => Input::Ingested { space, log, seq },
                Some(Refusal { reason, doubt }) => {
                    tracing::debug!(peer = %self.peer, %space, %log, seq, reason, "a segment was refused");
                    if doubt {
                        self.give(Input::Doubt { space: space.clone(), log, at: seq }).await?;
                    }
                    Input::Refused { space, log, seq }
                }
            };
            self.give(input).await?;
        }
        Ok(())
    }

    /// Nothing is sent before it is on the sender's disk, so the peer has what it sent.
    pub(super) fn sender_has(&self, done: &[Ingested]) {
        let mut clocks: BTreeMap<&Space, Clock> = BTreeMap::new();
        for taken in done.iter().filter(|taken| taken.refused.is_none()) {
            clocks.entry(&taken.space).or_default().advance(taken.log, taken.seq);
        }
        for (space, clock) in clocks {
            self.engine.peer_has(self.peer, space, clock, false);
        }
    }
}

/// How many of these segments are checked in one turn of the writer.
fn one_turn(arrived: &[Segment]) -> usize {
    let mut records = 0;
    let fits = |(_, _, segment): &&Segment| {
        let before = records;
        records += signed::Segment::range(segment).map_or(1, |(lo, hi)| hi - lo + 1);
        before < INGEST_RECORDS
    };
    arrived.iter().take(INGEST_SEGMENTS).take_while(fits).count()
}

/// The engine's answer; never, while it was asked nothing.
pub(super) async fn finished(ingesting: &mut Option<Ingesting>) -> Result<Vec<Ingested>, EngineError> {
    match ingesting {
        Some(ingesting) => ingesting.await,
        None => std::future::pending().await,
    }
}
