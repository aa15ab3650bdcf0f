//! Strangers at the door (the study's cases P1 to P4): whatever they say, they get no byte, and paired devices are
//! served meanwhile.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use quire_daemon::channel::handshake::SessionDialer;
use quire_daemon::channel::{REFUSAL_FLOOR, STRANGER_DEADLINE, StaticKey};
use quire_tests::hostile::witnesses::Witnesses;
use quire_tests::hostile::{Mallory, connect, silence};
use quire_tests::wait::{PATIENCE, eventually};

/// Connections that stay open without a word: more than there are places, which are 64.
const MUTE: usize = 300;

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(4);

#[test]
fn who_says_nothing_holds_no_place_for_long_and_keeps_nobody_out() {
    let mut all = Witnesses::new();
    let address = all.victim.peer_address();
    let mut mute: Vec<TcpStream> = (0..MUTE).map(|_| connect(address)).collect();
    for socket in mute.iter_mut().step_by(2) {
        socket.write_all(&[1]).unwrap();
    }
    // A paired device comes in through the crowd.
    let mallory = all.mallory(1);
    mallory.session(&Witnesses::space()).settle();
    all.check("three hundred mute connections");
    for socket in mute.into_iter().step_by(29) {
        let (said, took) = silence(socket);
        assert!(said.is_empty() && took < STRANGER_DEADLINE + SLACK, "{said:?} after {took:?}");
        all.passed();
    }
    all.report("P1");
}

#[test]
fn whatever_a_stranger_says_it_hears_nothing_and_no_sooner_than_others() {
    let mut all = Witnesses::new();
    let me = all.mallory(1);
    let (_, honest) = SessionDialer::new(&me.channel_key, &me.victim).unwrap();
    let unknown = SessionDialer::new(&StaticKey::from_private([77; 32]), &me.victim).unwrap().1.write;
    let elsewhere =
        SessionDialer::new(&me.channel_key, &StaticKey::from_private([78; 32]).public()).unwrap().1;
    let mut flipped = honest.write.clone();
    flipped[40] ^= 1;
    let mut downgraded = honest.write.clone();
    downgraded[2] = 2;
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20);
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        ("TLS", hello),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("0xff", vec![0xff; 4096]),
        ("no versions", vec![1, 0]),
        ("255 versions", [&[1, 255][..], &[1; 400]].concat()),
        ("a pairing without an invitation", [&[2, 1, 1][..], &[7; 200]].concat()),
        ("a key that is in no roster", unknown),
        ("a message for somebody else", elsewhere.write),
        ("a flipped bit", flipped),
        ("edited versions", downgraded),
        ("a key of small order", [&[1, 1, 1][..], &[0; 96]].concat()),
    ];
    for (what, bytes) in inputs {
        // The victim's time begins when it accepts: not before this.
        let since = Instant::now();
        let mut socket = connect(all.victim.peer_address());
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let (said, _) = silence(socket);
        let took = since.elapsed();
        assert!(said.is_empty(), "{what} was answered with {} bytes", said.len());
        assert!(took >= REFUSAL_FLOOR && took < REFUSAL_FLOOR + SLACK, "{what} was let go after {took:?}");
        all.passed();
    }
    all.check("everything a stranger says");
    all.report("P2, P4");
}

#[test]
fn a_handshake_cut_at_every_byte_is_answered_to_its_end_or_not_at_all() {
    let mut all = Witnesses::new();
    let me = all.mallory(1);
    let (_, honest) = SessionDialer::new(&me.channel_key, &me.victim).unwrap();
    let cut = |length: usize| {
        let mut socket = connect(me.address);
        socket.write_all(&honest.write[..length]).unwrap();
        let _ = socket.shutdown(Shutdown::Write);
        socket
    };
    // All at once: each waits for the end of a quarter of a second.
    let whole = honest.write.len();
    for lengths in (0..whole).collect::<Vec<_>>().chunks(32) {
        let sockets: Vec<(usize, TcpStream)> = lengths.iter().map(|length| (*length, cut(*length))).collect();
        for (length, socket) in sockets {
            let (said, _) = silence(socket);
            assert!(said.is_empty(), "{length} of {whole} bytes were answered with {}", said.len());
            all.passed();
        }
    }
    all.check("cut handshakes");
    all.report("P2 cut");
}

#[test]
fn a_replayed_first_message_opens_no_session() {
    let mut all = Witnesses::new();
    let me = all.mallory(1);
    let (mut dialer, first) = SessionDialer::new(&me.channel_key, &me.victim).unwrap();
    let mut honest = connect(me.address);
    honest.write_all(&first.write).unwrap();
    let answer = read(&mut honest, 49);
    let last = dialer.feed(&answer).unwrap();
    honest.write_all(&last.write).unwrap();
    eventually("mallory's own session", PATIENCE, || connected(&all, &me).then_some(()));

    // Whoever recorded all of it says it again.
    let mut replay = connect(me.address);
    replay.write_all(&first.write).unwrap();
    let again = read(&mut replay, 49);
    assert_ne!(again, answer, "a new ephemeral key each time");
    replay.write_all(&last.write).unwrap();
    let (said, _) = silence(replay);
    assert!(said.is_empty(), "the replay was confirmed");
    assert!(connected(&all, &me), "the replay took the place of the honest session");
    all.check("a replayed handshake");
    all.report("P3");
}

fn connected(all: &Witnesses, mallory: &Mallory) -> bool {
    let device = mallory.key.public().device().to_string();
    all.victim.peers().iter().any(|peer| peer["deviceId"] == device && peer["connected"] == true)
}

fn read(socket: &mut TcpStream, count: usize) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = vec![0; count];
    socket.read_exact(&mut bytes).unwrap();
    bytes
}
