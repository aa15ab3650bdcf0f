//! Handshakes: a stranger gets no byte, whatever it says in whatever pieces, and gets nowhere.

use quire_daemon::channel::handshake::{Next, SessionDialer, Step};
use quire_daemon::channel::responder::Responder;
use quire_daemon::channel::{INVITATION_ID, StaticKey};

use super::wire::{self, Host};

/// Steps of the longest handshake, with room.
const STEPS: usize = 8;

/// The input is said by a stranger to the answering side, with and without an invitation; by whoever answers to both
/// dialing sides; and replaces bytes of an honest first message.
pub fn check(data: &[u8]) {
    for inviting in [false, true] {
        stranger(data, inviting);
    }
    answered(data);
    damaged(data);
}

fn stranger(mut said: &[u8], inviting: bool) {
    let (mut responder, mut step) = Responder::new(wire::host());
    for _ in 0..STEPS {
        // Whoever asks for a pairing while an invitation is live is told its id, which is no secret.
        let id = inviting && step.write == wire::ID;
        assert!(step.write.is_empty() || id, "a stranger got {} bytes", step.write.len());
        let Next::Read(wanted) = step.next else { panic!("a stranger got through") };
        let Some((piece, rest)) = said.split_at_checked(wanted) else { return };
        said = rest;
        step = match responder.feed(piece, &Host { inviting }) {
            Ok(step) => step,
            Err(_) => return,
        };
        // The second message of a pairing goes to whoever begins one; its key is not proved by it.
        if inviting && step.write.len() > INVITATION_ID {
            panic!("a first message without the code's key was taken");
        }
    }
    panic!("a handshake without an end");
}

/// Bytes that do not come from the device that was meant.
fn answered(data: &[u8]) {
    let Ok((mut dialer, first)) = SessionDialer::new(wire::guest(), &wire::host().public()) else { return };
    assert_eq!(first.write[0], 1);
    let fed = fit(data, &first);
    assert!(dialer.feed(&fed).is_err(), "somebody else answered");
    let Ok((mut dialer, first)) = wire::pairing() else { return };
    let fed = fit(data, &first);
    assert!(dialer.feed(&fed).is_err(), "somebody without the code answered");
    assert!(dialer.feed(&fed).is_err(), "after its end");
}

/// As many bytes as are wanted.
fn fit(data: &[u8], step: &Step) -> Vec<u8> {
    let Next::Read(wanted) = step.next else { return Vec::new() };
    data.iter().copied().chain(std::iter::repeat(0)).take(wanted).collect()
}

/// An honest first message of which one byte is another; the offered versions are bound too.
fn damaged(data: &[u8]) {
    let [place, value, who, ..] = *data else { return };
    let known = if who & 1 == 0 { wire::guest() } else { &StaticKey::from_private([who; 32]) };
    let Ok((_, first)) = SessionDialer::new(known, &wire::host().public()) else { return };
    let mut said = first.write;
    let at = usize::from(place) % said.len();
    let same = said[at] == value;
    said[at] = value;
    let (mut responder, _) = Responder::new(wire::host());
    let door = Host { inviting: false };
    let Ok(Step { next: Next::Read(wanted), .. }) = responder.feed(&said[..2], &door) else { return };
    said.resize(2 + wanted, 0);
    let taken = responder.feed(&said[2..], &door);
    // The top bit of an X25519 key is not looked at, and the hash of the handshake is over the bytes as they are.
    assert_eq!(taken.is_ok(), same && who & 1 == 0, "byte {at}");
}
