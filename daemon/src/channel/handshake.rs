//! The handshakes of the dialing side as machines without a socket: bytes in, bytes out. The answering
//! side is in [`responder`](super::responder); what both share is here.

use std::time::Duration;

use snow::{Builder, HandshakeState};

use super::error::ChannelError;
use super::frame::{CONFIRMATION, Opener, Sealer, halves};
use super::key::{StaticKey, is_weak};
use super::{HANDSHAKE_DEADLINE, PAIRING_DEADLINE};

/// The wire versions this build speaks.
pub const VERSIONS: &[u8] = &[1];
/// The answer of someone who speaks none of the versions offered.
pub const NO_VERSION: u8 = 0;
/// Bytes in the id of an invitation.
pub const INVITATION_ID: usize = 16;
/// Most versions one side may offer: one a year lasts until nobody speaks the first one any more.
pub const MAX_VERSIONS: usize = 16;
/// Kind and number of versions.
pub const HEAD: usize = 2;

const KEY: usize = 32;
const TAG: usize = 16;
/// `e, es, s, ss`, empty payload.
pub(super) const SESSION_1: usize = KEY + (KEY + TAG) + TAG;
/// `e, ee, se`, the version.
pub(super) const SESSION_2: usize = KEY + 1 + TAG;
/// `e`, empty payload (encrypted, as always with a pre-shared key).
pub(super) const PAIRING_1: usize = KEY + TAG;
/// `e, ee, s, es`, the version.
pub(super) const PAIRING_2: usize = KEY + (KEY + TAG) + 1 + TAG;
/// `s, se, psk`, empty payload.
pub(super) const PAIRING_3: usize = (KEY + TAG) + TAG;
/// The token `psk3` stands after the third message.
const PSK_PLACE: u8 = 3;

/// What a connection is for: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Between two devices that know each other.
    Session = 1,
    /// Between two devices that will.
    Pairing = 2,
}

/// What to do next, in this order: write, then `next`.
#[derive(Debug)]
pub struct Step {
    /// Bytes for the other side; often none.
    pub write: Vec<u8>,
    /// And then.
    pub next: Next,
    /// How long after the start of the connection all this must be over.
    pub patience: Duration,
}

/// What follows the write of a [`Step`].
#[derive(Debug)]
pub enum Next {
    /// Read exactly this many bytes and feed them.
    Read(usize),
    /// The handshake is over.
    Done(Box<Established>),
    /// Give up, for this reason.
    Fail(ChannelError),
}

/// What a handshake leaves.
#[derive(Debug)]
pub struct Established {
    /// What the connection is for.
    pub kind: Kind,
    /// The other side's static key, proven.
    pub peer_public: [u8; 32],
    /// The Noise handshake hash: the same on both sides, and on no other channel ever.
    pub hash: [u8; 32],
    /// The wire version both speak.
    pub version: u8,
    /// For what goes out.
    pub sealer: Sealer,
    /// For what comes in.
    pub opener: Opener,
}

/// The dialing side of a session.
#[derive(Debug)]
pub struct SessionDialer {
    noise: Option<HandshakeState>,
    my_public: [u8; 32],
}

impl SessionDialer {
    /// The machine, and the first thing to do.
    ///
    /// # Errors
    /// [`ChannelError::Myself`] when `peer_public` is our own.
    pub fn new(me: &StaticKey, peer_public: &[u8; 32]) -> Result<(Self, Step), ChannelError> {
        let my_public = me.public();
        if *peer_public == my_public {
            return Err(ChannelError::Myself);
        }
        let prologue = prologue(Kind::Session, VERSIONS);
        let builder = builder(Kind::Session, me, &prologue)?.remote_public_key(peer_public).map_err(noise)?;
        let mut state = builder.build_initiator().map_err(noise)?;
        let mut write = head(Kind::Session);
        say(&mut state, &[], &mut write)?;
        let step = Step { write, next: Next::Read(SESSION_2), patience: HANDSHAKE_DEADLINE };
        Ok((Self { noise: Some(state), my_public }, step))
    }

    /// The next thing to do after these bytes.
    ///
    /// # Errors
    /// [`ChannelError::Forged`], [`ChannelError::NoCommonVersion`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step, ChannelError> {
        let mut state = self.noise.take().ok_or(ChannelError::Closed)?;
        let version = hear_version(&mut state, bytes)?;
        let mut done = establish(state, Kind::Session, version, &self.my_public)?;
        let write = done.sealer.confirmation()?;
        Ok(Step { write, next: Next::Done(Box::new(done)), patience: HANDSHAKE_DEADLINE })
    }
}

/// The dialing side of a pairing, from the moment the pre-shared key is known.
#[derive(Debug)]
pub struct PairingDialer {
    stage: PairingStage,
    my_public: [u8; 32],
}

#[derive(Debug)]
enum PairingStage {
    Second(Box<HandshakeState>),
    Confirmation(Box<Established>),
    Over,
}

impl PairingDialer {
    /// What to say first; the answer is the invitation's id, [`INVITATION_ID`] bytes.
    #[must_use]
    pub fn hello() -> Vec<u8> {
        head(Kind::Pairing)
    }

    /// The machine, and what to do once the id is here and `psk` was made from it.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(me: &StaticKey, psk: &[u8; 32]) -> Result<(Self, Step), ChannelError> {
        let mut state = pairing_noise(me, VERSIONS, psk, true)?;
        let mut write = Vec::new();
        say(&mut state, &[], &mut write)?;
        let step = Step { write, next: Next::Read(PAIRING_2), patience: PAIRING_DEADLINE };
        Ok((Self { stage: PairingStage::Second(Box::new(state)), my_public: me.public() }, step))
    }

    /// The next thing to do after these bytes.
    ///
    /// # Errors
    /// [`ChannelError::Forged`], [`ChannelError::NoCommonVersion`], [`ChannelError::Myself`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step, ChannelError> {
        match std::mem::replace(&mut self.stage, PairingStage::Over) {
            PairingStage::Second(state) => self.second(*state, bytes),
            PairingStage::Confirmation(mut done) => {
                done.opener.confirm(bytes)?;
                Ok(Step { write: Vec::new(), next: Next::Done(done), patience: PAIRING_DEADLINE })
            }
            PairingStage::Over => Err(ChannelError::Closed),
        }
    }

    fn second(&mut self, mut state: HandshakeState, bytes: &[u8]) -> Result<Step, ChannelError> {
        let version = hear_version(&mut state, bytes)?;
        let mut write = Vec::new();
        say(&mut state, &[], &mut write)?;
        let done = establish(state, Kind::Pairing, version, &self.my_public)?;
        self.stage = PairingStage::Confirmation(Box::new(done));
        Ok(Step { write, next: Next::Read(CONFIRMATION), patience: PAIRING_DEADLINE })
    }
}

/// The greatest version that both speak, or [`NO_VERSION`].
pub(super) fn choose(offered: &[u8]) -> u8 {
    VERSIONS.iter().copied().filter(|version| offered.contains(version)).max().unwrap_or(NO_VERSION)
}

/// The Noise state of a session's answering side.
pub(super) fn session_responder(me: &StaticKey, offered: &[u8]) -> Result<HandshakeState, ChannelError> {
    let prologue = prologue(Kind::Session, offered);
    builder(Kind::Session, me, &prologue)?.build_responder().map_err(noise)
}

/// The Noise state of either side of a pairing.
pub(super) fn pairing_noise(
    me: &StaticKey,
    offered: &[u8],
    psk: &[u8; 32],
    dialing: bool,
) -> Result<HandshakeState, ChannelError> {
    let prologue = prologue(Kind::Pairing, offered);
    let builder = builder(Kind::Pairing, me, &prologue)?.psk(PSK_PLACE, psk).map_err(noise)?;
    if dialing { builder.build_initiator() } else { builder.build_responder() }.map_err(noise)
}

/// Appends the next handshake message to `out`.
pub(super) fn say(state: &mut HandshakeState, payload: &[u8], out: &mut Vec<u8>) -> Result<(), ChannelError> {
    let mut message = [0; 2 * SESSION_1];
    let size = state.write_message(payload, &mut message).map_err(noise)?;
    out.extend_from_slice(&message[..size]);
    Ok(())
}

/// Takes a handshake message and gives its payload, which must be `N` bytes.
pub(super) fn hear<const N: usize>(
    state: &mut HandshakeState,
    message: &[u8],
) -> Result<[u8; N], ChannelError> {
    let mut payload = [0; 2 * SESSION_1];
    if message.len() > payload.len() {
        return Err(ChannelError::Forged);
    }
    let size = state.read_message(message, &mut payload).map_err(noise)?;
    payload[..size].try_into().map_err(|_| ChannelError::Forged)
}

/// Ends the handshake: the keys, and who is there. The key is judged here, so that no path forgets it.
pub(super) fn establish(
    state: HandshakeState,
    kind: Kind,
    version: u8,
    my_public: &[u8; 32],
) -> Result<Established, ChannelError> {
    let peer_public = peer(&state)?;
    if peer_public == *my_public {
        return Err(ChannelError::Myself);
    }
    if is_weak(&peer_public) {
        return Err(ChannelError::Forged);
    }
    let hash = state.get_handshake_hash().try_into().map_err(|_| ChannelError::Forged)?;
    let (sealer, opener) = halves(state.into_stateless_transport_mode().map_err(noise)?);
    Ok(Established { kind, peer_public, hash, version, sealer, opener })
}

/// The static key the other side has shown.
pub(super) fn peer(state: &HandshakeState) -> Result<[u8; 32], ChannelError> {
    state.get_remote_static().and_then(|key| key.try_into().ok()).ok_or(ChannelError::Forged)
}

fn hear_version(state: &mut HandshakeState, message: &[u8]) -> Result<u8, ChannelError> {
    let [version] = hear::<1>(state, message)?;
    if VERSIONS.contains(&version) { Ok(version) } else { Err(ChannelError::NoCommonVersion) }
}

fn head(kind: Kind) -> Vec<u8> {
    const { assert!(VERSIONS.len() <= MAX_VERSIONS) };
    let mut head = vec![kind as u8, VERSIONS.len() as u8];
    head.extend_from_slice(VERSIONS);
    head
}

/// What both must have seen alike before the first message: an edited list of versions fails the handshake.
fn prologue(kind: Kind, offered: &[u8]) -> Vec<u8> {
    let name: &[u8] = match kind {
        Kind::Session => b"quire/1|session",
        Kind::Pairing => b"quire/1|pairing",
    };
    [name, offered].concat()
}

fn builder<'a>(kind: Kind, me: &'a StaticKey, prologue: &'a [u8]) -> Result<Builder<'a>, ChannelError> {
    let pattern = match kind {
        Kind::Session => "Noise_IK_25519_ChaChaPoly_BLAKE2s",
        Kind::Pairing => "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s",
    };
    let builder = Builder::new(pattern.parse().map_err(noise)?);
    builder.local_private_key(me.private()).and_then(|b| b.prologue(prologue)).map_err(noise)
}

/// Snow's reasons help nobody but an attacker: what does not verify is forged.
pub(super) fn noise(_: snow::Error) -> ChannelError {
    ChannelError::Forged
}
