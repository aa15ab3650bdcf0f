//! Frames, messages and packs of a paired device that means ill (P5 to P8, P16): bounded, the session ends or goes on,
//! and what it says of itself moves nobody else.

use quire_protocol::clock::{Clock, put_varint};
use quire_protocol::id::{Incarnation, Space};
use quire_protocol::limits::{MAX_LOGS, MAX_MESSAGE};
use quire_protocol::message::{LogName, Message, Progress, SegmentMessage};
use quire_tests::hostile::Wire;
use quire_tests::hostile::log::marking_record;
use quire_tests::hostile::witnesses::{Witnesses, memory};
use quire_tests::sample::guid;
use quire_tests::wait::{PATIENCE, eventually};

/// Memory that one hostile session may cost while it lasts.
const COST: u64 = 64 * 1024 * 1024;

#[test]
fn bytes_that_were_not_sealed_end_the_session_and_nothing_else() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        ("a frame of no length", vec![0, 0]),
        ("a frame that carries nothing", [&[0, 16][..], &[0; 16]].concat()),
        ("the greatest frame", [&[0xff, 0xff][..], &[0; 65_535]].concat()),
        ("a negative length", [&[0x80, 0x00][..], &[0xff; 32_768]].concat()),
        ("a megabyte of 0xff", vec![0xff; 1 << 20]),
        ("a handshake once more", vec![1, 1, 1]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000)),
    ];
    for (what, bytes) in inputs {
        let mut wire = mallory.session(&Witnesses::space());
        wire.settle();
        wire.send_raw(&bytes);
        assert!(what == "a handshake once more" || wire.is_closed_by_peer(), "{what}");
        all.check(what);
    }
    // A flipped bit in what was sealed.
    let mut wire = mallory.session(&Witnesses::space());
    let mut sealed = wire.sealed(&Message::Ping.encode());
    sealed[5] ^= 1;
    wire.send_raw(&sealed);
    assert!(wire.is_closed_by_peer());
    all.check("a flipped bit");
    all.report("P5");
}

#[test]
fn a_frame_that_is_announced_takes_no_memory_before_it_comes() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let mut wire = mallory.session(&Witnesses::space());
    wire.settle();
    let before = memory(&all.victim);
    // The first bytes of a message of a megabyte, and then nothing.
    let sealed = wire.sealed(&vec![9; MAX_MESSAGE]);
    wire.send_raw(&sealed[..70_000]);
    all.check("a message that stops after its beginning");
    let more = memory(&all.victim).saturating_sub(before);
    assert!(more < COST, "{more} bytes for 70,000");
    all.report("P5 slow");
}

#[test]
fn messages_that_break_the_protocol_end_the_session_and_unknown_ones_do_not() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let segment =
        |space, log| Message::Segment(SegmentMessage { space, log, segment: vec![1, 1, 1] }).encode();
    let progress = |space, log, seq| Progress { space, log, seq };
    let closing: Vec<(&str, Vec<u8>)> = vec![
        ("an empty message", vec![]),
        ("a message over the bound", vec![9; MAX_MESSAGE + 1000]),
        ("a malformed greeting", vec![1, 0xff]),
        ("a greeting twice", [&[1, 1][..], &[0; 8]].concat()),
        ("a segment of no space", segment(77, LogName::New(Incarnation([1; 16])))),
        ("a segment of no log", segment(0, LogName::Known(77))),
        ("a malformed segment", segment(0, LogName::New(Incarnation([1; 16])))),
        ("an ack of nothing", Message::Ack(progress(9, 9, 1)).encode()),
        ("an ack of what was not sent", Message::Ack(progress(0, u32::MAX, 1)).encode()),
        ("a refusal of nothing", Message::Refuse(progress(9, 9, 1)).encode()),
        ("a space of no name", [&[3, 1, 3][..], b"abc", &[0]].concat()),
        ("a clock of u64::MAX", clocks(&[(1, u64::MAX)])),
        (
            "a clock longer than a message",
            [&[3, 1, 9][..], b"account:3", &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
        ),
    ];
    for (what, bytes) in closing {
        let mut wire = mallory.session(&Witnesses::space());
        wire.settle();
        wire.send(&bytes);
        assert!(wire.is_closed_by_peer(), "{what}");
        all.check(what);
    }
    let mut first = mallory.dial();
    first.say(&Message::Ping);
    assert!(first.is_closed_by_peer(), "who does not greet");
    all.check("no greeting");
    let mut wire = mallory.session(&Witnesses::space());
    for kind in [0, 9, 100, 200, 255] {
        wire.send(&[&[kind][..], &[7; 500]].concat());
        wire.settle();
        all.passed();
    }
    all.check("unknown kinds");
    all.report("P7");
}

/// The bytes of a message that says this clock of account 3.
fn clocks(logs: &[(u8, u64)]) -> Vec<u8> {
    let clock: Clock = logs.iter().map(|(log, seq)| (Incarnation([*log; 16]), *seq)).collect();
    Message::Clocks(vec![(Witnesses::space(), clock)]).encode()
}

#[test]
fn clocks_that_cannot_be_cost_little_and_move_nobody() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let before = memory(&all.victim);
    let logs = |from: u32, count: u32| -> Clock {
        let name = |n: u32| {
            let mut name = [0x77; 16];
            name[..4].copy_from_slice(&n.to_be_bytes());
            Incarnation(name)
        };
        (from..from + count).map(|n| (name(n), 1)).collect()
    };
    // A million logs, in messages that are as large as they may be.
    let mut wire = mallory.session(&Witnesses::space());
    let mut from = 0;
    while from < 1_000_000 {
        let message = Message::Clocks(vec![(Witnesses::space(), logs(from, MAX_LOGS as u32))]);
        if !wire.say(&message) {
            break;
        }
        from += MAX_LOGS as u32;
    }
    assert!(wire.is_closed_by_peer(), "a million logs");
    all.check("a million logs");
    // Spaces without end.
    let mut wire = mallory.session(&Witnesses::space());
    for round in 0..40 {
        let spaces = (0..30_000).map(|n| (Space::account(round * 30_000 + n), Clock::default())).collect();
        if !wire.say(&Message::Clocks(spaces)) {
            break;
        }
    }
    all.check("a million spaces");
    wire.close();
    let more = memory(&all.victim).saturating_sub(before);
    assert!(more < COST, "{more} bytes");

    // Ahead of everything, of the victim's own logs too; then back to nothing.
    let own: Clock = own_clock(&all);
    let ahead: Clock = own.iter().map(|(log, seq)| (log, seq + 1_000_000)).collect();
    for (what, clock) in
        [("ahead", ahead), ("back", Clock::default()), ("half", own.iter().take(1).collect())]
    {
        let mut wire = mallory.session(&Witnesses::space());
        wire.say(&Message::Clocks(vec![(Witnesses::space(), clock.clone()), (Witnesses::space(), clock)]));
        wire.settle();
        all.check(what);
    }
    all.report("P8");
}

/// What the victim says it has.
fn own_clock(all: &Witnesses) -> Clock {
    let vector = all.victim.clock("account:3").unwrap();
    let entries = vector.as_object().unwrap().iter();
    entries.map(|(log, seq)| (Incarnation::parse(log).unwrap(), seq.as_u64().unwrap())).collect()
}

#[test]
fn an_ack_of_what_was_never_sent_is_no_ack() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let mut wire = mallory.session(&Witnesses::space());
    // The victim sends what it has; nothing of it is acknowledged but what does not exist.
    let (space, log) = wire.until("it sent a segment", |message| match message {
        Message::Segment(sent) => Some((sent.space, 0)),
        _ => None,
    });
    wire.say(&Message::Ack(Progress { space, log, seq: 1 << 40 }));
    assert!(wire.is_closed_by_peer(), "an ack of what does not exist");
    let device = mallory.key.public().device().to_string();
    let behind =
        || all.victim.peers().into_iter().find(|p| p["deviceId"] == device).map(|p| p["behindBy"].clone());
    assert!(behind().and_then(|b| b.as_u64()) > Some(0), "{:?}", behind());
    all.check("an ack of what does not exist");

    // Who never acknowledges is sent no more than the window, and others get all.
    let mut silent = mallory.session(&Witnesses::space());
    silent.settle();
    all.check("no ack at all");
    all.report("P16, P17");
}

#[test]
fn packs_that_say_they_are_larger_than_a_segment_are_refused_before_memory_is_taken() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        ("a frame of 1 GiB", frame(1 << 30, &[0x4d, 0x00, 0x00, 0x00])),
        ("a frame of 2^63", frame(1 << 63, &[0x4d, 0x00, 0x00, 0x00])),
        ("a frame of no known size", vec![0x00, 0x50, 0x01, 0x00, 0x00]),
        ("a window of 2 GiB", vec![0x00, 0xa8, 0x4d, 0x00, 0x00, 0x00]),
        ("a frame that gives more than it says", bomb(100)),
        ("a frame that gives all that a segment may", bomb(131_072)),
        (
            "a dictionary that nobody has",
            vec![0x23, 0xef, 0xbe, 0xad, 0xde, 0x05, 0x29, 0, 0, b'h', b'e', b'l', b'l', b'o'],
        ),
        ("something behind the frame", [&frame(5, &[0x29, 0, 0])[..], b"hello", &[7; 1000]].concat()),
        ("a million skippable frames", [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(100_000)),
        ("nothing", Vec::new()),
    ];
    let before = memory(&all.victim);
    for (what, text) in inputs {
        let mut wire = mallory.session(&Witnesses::space());
        wire.push(mallory.incarnation, true, segment_of(&text));
        refused(&mut wire, what);
        let more = memory(&all.victim).saturating_sub(before);
        assert!(more < COST, "{more} bytes for {what}");
        all.check(what);
    }
    // Packs that each inflate to all that a segment may.
    let mut wire = mallory.session(&Witnesses::space());
    wire.push(mallory.incarnation, true, segment_with(&vec![pack_of(&bomb(131_072)); 20], 20));
    refused(&mut wire, "twenty bombs");
    all.check("twenty bombs");
    let honest = guid();
    let mut wire = mallory.session(&Witnesses::space());
    let record = marking_record(mallory.incarnation, &honest);
    wire.push(mallory.incarnation, true, mallory.log(&Witnesses::space()).next(vec![record], &mallory.key));
    assert_eq!(wire.verdict(), (true, 1), "an honest segment after all these");
    eventually("it", PATIENCE, || all.third.marking(&honest));
    all.report("P6");
}

/// Refused as a segment, or the session ended over it.
fn refused(wire: &mut Wire, what: &str) {
    while let Some(message) = wire.receive() {
        match Message::decode(&message) {
            Ok(Some(Message::Refuse(_))) => return,
            Ok(Some(Message::Ack(_))) => panic!("{what} was taken"),
            _ => {}
        }
    }
}

/// A zstd frame without its magic: one segment, size in eight bytes, and these blocks.
fn frame(size: u64, blocks: &[u8]) -> Vec<u8> {
    [&[0xe0][..], &size.to_le_bytes(), blocks].concat()
}

/// A frame that says it has `size` bytes and repeats one byte 128 KiB a block, 8,192 times: a gigabyte.
fn bomb(size: u64) -> Vec<u8> {
    let block = |last: u32| {
        let head = (last | 1 << 1 | (128 * 1024) << 3).to_le_bytes();
        [head[0], head[1], head[2], 0]
    };
    let mut blocks: Vec<u8> = (0..8191).flat_map(|_| block(0)).collect();
    blocks.extend(block(1));
    frame(size, &blocks)
}

/// A squeezed pack of one record with this text.
fn pack_of(text: &[u8]) -> Vec<u8> {
    [&[1, 1, 0][..], text].concat()
}

fn segment_of(text: &[u8]) -> Vec<u8> {
    segment_with(&[pack_of(text)], 1)
}

fn segment_with(packs: &[Vec<u8>], count: u64) -> Vec<u8> {
    let mut out = vec![1, 1];
    put_varint(&mut out, count);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&[0; 64]);
    for pack in packs {
        put_varint(&mut out, pack.len() as u64);
        out.extend_from_slice(pack);
    }
    out
}
