//! Strangers, liars, replays and cuts.

use tokio::task::JoinSet;

use super::*;

/// What a stranger who says `bytes` and then ends its side gets, and what the acceptor makes of it.
async fn says(bytes: Vec<u8>, me: StaticKey, house: House) -> (Vec<u8>, ChannelError) {
    let (mut near, far) = sockets().await;
    let stranger = async {
        // The acceptor may be gone before everything is said: that is an answer too.
        let _ = near.write_all(&bytes).await;
        let _ = near.shutdown().await;
        let mut heard = Vec::new();
        let _ = near.read_to_end(&mut heard).await;
        heard
    };
    // An open channel would keep the stranger waiting: fail at once instead.
    let turned_away = async { accept(far, &me, &house).await.unwrap_err() };
    tokio::join!(stranger, turned_away)
}

fn hello(from: &StaticKey, to: &StaticKey) -> Vec<u8> {
    SessionDialer::new(from, &to.public()).unwrap().1.write
}

#[tokio::test]
async fn the_wrong_key_is_refused() {
    let (me, other) = keys();
    let expected = StaticKey::generate().unwrap().public();
    let house = House::knowing(&me);
    let (near, far) = sockets().await;
    let (dialed, accepted) = tokio::join!(dial(near, &me, &expected), accept(far, &other, &house));
    assert!(matches!(dialed, Err(ChannelError::Refused)), "{dialed:?}");
    assert!(matches!(accepted, Err(ChannelError::Stranger(Strange::Handshake))));
}

#[tokio::test]
async fn an_unknown_key_gets_no_byte_and_no_hint() {
    let (me, other) = keys();
    let start = Instant::now();
    let (heard, error) = says(hello(&me, &other), other, House::default()).await;
    assert!(heard.is_empty());
    assert!(matches!(error, ChannelError::Stranger(Strange::UnknownKey)));
    assert!(start.elapsed() >= REFUSAL_FLOOR);
}

#[tokio::test]
async fn an_unknown_device_is_refused() {
    let (me, other) = keys();
    let (near, far) = sockets().await;
    let (public, house) = (other.public(), House::default());
    let (dialed, accepted) = tokio::join!(dial(near, &me, &public), accept(far, &other, &house));
    assert!(matches!(dialed, Err(ChannelError::Refused)), "{dialed:?}");
    assert!(accepted.is_err());
}

#[tokio::test]
async fn a_first_message_cut_anywhere_gets_no_byte() {
    let (me, other) = keys();
    let whole = hello(&me, &other);
    let private = other.private_bytes();
    let mut cuts = JoinSet::new();
    for length in 0..whole.len() {
        let said = whole[..length].to_vec();
        cuts.spawn(says(said, StaticKey::from_private(*private), House::knowing(&me)));
    }
    for (heard, error) in cuts.join_all().await {
        assert!(heard.is_empty());
        assert!(matches!(error, ChannelError::Stranger(Strange::Closed)), "{error:?}");
    }
}

#[tokio::test]
async fn a_first_message_changed_anywhere_gets_no_byte() {
    let (me, other) = keys();
    let whole = hello(&me, &other);
    let private = other.private_bytes();
    let mut changes = JoinSet::new();
    for at in 2..whole.len() {
        let mut said = whole.clone();
        said[at] ^= 1;
        changes.spawn(says(said, StaticKey::from_private(*private), House::knowing(&me)));
    }
    for (heard, error) in changes.join_all().await {
        assert!(heard.is_empty());
        assert!(matches!(error, ChannelError::Stranger(Strange::Handshake)), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_cut_or_changed_anywhere_is_refused() {
    let mut cases = JoinSet::new();
    for at in 0..handshake::SESSION_2 {
        for cut in [true, false] {
            cases.spawn(wrong_answer(at, cut));
        }
    }
    for dialed in cases.join_all().await {
        assert!(matches!(dialed, Err(ChannelError::Refused)), "{dialed:?}");
    }
}

async fn wrong_answer(at: usize, cut: bool) -> Result<(), ChannelError> {
    let (me, other) = keys();
    let house = House::knowing(&me);
    let (near, mut far) = sockets().await;
    let public = other.public();
    let answer = async move {
        let mut said = vec![0; HELLO];
        far.read_exact(&mut said).await.unwrap();
        let (mut responder, _) = Responder::new(&other);
        responder.feed(&said[..2], &house).unwrap();
        let mut reply = responder.feed(&said[2..], &house).unwrap().write;
        if cut {
            reply.truncate(at);
        } else {
            reply[at] ^= 1;
        }
        far.write_all(&reply).await.unwrap();
    };
    tokio::join!(dial(near, &me, &public), answer).0.map(drop)
}

const HELLO: usize = handshake::HEAD + handshake::VERSIONS.len() + handshake::SESSION_1;

#[tokio::test]
async fn a_replayed_session_is_none() {
    let (me, other) = keys();
    let private = *other.private_bytes();
    let (mut dialer, first) = SessionDialer::new(&me, &other.public()).unwrap();
    let (mut near, far) = sockets().await;
    let house = House::knowing(&me);
    let real = async {
        near.write_all(&first.write).await.unwrap();
        let mut reply = vec![0; handshake::SESSION_2];
        near.read_exact(&mut reply).await.unwrap();
        let last = dialer.feed(&reply).unwrap();
        near.write_all(&last.write).await.unwrap();
        last.write
    };
    let (confirmation, accepted) = tokio::join!(real, accept(far, &other, &house));
    accepted.unwrap();

    let everything = [first.write.clone(), confirmation].concat();
    let (_, error) = says(everything, StaticKey::from_private(private), House::knowing(&me)).await;
    assert!(matches!(error, ChannelError::Stranger(Strange::Handshake)), "{error:?}");
    let (_, error) = says(first.write, StaticKey::from_private(private), House::knowing(&me)).await;
    assert!(matches!(error, ChannelError::Stranger(Strange::Closed)), "{error:?}");
}

#[tokio::test]
async fn other_protocols_and_noise_get_no_byte() {
    let mut random = vec![0; 4096];
    getrandom::fill(&mut random).unwrap();
    let sayings: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        &[0; 200],
        &[0xff; 200],
        &[1, 0],
        &[1, 17],
        &[2, 1, 1],
        &[3, 1, 1],
        &random,
    ];
    let mut all = JoinSet::new();
    for saying in sayings {
        all.spawn(says(saying.to_vec(), StaticKey::generate().unwrap(), House::default()));
    }
    for (heard, error) in all.join_all().await {
        assert!(heard.is_empty());
        assert!(matches!(error, ChannelError::Stranger(_)), "{error:?}");
    }
}

/// The machine alone, so that many inputs take little time.
#[test]
fn random_bytes_never_make_the_responder_speak() {
    let other = StaticKey::generate().unwrap();
    for round in 0..2_000_u32 {
        let (mut responder, mut step) = Responder::new(&other);
        let mut head = vec![1 + (round % 2) as u8, 1 + (round % 16) as u8];
        while let Next::Read(wanted) = step.next {
            let mut bytes = vec![0; wanted];
            getrandom::fill(&mut bytes).unwrap();
            bytes[..head.len()].copy_from_slice(&head);
            head.clear();
            match responder.feed(&bytes, &House::default()) {
                Ok(next) => step = next,
                Err(_) => break,
            }
            assert!(step.write.is_empty());
        }
        assert!(matches!(responder.feed(&[0; 96], &House::default()), Err(ChannelError::Closed)));
    }
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let (other, _) = keys();
    let (_near, far) = sockets().await;
    let error = accept(far, &other, &House::default()).await.unwrap_err();
    assert!(matches!(error, ChannelError::Stranger(Strange::Slow)));
}

#[tokio::test]
async fn a_mirror_is_refused() {
    let (me, other) = keys();
    let (near, mut far) = sockets().await;
    let mirror = async {
        let (mut read, mut write) = far.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    };
    let public = other.public();
    let dialed = tokio::select! {
        dialed = dial(near, &me, &public) => dialed,
        () = mirror => panic!("the mirror ended first"),
    };
    assert!(matches!(dialed, Err(ChannelError::Refused)), "{dialed:?}");
}

#[tokio::test]
async fn our_own_key_coming_in_gets_no_byte() {
    let (me, _) = keys();
    let said = foreign_hello(&me, &me.public(), &[1], b"quire/1|session\x01").0;
    let (heard, error) = says(said, StaticKey::from_private(*me.private_bytes()), House::knowing(&me)).await;
    assert!(heard.is_empty());
    assert!(matches!(error, ChannelError::Stranger(Strange::Myself)), "{error:?}");
}

/// A hello made without our own code: this also pins what is on the wire.
fn foreign_hello(
    from: &StaticKey,
    to: &[u8; 32],
    offered: &[u8],
    prologue: &[u8],
) -> (Vec<u8>, snow::HandshakeState) {
    let private = from.private_bytes();
    let mut state = snow::Builder::new("Noise_IK_25519_ChaChaPoly_BLAKE2s".parse().unwrap())
        .local_private_key(private.as_ref())
        .and_then(|builder| builder.remote_public_key(to))
        .and_then(|builder| builder.prologue(prologue))
        .and_then(snow::Builder::build_initiator)
        .unwrap();
    let mut message = [0; 200];
    let size = state.write_message(&[], &mut message).unwrap();
    let head = [&[1, offered.len() as u8], offered].concat();
    ([&head, &message[..size]].concat(), state)
}

#[tokio::test]
async fn only_a_known_device_learns_that_versions_differ() {
    let (me, other) = keys();
    let (said, mut state) = foreign_hello(&me, &other.public(), &[8, 9], b"quire/1|session\x08\x09");
    let private = *other.private_bytes();
    let (heard, error) = says(said.clone(), StaticKey::from_private(private), House::knowing(&me)).await;
    assert!(matches!(error, ChannelError::NoCommonVersion), "{error:?}");
    let mut version = [7; 64];
    assert_eq!(state.read_message(&heard, &mut version).unwrap(), 1);
    assert_eq!(version[0], handshake::NO_VERSION);
    let (heard, _) = says(said, StaticKey::from_private(private), House::default()).await;
    assert!(heard.is_empty());
}

#[tokio::test]
async fn the_greatest_common_version_is_chosen_and_a_downgrade_fails() {
    let (me, other) = keys();
    let private = *other.private_bytes();
    let (said, mut state) = foreign_hello(&me, &other.public(), &[1, 2], b"quire/1|session\x01\x02");
    let (heard, _) = says(said, StaticKey::from_private(private), House::knowing(&me)).await;
    let mut version = [7; 64];
    assert_eq!(state.read_message(&heard, &mut version).unwrap(), 1);
    assert_eq!(version[0], 1);
    // The list was [1, 2]; somebody on the way made it [1].
    let (said, _) = foreign_hello(&me, &other.public(), &[1], b"quire/1|session\x01\x02");
    let (heard, error) = says(said, StaticKey::from_private(private), House::knowing(&me)).await;
    assert!(heard.is_empty());
    assert!(matches!(error, ChannelError::Stranger(Strange::Handshake)));
}

#[test]
fn weak_points_are_known() {
    let mut one = [0; 32];
    one[0] = 1;
    assert!(key::is_weak(&[0; 32]) && key::is_weak(&one));
    assert!(!key::is_weak(&StaticKey::generate().unwrap().public()));
}
