//! Logs that forked: how that is seen, proven and kept.
//!
//! Of a log that forked what all branches share is good, and nothing behind it, for anybody: its records behind that
//! stay where they are, as evidence, and are set aside; the space's clock ends there. Its author goes on under a new
//! log. What was said behind it whoever holds it says again (`echo.rs`).

use std::ops::ControlFlow;
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::id::{Incarnation, Space};
use quire_protocol::identity::Certificate;
use quire_protocol::limits::{MAX_FORKS_OF_LOG, MAX_FORKS_OF_ONE, MAX_LOGS};
use quire_protocol::message::ShortHead;
use quire_protocol::record::{Chain, Record, Seal, Segment, chain_start, chain_step};
use quire_protocol::roster::{Branch, Fork, Ruling, Standing};

use super::blocks::{Inflated, blocks_after};
use super::fetch::Gathering;
use super::{Batch, Mirror, Replica, View};
use crate::store::keys::{Key, Kind, SpaceNo, sixteen};
use crate::store::rows::{HeadRow, bytes, decode, meta};
use crate::store::{Result, Rows};

/// Bytes from which a segment is long enough to be one answer.
const ANSWER: usize = 32 * 1024;

/// What comparing a peer's segment with the records that are here came to.
#[derive(Debug, PartialEq)]
pub enum Comparison {
    /// It does not follow what is here.
    Apart,
    /// It says what is here, up to this record.
    Together(u64),
    /// The log forked, and this proves it.
    Forked(Box<Fork>),
    /// Nothing that proves anything.
    Nothing,
}

impl Mirror {
    /// The last good record of a log that forked; `None` when it is not known to have.
    pub fn good_end(&self, space: &Space, log: Incarnation) -> Option<u64> {
        self.standing.forks().next()?;
        let author = self.certificates.get(&log)?.device.device();
        self.standing.good_end(author, space, log)
    }

    /// Whether any log of a space is known to have forked.
    pub(super) fn has_forks(&self, space: &Space) -> bool {
        self.standing.forks().any(|(name, log, _, _)| name == space && self.good_end(space, log).is_some())
    }

    /// A clock that names no log farther than it is good.
    pub fn capped(&self, space: &Space, mut clock: Clock) -> Clock {
        for (name, log, _, _) in self.standing.forks() {
            if name == space
                && let Some(end) = self.good_end(space, log)
            {
                clock.cap(log, end);
            }
        }
        clock
    }
}

impl Replica {
    /// Has the clocks name no log farther than it is good.
    pub(super) fn cap_clocks(&mut self) {
        let mut clocks = (*self.mirror.clocks).clone();
        let mut capped = false;
        for (space, _, _, _) in self.mirror.standing.forks() {
            if let Some(number) = self.mirror.names.space_number(space)
                && let Some(clock) = clocks.get_mut(number as usize)
            {
                *clock = self.mirror.capped(space, std::mem::take(clock));
                capped = true;
            }
        }
        if capped {
            self.mirror.clocks = Arc::new(clocks);
        }
    }
}

impl View {
    /// The ends of the logs of a space, as far as they are good.
    pub fn heads(&self, space: &Space) -> Result<Vec<ShortHead>> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(Vec::new()) };
        let (all, mut heads) = (Key::of(Kind::Head).space(number), Vec::new());
        self.rows().scan(&all, &all.end(), &mut |key, value| {
            let (log, head): (_, HeadRow) = (Incarnation(sixteen(key, 5)), decode(key, value)?);
            let head = match self.mirror().good_end(space, log) {
                Some(end) if head.seq > end => self.forked_head(number, log, end)?,
                _ => head,
            };
            if head.seq > 0 {
                heads.push(ShortHead { log, seq: head.seq, chain: short(&head.chain) });
            }
            let full = heads.len() == MAX_LOGS;
            Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(heads)
    }

    fn forked_head(&self, space: SpaceNo, log: Incarnation, end: u64) -> Result<HeadRow> {
        let key = Key::of(Kind::ForkedHead).space(space).log(log);
        let kept: Option<HeadRow> = self.rows().get(&key)?.map(|value| decode(&key, &value)).transpose()?;
        match kept.filter(|kept| kept.seq == end) {
            Some(kept) => Ok(kept),
            None => {
                let chain = self.chain_at(space, log, end)?;
                Ok(chain.map_or(HeadRow { seq: 0, chain: [0; 32] }, |chain| HeadRow { seq: end, chain }))
            }
        }
    }

    /// Logs of which a peer has as many records as are here, but not the same; and how many.
    pub fn doubtful(&self, space: &Space, theirs: &[ShortHead]) -> Result<Vec<(Incarnation, u64)>> {
        let own = self.heads(space)?;
        let other = |head: &&ShortHead| {
            own.iter().any(|own| (own.log, own.seq) == (head.log, head.seq) && own.chain != head.chain)
        };
        Ok(theirs.iter().filter(other).map(|head| (head.log, head.seq)).collect())
    }

    /// What follows a record of a log, as it is kept, one segment of it; empty when nothing does.
    pub fn branch(&self, space: &Space, log: Incarnation, after: u64) -> Result<Vec<u8>> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(Vec::new()) };
        let (mut gathering, mut full, mut size) = (Gathering::new(log, after + 1), None, 0);
        blocks_after(self.rows(), number, log, after, &mut |block| {
            let block = block.after(log, after)?;
            size += block.pack.len();
            let ends = block.seal.is_some() && size >= ANSWER;
            full = gathering.add(block).flatten();
            Ok(if ends || full.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(full.unwrap_or_else(|| gathering.segment()).1)
    }

    /// Compares what a peer has behind a record of a log with what is here.
    pub fn compare(&self, space: &Space, log: Incarnation, after: u64, encoded: &[u8]) -> Result<Comparison> {
        let mirror = self.mirror();
        let (Some(number), Some(author)) = (mirror.names.space_number(space), mirror.certificates.get(&log))
        else {
            return Ok(Comparison::Nothing);
        };
        let segment = match Segment::decode(log, encoded) {
            Ok(segment) if segment.lo == after + 1 => segment,
            _ => return Ok(Comparison::Nothing),
        };
        let Some(before) = self.chain_at(number, log, after)? else { return Ok(Comparison::Nothing) };
        if segment.verify(space, log, &before, &author.device).is_err() {
            return Ok(Comparison::Apart);
        }
        let (own, seal) = self.own_branch(number, &segment, log)?;
        let same = own.iter().zip(&segment.records).take_while(|(own, theirs)| own == theirs).count();
        let (Some(seal), true) = (seal, same < own.len().min(segment.records.len())) else {
            let all = same == segment.records.len();
            return Ok(if all { Comparison::Together(segment.hi()) } else { Comparison::Nothing });
        };
        let before = own[..same].iter().fold(before, |chain, record| chain_step(&chain, record));
        let one = Branch::of(&own[same..], &seal);
        let other = Branch::of(&segment.records[same..], &segment.seal);
        let first = segment.lo + same as u64;
        let fork = Fork { space: space.clone(), author: author.clone(), first, before, one, other };
        let holds = fork.holds();
        Ok(if holds { Comparison::Forked(Box::new(fork)) } else { Comparison::Nothing })
    }

    /// The records here that stand where a peer's segment does, up to the first seal behind the first that differs.
    fn own_branch(
        &self,
        space: SpaceNo,
        theirs: &Segment,
        log: Incarnation,
    ) -> Result<(Vec<Record>, Option<Seal>)> {
        let (mut own, mut seal): (Vec<Record>, Option<Seal>) = (Vec::new(), None);
        blocks_after(self.rows(), space, log, theirs.lo - 1, &mut |block| {
            let block = block.after(log, theirs.lo - 1)?;
            own.extend(Inflated::of(log, &block)?.pack().records().unwrap_or_default());
            let differs = own.iter().zip(&theirs.records).any(|(own, theirs)| own != theirs);
            let done = own.len() >= theirs.records.len() && !differs;
            if differs && block.seal.is_some() {
                seal = block.seal;
            }
            Ok(if done || seal.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok((own, seal))
    }

    fn chain_at(&self, space: SpaceNo, log: Incarnation, seq: u64) -> Result<Option<Chain>> {
        chain_at(self.rows(), self.mirror(), (space, log), seq)
    }
}

impl Batch<'_, '_> {
    /// Keeps the proof of a fork: one for each place where a log forked, the same everywhere, and of a log no more than
    /// say that nothing of it is good.
    pub(super) fn keep_fork(&mut self, ruling: &Ruling, fork: &Fork) -> Result<bool> {
        self.keep_certificate(&fork.author)?;
        let mirror = &self.replica.mirror;
        let known =
            mirror.certificates.get(&fork.log()).is_some_and(|known| known.device == fork.author.device);
        let (mut of_one, mut of_log, mut same) = (0, 0, None);
        for (kept, other) in mirror.roster.forks().filter(|(_, other)| other.device() == fork.device()) {
            of_one += 1;
            if (&other.space, other.log()) == (&fork.space, fork.log()) {
                of_log += 1;
                if other.first == fork.first {
                    same = Some(kept.id());
                }
            }
        }
        let room = of_log < MAX_FORKS_OF_LOG && (of_log > 0 || of_one < MAX_FORKS_OF_ONE);
        let wanted = same.map_or(room, |kept| ruling.id() < kept);
        if !(known && wanted && mirror.standing.was_trusted(fork.device()) && ruling.holds()) {
            return Ok(false);
        }
        if let Some(id) = same {
            self.rows.remove(&Key::of(Kind::Ruling).bytes(&id))?;
            Arc::make_mut(&mut self.replica.mirror.roster).rulings.retain(|kept| kept.id() != id);
        }
        self.rows.put(&Key::of(Kind::Ruling).bytes(&ruling.id()), &bytes(ruling))?;
        Arc::make_mut(&mut self.replica.mirror.roster).rulings.push(ruling.clone());
        Ok(true)
    }

    /// Does what follows of logs that are known to have forked since: the good end of each is noted, and this
    /// installation goes on under a new log when it was its own.
    pub(super) fn settle_forks(&mut self, before: &Standing) -> Result<()> {
        let now = Arc::clone(&self.replica.mirror.standing);
        for (space, log, author, end) in now.forks() {
            let mirror = &self.replica.mirror;
            if before.good_end(author, space, log) == Some(end) || mirror.good_end(space, log) != Some(end) {
                continue;
            }
            tracing::warn!(%space, %log, device = %author, good_up_to = end, "a log forked: two records with one number");
            if let Some(number) = mirror.names.space_number(space)
                && let Some(chain) = chain_at(&*self.rows, mirror, (number, log), end)?
            {
                let key = Key::of(Kind::ForkedHead).space(number).log(log);
                self.rows.put(&key, &bytes(&HeadRow { seq: end, chain }))?;
                self.touched.insert(number);
            }
            if log == self.replica.mirror.log {
                self.renew("its log forked")?;
            }
        }
        Ok(())
    }

    /// This installation goes on under a new log. When a peer knew more of its log than its store, that is an old
    /// state; what it had written and lost comes back as any other's.
    pub(super) fn renew(&mut self, why: &'static str) -> Result<()> {
        tracing::warn!(why, "this device goes on under a new log");
        // Its blocks lie beside those made of notes, in one log: no replay could tell them apart.
        self.rows.bypass_journal();
        let fresh = (self.replica.mint)();
        let certificate = Certificate::issue(fresh, &self.replica.key);
        self.rows.put(&Key::of(Kind::Meta).bytes(meta::INCARNATION), &fresh.0)?;
        self.rows.put(&Key::of(Kind::Certificate).log(fresh), &bytes(&certificate))?;
        Arc::make_mut(&mut self.replica.mirror.certificates).insert(fresh, certificate);
        self.replica.mirror.log = fresh;
        self.roster_changed = true;
        Ok(())
    }
}

/// The chain of a log at a record; `None` when it is not here that far.
fn chain_at(
    rows: &impl Rows,
    mirror: &Mirror,
    (space, log): (SpaceNo, Incarnation),
    seq: u64,
) -> Result<Option<Chain>> {
    let Some(name) = mirror.names.space(space) else { return Ok(None) };
    let (mut chain, mut at) = (chain_start(name, log), 0);
    if seq == 0 {
        return Ok(Some(chain));
    }
    blocks_after(rows, space, log, 0, &mut |block| {
        for record in Inflated::of(log, &block)?.pack().records().unwrap_or_default() {
            if at < seq {
                chain = chain_step(&chain, &record);
                at += 1;
            }
        }
        Ok(if at == seq { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok((at == seq).then_some(chain))
}

fn short(chain: &Chain) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&chain[..8]);
    out
}
