//! Replication with one peer, without IO: `handle(input, now) -> outputs`.
//!
//! ```text
//!   both:  Greeting ─ Credentials? ─ Clocks        what I share with you, and what I have of it
//!   both:  Segment …                               what you lack, in the order I got it
//!   both:  Ack …                                   what is now on my disk
//! ```
//!
//! Segments go in the sender's order of arrival, so every prefix of the stream is causally closed and a
//! session that is cut keeps what it got. New records are pushed as they commit, by the same path. Nothing
//! is acknowledged before it is on disk: `Ack` follows the input [`Input::Ingested`], never a message.

mod doubt;
mod flight;
mod link;
mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::clock::Clock;
use crate::id::{Incarnation, Space};
use crate::limits::{MAX_LOGS, MAX_SPACES};
use crate::message::{Credentials, Greeting, LogName, Message, Progress, SegmentMessage, WIRE_VERSION};
use crate::record::Segment;
pub use doubt::Compared;
use doubt::Search;
use flight::Flight;
use link::Link;
pub use step::{Input, Output};

/// Milliseconds on any clock that only goes forward.
pub type Millis = u64;

/// A quiet peer is asked for a sign of life after this long.
pub const PING_AFTER: Millis = 15_000;

/// A peer that gives no sign of life for this long is gone: a cable was pulled, a lid was closed.
pub const SILENT_FOR: Millis = 40_000;

/// One session with one peer.
pub struct Session {
    heard: Millis,
    asked: bool,
    greeted: bool,
    credentials: Credentials,
    /// How often the peer was told new credentials.
    told: u64,
    links: BTreeMap<Space, Link>,
    my_spaces: Vec<Space>,
    peer_spaces: Vec<Space>,
    my_logs: Vec<Incarnation>,
    peer_logs: Vec<Incarnation>,
    /// Spaces of which the peer said the ends of logs.
    headed: BTreeSet<Space>,
    /// Logs that were doubted in this session.
    doubted: BTreeSet<(Space, Incarnation)>,
    /// The first one is under way.
    searches: VecDeque<Search>,
    comparing: bool,
    /// The peer's questions that were answered.
    answers: usize,
}

impl Session {
    /// A new session; gives its first messages. `credentials` are what the peer may know.
    pub fn open(credentials: Credentials, now: Millis) -> (Session, Vec<Output>) {
        let session = Session {
            heard: now,
            asked: false,
            greeted: false,
            credentials,
            told: 0,
            links: BTreeMap::new(),
            my_spaces: Vec::new(),
            peer_spaces: Vec::new(),
            my_logs: Vec::new(),
            peer_logs: Vec::new(),
            headed: BTreeSet::new(),
            doubted: BTreeSet::new(),
            searches: VecDeque::new(),
            comparing: false,
            answers: 0,
        };
        let greeting = Greeting { version: WIRE_VERSION, credentials: digest(&session.credentials) };
        (session, vec![Output::Send(Message::Greeting(greeting))])
    }

    /// Does one step.
    pub fn handle(&mut self, input: Input, now: Millis) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Received(message) => {
                (self.heard, self.asked) = (now, false);
                self.receive(message, &mut out);
            }
            Input::Committed(clocks) => self.committed(clocks, &mut out),
            Input::Fetched { space, segments } => self.fetched(space, segments, &mut out),
            Input::Ingested { space, log, seq } => self.answer(&space, log, seq, Message::Ack, &mut out),
            Input::Refused { space, log, seq } => self.answer(&space, log, seq, Message::Refuse, &mut out),
            Input::Credentials(credentials) => {
                let is_news = self.greeted && digest(&credentials) != digest(&self.credentials);
                self.credentials = credentials;
                if is_news {
                    out.push(Output::Send(Message::Credentials(self.credentials.clone())));
                    self.told += 1;
                    self.try_refused_again(&mut out);
                }
            }
            Input::Heads { space, heads } => self.heads(&space, heads, &mut out),
            Input::Doubt { space, log, at } => self.doubt(space, log, at, &mut out),
            Input::Branch { space, log, after, segment } => {
                self.answer_recount((space, log, after), segment, &mut out);
            }
            Input::Compared { after, compared } => self.compared(after, compared, &mut out),
            Input::Tick => self.tick(now, &mut out),
        }
        out
    }

    /// When the next tick is needed.
    pub fn next_tick(&self) -> Millis {
        self.heard + if self.asked { SILENT_FOR } else { PING_AFTER }
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Output>) {
        if now >= self.heard + SILENT_FOR {
            out.push(Output::Close("the peer fell silent"));
        } else if now >= self.heard + PING_AFTER && !self.asked {
            self.asked = true;
            out.push(Output::Send(Message::Ping));
        }
    }

    fn receive(&mut self, message: Message, out: &mut Vec<Output>) {
        if !self.greeted && !matches!(message, Message::Greeting(_)) {
            return out.push(Output::Close("the peer did not greet first"));
        }
        match message {
            Message::Greeting(greeting) => self.greet(&greeting, out),
            Message::Credentials(credentials) => out.push(Output::Learn(credentials)),
            Message::Clocks(clocks) => self.peer_clocks(clocks, out),
            Message::Segment(message) => self.segment(message, out),
            Message::Ack(progress) => self.acked(progress, out),
            Message::Refuse(progress) => self.refused(progress, out),
            Message::Ping => out.push(Output::Send(Message::Pong)),
            Message::Pong => {}
            Message::Heads(said) => self.peer_heads(said, out),
            Message::Recount(place) => self.recount(place, out),
            Message::Branch(place, segment) => self.branch(place, segment, out),
        }
    }

    fn greet(&mut self, greeting: &Greeting, out: &mut Vec<Output>) {
        if std::mem::replace(&mut self.greeted, true) {
            return out.push(Output::Close("the peer greeted twice"));
        }
        if greeting.credentials != digest(&self.credentials) {
            out.push(Output::Send(Message::Credentials(self.credentials.clone())));
        }
        let clocks = self.links.iter_mut().filter(|(_, link)| link.mine.is_none());
        let mut named = Vec::new();
        for (space, link) in clocks {
            link.mine = Some(self.my_spaces.len() as u32);
            self.my_spaces.push(space.clone());
            named.push((space.clone(), link.own.clone()));
        }
        if !named.is_empty() {
            let spaces = named.iter().map(|(space, _)| space.clone()).collect();
            out.push(Output::Send(Message::Clocks(named)));
            Session::show_heads(spaces, out);
        }
    }

    fn committed(&mut self, clocks: Vec<(Space, Clock)>, out: &mut Vec<Output>) {
        let mut named = Vec::new();
        for (space, clock) in clocks {
            let link = self.links.entry(space.clone()).or_default();
            link.dry &= link.own == clock;
            link.own.join(&clock);
            if self.greeted && link.mine.is_none() {
                link.mine = Some(self.my_spaces.len() as u32);
                self.my_spaces.push(space.clone());
                named.push((space.clone(), link.own.clone()));
            }
            link.pump(&space, out);
        }
        if !named.is_empty() {
            let spaces = named.iter().map(|(space, _)| space.clone()).collect();
            out.insert(0, Output::Send(Message::Clocks(named)));
            Session::show_heads(spaces, out);
        }
    }

    fn peer_clocks(&mut self, clocks: Vec<(Space, Clock)>, out: &mut Vec<Output>) {
        for (space, clock) in clocks {
            let link = self.links.entry(space.clone()).or_default();
            if link.theirs.is_none() {
                link.theirs = Some(self.peer_spaces.len() as u32);
                self.peer_spaces.push(space.clone());
            }
            link.sent.join(&clock);
            link.acked.join(&clock);
            if self.peer_spaces.len() > MAX_SPACES || link.acked.len() > MAX_LOGS {
                return out.push(Output::Close("the peer named more spaces or logs than there can be"));
            }
            out.push(Output::PeerHas { space: space.clone(), clock: link.acked.clone() });
            link.pump(&space, out);
        }
    }

    fn segment(&mut self, message: SegmentMessage, out: &mut Vec<Output>) {
        let log = match message.log {
            LogName::Known(n) => self.peer_logs.get(n as usize).copied(),
            LogName::New(log) if self.peer_logs.len() < MAX_LOGS => {
                self.peer_logs.push(log);
                Some(log)
            }
            LogName::New(_) => None,
        };
        let (Some(log), Some(space)) = (log, self.peer_spaces.get(message.space as usize)) else {
            return out.push(Output::Close("the peer named a log or space it had not introduced"));
        };
        let Ok((_, hi)) = Segment::range(&message.segment) else {
            return out.push(Output::Close("the peer sent a malformed segment"));
        };
        if let Some(link) = self.links.get_mut(space) {
            link.sent.advance(log, hi);
        }
        out.push(Output::Ingest { space: space.clone(), log, segment: message.segment });
    }

    /// Tells the peer about a segment it had sent, by its own numbers.
    fn answer(
        &mut self,
        space: &Space,
        log: Incarnation,
        seq: u64,
        message: impl Fn(Progress) -> Message,
        out: &mut Vec<Output>,
    ) {
        let theirs = self.links.get(space).and_then(|link| link.theirs);
        let number = self.peer_logs.iter().position(|l| *l == log);
        if let (Some(space), Some(log)) = (theirs, number) {
            out.push(Output::Send(message(Progress { space, log: log as u32, seq })));
        }
    }

    fn acked(&mut self, progress: Progress, out: &mut Vec<Output>) {
        let Some((space, log)) = self.named(progress) else {
            return out.push(Output::Close("the peer acknowledged what it was not sent"));
        };
        let Some(link) = self.links.get_mut(&space) else { return };
        // What goes on behind the good end of a forked log is acknowledged in full by who does not know of the fork.
        let is_known = progress.seq <= link.own.get(log).min(link.sent.get(log));
        if !is_known && !link.in_flight.carry(log, progress.seq) {
            return out.push(Output::Close("the peer acknowledged what it was not sent"));
        }
        link.acked.advance(log, progress.seq);
        link.sent.advance(log, progress.seq);
        link.in_flight.taken(log, progress.seq);
        link.go_on_with(log);
        out.push(Output::PeerHas { space: space.clone(), clock: link.acked.clone() });
        link.pump(&space, out);
    }

    fn refused(&mut self, progress: Progress, out: &mut Vec<Output>) {
        let Some((space, log)) = self.named(progress) else {
            return out.push(Output::Close("the peer refused what it was not sent"));
        };
        let Some(link) = self.links.get_mut(&space) else { return };
        // What was read from the store may be newer than what the peer had been told by then of who wrote it.
        if link.in_flight.refused(log).is_some_and(|flight| flight.told < self.told) {
            link.paused.insert(log);
        }
        if !link.paused.contains(&log) {
            if !link.refused.contains(&log) {
                link.refused.push(log);
            }
            out.push(Output::PeerRefuses { space: space.clone(), log });
        }
        link.go_on_with(log);
        link.pump(&space, out);
    }

    /// The peer knows more now of who may write: what it refused before it may take.
    fn try_refused_again(&mut self, out: &mut Vec<Output>) {
        for (space, link) in &mut self.links {
            for log in std::mem::take(&mut link.refused) {
                link.paused.insert(log);
                link.go_on_with(log);
            }
            link.pump(space, out);
        }
    }

    fn named(&self, progress: Progress) -> Option<(Space, Incarnation)> {
        let space = self.my_spaces.get(progress.space as usize)?;
        Some((space.clone(), *self.my_logs.get(progress.log as usize)?))
    }

    fn fetched(&mut self, space: Space, segments: Vec<(Incarnation, Vec<u8>)>, out: &mut Vec<Output>) {
        let Some(link) = self.links.get_mut(&space) else { return };
        link.fetching = false;
        link.dry = segments.is_empty();
        let Some(number) = link.mine else { return };
        for (log, segment) in segments {
            let Ok((lo, hi)) = Segment::range(&segment) else { continue };
            if lo != link.sent.get(log) + 1 || link.withholds(log) {
                continue;
            }
            link.sent.advance(log, hi);
            let (settled_by, bytes, told) = (hi.min(link.own.get(log)), segment.len(), self.told);
            link.in_flight.push(Flight { log, hi, settled_by, bytes, told });
            let log = match self.my_logs.iter().position(|l| *l == log) {
                Some(n) => LogName::Known(n as u32),
                None => {
                    self.my_logs.push(log);
                    LogName::New(log)
                }
            };
            out.push(Output::Send(Message::Segment(SegmentMessage { space: number, log, segment })));
        }
        link.pump(&space, out);
    }
}

/// Digest of a set of credentials, whatever their order.
fn digest(credentials: &Credentials) -> [u8; 8] {
    let mut names: Vec<[u8; 16]> = credentials.roster.iter().map(|e| e.id()).collect();
    names.extend(credentials.rulings.iter().map(|ruling| ruling.id()));
    names.extend(credentials.certificates.iter().map(|c| c.incarnation.0));
    names.sort_unstable();
    let hash = blake3::derive_key("quire credentials 1", &names.concat());
    let mut out = [0; 8];
    out.copy_from_slice(&hash[..8]);
    out
}

#[cfg(test)]
mod tests;
