//! What can go wrong on a channel, in terms a caller can act on.

use std::io;

use super::code::CodeError;

/// Why a channel was not opened, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The socket failed; trying again later may help.
    #[error("the connection failed while {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The other side did not finish the handshake in time.
    #[error("no handshake within {seconds} s; is it really Quire that listens there?")]
    TimedOut {
        /// The deadline that passed, in seconds.
        seconds: u64,
    },
    /// The other side closed instead of answering, or answered as another device.
    #[error("the peer did not answer: it is another device, or does not know this one; pair them again")]
    Refused,
    /// A pairing failed: wrong code, expired, or no invitation. Deliberately one error for all.
    #[error("code not accepted; make a new one on the other device")]
    NotAccepted,
    /// The code was mistyped; nothing was sent.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// Somebody came who was given nothing. For counting; never told to the other side.
    #[error("a stranger was turned away: {0}")]
    Stranger(Strange),
    /// Both devices know each other but speak no common wire version.
    #[error("the two devices speak no common version; update the older one")]
    NoCommonVersion,
    /// The other side is this device.
    #[error("this device was about to talk to itself")]
    Myself,
    /// A message beyond the limit, refused before it was sent or taken.
    #[error("a message of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes that were not sealed by the other side at this place in the stream.
    #[error("bytes arrived that the peer did not send; the channel is closed")]
    Forged,
    /// Bytes that break the framing.
    #[error("the framing is broken: {0}; the channel is closed")]
    Malformed(&'static str),
    /// The stream ended inside a message.
    #[error("the connection was cut inside a message")]
    Cut,
    /// The channel failed before and cannot be used any more.
    #[error("the channel is closed")]
    Closed,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The pairing key could not be derived; most likely 64 MiB were not free.
    #[error("the pairing key could not be derived; is there memory left?")]
    Kdf,
}

/// What was wrong with a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Strange {
    /// The first byte is no kind of connection we know.
    #[error("not a Quire connection")]
    Kind,
    /// No versions, or too many, were offered.
    #[error("an impossible list of versions")]
    Versions,
    /// A handshake message, or the confirmation, that does not verify.
    #[error("a bad handshake")]
    Handshake,
    /// A static key that the door does not know.
    #[error("an unknown key")]
    UnknownKey,
    /// A pairing while no invitation was live, or one that was used or withdrawn meanwhile.
    #[error("no live invitation")]
    NoInvitation,
    /// It said too little in the time it had.
    #[error("too slow")]
    Slow,
    /// It went away, or its socket failed.
    #[error("gone before the handshake was over")]
    Closed,
    /// It has our own key.
    #[error("this device itself")]
    Myself,
}

impl ChannelError {
    /// Makes an [`ChannelError::Io`] of what the system said.
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Whether the other side ended the connection (rather than our own system failing).
pub(super) fn closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}
