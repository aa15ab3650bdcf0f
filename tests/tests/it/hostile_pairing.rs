//! Pairings that somebody disturbs (P19): wrong codes, two acceptors, a man in the middle, a recording.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quire_daemon::channel::StaticKey;
use quire_tests::hostile::witnesses::Witnesses;
use quire_tests::hostile::{Mallory, connect, dial_pairing, silence};
use quire_tests::process::Daemon;
use serde_json::json;

/// A refused device is let go no sooner and not much later.
const FLOOR: Duration = Duration::from_millis(250);

fn code(daemon: &Daemon) -> String {
    daemon.invite(&json!({}))["code"].as_str().unwrap().to_owned()
}

#[test]
fn five_wrong_codes_kill_an_invitation_and_each_looks_alike() {
    let mut all = Witnesses::new();
    let (right, wrong) = (code(&all.victim), code(&all.third));
    let me = StaticKey::from_private([9; 32]);
    for _ in 0..5 {
        let start = Instant::now();
        assert!(dial_pairing(all.victim.peer_address(), &me, &wrong).is_none());
        assert!(start.elapsed() >= FLOOR, "{:?}", start.elapsed());
        all.passed();
    }
    // The sixth try, and the right code after it.
    for code in [&wrong, &right] {
        assert!(dial_pairing(all.victim.peer_address(), &me, code).is_none());
        all.passed();
    }
    assert_eq!(all.victim.peers().len(), 1, "only the third");
    all.check("wrong codes");
    all.report("P19 wrong codes");
}

#[test]
fn of_two_acceptors_with_the_code_one_gets_in() {
    let mut all = Witnesses::new();
    let right = code(&all.victim);
    let address = all.victim.peer_address();
    let tries: Vec<_> = (1..=4)
        .map(|number| {
            let right = right.clone();
            std::thread::spawn(move || {
                dial_pairing(address, &StaticKey::from_private([number; 32]), &right).is_some()
            })
        })
        .collect();
    let got_in = tries.into_iter().map(|thread| thread.join().unwrap()).filter(|in_| *in_).count();
    assert_eq!(got_in, 1);
    all.check("four acceptors at once");
    all.report("P19 two acceptors");
}

/// Carries bytes between whoever connects and `target`, changed by `edit`, and keeps what was carried each way.
fn relay(
    target: std::net::SocketAddr,
    edit: fn(&mut Vec<u8>, usize),
) -> (std::net::SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let record = recorded.clone();
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(target) else { return };
            let (back_near, back_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let there = record.clone();
            std::thread::spawn(move || carry(near, far, edit, Some(&there)));
            std::thread::spawn(move || carry(back_far, back_near, |_, _| {}, None));
        }
    });
    (address, recorded)
}

fn carry(
    mut from: TcpStream,
    mut to: TcpStream,
    edit: fn(&mut Vec<u8>, usize),
    record: Option<&Mutex<Vec<u8>>>,
) {
    let (mut piece, mut at) = ([0; 4096], 0);
    while let Ok(count @ 1..) = from.read(&mut piece) {
        let mut bytes = piece[..count].to_vec();
        edit(&mut bytes, at);
        at += count;
        if let Some(record) = record {
            record.lock().unwrap().extend_from_slice(&bytes);
        }
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn a_man_in_the_middle_can_relay_and_do_nothing_else() {
    let mut all = Witnesses::new();
    // With keys of its own and without the code: the inviter's side.
    let right = code(&all.victim);
    let pretender = Mallory::stranger(66, all.victim.peer_address());
    let guess = code(&all.third);
    assert!(dial_pairing(all.victim.peer_address(), &pretender.channel_key, &guess).is_none());
    all.passed();
    // One byte of the handshake changed on the way, wherever.
    let edits: [fn(&mut Vec<u8>, usize); 3] = [
        |bytes, at| change(bytes, at, 2),
        |bytes, at| change(bytes, at, 20),
        |bytes, at| change(bytes, at, 60),
    ];
    for edit in edits {
        let fresh = code(&all.victim);
        let (way, _) = relay(all.victim.peer_address(), edit);
        assert!(dial_pairing(way, &StaticKey::from_private([50; 32]), &fresh).is_none());
        all.passed();
    }
    // The code that was replaced meanwhile is dead.
    assert!(dial_pairing(all.victim.peer_address(), &StaticKey::from_private([51; 32]), &right).is_none());
    assert_eq!(all.victim.peers().len(), 1);
    all.check("a man in the middle");
    all.report("P19 in the middle");
}

fn change(bytes: &mut [u8], at: usize, place: usize) {
    if let Some(byte) = place.checked_sub(at).and_then(|place| bytes.get_mut(place)) {
        *byte ^= 1;
    }
}

#[test]
fn a_recorded_pairing_said_again_pairs_nobody() {
    let mut all = Witnesses::new();
    let right = code(&all.victim);
    let (way, recorded) = relay(all.victim.peer_address(), |_, _| {});
    let mut mallory = Mallory::stranger(7, way);
    mallory.pair(&right);
    let peers = all.victim.peers().len();
    let said = recorded.lock().unwrap().clone();
    // Without a live invitation, and with another one.
    for live in [false, true] {
        if live {
            code(&all.victim);
        }
        let mut socket = connect(all.victim.peer_address());
        let _ = socket.write_all(&said);
        let _ = socket.shutdown(Shutdown::Write);
        let (heard, _) = silence(socket);
        assert!(heard.len() <= 16 + 97, "{} bytes", heard.len());
        assert_eq!(all.victim.peers().len(), peers);
        all.passed();
    }
    all.check("a recorded pairing");
    all.report("P19 replay");
}

#[test]
fn what_the_inviter_says_reflected_pairs_nobody() {
    let mut all = Witnesses::new();
    let right = code(&all.victim);
    let mut wire =
        dial_pairing(all.victim.peer_address(), &StaticKey::from_private([8; 32]), &right).unwrap();
    // A hello that is not one; the inviter's own is never reached.
    wire.send(b"not a hello");
    assert!(wire.is_closed_by_peer());
    assert_eq!(all.victim.peers().len(), 1);
    all.check("a hello that is none");
    all.report("P19 reflection");
}
