//! One session over one channel: performs what the session puts out, and feeds it what happens.
//!
//! One task does it all, because both halves of a channel may be cancelled without loss. Nothing is read
//! from the socket while the disk or the peer lags, so the peer is slowed by TCP itself. A commit goes from
//! the engine's event to the socket without a timer and without another task between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::Rights;
use quire_protocol::message::{Credentials, Message, ShortHead};
use quire_protocol::record as signed;
use quire_protocol::session::{Input, Millis, Output, Session};
use thiserror::Error;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::outgoing::Outgoing;
use crate::channel::{Channel, ChannelError, ChannelReceiver, ChannelSender};
use crate::engine::{Engine, EngineError, Event, Ingested, PeerRecord, Refusal};

/// Bytes of segments handed to the engine at once, and that wait while it writes: enough that one sync
/// serves many segments, little enough that a slow peer's memory is not felt.
const INGEST_BYTES: usize = 1024 * 1024;

/// Segments handed to the engine at once. A segment of few bytes may hold 64 KiB, and all of a call is
/// checked in one turn of the writer, for which apps wait.
const INGEST_SEGMENTS: usize = 64;

/// Records handed to the engine at once, but for the last segment's: those that are set aside or of few bytes come
/// 128 a segment, and each costs its rows.
const INGEST_RECORDS: u64 = 2048;

/// Bytes that wait for the socket before nothing more is read from the store.
const FETCH_WHILE_BELOW: usize = 512 * 1024;

/// Bytes that wait for the socket before nothing more is read from it: a peer that sends and never reads
/// could pile up acknowledgements otherwise. Above what fetching alone can reach, or two peers that send
/// at once would wait for each other.
const READ_WHILE_BELOW: usize = 4 * 1024 * 1024;

/// How long a removed peer may take to read that it was.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a session ended.
#[derive(Debug, Error)]
pub enum End {
    /// This side was asked to.
    #[error("stopped")]
    Stopped,
    /// The peer is trusted no more.
    #[error("the peer was removed")]
    Removed,
    /// A log turned out to have forked; the next session speaks of what is good of it.
    #[error("a log forked")]
    ForkFound,
    /// A right was withdrawn; the next session speaks of what is left.
    #[error("what the peer may read has changed")]
    RightsChanged,
    /// The peer closed, or its machine did.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The channel failed.
    #[error("{0}")]
    Channel(#[from] ChannelError),
    /// The peer broke the protocol, or fell silent.
    #[error("{0}")]
    Protocol(String),
    /// This side could not read or write its store.
    #[error("{0}")]
    Engine(#[from] EngineError),
}

/// Runs a session with `peer` on `channel` until one of the two ends it, or `stop` is sent or dropped.
pub async fn run(
    engine: Engine,
    peer: DeviceId,
    key: [u8; 32],
    channel: Channel,
    stop: oneshot::Receiver<()>,
) -> End {
    let mut link = Link::new(engine, peer, key, channel);
    let end = tokio::select! {
        end = link.live() => match end {
            Err(end) => end,
            Ok(never) => match never {},
        },
        _ = stop => End::Stopped,
    };
    link.say_farewell().await;
    end
}

/// Cannot be made: a session runs until an [`End`].
enum Never {}

type Segment = (Space, Incarnation, Vec<u8>);
type Ingesting = Pin<Box<dyn Future<Output = Result<Vec<Ingested>, EngineError>> + Send>>;

struct Fetch {
    space: Space,
    after: Clock,
    bytes: usize,
}

struct Link {
    engine: Engine,
    peer: DeviceId,
    key: [u8; 32],
    sender: ChannelSender,
    receiver: ChannelReceiver,
    events: broadcast::Receiver<Arc<Event>>,
    begun: Instant,
    session: Session,
    greeting: Vec<Output>,
    /// What was known of forks when the session began: its clocks cannot go back.
    forks: BTreeSet<(Space, Incarnation, u64)>,
    /// The peer's question that waits for the socket; it asks one after the other.
    asked: Option<(Space, Incarnation, u64)>,
    /// Spaces that the session was told of.
    shared: BTreeSet<Space>,
    /// What the peer is trusted with, looked up when it names a space that is not here yet.
    access: Option<PeerRecord>,
    /// Spaces whose clock the peer said in this session.
    heard_of: BTreeSet<Space>,
    outgoing: Outgoing,
    /// Bytes sealed and not yet taken by the socket, at most.
    unsent: usize,
    deferred: VecDeque<Fetch>,
    arrived: Vec<Segment>,
    arrived_bytes: usize,
    ingesting: Option<Ingesting>,
}

enum Step {
    Flushed(Result<(), ChannelError>),
    Ingested(Result<Vec<Ingested>, EngineError>),
    Event(Result<Arc<Event>, RecvError>),
    Received(Result<Option<Vec<u8>>, ChannelError>),
    Tick,
}

impl Link {
    fn new(engine: Engine, peer: DeviceId, key: [u8; 32], channel: Channel) -> Link {
        let events = engine.subscribe();
        let forks = engine.forks();
        let (session, greeting) = Session::open(engine.credentials_for(peer), 0);
        let (sender, receiver) = channel.split();
        Link {
            engine,
            peer,
            key,
            sender,
            receiver,
            events,
            begun: Instant::now(),
            session,
            greeting,
            forks,
            asked: None,
            shared: BTreeSet::new(),
            access: None,
            heard_of: BTreeSet::new(),
            outgoing: Outgoing::default(),
            unsent: 0,
            deferred: VecDeque::new(),
            arrived: Vec::new(),
            arrived_bytes: 0,
            ingesting: None,
        }
    }

    async fn live(&mut self) -> Result<Never, End> {
        // A crash came between the two sides of its pairing.
        self.engine.admit_invited(self.peer).await?;
        // Somebody may have removed the peer between the handshake and the subscription.
        self.still_trusted()?;
        let greeting = std::mem::take(&mut self.greeting);
        self.perform_all(greeting).await?;
        let clocks = self.share_anew()?;
        self.give(Input::Committed(clocks)).await?;
        loop {
            self.send().await?;
            self.ingest();
            let step = self.next().await;
            self.take(step).await?;
        }
    }

    async fn next(&mut self) -> Step {
        let tick = self.begun + Duration::from_millis(self.session.next_tick());
        let waiting = self.unsent;
        let may_read = self.arrived_bytes < INGEST_BYTES && waiting < READ_WHILE_BELOW;
        tokio::select! {
            flushed = self.sender.send_batch(&[]), if waiting > 0 => Step::Flushed(flushed),
            done = finished(&mut self.ingesting) => Step::Ingested(done),
            event = self.events.recv() => Step::Event(event),
            received = self.receiver.recv(), if may_read => Step::Received(received),
            () = sleep_until(tick) => Step::Tick,
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Flushed(flushed) => {
                flushed?;
                self.unsent = 0;
                self.resume_fetching().await
            }
            Step::Ingested(done) => self.ingested(done?).await,
            Step::Event(event) => self.event(event).await,
            Step::Received(received) => self.received(received?).await,
            Step::Tick => self.give(Input::Tick).await,
        }
    }

    /// Takes a message and all that are here already, so that their segments share one commit.
    async fn received(&mut self, first: Option<Vec<u8>>) -> Result<(), End> {
        let mut next = Some(first);
        while let Some(received) = next {
            self.message(&received.ok_or(End::PeerClosed)?).await?;
            next = if self.arrived_bytes < INGEST_BYTES { self.already_here().await? } else { None };
        }
        Ok(())
    }

    async fn already_here(&mut self) -> Result<Option<Option<Vec<u8>>>, End> {
        tokio::select! {
            biased;
            received = self.receiver.recv() => Ok(Some(received?)),
            () = std::future::ready(()) => Ok(None),
        }
    }

    async fn message(&mut self, bytes: &[u8]) -> Result<(), End> {
        match Message::decode(bytes) {
            Ok(Some(message)) => self.give(Input::Received(message)).await,
            // A newer peer may say more than we understand.
            Ok(None) => Ok(()),
            Err(error) => Err(End::Protocol(format!("the peer broke the protocol: {error}"))),
        }
    }

    async fn event(&mut self, event: Result<Arc<Event>, RecvError>) -> Result<(), End> {
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => return self.look_anew().await,
            Err(RecvError::Closed) => return Err(End::Stopped),
        };
        match &*event {
            Event::Roster => self.look_anew().await,
            Event::Committed { clocks, .. }
                if clocks.iter().all(|(space, _)| self.shared.contains(space)) =>
            {
                self.give(Input::Committed(clocks.clone())).await
            }
            Event::Committed { .. } => {
                let clocks = self.share_anew()?;
                self.give(Input::Committed(clocks)).await
            }
        }
    }

    /// Reads trust, credentials and clocks from the engine, whatever was missed.
    async fn look_anew(&mut self) -> Result<(), End> {
        self.still_trusted()?;
        if self.engine.forks() != self.forks {
            return Err(End::ForkFound);
        }
        self.access = None;
        let credentials = self.engine.credentials_for(self.peer);
        self.give(Input::Credentials(credentials)).await?;
        let clocks = self.share_anew()?;
        self.give(Input::Committed(clocks)).await
    }

    /// Tells a peer that it was removed, so that its owner learns why it hears nothing more; the session ends in any
    /// case, so it matters little whether it arrives.
    async fn say_farewell(&mut self) {
        if let Some(credentials) = self.engine.farewell_to(self.peer) {
            // Nothing else goes out to it any more.
            self.outgoing.take();
            self.outgoing.push(Message::Credentials(credentials));
            let last = self.outgoing.take();
            let sent = tokio::time::timeout(FAREWELL, self.sender.send_batch(&last)).await;
            tracing::debug!(peer = %self.peer, told = sent.is_ok(), "the peer was removed");
            // What it still says is read to the end: closing before would take the last word back.
            let read = async { while let Ok(Some(_)) = self.receiver.recv().await {} };
            let _ = tokio::time::timeout(FAREWELL, read).await;
        }
    }

    fn still_trusted(&self) -> Result<(), End> {
        let trusted = self.engine.device_of(&self.key) == Some(self.peer);
        if trusted { Ok(()) } else { Err(End::Removed) }
    }

    /// The clocks that the peer may see now. A session cannot take a space back, so it ends when one is gone.
    fn share_anew(&mut self) -> Result<Vec<(Space, Clock)>, End> {
        let clocks = self.engine.clocks_for(self.peer);
        let now: BTreeSet<Space> = clocks.iter().map(|(space, _)| space.clone()).collect();
        let gone: Vec<Space> = self.shared.difference(&now).cloned().collect();
        if !gone.iter().all(|space| self.may_share(space)) {
            return Err(End::RightsChanged);
        }
        self.shared.extend(now);
        Ok(clocks)
    }

    /// Whether the peer may read a space, also one of which nothing is here yet.
    fn may_share(&mut self, space: &Space) -> bool {
        if self.access.is_none() {
            self.access = self.engine.peers().into_iter().find(|record| record.card.id() == self.peer);
        }
        self.access.as_ref().is_some_and(|record| {
            let granted = |(name, rights): &(Space, Rights)| name == space && rights.allow(Rights::READ);
            record.everything || record.spaces.iter().any(granted)
        })
    }

    async fn give(&mut self, input: Input) -> Result<(), End> {
        let outputs = self.session.handle(input, self.now());
        self.perform_all(outputs).await
    }

    async fn perform_all(&mut self, outputs: Vec<Output>) -> Result<(), End> {
        let mut todo = VecDeque::from(outputs);
        while let Some(output) = todo.pop_front() {
            if let Some(input) = self.perform(output).await? {
                todo.extend(self.session.handle(input, self.now()));
            }
        }
        Ok(())
    }

    async fn perform(&mut self, output: Output) -> Result<Option<Input>, End> {
        match output {
            Output::Send(message) => {
                self.outgoing.push(message);
                Ok(None)
            }
            Output::Fetch { space, after, bytes } => self.fetch(Fetch { space, after, bytes }),
            Output::Ingest { space, log, segment } => {
                self.arrived_bytes += segment.len();
                self.arrived.push((space, log, segment));
                Ok(None)
            }
            Output::Heads { space } => {
                let heads = self.engine.heads(&space)?;
                Ok(Some(Input::Heads { space, heads }))
            }
            Output::CompareHeads { space, heads } => self.compare_heads(&space, &heads).await,
            Output::Branch { space, log, after } => {
                self.asked = Some((space, log, after));
                self.answer_recount()
            }
            Output::Compare { space, log, after, segment } => {
                let compared = self.engine.compare(&space, log, after, segment).await?;
                Ok(Some(Input::Compared { after, compared }))
            }
            Output::Learn(credentials) => self.learn(credentials).await.map(Some),
            Output::PeerHas { space, clock } => Ok(self.peer_has(space, clock)),
            Output::PeerRefuses { space, log } => {
                tracing::debug!(peer = %self.peer, %space, %log, "the peer does not take this log");
                Ok(None)
            }
            Output::Close(reason) => Err(End::Protocol(reason.to_owned())),
        }
    }

    async fn compare_heads(&mut self, space: &Space, heads: &[ShortHead]) -> Result<Option<Input>, End> {
        for (log, at) in self.engine.doubtful(space, heads)? {
            let outputs = self.session.handle(Input::Doubt { space: space.clone(), log, at }, self.now());
            Box::pin(self.perform_all(outputs)).await?;
        }
        Ok(None)
    }

    /// Answers the peer's question when the socket has room; of several the last.
    fn answer_recount(&mut self) -> Result<Option<Input>, End> {
        if self.unsent + self.outgoing.bytes() >= FETCH_WHILE_BELOW {
            return Ok(None);
        }
        let Some((space, log, after)) = self.asked.take() else { return Ok(None) };
        let segment = self.engine.branch(&space, log, after)?;
        Ok(Some(Input::Branch { space, log, after, segment }))
    }

    fn fetch(&mut self, fetch: Fetch) -> Result<Option<Input>, End> {
        if self.unsent + self.outgoing.bytes() >= FETCH_WHILE_BELOW {
            self.deferred.push_back(fetch);
            return Ok(None);
        }
        let segments = self.engine.fetch(&fetch.space, &fetch.after, fetch.bytes)?;
        Ok(Some(Input::Fetched { space: fetch.space, segments }))
    }

    async fn resume_fetching(&mut self) -> Result<(), End> {
        if let Some(answer) = self.answer_recount()? {
            self.give(answer).await?;
        }
        for fetch in std::mem::take(&mut self.deferred) {
            if let Some(fetched) = self.fetch(fetch)? {
                self.give(fetched).await?;
            }
        }
        Ok(())
    }

    async fn learn(&mut self, credentials: Credentials) -> Result<Input, End> {
        self.engine.learn(credentials).await?;
        self.still_trusted()?;
        if self.engine.forks() != self.forks {
            return Err(End::ForkFound);
        }
        self.access = None;
        Ok(Input::Committed(self.share_anew()?))
    }

    /// A space that the peer shares and that is not here yet is answered with an empty clock, which asks
    /// for all of it. One that the peer may not read is not answered at all.
    fn peer_has(&mut self, space: Space, clock: Clock) -> Option<Input> {
        let known = self.shared.contains(&space);
        if !known && !self.may_share(&space) {
            return None;
        }
        let fresh = self.heard_of.insert(space.clone());
        self.engine.peer_has(self.peer, &space, clock, fresh);
        if known {
            return None;
        }
        self.shared.insert(space.clone());
        let own = self.engine.clock(&space).unwrap_or_default();
        Some(Input::Committed(vec![(space, own)]))
    }

    /// Hands over what has arrived, unless the engine still writes what arrived before.
    fn ingest(&mut self) {
        if self.ingesting.is_some() || self.arrived.is_empty() {
            return;
        }
        let (engine, peer) = (self.engine.clone(), self.peer);
        let rest = self.arrived.split_off(one_turn(&self.arrived));
        let segments = std::mem::replace(&mut self.arrived, rest);
        self.arrived_bytes = self.arrived.iter().map(|(_, _, segment)| segment.len()).sum();
        self.ingesting = Some(Box::pin(async move { engine.ingest(peer, segments).await }));
    }

    async fn ingested(&mut self, done: Vec<Ingested>) -> Result<(), End> {
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
    fn sender_has(&self, done: &[Ingested]) {
        let mut clocks: BTreeMap<&Space, Clock> = BTreeMap::new();
        for taken in done.iter().filter(|taken| taken.refused.is_none()) {
            clocks.entry(&taken.space).or_default().advance(taken.log, taken.seq);
        }
        for (space, clock) in clocks {
            self.engine.peer_has(self.peer, space, clock, false);
        }
    }

    /// Seals what waits and gives the socket what it takes now; the rest leaves in [`next`](Self::next).
    async fn send(&mut self) -> Result<(), End> {
        while self.outgoing.bytes() > 0 {
            self.unsent += self.outgoing.bytes();
            let batch = self.outgoing.take();
            let sent = tokio::select! {
                biased;
                sent = self.sender.send_batch(&batch) => Some(sent),
                () = std::future::ready(()) => None,
            };
            let Some(sent) = sent else { return Ok(()) };
            sent?;
            self.unsent = 0;
            self.resume_fetching().await?;
        }
        Ok(())
    }

    fn now(&self) -> Millis {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(Millis::MAX)
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
async fn finished(ingesting: &mut Option<Ingesting>) -> Result<Vec<Ingested>, EngineError> {
    match ingesting {
        Some(ingesting) => ingesting.await,
        None => std::future::pending().await,
    }
}
