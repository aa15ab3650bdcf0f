//! The encrypted, mutually authenticated channel between two devices, over one TCP connection.
//!
//! Here lives how two devices prove who they are and how bytes travel between them; not who is allowed
//! (that is asked through [`Door`]), not what the messages mean, not when to connect.
//!
//! On the wire, in order:
//!
//! 1. From the dialer: kind (1 session, 2 pairing), the number of wire versions offered, the versions.
//! 2. Pairing only, from the acceptor: the 16-byte id of the live invitation.
//! 3. The Noise messages, each of a fixed length: `IK` for a session, `XXpsk3` for a pairing. The second
//!    one carries the chosen version (0: none in common).
//! 4. A confirmation, from whoever read the last Noise message: one frame that carries nothing. Without it
//!    a replayed first message would pass for a session, and a dialer would not learn that its code failed.
//! 5. Frames (see [`frame`]) in both directions.
//!
//! A stranger gets no byte at all, and is let go after the same time whatever was wrong.

mod code;
mod error;
pub mod frame;
pub mod handshake;
mod key;
pub mod responder;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

pub use code::{Code, CodeError, psk};
pub use error::{ChannelError, Strange};
pub use frame::MAX_MESSAGE;
pub use handshake::INVITATION_ID;
pub use key::StaticKey;
pub use responder::{Door, Invitation};
pub use stream::{Channel, ChannelReceiver, ChannelSender};

use handshake::{Established, Kind, Next, PairingDialer, SessionDialer, Step};
use responder::Responder;

/// How long a stranger may take for everything it says before it is known: one round trip on a bad radio
/// link with two retransmissions fits, a slot held by someone who says nothing is soon free again.
pub const STRANGER_DEADLINE: Duration = Duration::from_secs(5);
/// How long a whole session handshake may take, on either side.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a whole pairing may take: the dialer derives a key with 64 MiB meanwhile, on an old phone too.
pub const PAIRING_DEADLINE: Duration = Duration::from_secs(30);
/// A refused stranger is let go no sooner than this after it came, so that the time does not say why.
pub const REFUSAL_FLOOR: Duration = Duration::from_millis(250);

/// Who came through the door.
#[derive(Debug)]
pub enum Accepted {
    /// A device that [`Door::knows`].
    Session {
        /// The channel to it.
        channel: Channel,
        /// Its X25519 static key.
        peer_public: [u8; 32],
    },
    /// A device that had the code of the live invitation.
    Pairing {
        /// The channel to it.
        channel: Channel,
        /// Its X25519 static key.
        peer_public: [u8; 32],
    },
}

/// Opens a session with the paired device whose static key is `peer_public`.
///
/// # Errors
/// [`ChannelError::Refused`] when the other side closed instead of answering, [`ChannelError::TimedOut`]
/// after [`HANDSHAKE_DEADLINE`], [`ChannelError::Myself`], [`ChannelError::NoCommonVersion`],
/// [`ChannelError::Io`].
pub async fn dial(
    mut stream: TcpStream,
    me: &StaticKey,
    peer_public: &[u8; 32],
) -> Result<Channel, ChannelError> {
    let start = Instant::now();
    let (mut dialer, step) = SessionDialer::new(me, peer_public)?;
    let done = drive(&mut stream, start, step, |bytes| dialer.feed(bytes)).await;
    Channel::new(stream, done.map_err(refused)?)
}

/// Answers the invitation whose code a person typed, and gives the channel and the inviter's static key.
///
/// # Errors
/// [`ChannelError::Code`] for a mistyped code (nothing is sent then). Whatever the other side does wrong or
/// refuses, also by silence, is [`ChannelError::NotAccepted`]: wrong code, expired and no invitation look
/// alike. [`ChannelError::NoCommonVersion`], [`ChannelError::Random`].
pub async fn dial_pairing(
    mut stream: TcpStream,
    me: &StaticKey,
    code: &str,
) -> Result<(Channel, [u8; 32]), ChannelError> {
    let code = Code::parse(code)?;
    let start = Instant::now();
    let done = pair(&mut stream, start, me, code).await.map_err(not_accepted)?;
    let peer_public = done.peer_public;
    Ok((Channel::new(stream, done)?, peer_public))
}

/// Answers a connection. A stranger gets nothing: the stream is closed without a byte.
///
/// # Errors
/// [`ChannelError::Stranger`] with the reason, for counting only; [`ChannelError::NoCommonVersion`] for a
/// known device that is too new or too old.
pub async fn accept<D: Door>(
    mut stream: TcpStream,
    me: &StaticKey,
    door: &D,
) -> Result<Accepted, ChannelError> {
    let start = Instant::now();
    let (mut responder, step) = Responder::new(me);
    let done = match drive(&mut stream, start, step, |bytes| responder.feed(bytes, door)).await {
        Ok(done) => done,
        Err(error) => {
            sleep_until(start + REFUSAL_FLOOR).await;
            return Err(stranger(error));
        }
    };
    let (kind, peer_public) = (done.kind, done.peer_public);
    let channel = Channel::new(stream, done)?;
    Ok(match kind {
        Kind::Session => Accepted::Session { channel, peer_public },
        Kind::Pairing => Accepted::Pairing { channel, peer_public },
    })
}

async fn pair(
    stream: &mut TcpStream,
    start: Instant,
    me: &StaticKey,
    code: Code,
) -> Result<Established, ChannelError> {
    let deadline = start + PAIRING_DEADLINE;
    let hello = PairingDialer::hello();
    let mut id = [0; INVITATION_ID];
    stream.set_nodelay(true).map_err(ChannelError::io("setting up"))?;
    within(deadline, start, exchange(stream, &hello, &mut id)).await?;
    let psk = tokio::task::spawn_blocking(move || psk(&code, &id)).await.map_err(|_| ChannelError::Kdf)??;
    let (mut dialer, step) = PairingDialer::new(me, &psk)?;
    drive(stream, start, step, |bytes| dialer.feed(bytes)).await
}

/// Performs the steps of a handshake machine in order until it is done.
async fn drive(
    stream: &mut TcpStream,
    start: Instant,
    first: Step,
    mut feed: impl FnMut(&[u8]) -> Result<Step, ChannelError>,
) -> Result<Established, ChannelError> {
    stream.set_nodelay(true).map_err(ChannelError::io("setting up"))?;
    let mut step = first;
    loop {
        let wanted = if let Next::Read(count) = step.next { count } else { 0 };
        let mut bytes = vec![0; wanted];
        within(start + step.patience, start, exchange(stream, &step.write, &mut bytes)).await?;
        step = match step.next {
            Next::Read(_) => feed(&bytes)?,
            Next::Done(done) => return Ok(*done),
            Next::Fail(error) => return Err(error),
        };
    }
}

async fn exchange(stream: &mut TcpStream, write: &[u8], read: &mut [u8]) -> Result<(), ChannelError> {
    let doing = ChannelError::io("shaking hands");
    match stream.write_all(write).await {
        Ok(()) => stream.read_exact(read).await.map(|_| ()).map_err(doing),
        Err(error) => Err(doing(error)),
    }
}

async fn within(
    deadline: Instant,
    start: Instant,
    work: impl Future<Output = Result<(), ChannelError>>,
) -> Result<(), ChannelError> {
    let late = ChannelError::TimedOut { seconds: (deadline - start).as_secs() };
    timeout_at(deadline, work).await.unwrap_or(Err(late))
}

/// To a dialer, a closed connection and an answer that does not fit are the same: not the device it meant.
fn refused(error: ChannelError) -> ChannelError {
    match error {
        ChannelError::Io { source, .. } if error::closed(&source) => ChannelError::Refused,
        ChannelError::Forged | ChannelError::Malformed(_) => ChannelError::Refused,
        other => other,
    }
}

fn not_accepted(error: ChannelError) -> ChannelError {
    match error {
        ChannelError::Random(_) | ChannelError::Kdf | ChannelError::NoCommonVersion => error,
        _ => ChannelError::NotAccepted,
    }
}

fn stranger(error: ChannelError) -> ChannelError {
    match error {
        ChannelError::Io { .. } => ChannelError::Stranger(Strange::Closed),
        ChannelError::TimedOut { .. } => ChannelError::Stranger(Strange::Slow),
        ChannelError::Forged | ChannelError::Malformed(_) => ChannelError::Stranger(Strange::Handshake),
        ChannelError::Myself => ChannelError::Stranger(Strange::Myself),
        other => other,
    }
}
