//! Sessions: whatever comes in whatever order, a session sends no space it was not told to share, acknowledges
//! nothing that it was not told is kept, and asks for nothing after its end.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use quire_protocol::clock::Clock;
use quire_protocol::document::{Register, creation};
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::identity::DeviceKey;
use quire_protocol::limits::MAX_SEQ;
use quire_protocol::message::{Credentials, Greeting, LogName, Message, Progress, SegmentMessage};
use quire_protocol::record::{RULES, Record, RecordKind, Segment, chain_start};
use quire_protocol::session::{Input, Output, Session};

/// Bytes of one input.
const STEP: usize = 4;

/// Records of one segment that is kept ready.
const RECORDS: usize = 3;

/// Plays a session, each input made of four bytes; after 0xff the rest is a message as it stands.
pub fn check(data: &[u8]) {
    let (mut played, greeting) = Played::open();
    if played.take(greeting) {
        return;
    }
    let mut rest = data;
    while let Some((step, more)) = rest.split_first_chunk::<STEP>() {
        rest = more;
        let input = match step[0] {
            0xff => match Message::decode(std::mem::take(&mut rest)) {
                Ok(Some(message)) => Input::Received(message),
                _ => return,
            },
            _ => played.input(*step),
        };
        if played.give(input) {
            return;
        }
    }
}

/// A session and what it was told.
struct Played {
    session: Session,
    now: u64,
    /// Spaces that this side shares.
    shared: BTreeSet<Space>,
    /// Spaces as this side named them in what it sent.
    named: Vec<Space>,
    /// Spaces and logs in the order in which the peer named them.
    theirs: Vec<Space>,
    their_logs: Vec<Incarnation>,
    /// Spaces that are to be read, once each.
    asked: BTreeSet<Space>,
    /// What may be answered now.
    answer: Option<(Space, Incarnation, u64)>,
}

fn space(n: u8) -> Space {
    Space::account(i64::from(n % 5))
}

fn log(n: u8) -> Incarnation {
    Incarnation([n % 4; 16])
}

fn clock(n: u8, seq: u8) -> Clock {
    let seq = if seq == 0xff { MAX_SEQ } else { u64::from(seq) };
    [(log(n), seq), (log(n >> 4), u64::from(n))].into_iter().collect()
}

impl Played {
    fn open() -> (Played, Vec<Output>) {
        let (session, greeting) = Session::open(Credentials::default(), 0);
        let (shared, named, theirs, their_logs, asked) = Default::default();
        (Played { session, now: 0, shared, named, theirs, their_logs, asked, answer: None }, greeting)
    }

    fn input(&mut self, [what, a, b, c]: [u8; STEP]) -> Input {
        match what % 14 {
            0 | 1 => Input::Committed(vec![(space(a), clock(b, c))]),
            // Nobody reads what was not asked for.
            2 | 3 if !self.asked.remove(&space(a)) => Input::Tick,
            2 => Input::Fetched { space: space(a), segments: vec![(log(b), segment(b, c))] },
            3 => Input::Fetched { space: space(a), segments: Vec::new() },
            4 => Input::Ingested { space: space(a), log: log(b), seq: u64::from(c) },
            5 => Input::Refused { space: space(a), log: log(b), seq: u64::from(c) },
            6 => Input::Tick,
            other => Input::Received(message(other, [a, b, c])),
        }
    }

    /// Gives an input; true when the session has ended.
    fn give(&mut self, input: Input) -> bool {
        self.now += 1000;
        match &input {
            Input::Committed(clocks) => self.shared.extend(clocks.iter().map(|(space, _)| space.clone())),
            Input::Ingested { space, log, seq } | Input::Refused { space, log, seq } => {
                self.answer = Some((space.clone(), *log, *seq));
            }
            Input::Received(message) => self.hears(message),
            _ => {}
        }
        let outputs = self.session.handle(input, self.now);
        assert!(self.session.next_tick() <= self.now + 40_000);
        let ended = self.take(outputs);
        self.answer = None;
        ended
    }

    fn hears(&mut self, message: &Message) {
        match message {
            Message::Clocks(clocks) => {
                for (space, _) in clocks {
                    if !self.theirs.contains(space) {
                        self.theirs.push(space.clone());
                    }
                }
            }
            Message::Segment(SegmentMessage { log: LogName::New(log), .. }) => self.their_logs.push(*log),
            _ => {}
        }
    }

    fn take(&mut self, outputs: Vec<Output>) -> bool {
        let ends = outputs.iter().position(|output| matches!(output, Output::Close(_)));
        for output in &outputs {
            match output {
                Output::Send(message) => self.sends(message),
                Output::Fetch { space, .. } => {
                    assert!(self.shared.contains(space) && self.theirs.contains(space), "reads {space}");
                    assert!(self.asked.insert(space.clone()), "reads {space} twice at once");
                }
                Output::Ingest { segment, .. } => assert!(Segment::range(segment).is_ok()),
                _ => {}
            }
        }
        ends.is_some()
    }

    fn sends(&mut self, message: &Message) {
        match message {
            Message::Clocks(clocks) => {
                for (space, _) in clocks {
                    assert!(self.shared.contains(space), "names {space}, which is not shared");
                    assert!(!self.named.contains(space), "names {space} twice");
                    self.named.push(space.clone());
                }
            }
            Message::Segment(sent) => {
                let named = self.named.get(sent.space as usize);
                assert!(
                    named.is_some_and(|space| self.shared.contains(space) && self.theirs.contains(space))
                );
            }
            Message::Ack(progress) | Message::Refuse(progress) => self.answers(*progress),
            _ => {}
        }
    }

    /// Only what was kept, or refused, just now.
    fn answers(&self, progress: Progress) {
        let Some((space, log, seq)) = &self.answer else { panic!("answers {progress:?} unasked") };
        assert_eq!(self.theirs.get(progress.space as usize), Some(space));
        assert_eq!(self.their_logs.get(progress.log as usize), Some(log));
        assert_eq!(progress.seq, *seq);
    }
}

fn message(what: u8, [a, b, c]: [u8; 3]) -> Message {
    let progress = Progress { space: u32::from(a % 8), log: u32::from(b % 8), seq: u64::from(c) };
    match what {
        7 => Message::Greeting(Greeting { version: u16::from(a), credentials: [b; 8] }),
        8 => Message::Clocks(vec![(space(a), clock(b, c)), (space(c), Clock::default())]),
        9 => Message::Segment(SegmentMessage {
            space: u32::from(a % 8),
            log: if c & 1 == 0 { LogName::New(log(b)) } else { LogName::Known(u32::from(b % 8)) },
            segment: segment(b, c),
        }),
        10 => Message::Ack(progress),
        11 => Message::Refuse(progress),
        12 => Message::Ping,
        _ => Message::Credentials(Credentials::default()),
    }
}

/// A segment of a log that begins where `which` says; every eighth is none.
fn segment(of: u8, which: u8) -> Vec<u8> {
    static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let all = MADE.get_or_init(|| (0..4 * RECORDS).map(|n| sealed(log(n as u8 % 4), n as u64 / 4)).collect());
    match which >> 1 & 7 {
        7 => vec![which; usize::from(which)],
        n => all[(usize::from(of % 4) + 4 * (usize::from(n) % RECORDS)) % all.len()].clone(),
    }
}

fn sealed(log: Incarnation, after: u64) -> Vec<u8> {
    let doc = DocId([after as u8; 16]);
    let change = creation(doc, log, None, [("color", Register::Text("red".into()))]);
    let kind = RecordKind::CHANGE;
    let payload = change.raw().to_vec();
    let record = Record { doc, kind, rules: RULES, more: false, claimed_ms: 0, payload };
    let (space, key) = (Space::account(3), DeviceKey::from_seed(&[1; 32]));
    Segment::seal(&space, log, (after, &chain_start(&space, log)), vec![record], &key).0.encode(log)
}
