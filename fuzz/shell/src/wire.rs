//! Two devices that know each other, and handshakes between them without a socket.

use std::sync::OnceLock;

use quire_daemon::channel::handshake::{Established, Next, PairingDialer, SessionDialer, Step};
use quire_daemon::channel::responder::Responder;
use quire_daemon::channel::{ChannelError, Door, INVITATION_ID, Invitation, StaticKey};

/// The device that answers.
pub fn host() -> &'static StaticKey {
    static KEY: OnceLock<StaticKey> = OnceLock::new();
    KEY.get_or_init(|| StaticKey::from_private([1; 32]))
}

/// The device that it knows.
pub fn guest() -> &'static StaticKey {
    static KEY: OnceLock<StaticKey> = OnceLock::new();
    KEY.get_or_init(|| StaticKey::from_private([2; 32]))
}

/// The key of the live invitation.
pub const PSK: [u8; 32] = [3; 32];

/// The id of the live invitation.
pub const ID: [u8; INVITATION_ID] = [4; INVITATION_ID];

/// Knows the guest, and has an invitation when it says so.
pub struct Host {
    /// Whether an invitation is live.
    pub inviting: bool,
}

impl Door for Host {
    fn knows(&self, public: &[u8; 32]) -> bool {
        *public == guest().public()
    }

    fn invitation(&self) -> Option<Invitation> {
        self.inviting.then_some(Invitation { id: ID, psk: PSK })
    }

    fn failed_try(&self) {}
}

/// A whole session handshake: the guest's end and the host's.
pub fn session() -> Result<(Established, Established), ChannelError> {
    let (mut dialer, first) = SessionDialer::new(guest(), &host().public())?;
    let (mut responder, _) = Responder::new(host());
    let door = Host { inviting: false };
    responder.feed(&first.write[..2], &door)?;
    let answer = responder.feed(&first.write[2..], &door)?;
    let last = dialer.feed(&answer.write)?;
    let ours = responder.feed(&last.write, &door)?;
    Ok((done(last)?, done(ours)?))
}

/// The dialing side of a pairing that has said its first word.
pub fn pairing() -> Result<(PairingDialer, Step), ChannelError> {
    PairingDialer::new(guest(), &PSK)
}

fn done(step: Step) -> Result<Established, ChannelError> {
    match step.next {
        Next::Done(done) => Ok(*done),
        Next::Read(_) => Err(ChannelError::Closed),
        Next::Fail(error) => Err(error),
    }
}
