//! Sessions that end or begin where they should not (P14, P15), and a device that sends without end (P12).

use std::time::Instant;

use quire_protocol::clock::Clock;
use quire_protocol::message::{Greeting, LogName, Message, SegmentMessage, WIRE_VERSION};
use quire_protocol::record::RecordKind;
use quire_tests::hostile::log::{document, marking_record, record};
use quire_tests::hostile::witnesses::{RESPONSIVE, Witnesses};
use quire_tests::sample::guid;
use quire_tests::seed::next;
use quire_tests::wait::{PATIENCE, eventually};

/// Records of one flood.
const FLOOD: usize = 100_000;

/// Records of one of its segments: as many as there may be.
const OF_ONE_SEGMENT: usize = 128;

#[test]
fn a_session_cut_at_every_byte_loses_and_doubles_nothing() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let space = Witnesses::space();
    let mut log = mallory.log(&space);
    let guids: Vec<String> = (0..3).map(|_| guid()).collect();
    let segments: Vec<Vec<u8>> = guids
        .iter()
        .map(|guid| log.next(vec![marking_record(mallory.incarnation, guid)], &mallory.key))
        .collect();
    let again = segments.clone();
    // The first segment names the log, the others know it.
    let said = |n| if n == 0 { LogName::New(mallory.incarnation) } else { LogName::Known(0) };
    let messages: Vec<Vec<u8>> = [
        Message::Greeting(Greeting { version: WIRE_VERSION, credentials: [0; 8] }),
        Message::Credentials(mallory.credentials(&[mallory.incarnation])),
        Message::Clocks(vec![(space.clone(), Clock::default())]),
    ]
    .into_iter()
    .chain(
        segments
            .into_iter()
            .enumerate()
            .map(|(n, segment)| Message::Segment(SegmentMessage { space: 0, log: said(n), segment })),
    )
    .map(|message| message.encode())
    .collect();
    let length = {
        let mut wire = mallory.dial();
        messages.iter().map(|message| wire.sealed(message).len()).sum::<usize>()
    };
    for cut in 0..=length {
        let mut wire = mallory.dial();
        let bytes: Vec<u8> = messages.iter().flat_map(|message| wire.sealed(message)).collect();
        wire.send_raw(&bytes[..cut]);
        wire.close();
        all.passed();
    }
    // Whatever was kept of the others, a whole one brings the rest.
    let mut wire = mallory.session(&space);
    for (n, segment) in again.into_iter().enumerate() {
        wire.push(mallory.incarnation, n == 0, segment);
        let (taken, seq) = wire.verdict();
        assert!(taken && seq > n as u64, "{n}: {seq}");
    }
    eventually("all three of mallory's", PATIENCE, || {
        guids.iter().all(|guid| all.third.marking(guid).is_some()).then_some(())
    });
    // Each record is there once, and nobody edited what nobody edited.
    let name = mallory.incarnation.to_string();
    assert_eq!(all.third.clock("account:3").unwrap()[&name], 3);
    assert!(all.third.conflicts().is_empty());
    all.check("a session cut at every byte");
    all.report("P14");
}

#[test]
fn of_many_sessions_of_one_device_one_lives_and_a_mirror_gets_nowhere() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let mut wires: Vec<_> = (0..20).map(|_| mallory.session(&Witnesses::space())).collect();
    let mut last = wires.pop().unwrap();
    last.settle();
    for mut wire in wires {
        assert!(wire.is_closed_by_peer(), "an older session of the same device");
        all.passed();
    }
    // Everything it says is said back to it.
    let mut mirror = mallory.dial();
    for _ in 0..200 {
        let Some(message) = mirror.receive() else { break };
        if !mirror.send(&message) || message[0] == 7 {
            break;
        }
    }
    all.check("a mirror");
    // To oneself: with the victim's own certificate, that is what a mirror at the handshake comes to.
    let mut wire = mallory.session(&Witnesses::space());
    wire.settle();
    all.check("a session after the mirror");
    all.report("P15");
}

#[test]
fn a_flood_slows_its_sender_and_nobody_else() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let space = Witnesses::space();
    let mut log = mallory.log(&space);
    let mut wire = mallory.session(&space);
    let doc = document(&guid());
    // Tiny records: of a kind to come, so that each is kept and none is folded.
    let mut sent = 0;
    let start = Instant::now();
    while sent < FLOOD {
        let tiny = (0..OF_ONE_SEGMENT).map(|n| record(doc, RecordKind(99), vec![n as u8; 4])).collect();
        let segment = log.next(tiny, &mallory.key);
        assert!(wire.push(mallory.incarnation, sent == 0, segment), "the victim closed");
        sent += OF_ONE_SEGMENT;
        if sent.is_multiple_of(OF_ONE_SEGMENT * 100) {
            all.write();
            all.is_well("tiny records");
        }
    }
    let pushed = start.elapsed();
    wire.settle();
    eprintln!("{sent} tiny records were taken in {:?}, sent in {pushed:?}", start.elapsed());
    all.check("a hundred thousand tiny records");

    // The largest records that there may be, as fast as they are taken.
    let start = Instant::now();
    let (mut bytes, mut state) = (0, 7);
    for number in 0..200_u32 {
        let noise: Vec<u8> = (0..7_500).flat_map(|_| next(&mut state).to_le_bytes()).collect();
        let segment = log.next(vec![record(doc, RecordKind(99), noise)], &mallory.key);
        bytes += segment.len();
        assert!(wire.push(mallory.incarnation, false, segment), "the victim closed");
        if number.is_multiple_of(50) {
            let asked = Instant::now();
            all.victim.get("/v1/status").expect(200);
            assert!(asked.elapsed() < RESPONSIVE, "{:?}", asked.elapsed());
        }
    }
    wire.settle();
    eprintln!("{bytes} bytes of large records in {:?}", start.elapsed());
    all.check("large records at line rate");

    // Poison without end: each is set aside, and honest edits of the same space stay quick.
    let start = Instant::now();
    for _ in 0..100 {
        let poison =
            (0..100).map(|_| record(document(&guid()), RecordKind::CHANGE, vec![0x85; 40])).collect();
        let segment = log.next(poison, &mallory.key);
        assert!(wire.push(mallory.incarnation, false, segment), "the victim closed");
    }
    wire.settle();
    eprintln!("10,000 records were set aside in {:?}", start.elapsed());
    let asked = Instant::now();
    all.write();
    eprintln!("two edits after them took {:?}", asked.elapsed());
    all.check("ten thousand records that are set aside");
    all.report("P12");
}
