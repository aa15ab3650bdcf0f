//! The answering side of both handshakes as one machine without a socket, and what it asks its owner.

use std::fmt;
use std::time::Duration;

use snow::HandshakeState;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::error::{ChannelError, Strange};
use super::frame::CONFIRMATION;
use super::handshake::{
    Established, HEAD, INVITATION_ID, Kind, MAX_VERSIONS, NO_VERSION, Next, PAIRING_1, PAIRING_3, SESSION_1,
    Step, choose, establish, hear, pairing_noise, peer, say, session_responder,
};
use super::key::StaticKey;
use super::{HANDSHAKE_DEADLINE, PAIRING_DEADLINE, STRANGER_DEADLINE};

/// What the answering side must know of the world. Asked from an async thread: answer without waiting.
pub trait Door: Send + Sync {
    /// Whether a device with this static key may open a session.
    fn knows(&self, public: &[u8; 32]) -> bool;
    /// The live invitation, if there is one.
    fn invitation(&self) -> Option<Invitation>;
    /// Somebody tried a wrong code on the live invitation.
    fn failed_try(&self);
    /// Somebody proved the code of invitation `id`: take the invitation out of use and say whether it still
    /// was live. Of two at the same moment only one may get true, so whoever can should override this with
    /// one atomic step; the default only looks again.
    fn redeem(&self, id: &[u8; INVITATION_ID]) -> bool {
        self.invitation().is_some_and(|live| bool::from(live.id.ct_eq(id)))
    }
}

/// An invitation, as far as the channel needs it. Wiped on drop.
#[derive(Clone)]
pub struct Invitation {
    /// Names it, and salts the key. Not secret.
    pub id: [u8; INVITATION_ID],
    /// [`psk`](super::psk) of its code and id.
    pub psk: [u8; 32],
}

impl Drop for Invitation {
    fn drop(&mut self) {
        self.psk.zeroize();
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The answering side.
#[derive(Debug)]
pub struct Responder<'a> {
    me: &'a StaticKey,
    stage: Stage,
}

/// What the next bytes are.
#[derive(Debug)]
enum Stage {
    Head,
    SessionHello { versions: usize },
    SessionConfirmation(Box<Established>),
    PairingVersions,
    PairingFirst(Box<Pairing>),
    PairingThird(Box<Pairing>),
    Over,
}

/// A pairing whose dialer was told the invitation's id.
#[derive(Debug)]
struct Pairing {
    noise: HandshakeState,
    id: [u8; INVITATION_ID],
    version: u8,
}

impl<'a> Responder<'a> {
    /// The machine, and the first thing to do.
    #[must_use]
    pub fn new(me: &'a StaticKey) -> (Self, Step) {
        (Self { me, stage: Stage::Head }, read(HEAD, STRANGER_DEADLINE))
    }

    /// The next thing to do after these bytes. After an error nothing may be written.
    ///
    /// # Errors
    /// [`ChannelError::Stranger`], [`ChannelError::Forged`], [`ChannelError::Myself`]: all are silence
    /// towards the other side.
    pub fn feed<D: Door + ?Sized>(&mut self, bytes: &[u8], door: &D) -> Result<Step, ChannelError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Head => self.head(bytes),
            Stage::SessionHello { versions } => self.session_hello(bytes, versions, door),
            Stage::SessionConfirmation(done) => session_confirmation(done, bytes),
            Stage::PairingVersions => self.pairing_versions(bytes, door),
            Stage::PairingFirst(pairing) => self.pairing_first(*pairing, bytes, door),
            Stage::PairingThird(pairing) => self.pairing_third(*pairing, bytes, door),
            Stage::Over => Err(ChannelError::Closed),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Step, ChannelError> {
        let [kind, versions] = *bytes else { return strange(Strange::Kind) };
        let versions = usize::from(versions);
        if kind != Kind::Session as u8 && kind != Kind::Pairing as u8 {
            return strange(Strange::Kind);
        }
        if versions == 0 || versions > MAX_VERSIONS {
            return strange(Strange::Versions);
        }
        if kind == Kind::Session as u8 {
            self.stage = Stage::SessionHello { versions };
            return Ok(read(versions + SESSION_1, STRANGER_DEADLINE));
        }
        self.stage = Stage::PairingVersions;
        Ok(read(versions, STRANGER_DEADLINE))
    }

    fn session_hello<D: Door + ?Sized>(
        &mut self,
        bytes: &[u8],
        versions: usize,
        door: &D,
    ) -> Result<Step, ChannelError> {
        let (offered, message) = bytes.split_at_checked(versions).ok_or(ChannelError::Forged)?;
        let mut noise = session_responder(self.me, offered)?;
        let [] = hear::<0>(&mut noise, message)?;
        let public = peer(&noise)?;
        if public == self.me.public() {
            return Err(ChannelError::Myself);
        }
        if !door.knows(&public) {
            return strange(Strange::UnknownKey);
        }
        let version = choose(offered);
        let mut write = Vec::new();
        say(&mut noise, &[version], &mut write)?;
        let done = establish(noise, Kind::Session, version, &self.me.public())?;
        self.stage = Stage::SessionConfirmation(Box::new(done));
        Ok(answer(write, version, CONFIRMATION, HANDSHAKE_DEADLINE))
    }

    fn pairing_versions<D: Door + ?Sized>(&mut self, offered: &[u8], door: &D) -> Result<Step, ChannelError> {
        let Some(invitation) = door.invitation() else { return strange(Strange::NoInvitation) };
        let noise = pairing_noise(self.me, offered, &invitation.psk, false)?;
        let id = invitation.id;
        self.stage = Stage::PairingFirst(Box::new(Pairing { noise, id, version: choose(offered) }));
        Ok(Step { write: id.to_vec(), ..read(PAIRING_1, PAIRING_DEADLINE) })
    }

    fn pairing_first<D: Door + ?Sized>(
        &mut self,
        mut pairing: Pairing,
        bytes: &[u8],
        door: &D,
    ) -> Result<Step, ChannelError> {
        let [] = hear::<0>(&mut pairing.noise, bytes).inspect_err(|_| door.failed_try())?;
        let mut write = Vec::new();
        say(&mut pairing.noise, &[pairing.version], &mut write)?;
        let version = pairing.version;
        self.stage = Stage::PairingThird(Box::new(pairing));
        Ok(answer(write, version, PAIRING_3, PAIRING_DEADLINE))
    }

    /// Only here the code is tried. The invitation is looked at again first: otherwise many connections
    /// opened beforehand would get a try each, however few tries it has.
    fn pairing_third<D: Door + ?Sized>(
        &mut self,
        mut pairing: Pairing,
        bytes: &[u8],
        door: &D,
    ) -> Result<Step, ChannelError> {
        if door.invitation().is_none_or(|live| live.id != pairing.id) {
            return strange(Strange::NoInvitation);
        }
        let [] = hear::<0>(&mut pairing.noise, bytes).inspect_err(|_| door.failed_try())?;
        let mut done = establish(pairing.noise, Kind::Pairing, pairing.version, &self.me.public())?;
        if !door.redeem(&pairing.id) {
            return strange(Strange::NoInvitation);
        }
        let write = done.sealer.confirmation()?;
        Ok(Step { write, next: Next::Done(Box::new(done)), patience: PAIRING_DEADLINE })
    }
}

fn session_confirmation(mut done: Box<Established>, bytes: &[u8]) -> Result<Step, ChannelError> {
    done.opener.confirm(bytes)?;
    Ok(Step { write: Vec::new(), next: Next::Done(done), patience: HANDSHAKE_DEADLINE })
}

/// Writes a Noise message that carries `version`, and goes on only if there is one.
fn answer(write: Vec<u8>, version: u8, wanted: usize, patience: Duration) -> Step {
    let next =
        if version == NO_VERSION { Next::Fail(ChannelError::NoCommonVersion) } else { Next::Read(wanted) };
    Step { write, next, patience }
}

fn read(count: usize, patience: Duration) -> Step {
    Step { write: Vec::new(), next: Next::Read(count), patience }
}

fn strange(reason: Strange) -> Result<Step, ChannelError> {
    Err(ChannelError::Stranger(reason))
}
