//! Daemons in memory: real replicas, real sessions, and between them streams that are slow, stall, break and
//! come again. One seed, one clock, no threads; the same seed does the same again.

pub mod app;
pub mod compare;
pub mod disk;
pub mod ledger;
pub mod peer;
pub mod random;
pub mod world;

use peer::{Mark, Peer};
use quire_daemon::engine::EngineError;
use quire_daemon::replica::{Batch, Committed, View};
use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use quire_protocol::identity::{Rights, Scope};
use quire_protocol::message::{Credentials, Message};
use quire_protocol::session::{Input, Millis, Output, PING_AFTER, Session};
use random::Random;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Longest way of a message, in simulated milliseconds.
const SLOWEST: usize = 2_000;

/// Wall clock at the beginning, in milliseconds since 1970. It decides nothing.
const BEGINNING: i64 = 1_800_000_000_000;

/// Rounds in which every message in flight arrives, until all must be quiet. Greeting, credentials and clocks,
/// segments, acknowledgements: four a hop, at most four hops, and once more for what renews its log.
const MAX_ROUNDS: usize = 20;

/// What went wrong with the world itself.
pub type Fault = String;

/// Peers and the links between them.
pub struct Network {
    /// The peers.
    pub peers: Vec<Peer>,
    links: Vec<Link>,
    now: Millis,
    random: Random,
    trace: DefaultHasher,
    todo: VecDeque<(usize, usize, Output)>,
    /// Messages that say more than "are you there".
    said: u64,
}

/// Two peers that know each other's address.
struct Link {
    ends: [usize; 2],
    /// A partition forbids it.
    forbidden: bool,
    stream: Option<Stream>,
}

/// One connection; what is at index 0 belongs to the first end.
struct Stream {
    sessions: [Session; 2],
    wires: [Wire; 2],
}

/// One direction.
#[derive(Default)]
struct Wire {
    stalled: bool,
    last_due: Millis,
    flying: VecDeque<(Millis, Vec<u8>)>,
}

impl Network {
    /// Peers that are paired along `links` and not connected yet.
    ///
    /// # Errors
    /// When a store cannot be made.
    pub fn new(count: usize, links: &[(usize, usize)], mut random: Random) -> Result<Network, Fault> {
        let names = (0..count).map(|n| format!("peer {n}"));
        let peers =
            names.map(|name| Peer::new(&name, random.split()).map_err(said)).collect::<Result<_, _>>()?;
        let mut network = Network {
            peers,
            links: Vec::new(),
            now: 0,
            random,
            trace: DefaultHasher::new(),
            todo: VecDeque::new(),
            said: 0,
        };
        for (a, b) in links {
            network.pair(*a, *b)?;
        }
        Ok(network)
    }

    /// Pairs two peers and gives them a link.
    ///
    /// # Errors
    /// When a commit fails.
    pub fn pair(&mut self, a: usize, b: usize) -> Result<(), Fault> {
        for (one, other) in [(a, b), (b, a)] {
            let mirror = self.peers[other].mirror();
            let (card, own) = (mirror.card.clone(), mirror.certificates.get(&mirror.log).cloned());
            let brought = Credentials { certificates: own.into_iter().collect(), ..Credentials::default() };
            self.commit(one, |batch| Ok(batch.add_peer(&card, &[Scope::Everything], &brought, &[])?))?;
        }
        self.link(a, b);
        Ok(())
    }

    /// Gives two peers that trust each other a link.
    pub fn link(&mut self, a: usize, b: usize) {
        self.links.push(Link { ends: [a, b], forbidden: false, stream: None });
    }

    /// Peers that share a link with this one.
    pub fn neighbours(&self, peer: usize) -> Vec<usize> {
        let other = |link: &Link| match link.ends {
            [a, b] if a == peer => Some(b),
            [a, b] if b == peer => Some(a),
            _ => None,
        };
        self.links.iter().filter_map(other).collect()
    }

    /// The simulated wall clock.
    pub fn wall_clock(&self) -> i64 {
        BEGINNING + self.now as i64
    }

    /// Takes something into the trace.
    pub fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.trace);
    }

    /// Digest of everything that happened.
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// One transaction of a peer, announced to its sessions. `None`: it is down, perhaps by this.
    ///
    /// # Errors
    /// What `work` refuses.
    pub fn commit<T>(
        &mut self,
        peer: usize,
        work: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, EngineError>,
    ) -> Result<Option<(T, Committed)>, Fault> {
        let done = self.commit_unannounced(peer, work)?;
        if let Some((_, committed)) = &done {
            self.announce(peer, committed);
        }
        self.bury(peer);
        Ok(done)
    }

    fn commit_unannounced<T>(
        &mut self,
        peer: usize,
        work: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, EngineError>,
    ) -> Result<Option<(T, Committed)>, Fault> {
        let now = self.wall_clock();
        self.peers[peer].commit(now, work).map_err(|error| format!("{}: {error}", self.peers[peer].name))
    }

    /// After a commit during which the power went, acknowledged or not.
    fn bury(&mut self, peer: usize) {
        if self.peers[peer].disk.is_dead() {
            self.peers[peer].crash();
        }
        if !self.peers[peer].is_up() {
            self.cut_all(peer);
        }
    }

    fn announce(&mut self, peer: usize, committed: &Committed) {
        for (link, side) in self.streams_of(peer) {
            if committed.roster_changed {
                let other = self.device(link, 1 - side);
                let credentials = self.peers[peer].mirror().credentials_for(other);
                self.give(link, side, Input::Credentials(credentials));
            }
            if committed.roster_changed || !committed.clocks.is_empty() {
                self.give_clocks(link, side);
            }
        }
    }

    fn streams_of(&self, peer: usize) -> Vec<(usize, usize)> {
        let of = |(n, link): (usize, &Link)| {
            let side = link.ends.iter().position(|end| *end == peer)?;
            link.stream.as_ref().map(|_| (n, side))
        };
        self.links.iter().enumerate().filter_map(of).collect()
    }

    fn device(&self, link: usize, side: usize) -> quire_protocol::id::DeviceId {
        self.peers[self.links[link].ends[side]].mirror().card.id()
    }

    fn give_clocks(&mut self, link: usize, side: usize) {
        let other = self.device(link, 1 - side);
        let clocks = self.peers[self.links[link].ends[side]].mirror().clocks_for(other);
        self.give(link, side, Input::Committed(clocks));
    }

    /// A space of the other's that is not here yet is shared all the same.
    fn share(&mut self, link: usize, side: usize, space: &Space) {
        let (peer, other) = (self.links[link].ends[side], self.device(link, 1 - side));
        let mirror = self.peers[peer].mirror();
        if mirror.names.space_number(space).is_none() && mirror.rights(other, space).allow(Rights::READ) {
            self.give(link, side, Input::Committed(vec![(space.clone(), Clock::default())]));
        }
    }

    fn give(&mut self, link: usize, side: usize, input: Input) {
        let now = self.now;
        if let Some(stream) = &mut self.links[link].stream {
            let outputs = stream.sessions[side].handle(input, now);
            self.todo.extend(outputs.into_iter().map(|output| (link, side, output)));
        }
    }

    /// Does all that sessions asked for.
    ///
    /// # Errors
    /// When a session breaks off for the other's fault, or a store fails.
    pub fn perform(&mut self) -> Result<(), Fault> {
        while let Some((link, side, output)) = self.todo.pop_front() {
            match output {
                Output::Send(message) => self.send(link, side, &message),
                Output::Fetch { space, after, bytes } => {
                    let segments = self.view(link, side)?.fetch(&space, &after, bytes).map_err(said)?;
                    self.give(link, side, Input::Fetched { space, segments });
                }
                Output::Ingest { .. } => self.ingest(link, side, output)?,
                Output::Learn(credentials) => {
                    let peer = self.links[link].ends[side];
                    self.commit(peer, |batch| Ok(batch.learn(&credentials)?))?;
                    self.give_clocks(link, side);
                }
                Output::Heads { space } => {
                    let heads = self.view(link, side)?.heads(&space).map_err(said)?;
                    self.give(link, side, Input::Heads { space, heads });
                }
                Output::CompareHeads { space, heads } => {
                    let doubtful = self.view(link, side)?.doubtful(&space, &heads).map_err(said)?;
                    if let Some((log, at)) = doubtful.first() {
                        return Err(format!("log {log} is another on each side of link {link} at {at}"));
                    }
                }
                // No world of this network has forks: a device that is set back in secret waits until it hears.
                Output::Branch { log, .. } | Output::Compare { log, .. } => {
                    return Err(format!("log {log} is doubted on link {link}"));
                }
                Output::PeerHas { space, clock } => {
                    let (peer, other) = (self.links[link].ends[side], self.device(link, 1 - side));
                    self.commit_unannounced(peer, |batch| Ok(batch.acknowledge(other, &space, &clock)?))?;
                    self.share(link, side, &space);
                    self.bury(peer);
                }
                Output::PeerRefuses { log, .. } => {
                    return Err(format!("log {log} was refused on link {link}"));
                }
                Output::Close("the peer fell silent") => self.cut(link),
                Output::Close(reason) => return Err(format!("link {link} side {side} ends: {reason}")),
            }
        }
        Ok(())
    }

    fn view(&self, link: usize, side: usize) -> Result<View, Fault> {
        let view = self.peers[self.links[link].ends[side]].view();
        view.ok_or_else(|| "a session outlived its daemon".to_owned())
    }

    /// Keeps a segment, or several that are here already in one commit.
    fn ingest(&mut self, link: usize, side: usize, first: Output) -> Result<(), Fault> {
        let (peer, from) = (self.links[link].ends[side], self.device(link, 1 - side));
        let mut outputs = vec![first];
        while self.random.percent(70)
            && matches!(self.todo.front(), Some((l, s, Output::Ingest { .. })) if (*l, *s) == (link, side))
        {
            outputs.extend(self.todo.pop_front().map(|(_, _, output)| output));
        }
        let done = self.commit_unannounced(peer, |batch| {
            let mut done = Vec::new();
            for output in &outputs {
                if let Output::Ingest { space, log, segment } = output {
                    done.push(batch.ingest(from, space, *log, segment)?);
                }
            }
            Ok(done)
        })?;
        let Some((taken, committed)) = done else {
            self.bury(peer);
            return Ok(());
        };
        if self.random.percent(50) {
            self.announce(peer, &committed);
        }
        for one in taken {
            let (space, log, seq) = (one.space, one.log, one.seq);
            self.give(
                link,
                side,
                match one.refused {
                    None => Input::Ingested { space, log, seq },
                    Some(reason) => {
                        return Err(format!("{} refuses log {log}: {reason:?}", self.peers[peer].name));
                    }
                },
            );
        }
        self.announce(peer, &committed);
        self.bury(peer);
        Ok(())
    }

    fn send(&mut self, link: usize, side: usize, message: &Message) {
        let bytes = message.encode();
        self.said += u64::from(!matches!(message, Message::Ping | Message::Pong));
        let due = self.now + 1 + self.random.below(SLOWEST) as Millis;
        (self.now, link, side, &bytes).hash(&mut self.trace);
        if let Some(stream) = &mut self.links[link].stream {
            let wire = &mut stream.wires[side];
            wire.last_due = wire.last_due.max(due);
            wire.flying.push_back((wire.last_due, bytes));
        }
    }

    /// Gives the oldest message of a wire to its receiver.
    fn deliver(&mut self, link: usize, side: usize) -> Result<(), Fault> {
        let stream = self.links[link].stream.as_mut();
        let Some((due, bytes)) = stream.and_then(|stream| stream.wires[side].flying.pop_front()) else {
            return Ok(());
        };
        self.now = self.now.max(due);
        let message = Message::decode(&bytes).map_err(said)?.ok_or("a message of an unknown kind")?;
        self.give(link, 1 - side, Input::Received(message));
        self.perform()
    }

    fn wires(&self) -> Vec<(Millis, usize, usize)> {
        let mut wires = Vec::new();
        for (n, link) in self.links.iter().enumerate() {
            let Some(stream) = &link.stream else { continue };
            for (side, wire) in stream.wires.iter().enumerate().filter(|(_, wire)| !wire.stalled) {
                wires.extend(wire.flying.front().map(|(due, _)| (*due, n, side)));
            }
        }
        wires.sort_unstable();
        wires
    }

    /// Lets time go by: what is due arrives, in order; then sessions look at the clock.
    ///
    /// # Errors
    /// As [`Network::perform`].
    pub fn advance(&mut self, by: Millis) -> Result<(), Fault> {
        let until = self.now + by;
        while let Some((due, link, side)) = self.wires().first().copied()
            && due <= until
        {
            self.deliver(link, side)?;
        }
        self.now = until;
        for link in 0..self.links.len() {
            for side in 0..2 {
                let stream = self.links[link].stream.as_ref();
                if stream.is_some_and(|stream| stream.sessions[side].next_tick() <= until) {
                    self.give(link, side, Input::Tick);
                    self.perform()?;
                }
            }
        }
        Ok(())
    }

    /// Connects what may be connected; one link, or all.
    ///
    /// # Errors
    /// As [`Network::perform`].
    pub fn connect(&mut self, link: usize) -> Result<(), Fault> {
        let Some(Link { ends, forbidden: false, stream: None }) = self.links.get(link) else { return Ok(()) };
        let ends = *ends;
        if !ends.iter().all(|end| self.peers[*end].is_up()) {
            return Ok(());
        }
        let mut greetings = Vec::new();
        let sessions = [0, 1].map(|side: usize| {
            let other = self.peers[ends[1 - side]].mirror().card.id();
            let credentials = self.peers[ends[side]].mirror().credentials_for(other);
            let (session, outputs) = Session::open(credentials, self.now);
            greetings.extend(outputs.into_iter().map(|output| (link, side, output)));
            session
        });
        self.links[link].stream = Some(Stream { sessions, wires: [Wire::default(), Wire::default()] });
        self.todo.extend(greetings);
        for side in 0..2 {
            self.give_clocks(link, side);
        }
        self.perform()
    }

    /// Breaks a stream: whatever was on its way is lost.
    pub fn cut(&mut self, link: usize) {
        self.links[link].stream = None;
        self.todo.retain(|(of, _, _)| *of != link);
    }

    fn cut_all(&mut self, peer: usize) {
        for (link, _) in self.streams_of(peer) {
            self.cut(link);
        }
    }

    /// How many links there are.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// One direction of a stream stalls: its sender does not notice.
    pub fn stall(&mut self, link: usize, side: usize) {
        if let Some(stream) = &mut self.links[link].stream {
            stream.wires[side].stalled = true;
        }
    }

    /// Nothing passes between the peers of `island` and the others.
    pub fn part(&mut self, island: &[usize]) {
        for link in 0..self.links.len() {
            let inside = self.links[link].ends.map(|end| island.contains(&end));
            if inside[0] != inside[1] {
                self.links[link].forbidden = true;
                self.cut(link);
            }
        }
    }

    /// Partitions end.
    pub fn rejoin(&mut self) {
        self.links.iter_mut().for_each(|link| link.forbidden = false);
    }

    /// Takes a peer down, in good order or by a power cut.
    pub fn take_down(&mut self, peer: usize, power_cut: bool) {
        if power_cut {
            self.peers[peer].crash();
        } else {
            self.peers[peer].stop();
        }
        self.cut_all(peer);
    }

    /// Starts a peer that is down.
    ///
    /// # Errors
    /// When its store cannot be opened.
    pub fn start(&mut self, peer: usize, mark: Mark) -> Result<(), Fault> {
        if self.peers[peer].is_up() {
            return Ok(());
        }
        self.peers[peer].start(mark).map_err(said)
    }

    /// Everything works again; runs until all is quiet, and checks that it stays so for an hour. Gives the
    /// rounds it took.
    ///
    /// # Errors
    /// When it does not become quiet.
    pub fn settle(&mut self) -> Result<usize, Fault> {
        self.rejoin();
        for peer in 0..self.peers.len() {
            self.peers[peer].disk.set_fuse(None);
            self.start(peer, Mark::Same)?;
        }
        for link in 0..self.links.len() {
            let stalled = |stream: &Stream| stream.wires.iter().any(|wire| wire.stalled);
            if self.links[link].stream.as_ref().is_some_and(stalled) {
                self.cut(link);
            }
            self.connect(link)?;
        }
        let mut rounds = 0;
        while !self.wires().is_empty() {
            rounds += 1;
            if rounds > MAX_ROUNDS {
                return Err(format!("still not quiet after {MAX_ROUNDS} rounds"));
            }
            self.round()?;
        }
        self.stay_quiet()?;
        Ok(rounds)
    }

    /// All that is in flight arrives.
    fn round(&mut self) -> Result<(), Fault> {
        for link in 0..self.links.len() {
            for side in 0..2 {
                let flying = |stream: &Stream| stream.wires[side].flying.len();
                for _ in 0..self.links[link].stream.as_ref().map_or(0, flying) {
                    self.deliver(link, side)?;
                }
            }
        }
        Ok(())
    }

    fn stay_quiet(&mut self) -> Result<(), Fault> {
        let (said, end) = (self.said, self.now + 3_600_000);
        while self.now < end {
            self.advance(PING_AFTER / 2)?;
        }
        let chatter = self.said - said;
        let broken = self.links.iter().filter(|link| link.stream.is_none()).count();
        if chatter == 0 && broken == 0 {
            return Ok(());
        }
        Err(format!("{chatter} messages and {broken} broken links in an hour in which nothing happened"))
    }
}

fn said(error: impl std::fmt::Display) -> Fault {
    error.to_string()
}
