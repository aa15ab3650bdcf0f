//! Records at rest: blocks of a log, each a pack that fills a page of the store.
//!
//! A **run** is one block or several that end with a seal; the blocks before the last have none. A short block
//! that follows others is joined to them: a chain covers all that came before, so the earlier seal can go,
//! and many small commits come to rest as what one great commit would be.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use quire_protocol::clock::{put_varint, take_varint};
use quire_protocol::id::{DocId, Incarnation};
use quire_protocol::limits::PACK;
use quire_protocol::record::pack::{self, Pack};
use quire_protocol::record::{Record, Seal};

use super::Batch;
use super::open::Origin;
use crate::store::keys::{Key, Kind, SpaceNo, describe, last_number};
use crate::store::rows::{ArrivalRow, bytes};
use crate::store::{Result, Rows, StoreError};

/// Blocks kept inflated for all readers and the writer: what is asked for is often asked for again, by the edit that
/// follows a read. One is about 20 KiB.
const KEPT: usize = 48;

/// Packs whose sizes come to this may still join: compressed together they take less, each alone has the head of a
/// frame of its own.
const MAY_JOIN: usize = 2 * PACK;

/// Small blocks are joined when a log passes a multiple of this: joining at each commit made a new marking cost 1,050
/// µs instead of 690 (measured in the engine alone). Until then so many rows are short.
const JOIN_EVERY: u64 = 8;

/// A block as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Sequence number of its first record.
    pub lo: u64,
    /// How many records it has.
    pub count: u64,
    /// Arrival of the first one.
    pub arrival: u64,
    /// No run goes on in it: there is a seal right before it.
    pub opens: bool,
    /// Closes its last record.
    pub seal: Option<Seal>,
    /// The records.
    pub pack: Vec<u8>,
}

const OPENS: u8 = 1;
const SEALED: u8 = 2;

impl Block {
    /// Sequence number of its last record.
    pub(super) fn hi(&self) -> u64 {
        self.lo + self.count - 1
    }

    fn encode(&self) -> Vec<u8> {
        let (opens, sealed) = (u8::from(self.opens) * OPENS, u8::from(self.seal.is_some()) * SEALED);
        let mut out = vec![opens | sealed];
        put_varint(&mut out, self.arrival);
        if let Some(seal) = &self.seal {
            seal.put(&mut out);
        }
        out.extend_from_slice(&self.pack);
        out
    }

    fn decode(key: &[u8], value: &[u8]) -> Result<Block> {
        let read = || {
            let (flags, rest) = value.split_first()?;
            let (arrival, rest) = take_varint(rest)?;
            let (seal, rest) = match flags & SEALED {
                0 => (None, rest),
                _ => Seal::take(rest).map(|(seal, rest)| (Some(seal), rest))?,
            };
            let count = pack::count(rest)? as u64;
            let (lo, opens) = (last_number(key), flags & OPENS != 0);
            Some(Block { lo, count, arrival, opens, seal, pack: rest.to_vec() })
        };
        read().ok_or_else(|| StoreError::Damaged(describe(key)))
    }

    /// What is left of it after record `seq`.
    pub(super) fn after(mut self, log: Incarnation, seq: u64) -> Result<Block> {
        if self.lo > seq {
            return Ok(self);
        }
        let known = seq + 1 - self.lo;
        let records = Pack::open(log, &self.pack).and_then(|pack| pack.records());
        let left = records.and_then(|records| Some(pack::pack(log, records.get(known as usize..)?)));
        self.pack = left.ok_or_else(|| damaged(log, self.lo))?;
        self.lo += known;
        self.arrival += known;
        self.count -= known;
        Ok(self)
    }
}

impl Batch<'_, '_> {
    /// Writes a run: packs one after the other, sealed at the end.
    pub(super) fn keep(
        &mut self,
        (space, log): (SpaceNo, Incarnation),
        (mut lo, mut arrival): (u64, u64),
        packs: Vec<Vec<u8>>,
        seal: Seal,
        origin: Origin,
    ) -> Result<()> {
        let last = packs.len() - 1;
        let mut seal = Some(seal);
        for (at, pack) in packs.into_iter().enumerate() {
            let count = pack::count(&pack).ok_or_else(|| damaged(log, lo))? as u64;
            let seal = if at == last { seal.take() } else { None };
            let block = Block { lo, count, arrival, opens: at == 0, seal, pack };
            let block = if last == 0 { self.joined(space, log, block, origin)? } else { block };
            self.put_block(space, log, &block, origin)?;
            (lo, arrival) = (lo + count, arrival + count);
        }
        Ok(())
    }

    fn put_block(&mut self, space: SpaceNo, log: Incarnation, block: &Block, origin: Origin) -> Result<()> {
        self.put_of(origin, &block_key(space, log).number(block.lo), &block.encode())?;
        let row = ArrivalRow { space, log, lo: block.lo, count: block.count as u32 };
        self.put_of(origin, &Key::of(Kind::Arrival).number(block.arrival), &bytes(&row))
    }

    /// The block with those before it, which are removed, when it is its turn: blocks that are runs of their own,
    /// arrived one right after the other, and fit together.
    fn joined(&mut self, space: SpaceNo, log: Incarnation, block: Block, origin: Origin) -> Result<Block> {
        if block.lo / JOIN_EVERY == (block.hi() + 1) / JOIN_EVERY {
            return Ok(block);
        }
        let mut run = self.small_before(space, log, &block)?;
        while !run.is_empty() {
            let packs: Vec<&[u8]> = run.iter().rev().chain([&block]).map(|block| &block.pack[..]).collect();
            if let Some(pack) = pack::join(&packs, PACK) {
                return self.replace((space, log), &run, Block { pack, ..block }, origin);
            }
            // The farthest is the one that is joined already.
            run.pop();
        }
        Ok(block)
    }

    /// Blocks before this one that it may be joined with, the nearest first.
    fn small_before(&self, space: SpaceNo, log: Incarnation, block: &Block) -> Result<Vec<Block>> {
        let (mut run, mut size): (Vec<Block>, usize) = (Vec::new(), block.pack.len());
        loop {
            let next = run.last().unwrap_or(block);
            if next.lo == 1 {
                return Ok(run);
            }
            let Some(before) = find(&*self.rows, space, log, next.lo - 1)? else { return Ok(run) };
            let follows = before.arrival + before.count == next.arrival && before.hi() + 1 == next.lo;
            size += before.pack.len();
            if !(follows && size <= MAY_JOIN && before.opens && before.seal.is_some()) {
                return Ok(run);
            }
            run.push(before);
        }
    }

    /// Takes the rows of blocks away that were joined into one; gives that.
    fn replace(
        &mut self,
        (space, log): (SpaceNo, Incarnation),
        run: &[Block],
        joined: Block,
        origin: Origin,
    ) -> Result<Block> {
        for block in run {
            self.remove_of(origin, &block_key(space, log).number(block.lo))?;
            self.remove_of(origin, &Key::of(Kind::Arrival).number(block.arrival))?;
        }
        let count = joined.count + run.iter().map(|block| block.count).sum::<u64>();
        // The farthest was the beginning of them all.
        let (lo, arrival) = run.last().map_or((joined.lo, joined.arrival), |first| (first.lo, first.arrival));
        Ok(Block { lo, arrival, count, opens: true, ..joined })
    }
}

/// The packs that `records` come to rest in.
pub(super) fn packs(log: Incarnation, records: &[Record]) -> Vec<(usize, Vec<u8>)> {
    pack::fill(log, records, PACK)
}

fn block_key(space: SpaceNo, log: Incarnation) -> Key {
    Key::of(Kind::Block).space(space).log(log)
}

/// The block that holds a record.
fn find(rows: &impl Rows, space: SpaceNo, log: Incarnation, seq: u64) -> Result<Option<Block>> {
    let all = block_key(space, log);
    let Some((key, value)) = rows.last(&all.clone().number(0), &all.number(seq))? else { return Ok(None) };
    let block = Block::decode(&key, &value)?;
    Ok((block.lo..=block.hi()).contains(&seq).then_some(block))
}

/// What is done with each block.
type VisitBlock<'a> = &'a mut dyn FnMut(Block) -> Result<ControlFlow<()>>;

/// Blocks of a log that hold records after `seq`, in order.
pub(super) fn blocks_after(
    rows: &impl Rows,
    space: SpaceNo,
    log: Incarnation,
    seq: u64,
    each: VisitBlock<'_>,
) -> Result<()> {
    let all = block_key(space, log);
    // A clock may end within a block: what follows was joined to it.
    let start = match rows.last(&all.clone().number(0), &all.clone().number(seq + 1))? {
        Some((key, _)) => key,
        None => all.clone().number(0).to_vec(),
    };
    rows.scan(&start, &all.end(), &mut |key, value| {
        let block = Block::decode(key, value)?;
        if block.hi() <= seq { Ok(ControlFlow::Continue(())) } else { each(block) }
    })
}

/// A block that was inflated.
pub struct Inflated {
    pub lo: u64,
    pub arrival: u64,
    pub log: Incarnation,
    pack: Pack,
}

impl Inflated {
    /// Inflates a block.
    pub(super) fn of(log: Incarnation, block: &Block) -> Result<Inflated> {
        let pack = Pack::open(log, &block.pack).ok_or_else(|| damaged(log, block.lo))?;
        Ok(Inflated { lo: block.lo, arrival: block.arrival, log, pack })
    }

    /// Its records.
    pub(super) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// A record by its number in the log, and its arrival.
    pub(super) fn placed(&self, seq: u64) -> Result<(Record, u64)> {
        let at = seq.checked_sub(self.lo);
        let record = at.and_then(|at| self.pack.record(usize::try_from(at).ok()?));
        Ok((record.ok_or_else(|| damaged(self.log, seq))?, self.arrival + (seq - self.lo)))
    }

    /// The document of each record, and its number in the log.
    pub(super) fn docs(&self) -> impl Iterator<Item = (DocId, u64)> + '_ {
        (0..self.pack.len()).filter_map(|at| Some((self.pack.doc(at)?, self.lo + at as u64)))
    }

    /// True when a record is in it.
    pub(super) fn holds(&self, seq: u64) -> bool {
        (self.lo..self.lo + self.pack.len() as u64).contains(&seq)
    }
}

/// The blocks that were inflated last. Blocks are only joined, never cut, so that what is here stays true, also of
/// what a commit is still writing; when that fails all of it is forgotten.
pub struct Blocks(Mutex<LruCache<(SpaceNo, Incarnation, u64), Arc<Inflated>>>);

impl Default for Blocks {
    fn default() -> Blocks {
        Blocks(Mutex::new(LruCache::new(NonZeroUsize::new(KEPT).unwrap_or(NonZeroUsize::MIN))))
    }
}

impl Blocks {
    /// The block that holds a record, inflated.
    pub(super) fn holding(
        &self,
        rows: &impl Rows,
        space: SpaceNo,
        log: Incarnation,
        seq: u64,
    ) -> Result<Arc<Inflated>> {
        if let Some(block) = self.kept(space, log, seq) {
            return Ok(block);
        }
        // Not under the lock: others read meanwhile.
        let block = find(rows, space, log, seq)?.ok_or_else(|| missing(log, seq))?;
        let inflated = Arc::new(Inflated::of(log, &block)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put((space, log, block.lo), Arc::clone(&inflated));
        Ok(inflated)
    }

    fn kept(&self, space: SpaceNo, log: Incarnation, seq: u64) -> Option<Arc<Inflated>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().find(|((s, l, _), block)| (*s, *l) == (space, log) && block.holds(seq));
        let key = known.map(|(key, _)| *key)?;
        kept.get(&key).map(Arc::clone)
    }

    /// One record of a log.
    pub(super) fn record(
        &self,
        rows: &impl Rows,
        space: SpaceNo,
        log: Incarnation,
        seq: u64,
    ) -> Result<Record> {
        Ok(self.holding(rows, space, log, seq)?.placed(seq)?.0)
    }
}

pub(super) fn missing(log: Incarnation, seq: u64) -> StoreError {
    StoreError::Damaged(format!("record {seq} of log {log} is missing"))
}

fn damaged(log: Incarnation, seq: u64) -> StoreError {
    StoreError::Damaged(format!("record {seq} of log {log}"))
}
