//! Mallory: a device that is paired like any other and then says what it likes, and strangers that are not.
//!
//! It speaks the wire from below: handshake machines, frames and messages, on a blocking socket, with its own keys, so
//! that it can say what no daemon would. What honest daemons are left with afterwards is checked by [`witnesses`].

pub mod log;
pub mod poison;
pub mod witnesses;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quire_daemon::channel::handshake::{
    Established, INVITATION_ID, Next, PairingDialer, SessionDialer, Step,
};
use quire_daemon::channel::{Code, StaticKey, psk};
use quire_protocol::clock::Clock;
use quire_protocol::id::{Incarnation, Space};
use quire_protocol::identity::{Certificate, DeviceCard, DeviceKey, Rights};
use quire_protocol::message::{Credentials, Greeting, LogName, Message, SegmentMessage, WIRE_VERSION};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::process::Daemon;
use log::Log;

/// How long mallory waits for an answer: as long as any test waits.
const PATIENCE: Duration = crate::wait::PATIENCE;

/// Bytes read at once.
const PIECE: usize = 16 * 1024;

/// What the acceptor of an invitation says after it has written.
const TAKEN: &[u8] = &[1];

/// The words that a pairing's proof begins with.
const PROOF: &[u8] = b"quire pairing 1";

/// A device with keys of its own.
pub struct Mallory {
    /// Signs logs, certificates and roster entries.
    pub key: DeviceKey,
    /// Its key on the wire.
    pub channel_key: StaticKey,
    /// Its first incarnation; its log is [`Mallory::log`].
    pub incarnation: Incarnation,
    /// The channel key of whom it is paired with.
    pub victim: [u8; 32],
    /// Where that is.
    pub address: SocketAddr,
}

/// Who somebody is, and what it grants: what both sides of a pairing say (`daemon/src/pairing/exchange.rs`).
#[derive(Serialize, Deserialize)]
struct Hello {
    card: DeviceCard,
    credentials: Credentials,
    proof: Vec<u8>,
    grants: Option<Vec<(Space, Rights)>>,
}

impl Mallory {
    /// A device that nobody knows, with keys made of a number.
    #[must_use]
    pub fn stranger(number: u8, address: SocketAddr) -> Mallory {
        Mallory {
            key: DeviceKey::from_seed(&[number; 32]),
            channel_key: StaticKey::from_private([number; 32]),
            incarnation: Incarnation([number; 16]),
            victim: [0; 32],
            address,
        }
    }

    /// A device that the victim was paired with: as its owner's, or for what `body` says of an invitation.
    ///
    /// # Panics
    /// When the pairing fails.
    #[must_use]
    pub fn paired(victim: &Daemon, number: u8, body: &Value) -> Mallory {
        let mut mallory = Mallory::stranger(number, victim.peer_address());
        let invitation = victim.invite(body);
        let code = invitation["code"].as_str().expect("a code").to_owned();
        mallory.pair(&code);
        mallory
    }

    /// A device of the victim's owner.
    #[must_use]
    pub fn own_device(victim: &Daemon, number: u8) -> Mallory {
        Mallory::paired(victim, number, &json!({}))
    }

    /// Accepts the invitation of that code, as a daemon would.
    ///
    /// # Panics
    /// When it is refused.
    pub fn pair(&mut self, code: &str) {
        let mut wire = dial_pairing(self.address, &self.channel_key, code).expect("a pairing");
        self.victim = wire.peer;
        let statement = [PROOF, &wire.hash, b"a"].concat();
        let hello = Hello {
            card: self.card(),
            credentials: Credentials::default(),
            proof: self.key.sign(&statement).to_vec(),
            grants: None,
        };
        wire.send(&postcard::to_allocvec(&hello).expect("a hello"));
        wire.receive().expect("the inviter's hello");
        wire.send(TAKEN);
        assert_eq!(wire.receive().as_deref(), Some(TAKEN), "the inviter has written");
    }

    /// Its card.
    #[must_use]
    pub fn card(&self) -> DeviceCard {
        DeviceCard::issue(&self.key, self.channel_key.public(), "mallory")
    }

    /// What lets others read its logs: the certificates of these incarnations.
    #[must_use]
    pub fn credentials(&self, incarnations: &[Incarnation]) -> Credentials {
        let mut said = Credentials::default();
        said.certificates.extend(incarnations.iter().map(|life| Certificate::issue(*life, &self.key)));
        said
    }

    /// Its log in a space, empty.
    #[must_use]
    pub fn log(&self, space: &Space) -> Log {
        Log::new(space, self.incarnation)
    }

    /// An encrypted channel to the victim, nothing said yet.
    ///
    /// # Panics
    /// When the victim does not take it.
    #[must_use]
    pub fn dial(&self) -> Wire {
        self.try_dial().expect("a session")
    }

    /// The same; none when the victim closes instead.
    #[must_use]
    pub fn try_dial(&self) -> Option<Wire> {
        let mut socket = connect(self.address);
        let (mut dialer, step) = SessionDialer::new(&self.channel_key, &self.victim).ok()?;
        let done = drive(&mut socket, step, |bytes| dialer.feed(bytes).ok())?;
        Some(Wire::new(socket, done))
    }

    /// A session in which it has greeted, said who it is and that it shares `space`, of which it has nothing.
    ///
    /// # Panics
    /// When the victim does not take it.
    #[must_use]
    pub fn session(&self, space: &Space) -> Wire {
        let mut wire = self.dial();
        wire.greet();
        wire.say(&Message::Credentials(self.credentials(&[self.incarnation])));
        wire.say(&Message::Clocks(vec![(space.clone(), Clock::default())]));
        wire
    }
}

/// A channel with its socket.
pub struct Wire {
    socket: TcpStream,
    done: Established,
    /// The other side's channel key.
    pub peer: [u8; 32],
    /// Names this channel.
    pub hash: [u8; 32],
}

impl Wire {
    fn new(socket: TcpStream, done: Established) -> Wire {
        let (peer, hash) = (done.peer_public, done.hash);
        Wire { socket, done, peer, hash }
    }

    /// The frames of one message, not sent.
    ///
    /// # Panics
    /// When it is too large for a frame.
    pub fn sealed(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        self.done.sealer.seal(&[message], &mut out).expect("a message that fits");
        out.to_vec()
    }

    /// Sends one message of any bytes; whether the socket took it.
    pub fn send(&mut self, message: &[u8]) -> bool {
        let sealed = self.sealed(message);
        self.send_raw(&sealed)
    }

    /// Sends a message; whether the socket took it.
    pub fn say(&mut self, message: &Message) -> bool {
        self.send(&message.encode())
    }

    /// Says hello as every peer does.
    pub fn greet(&mut self) -> bool {
        self.say(&Message::Greeting(Greeting { version: WIRE_VERSION, credentials: [0; 8] }))
    }

    /// Sends a segment of the space named first; `log` is named for the first time when `new`.
    pub fn push(&mut self, log: Incarnation, new: bool, segment: Vec<u8>) -> bool {
        let log = if new { LogName::New(log) } else { LogName::Known(0) };
        self.say(&Message::Segment(SegmentMessage { space: 0, log, segment }))
    }

    /// Sends bytes as they are, without sealing them.
    pub fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// The next message; none when the other side closes or is silent for too long.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(message) = self.done.opener.next_message().ok()? {
                return Some(message);
            }
            let mut piece = [0; PIECE];
            match self.socket.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => {
                    self.done.opener.space().extend_from_slice(&piece[..count]);
                    self.done.opener.arrived(count);
                }
                Err(error) if is_pause(&error) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Reads messages until one that `wanted` makes something of.
    ///
    /// # Panics
    /// When the other side closes before.
    pub fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(Message) -> Option<T>) -> T {
        loop {
            let Some(message) = self.receive() else { panic!("the victim closed before {what}") };
            let read = Message::decode(&message).ok().flatten();
            if let Some(found) = read.and_then(&mut wanted) {
                return found;
            }
        }
    }

    /// Reads until the victim has answered a ping: it has read all that was sent before.
    ///
    /// # Panics
    /// When it closes before.
    pub fn settle(&mut self) {
        self.say(&Message::Ping);
        self.until("it answered a ping", |message| matches!(message, Message::Pong).then_some(()));
    }

    /// Reads until the victim acknowledges or refuses a log up to a record: true when it has it.
    ///
    /// # Panics
    /// When it does neither.
    pub fn verdict(&mut self) -> (bool, u64) {
        self.until("it said whether it takes the segment", |message| match message {
            Message::Ack(progress) => Some((true, progress.seq)),
            Message::Refuse(progress) => Some((false, progress.seq)),
            _ => None,
        })
    }

    /// Whether the other side ends the channel, whatever it says before.
    pub fn is_closed_by_peer(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut piece = [0; PIECE];
        while Instant::now() < deadline {
            match self.socket.read(&mut piece) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if is_pause(&error) => {}
                Err(_) => return true,
            }
        }
        false
    }

    /// Says that no more will come.
    pub fn close(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Opens a pairing's channel with that code; none when the inviter closes instead.
#[must_use]
pub fn dial_pairing(address: SocketAddr, me: &StaticKey, code: &str) -> Option<Wire> {
    let code = Code::parse(code).ok()?;
    let mut socket = connect(address);
    let mut id = [0; INVITATION_ID];
    socket.write_all(&PairingDialer::hello()).ok()?;
    socket.read_exact(&mut id).ok()?;
    let key = psk(&code, &id).ok()?;
    let (mut dialer, step) = PairingDialer::new(me, &key).ok()?;
    let done = drive(&mut socket, step, |bytes| dialer.feed(bytes).ok())?;
    Some(Wire::new(socket, done))
}

/// A socket to that address, which waits for an answer as long as a test does.
///
/// # Panics
/// When nobody listens.
#[must_use]
pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    socket.set_nodelay(true).expect("no delay");
    socket
}

/// Everything that comes from a socket until the other side closes, and how long that took.
pub fn silence(mut socket: TcpStream) -> (Vec<u8>, Duration) {
    let (start, mut said) = (Instant::now(), Vec::new());
    let _ = socket.read_to_end(&mut said);
    (said, start.elapsed())
}

/// Performs the steps of a handshake.
fn drive(
    socket: &mut TcpStream,
    mut step: Step,
    mut feed: impl FnMut(&[u8]) -> Option<Step>,
) -> Option<Established> {
    loop {
        socket.write_all(&step.write).ok()?;
        step = match step.next {
            Next::Read(count) => {
                let mut bytes = vec![0; count];
                socket.read_exact(&mut bytes).ok()?;
                feed(&bytes)?
            }
            Next::Done(done) => return Some(*done),
            Next::Fail(_) => return None,
        };
    }
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
