//! Both ends of the channel over loopback, and what strangers, cuts and replays do to it.

#![allow(clippy::unwrap_used)]

mod hostile;
mod traffic;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpListener;

use super::*;

/// A door whose invitation works once.
#[derive(Default)]
struct House {
    known: Vec<[u8; 32]>,
    invitation: Mutex<Option<Invitation>>,
    failed: AtomicU32,
}

impl House {
    fn knowing(peer: &StaticKey) -> Self {
        Self { known: vec![peer.public()], ..Self::default() }
    }

    fn inviting(code: &str) -> Self {
        let id = [9; INVITATION_ID];
        let psk = *psk(&Code::parse(code).unwrap(), &id).unwrap();
        Self { invitation: Mutex::new(Some(Invitation { id, psk })), ..Self::default() }
    }

    fn failed(&self) -> u32 {
        self.failed.load(Ordering::SeqCst)
    }
}

impl Door for House {
    fn knows(&self, public: &[u8; 32]) -> bool {
        self.known.contains(public)
    }

    fn invitation(&self) -> Option<Invitation> {
        self.invitation.lock().unwrap().clone()
    }

    fn failed_try(&self) {
        self.failed.fetch_add(1, Ordering::SeqCst);
    }

    fn redeem(&self, id: &[u8; INVITATION_ID]) -> bool {
        self.invitation.lock().unwrap().take_if(|live| live.id == *id).is_some()
    }
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

fn keys() -> (StaticKey, StaticKey) {
    (StaticKey::generate().unwrap(), StaticKey::generate().unwrap())
}

/// An open session: the dialer's end first.
async fn session() -> (Channel, Channel) {
    let (near, far) = sockets().await;
    session_over(near, far).await
}

async fn session_over(near: TcpStream, far: TcpStream) -> (Channel, Channel) {
    let (me, other) = keys();
    let house = House::knowing(&me);
    let public = other.public();
    let (dialed, accepted) = tokio::join!(dial(near, &me, &public), accept(far, &other, &house));
    let Accepted::Session { channel, .. } = accepted.unwrap() else { panic!("not a session") };
    (dialed.unwrap(), channel)
}

/// A session handshake without sockets: the dialer's end first.
pub(super) fn established() -> (Established, Established) {
    let (me, other) = keys();
    let (mut dialer, hello) = SessionDialer::new(&me, &other.public()).unwrap();
    let (mut responder, _) = Responder::new(&other);
    let house = House::knowing(&me);
    responder.feed(&hello.write[..2], &house).unwrap();
    let reply = responder.feed(&hello.write[2..], &house).unwrap();
    let last = dialer.feed(&reply.write).unwrap();
    let Next::Done(near) = last.next else { panic!("dialer not done") };
    let Next::Done(far) = responder.feed(&last.write, &house).unwrap().next else { panic!("not done") };
    (*near, *far)
}

#[tokio::test]
async fn a_known_device_gets_a_session() {
    let (me, other) = keys();
    let house = House::knowing(&me);
    let (near, far) = sockets().await;
    let public = other.public();
    let (dialed, accepted) = tokio::join!(dial(near, &me, &public), accept(far, &other, &house));
    let mut near = dialed.unwrap();
    let Accepted::Session { channel: mut far, peer_public } = accepted.unwrap() else { panic!() };
    assert_eq!(peer_public, me.public());
    assert_eq!(near.handshake_hash(), far.handshake_hash());
    assert_eq!((near.version(), far.version()), (1, 1));
    near.send(b"there").await.unwrap();
    assert_eq!(far.recv().await.unwrap().unwrap(), b"there");
    far.send_batch(&[b"and".to_vec(), Vec::new(), b"back".to_vec()]).await.unwrap();
    for message in [&b"and"[..], b"", b"back"] {
        assert_eq!(near.recv().await.unwrap().unwrap(), message);
    }
    drop(far);
    assert!(near.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn the_code_pairs_once() {
    let code = Code::generate().unwrap().to_string();
    let house = House::inviting(&code);
    let (me, other) = keys();
    let (near, far) = sockets().await;
    let typed = code.to_lowercase().replace('-', " ");
    let (dialed, accepted) = tokio::join!(dial_pairing(near, &me, &typed), accept(far, &other, &house));
    let (mut near, inviter) = dialed.unwrap();
    let Accepted::Pairing { channel: mut far, peer_public } = accepted.unwrap() else { panic!() };
    assert_eq!((inviter, peer_public), (other.public(), me.public()));
    assert_eq!(near.handshake_hash(), far.handshake_hash());
    far.send(b"grants").await.unwrap();
    assert_eq!(near.recv().await.unwrap().unwrap(), b"grants");
    near.send(b"thanks").await.unwrap();
    assert_eq!(far.recv().await.unwrap().unwrap(), b"thanks");
    assert!(house.invitation().is_none());
    assert_eq!(house.failed(), 0);
}

#[tokio::test]
async fn of_two_with_the_code_one_gets_in() {
    let code = Code::generate().unwrap().to_string();
    let house = House::inviting(&code);
    let (me, other) = keys();
    let third = StaticKey::generate().unwrap();
    let (near1, far1) = sockets().await;
    let (near2, far2) = sockets().await;
    let (one, two, first, second) = tokio::join!(
        dial_pairing(near1, &me, &code),
        dial_pairing(near2, &third, &code),
        accept(far1, &other, &house),
        accept(far2, &other, &house),
    );
    assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1);
    assert_eq!((one.is_ok(), two.is_ok()), (first.is_ok(), second.is_ok()));
    let lost = if one.is_ok() { two.map(drop) } else { one.map(drop) };
    assert!(matches!(lost, Err(ChannelError::NotAccepted)));
}

#[tokio::test]
async fn a_wrong_code_an_old_one_and_none_look_alike() {
    let (me, other) = keys();
    let code = Code::generate().unwrap().to_string();
    let wrong = House::inviting(&Code::generate().unwrap().to_string());
    let cases = [(wrong, 9, 1), (House::default(), 9, 0), (House::inviting(&code), 1, 0)];
    for (house, looks, tries) in cases {
        let (near, far) = sockets().await;
        let door = Fading { house, looks: AtomicU32::new(looks) };
        let (dialed, accepted) = tokio::join!(dial_pairing(near, &me, &code), accept(far, &other, &door));
        assert!(matches!(dialed, Err(ChannelError::NotAccepted)), "{dialed:?}");
        assert!(matches!(accepted, Err(ChannelError::Stranger(_))));
        assert_eq!(door.house.failed(), tries);
    }
}

/// A house whose invitation runs out after some looks at it.
struct Fading {
    house: House,
    looks: AtomicU32,
}

impl Door for Fading {
    fn knows(&self, public: &[u8; 32]) -> bool {
        self.house.knows(public)
    }

    fn invitation(&self) -> Option<Invitation> {
        let left = self.looks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |looks| looks.checked_sub(1));
        left.ok().and_then(|_| self.house.invitation())
    }

    fn failed_try(&self) {
        self.house.failed_try();
    }
}

#[tokio::test]
async fn a_mistyped_code_sends_nothing() {
    let (me, _) = keys();
    let (near, mut far) = sockets().await;
    let refused = dial_pairing(near, &me, "0000-0000-00001").await;
    assert!(matches!(refused, Err(ChannelError::Code(CodeError::Check))));
    let mut heard = Vec::new();
    far.read_to_end(&mut heard).await.unwrap();
    assert!(heard.is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let key = StaticKey::from_private([0xab; 32]);
    let invitation = Invitation { id: [1; INVITATION_ID], psk: [0xab; 32] };
    assert!(!format!("{key:?}{invitation:?}").contains("171"));
    assert_eq!(StaticKey::from_private(*key.private_bytes()).public(), key.public());
}

#[tokio::test]
async fn a_device_does_not_dial_itself() {
    let (me, _) = keys();
    let (near, _far) = sockets().await;
    assert!(matches!(dial(near, &me, &me.public()).await, Err(ChannelError::Myself)));
}
