//! One story of a simulated world: what people and misfortune do, and what must hold in the end.

use super::app::{ACCOUNT, App, Carries, Deed, Unique, any_guid, edits, guids};
use super::compare::all_equal;
use super::ledger::{Found, Ledger, Seen, What};
use super::peer::Mark;
use super::random::Random;
use super::{Fault, Network, said};
use quire_daemon::engine::EngineError;
use quire_daemon::replica::cursor_candidates;
use quire_protocol::clock::Clock;
use quire_protocol::domain::Kind;
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::shapes::{json, model};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Earlier states of disks that are kept for setting one back.
const IMAGES: usize = 3;

/// What a story came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Digest of all that happened.
    pub trace: u64,
    /// Writes that were acknowledged.
    pub writes: usize,
    /// Rounds until all was quiet.
    pub rounds: usize,
}

/// Runs the story of a seed.
///
/// # Errors
/// What did not hold.
pub fn run(seed: u64) -> Result<Outcome, Fault> {
    let mut world = World::new(seed)?;
    world.told = std::env::var_os("QUIRE_SIM_STORY").is_some();
    let steps = world.random.within(60, 150);
    for step in 0..steps {
        world.step().map_err(|fault| format!("step {step} of {steps}: {fault}"))?;
    }
    world.end().map_err(|fault| format!("in the end: {fault}"))
}

struct World {
    network: Network,
    random: Random,
    unique: Unique,
    ledger: Ledger,
    apps: Vec<Vec<App>>,
    images: Vec<(usize, Vec<u8>)>,
    copied: bool,
    /// Log and place at which each disk was last set back.
    set_back_at: Vec<Option<(Incarnation, u64)>>,
    applications: i64,
    /// Every transaction is printed.
    told: bool,
}

/// One thing that is done within a transaction.
enum Op {
    Request { app: usize, body: Value, deeds: Vec<Deed>, carries: Carries, takes_answer: bool, silent: bool },
    Patch { guid: String, members: Map<String, Value> },
    Remove { guid: String },
    Resolve { id: String, value: Value },
}

/// Writes of the ledger that a commit makes, with their items.
type Tried = Vec<(usize, String)>;

impl World {
    fn new(seed: u64) -> Result<World, Fault> {
        let mut random = Random::new(seed);
        let count = random.within(3, 5);
        let links = shape(count, &mut random);
        let network = Network::new(count, &links, random.split())?;
        let mut world = World {
            network,
            random,
            unique: Unique::default(),
            ledger: Ledger::default(),
            apps: Vec::new(),
            images: Vec::new(),
            copied: false,
            set_back_at: vec![None; count],
            applications: 0,
            told: false,
        };
        for _ in 0..count {
            let apps = world.new_apps();
            world.apps.push(apps);
        }
        Ok(world)
    }

    fn new_apps(&mut self) -> Vec<App> {
        self.applications += 2;
        vec![App::new(self.applications - 1), App::new(self.applications)]
    }

    fn step(&mut self) -> Result<(), Fault> {
        let peer = self.random.below(self.network.peers.len());
        let link = self.random.below(self.network.links());
        let chance = self.random.below(1000);
        self.network.note((chance, peer, link));
        match chance {
            0..460 => self.edit(peer)?,
            460..700 => self.network.advance(self.random.below(3_000) as u64)?,
            700..720 => self.network.advance(self.random.below(60_000) as u64)?,
            720..850 => self.network.connect(link)?,
            850..880 => self.network.cut(link),
            880..895 => self.network.stall(link, self.random.below(2)),
            895..905 => self.part(),
            905..920 => self.network.rejoin(),
            920..935 => self.network.take_down(peer, self.random.percent(50)),
            935..955 => self.network.start(peer, Mark::Same)?,
            955..970 => self.keep_image(peer),
            970..982 => self.set_back()?,
            982..986 => self.copy(peer)?,
            _ => self.feed_again(peer)?,
        }
        self.network.perform()
    }

    fn part(&mut self) {
        let all: Vec<usize> = (0..self.network.peers.len()).collect();
        let island: Vec<usize> = all.into_iter().filter(|_| self.random.percent(50)).collect();
        self.network.part(&island);
    }

    fn keep_image(&mut self, peer: usize) {
        self.images.push((peer, self.network.peers[peer].disk.image()));
        if self.images.len() > IMAGES {
            self.images.remove(0);
        }
    }

    /// Puts an earlier state of a disk in place of the present one, with or without a mark that tells so.
    fn set_back(&mut self) -> Result<(), Fault> {
        let Some((peer, image)) = self.images.pop() else { return Ok(()) };
        let mark = if self.random.percent(50) { Mark::Other } else { Mark::Same };
        self.network.take_down(peer, true);
        self.network.peers[peer].set_back(image);
        self.network.start(peer, mark)?;
        if mark == Mark::Same {
            // Another disk set back later could know of the lost end of this log when nobody else does.
            self.images.clear();
        }
        let log = self.network.peers[peer].mirror().log;
        let own = self.network.peers[peer].clock(&Space::account(ACCOUNT)).get(log);
        self.set_back_at[peer] = Some((log, own));
        self.apps[peer] = self.new_apps();
        let space = Space::account(ACCOUNT);
        let clocks: Vec<Clock> = self.network.peers.iter().map(|peer| peer.clock(&space)).collect();
        self.ledger.forgive(&clocks);
        Ok(())
    }

    /// Both go on: the device, and a copy of its folder on another machine.
    fn copy(&mut self, of: usize) -> Result<(), Fault> {
        if std::mem::replace(&mut self.copied, true) || self.knows_less_than_others(of) {
            return Ok(());
        }
        let image = self.network.peers[of].disk.image();
        let copy = self.network.peers[of].on_copy("copy", image).map_err(said)?;
        self.network.peers.push(copy);
        self.apps.push(self.apps[of].clone());
        self.set_back_at.push(None);
        for neighbour in self.network.neighbours(of) {
            self.network.link(self.network.peers.len() - 1, neighbour);
        }
        Ok(())
    }

    /// True when somebody knows more of a peer's own log than itself.
    fn knows_less_than_others(&self, peer: usize) -> bool {
        let space = Space::account(ACCOUNT);
        let peers = &self.network.peers;
        let log = peers[peer].mirror().log;
        let own = peers[peer].clock(&space).get(log);
        peers.iter().any(|other| other.clock(&space).get(log) > own)
    }

    /// True while a disk that was set back without a mark has heard nothing from those who know more of its
    /// log: what it wrote now would be lost, which only the mark prevents. With the first it hears it must
    /// begin a new log.
    fn must_wait(&self, peer: usize) -> bool {
        let clock = self.network.peers[peer].clock(&Space::account(ACCOUNT));
        let unheard = |(log, seq): (Incarnation, u64)| clock.get(log) <= seq;
        self.set_back_at[peer].is_some_and(unheard) && self.knows_less_than_others(peer)
    }

    /// What a peer already has comes once more, past any session.
    fn feed_again(&mut self, peer: usize) -> Result<(), Fault> {
        let (Some(view), space) = (self.network.peers[peer].view(), Space::account(ACCOUNT)) else {
            return Ok(());
        };
        let segments = view.fetch(&space, &Clock::default(), 64 * 1024).map_err(said)?;
        drop(view);
        let from = self.network.neighbours(peer);
        let from = self.network.peers[from[0]].mirror().card.id();
        let before = self.network.peers[peer].clock(&space);
        self.network.commit(peer, |batch| {
            for (log, segment) in &segments {
                let done = batch.ingest(from, &space, *log, segment)?;
                assert_eq!(done.refused, None, "a segment that is here already was refused");
            }
            Ok(())
        })?;
        let after = self.network.peers[peer].clock(&space);
        if before == after { Ok(()) } else { Err("the same segments again changed the clock".into()) }
    }

    /// One to three requests of a peer's callers in one transaction.
    fn edit(&mut self, peer: usize) -> Result<(), Fault> {
        if !self.network.peers[peer].is_up() || self.must_wait(peer) {
            return Ok(());
        }
        let first = self.ledger.writes.len();
        let mut apps: Vec<usize> = vec![0, 1];
        let mut ops = Vec::new();
        for _ in 0..self.random.within(1, 3) {
            if self.random.percent(80) && !apps.is_empty() {
                let app = apps.remove(self.random.below(apps.len()));
                ops.push(self.request(peer, app));
            } else {
                ops.extend(self.native(peer, ops.is_empty(), first)?);
            }
        }
        self.commit(peer, ops, first)
    }

    fn request(&mut self, peer: usize, at: usize) -> Op {
        let app = &self.apps[peer][at];
        let takes_answer = self.random.percent(88);
        let op = |body, deeds, carries, silent| Op::Request {
            app: at,
            body,
            deeds,
            carries,
            takes_answer,
            silent,
        };
        let chance = self.random.below(100);
        if let (0..8, Some(last)) = (chance, &app.last) {
            return op(last.clone(), Vec::new(), Carries::Latest, true);
        }
        let carries = match chance {
            8..18 => Carries::Nothing,
            18..26 if app.older.is_some() => Carries::Older,
            _ if app.cursor.is_none() => Carries::Nothing,
            _ => Carries::Latest,
        };
        let mut deeds: Vec<Deed> = Vec::new();
        for _ in 0..self.random.below(4) {
            let deed = app.deed(&mut self.random, &mut self.unique, carries);
            if deeds.iter().all(|(guid, _, _)| *guid != deed.0) {
                deeds.push(deed);
            }
        }
        let items = deeds.iter().map(|(_, said, _)| said.clone()).collect();
        let body = app.request(carries, items);
        let seen = app.seen(carries);
        // The ledger is written before anything is tried: what is not answered may yet have been kept.
        let view = self.network.peers[peer].view();
        for (guid, _, whats) in &deeds {
            for (what, alive) in whats {
                // Making again what is here already, just as it was made, is no edit.
                let known = || view.as_ref().and_then(|view| view.marking(guid, None).ok().flatten());
                let alive = *alive && (*what != What::Made || known().is_none());
                let n = self.ledger.attempt(guid, what.clone(), seen.clone(), alive);
                self.apps[peer][at].own.insert(n);
            }
        }
        op(body, deeds, carries, false)
    }

    /// A request of the native API at the present. One that reads first must be alone in its transaction.
    fn native(&mut self, peer: usize, alone: bool, first: usize) -> Result<Option<Op>, Fault> {
        let view = self.network.peers[peer].view().ok_or("it is down")?;
        let conflicts = view.conflicts(None).map_err(said)?;
        let settled =
            |c: &&quire_daemon::engine::ConflictView| ["color", "type"].contains(&c.member.as_str());
        let conflicts: Vec<_> = conflicts.iter().filter(settled).collect();
        if alone
            && self.random.percent(30)
            && let Some(conflict) = self.random.pick(&conflicts)
        {
            // Mostly people choose one of the values there are.
            let others = conflict.others.iter().map(|(value, _)| value);
            let values: Vec<&Value> = others.chain([&conflict.value]).collect();
            let value = self.random.pick(&values).map_or(Value::Null, |value| (*value).clone());
            let member = if conflict.member == "type" { "type" } else { "color" };
            self.attempt_now(peer, first, &conflict.item, What::Value(member, value.clone()), false);
            return Ok(Some(Op::Resolve { id: conflict.id.clone(), value }));
        }
        let guid = any_guid(&mut self.random);
        let Some(item) = view.marking(&guid, Some(ACCOUNT)).map_err(said)? else { return Ok(None) };
        let alive = item.members["SyncIsRemoved"] != true;
        if self.random.percent(15) {
            self.attempt_now(peer, first, &guid, What::Removed, alive);
            return Ok(Some(Op::Remove { guid }));
        }
        let carries = if alone { Carries::Latest } else { Carries::Nothing };
        let mut members = Map::new();
        let edits = edits(&item.members, &mut self.random, &mut self.unique, carries);
        let alive = alive && alone && !edits.iter().any(|(what, _)| *what == What::Removed);
        for (what, said) in edits {
            let revives = what == What::Revived && alone;
            self.attempt_now(peer, first, &guid, what, alive || revives);
            members.extend(said);
        }
        Ok(Some(Op::Patch { guid, members }))
    }

    /// A write that has seen all that is there.
    fn attempt_now(&mut self, peer: usize, first: usize, guid: &str, what: What, alive: bool) {
        let clock = self.network.peers[peer].clock(&Space::account(ACCOUNT));
        let own: BTreeSet<usize> = (first..self.ledger.writes.len()).collect();
        self.ledger.attempt(guid, what, Seen { clock, own }, alive);
    }

    fn commit(&mut self, peer: usize, ops: Vec<Op>, first: usize) -> Result<(), Fault> {
        let space = Space::account(ACCOUNT);
        let tried: Tried = self
            .ledger
            .writes
            .iter()
            .enumerate()
            .skip(first)
            .map(|(n, write)| (n, write.guid.clone()))
            .collect();
        let before = self.network.peers[peer].clock(&space);
        for op in &ops {
            self.network.note((peer, op.text()));
        }
        if self.random.percent(4) {
            let fuse = self.random.within(1, 14) as u32;
            self.network.peers[peer].disk.set_fuse(Some(fuse));
        }
        let done = self.network.commit(peer, |batch| {
            for op in &ops {
                op.run(batch)?;
            }
            Ok(())
        })?;
        let Some((_, committed)) = done else { return Ok(()) };
        let after = self.network.peers[peer].clock(&space);
        if self.told {
            let log = self.network.peers[peer].mirror().log;
            let texts: Vec<String> = ops.iter().map(|op| op.text().chars().take(600).collect()).collect();
            eprintln!("peer {peer}: records {}..={}: {texts:#?}", before.get(log) + 1, after.get(log));
        }
        let silent = ops.iter().all(|op| matches!(op, Op::Request { silent: true, .. }));
        if silent && before != after {
            return Err(format!("the same request again wrote something: {}", ops[0].text()));
        }
        self.place(peer, &tried, &before, &after)?;
        self.answer(peer, ops, committed.pending, &after)
    }

    /// Notes where acknowledged writes are.
    fn place(&mut self, peer: usize, tried: &Tried, before: &Clock, after: &Clock) -> Result<(), Fault> {
        let log = self.network.peers[peer].mirror().log;
        let (lo, hi) = (before.get(log) + 1, after.get(log));
        for (n, guid) in tried {
            let write = &mut self.ledger.writes[*n];
            write.acknowledged = true;
            write.place = Some((log, lo, hi));
            if let Some(view) = self.network.peers[peer].view()
                && let Some(number) = view.mirror().names.space_number(&Space::account(ACCOUNT))
                && let Some(row) = view.row(number, DocId::of(Kind::Marking, guid)).map_err(said)?
            {
                let own = |change: &&quire_daemon::store::rows::ChangeRef| {
                    view.mirror().names.log(change.log) == log && (lo..=hi).contains(&change.seq)
                };
                let seqs: Vec<u64> = row.changes.iter().filter(own).map(|change| change.seq).collect();
                if let (Some(first), Some(last)) = (seqs.iter().min(), seqs.iter().max()) {
                    write.place = Some((log, *first, *last));
                }
            }
        }
        Ok(())
    }

    fn answer(
        &mut self,
        peer: usize,
        ops: Vec<Op>,
        pending: Vec<quire_daemon::replica::Pending>,
        clock: &Clock,
    ) -> Result<(), Fault> {
        let mut pending = pending.into_iter();
        for op in ops {
            let Op::Request { app, body, deeds, carries, takes_answer, .. } = op else { continue };
            let waiting = pending.next().ok_or("a request has no answer")?;
            let (number, app) = (app, &mut self.apps[peer][app]);
            for (guid, said, _) in &deeds {
                app.sent(guid, said);
            }
            app.last = Some(body);
            // A power cut right after the commit: the app never hears of it.
            let Some(view) = self.network.peers[peer].view() else {
                self.unanswered(peer, number, carries);
                continue;
            };
            let answer = waiting.answer(&view).map_err(said)?;
            if !answer.is_success() {
                return Err(format!("a request was refused: {:?}", answer.errors));
            }
            if takes_answer {
                app.answered(&answer, clock.clone());
            } else {
                self.unanswered(peer, number, carries);
            }
        }
        Ok(())
    }

    /// An app that cannot go on is installed anew.
    fn unanswered(&mut self, peer: usize, app: usize, carries: Carries) {
        if self.apps[peer][app].is_torn(carries) {
            self.applications += 1;
            self.apps[peer][app] = App::new(self.applications);
        }
    }

    fn end(mut self) -> Result<Outcome, Fault> {
        let rounds = self.network.settle()?;
        all_equal(&self.network)?;
        self.check_ledger()?;
        self.newcomer()?;
        let trace = self.network.trace();
        Ok(Outcome { trace, writes: self.ledger.acknowledged(), rounds })
    }

    /// A new device gets everything in another order and another grouping, and must say the same.
    fn newcomer(&mut self) -> Result<(), Fault> {
        let random = self.random.split();
        let teacher = self.random.below(self.network.peers.len());
        self.network.peers.push(super::peer::Peer::new("newcomer", random).map_err(said)?);
        self.network.pair(self.network.peers.len() - 1, teacher)?;
        self.network.perform()?;
        self.network.settle()?;
        all_equal(&self.network).map_err(|fault| format!("with a new device: {fault}"))
    }

    fn check_ledger(&self) -> Result<(), Fault> {
        let view = self.network.peers[0].view().ok_or("it is down")?;
        let conflicts = view.conflicts(None).map_err(said)?;
        for guid in guids() {
            let item = view.marking(&guid, Some(ACCOUNT)).map_err(said)?;
            let conflicts = conflicts.iter().filter(|c| c.item == guid).collect();
            let found = item.as_ref().map(|item| Found { members: &item.members, conflicts });
            self.ledger.check(&guid, found.as_ref())?;
        }
        Ok(())
    }
}

impl Op {
    fn text(&self) -> String {
        match self {
            Op::Request { body, .. } => body.to_string(),
            Op::Patch { guid, members } => format!("patch {guid} {}", json!(members)),
            Op::Remove { guid } => format!("remove {guid}"),
            Op::Resolve { id, value } => format!("resolve {id} {value}"),
        }
    }

    fn run(&self, batch: &mut quire_daemon::replica::Batch<'_, '_>) -> Result<(), EngineError> {
        match self {
            Op::Request { body, .. } => {
                let unusable = |error: String| EngineError::Forbidden(error);
                let value =
                    json::parse(body.to_string().as_bytes()).map_err(|e| unusable(format!("{e:?}")))?;
                let model = model::read(value).map_err(|e| unusable(format!("{e:?}")))?;
                let candidates = cursor_candidates(model.last_sync.as_deref(), |_| 0);
                batch.synchronize(model, &candidates)
            }
            Op::Patch { guid, members } => batch.patch(guid, members, None).map(drop),
            Op::Remove { guid } => batch.remove(guid, None).map(drop),
            Op::Resolve { id, value } => batch.resolve(id, value).map(drop),
        }
    }
}

/// Who knows whom: a row, a star, or everybody everybody.
fn shape(count: usize, random: &mut Random) -> Vec<(usize, usize)> {
    match random.below(3) {
        0 => (1..count).map(|n| (n - 1, n)).collect(),
        1 => (1..count).map(|n| (0, n)).collect(),
        _ => (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect(),
    }
}
