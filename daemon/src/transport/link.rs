//! One session over one channel: performs what the session puts out, and feeds it what happens.
//!
//! One task does it all, because both halves of a channel may be cancelled without loss. Nothing is read
//! from the socket while the disk or the peer lags, so the peer is slowed by TCP itself. A commit goes from
//! the engine's event to the socket without a timer and without another task between.

mod ingesting;
mod sharing;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::message::{Message, ShortHead};
use quire_protocol::session::{Input, Millis, Output, Session};
use thiserror::Error;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::outgoing::Outgoing;
use crate::channel::{Channel, ChannelError, ChannelReceiver, ChannelSender};
use crate::engine::{Engine, EngineError, Event, Ingested, PeerRecord};
use ingesting::{INGEST_BYTES, Ingesting, finished};

/// Bytes that wait for the socket before nothing more is read from the store.
const FETCH_WHILE_BELOW: usize = 512 * 1024;

/// Bytes that wait for the socket before nothing more is read from it: a peer that sends and never reads
/// could pile up acknowledgements otherwise. Above what fetching alone can reach, or two peers that send
/// at once would wait for each other.
const READ_WHILE_BELOW: usize = 4 * 1024 * 1024;

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
