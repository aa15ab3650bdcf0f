//! What a peer lacks, as segments: made of blocks as they are kept, in the order they arrived.
//!
//! Runs of one log that nothing else comes between travel as one segment with the last run's seal.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use quire_protocol::clock::Clock;
use quire_protocol::id::{Incarnation, Space};
use quire_protocol::limits::{MAX_SEGMENT_RECORDS, PACK, SEGMENT_TARGET};
use quire_protocol::record::{Seal, assemble, pack};

use super::View;
use super::blocks::{Block, blocks_after, missing};
use crate::store::Result;

/// The next block of each log, by arrival.
type Queue = BTreeMap<u64, (Incarnation, Block)>;

/// An encoded segment and its log.
type Encoded = (Incarnation, Vec<u8>);

/// A segment in the making.
pub(super) struct Gathering {
    log: Incarnation,
    lo: u64,
    packs: Vec<Vec<u8>>,
    count: usize,
    inflated: usize,
    /// Packs, records and inflated bytes up to the last seal, and the seal.
    sealed: Option<(usize, usize, usize, Seal)>,
}

impl View {
    /// Encoded segments that `after` does not cover, in order of arrival, about `bytes` of them.
    pub fn fetch(&self, space: &Space, after: &Clock, bytes: usize) -> Result<Vec<Encoded>> {
        let mut next = Queue::new();
        for (log, seq) in self.mirror().clock(space).iter() {
            if seq > after.get(log) {
                self.queue(space, log, after.get(log), &mut next)?;
            }
        }
        let (mut out, mut size) = (Vec::new(), 0);
        let mut open: Option<Gathering> = None;
        while let Some((_, (log, block))) = next.pop_first() {
            let (hi, ends, length) = (block.hi(), block.seal.is_some(), block.pack.len());
            if let Some(other) = open.take_if(|open| open.log != log) {
                out.push(other.segment());
            }
            let gathering = open.get_or_insert_with(|| Gathering::new(log, block.lo));
            out.extend(gathering.add(block).ok_or_else(|| missing(log, hi))?);
            size += length;
            if size >= bytes && ends {
                break;
            }
            // A seal may be behind the good end of a log that forked; nothing after it is wanted.
            if !ends || self.mirror().good_end(space, log).is_none_or(|end| hi < end) {
                self.queue(space, log, hi, &mut next)?;
            }
        }
        out.extend(open.map(Gathering::segment));
        Ok(out)
    }

    /// Queues what is left of the first block of a log with records after `seq`.
    fn queue(&self, space: &Space, log: Incarnation, seq: u64, next: &mut Queue) -> Result<()> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(()) };
        blocks_after(self.rows(), number, log, seq, &mut |block| {
            let block = block.after(log, seq)?;
            next.insert(block.arrival, (log, block));
            Ok(ControlFlow::Break(()))
        })
    }
}

impl Gathering {
    pub(super) fn new(log: Incarnation, lo: u64) -> Gathering {
        Gathering { log, lo, packs: Vec::new(), count: 0, inflated: 0, sealed: None }
    }

    /// Takes a block. Gives what was gathered before its run, when the bounds of a segment leave no more room.
    pub(super) fn add(&mut self, block: Block) -> Option<Option<Encoded>> {
        self.count += block.count as usize;
        self.inflated += pack::inflated(&block.pack)?;
        let over = self.count > MAX_SEGMENT_RECORDS || self.inflated > SEGMENT_TARGET;
        self.packs.push(block.pack);
        let full = if over { self.split() } else { None };
        if let Some(seal) = block.seal {
            self.sealed = Some((self.packs.len(), self.count, self.inflated, seal));
        }
        Some(full)
    }

    /// Takes what is sealed away.
    fn split(&mut self) -> Option<Encoded> {
        let (packs, count, inflated, seal) = self.sealed.take()?;
        let left = self.packs.split_off(packs);
        let full = std::mem::replace(&mut self.packs, left);
        let encoded = assemble((self.lo, count), &seal, &joined(full));
        self.lo += count as u64;
        self.count -= count;
        self.inflated -= inflated;
        Some((self.log, encoded))
    }

    /// All that is sealed. A log ends with a seal, and so does all that was gathered.
    pub(super) fn segment(mut self) -> Encoded {
        let log = self.log;
        self.split().unwrap_or((log, Vec::new()))
    }
}

/// The same packs, small neighbours as one.
fn joined(packs: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut out = Vec::with_capacity(packs.len());
    let mut run: Vec<Vec<u8>> = Vec::new();
    for pack in packs {
        let size = pack.len() + run.iter().map(Vec::len).sum::<usize>();
        if size > PACK {
            close(&mut run, &mut out);
        }
        run.push(pack);
    }
    close(&mut run, &mut out);
    out
}

/// Ends a run of packs: as one where they can be one, as they are where not.
fn close(run: &mut Vec<Vec<u8>>, out: &mut Vec<Vec<u8>>) {
    let packs: Vec<&[u8]> = run.iter().map(Vec::as_slice).collect();
    match if packs.len() > 1 { pack::join(&packs, PACK) } else { None } {
        Some(joined) => out.push(joined),
        None => out.append(run),
    }
    run.clear();
}
