//! Records of a paired device that means ill (P9 to P11, P13): what is not signed, not granted or not whole is refused
//! at that record, what is poison is set aside alike on all daemons, and the space goes on.

use quire_protocol::clock::Clock;
use quire_protocol::id::{Incarnation, Space};
use quire_protocol::identity::DeviceKey;
use quire_protocol::message::{LogName, Message, SegmentMessage};
use quire_protocol::record::{Record, RecordKind, Segment};
use quire_tests::hostile::log::{Log, document, marking, marking_record, record};
use quire_tests::hostile::witnesses::Witnesses;
use quire_tests::hostile::{Mallory, Wire, poison};
use quire_tests::sample::guid;
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::json;

#[test]
fn poison_is_set_aside_alike_everywhere_and_the_space_goes_on() {
    let mut all = Witnesses::new();
    let mut mallory = all.mallory(1);
    let mut aside = 0;
    let poisons = poison::all(document(&guid()), Incarnation([1; 16])).len();
    for at in 0..poisons {
        // A life of its own for each, so that none stands behind another.
        mallory.incarnation = Incarnation([at as u8 + 1; 16]);
        let doc = document(&guid());
        let (what, raw) = poison::all(doc, mallory.incarnation).swap_remove(at);
        let mut wire = mallory.session(&Witnesses::space());
        let mut log = mallory.log(&Witnesses::space());
        let bad = log.next(vec![record(doc, RecordKind::CHANGE, raw)], &mallory.key);
        wire.push(mallory.incarnation, true, bad);
        let (taken, _) = wire.verdict();
        aside += usize::from(taken);
        let honest = guid();
        if taken {
            // The log goes on behind it, and so does everybody else's.
            let next = log.next(vec![marking_record(mallory.incarnation, &honest)], &mallory.key);
            wire.push(mallory.incarnation, false, next);
            assert_eq!(wire.verdict(), (true, 2), "after {what}");
            eventually(&format!("what follows {what}"), PATIENCE, || all.third.marking(&honest));
        }
        all.check(what);
    }
    assert!(aside > poisons / 2, "{aside} of {poisons} got as far as the gate");
    eventually("the count of what was set aside", PATIENCE, || {
        let count = |peer: &serde_json::Value| peer["setAside"].as_u64();
        let counts: Vec<u64> = all.victim.peers().iter().filter_map(count).collect();
        counts.contains(&(aside as u64)).then_some(())
    });
    all.report("P11");
}

#[test]
fn what_is_not_its_author_s_is_refused_at_that_record() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let (space, life) = (Witnesses::space(), mallory.incarnation);
    let other = Incarnation([99; 16]);
    let sealed = move |log: &mut Log, key: &DeviceKey| log.seal(vec![marking_record(life, &guid())], key);
    type Made = Box<dyn Fn(&mut Log) -> Vec<u8>>;
    let key = || DeviceKey::from_seed(&[1; 32]);
    let inputs: Vec<(&str, Made)> = vec![
        (
            "one bit of the payload",
            Box::new(move |log| {
                let mut segment = sealed(log, &key());
                segment.records[0].payload[60] ^= 1;
                segment.encode(life)
            }),
        ),
        (
            "one bit of the signature",
            Box::new(move |log| {
                let mut segment = sealed(log, &key());
                segment.seal.signature[10] ^= 1;
                segment.encode(life)
            }),
        ),
        (
            "another device's signature",
            Box::new(move |log| sealed(log, &DeviceKey::from_seed(&[2; 32])).encode(life)),
        ),
        (
            "the signature of another space",
            Box::new(move |log| {
                let mut elsewhere = Log::new(&Space::account(4), life);
                (elsewhere.seq, elsewhere.chain) = (log.seq, log.chain);
                sealed(&mut elsewhere, &key()).encode(life)
            }),
        ),
        (
            "a record that was dropped",
            Box::new(move |log| {
                let records = vec![marking_record(life, &guid()), marking_record(life, &guid())];
                let mut segment = log.seal(records, &key());
                segment.records.remove(0);
                segment.encode(life)
            }),
        ),
        (
            "records in another order",
            Box::new(move |log| {
                let records = vec![marking_record(life, &guid()), marking_record(life, &guid())];
                let mut segment = log.seal(records, &key());
                segment.records.swap(0, 1);
                segment.encode(life)
            }),
        ),
        (
            "a gap",
            Box::new(move |log| {
                sealed(log, &key());
                sealed(log, &key()).encode(life)
            }),
        ),
        (
            "a forked chain",
            Box::new(move |log| {
                log.chain = [7; 32];
                sealed(log, &key()).encode(life)
            }),
        ),
        (
            "another time claimed",
            Box::new(move |log| {
                let mut segment = sealed(log, &key());
                segment.records[0].claimed_ms = 1;
                segment.encode(life)
            }),
        ),
    ];
    let good = guid();
    let mut log = mallory.log(&space);
    let mut wire = mallory.session(&space);
    wire.push(life, true, log.next(vec![marking_record(life, &good)], &mallory.key));
    assert_eq!(wire.verdict(), (true, 1));
    for (what, made) in inputs {
        let bad = made(&mut log.clone());
        let mut wire = mallory.session(&space);
        wire.push(life, true, bad);
        let verdict = wire.verdict();
        assert_eq!(verdict, (false, 1), "{what}: refused, and the prefix kept");
        // The session goes on with other logs.
        wire.settle();
        all.check(what);
    }
    // A log that no certificate names.
    let mut wire = mallory.session(&space);
    let mut unknown = Log::new(&space, other);
    wire.push(other, true, unknown.next(vec![marking_record(other, &guid())], &mallory.key));
    assert_eq!(wire.verdict(), (false, 0), "a log of nobody's");
    all.check("a log that no certificate names");
    assert!(all.third.marking(&good).is_some());
    all.report("P9");
}

#[test]
fn a_space_that_was_not_granted_is_as_if_it_did_not_exist() {
    let mut all = Witnesses::new();
    let body = json!({ "spaces": [{ "space": "account:3", "rights": "write" }] });
    let guest = Mallory::paired(&all.victim, 1, &body);
    quire_tests::app::App::new(4, 1).sync(&all.victim, &[quire_tests::sample::marking(&guid())]);
    // A guest knows the names of the victim's logs: they are the same in all spaces.
    let logs = all.victim.clock("account:4").unwrap();
    let there = Incarnation::parse(logs.as_object().unwrap().keys().next().unwrap()).unwrap();
    for (author, whose) in [(guest.incarnation, "of its own"), (there, "of one that is there")] {
        let mut heard = Vec::new();
        for number in [4, 5] {
            let space = Space::account(number);
            let mut wire = guest.dial();
            wire.greet();
            wire.say(&Message::Credentials(guest.credentials(&[guest.incarnation])));
            wire.say(&Message::Clocks(vec![
                (Witnesses::space(), Clock::default()),
                (space.clone(), Clock::default()),
            ]));
            let mut log = Log::new(&space, author);
            let segment = log.next(vec![marking_record(author, &guid())], &guest.key);
            wire.say(&Message::Segment(SegmentMessage { space: 1, log: LogName::New(author), segment }));
            heard.push(answers(&mut wire));
            let exists = if number == 4 { "a space that exists" } else { "a space that does not" };
            all.check(&format!("{exists}, a log {whose}"));
        }
        assert_eq!(heard[0], heard[1], "an existing space and another are answered alike: a log {whose}");
    }
    assert!(all.victim.clock("account:5").is_none(), "nothing was stored");
    let log = all.victim.get("/v1/spaces").expect(200).text();
    assert!(!log.contains("account:5"), "{log}");
    all.report("P10");
}

/// What is answered to a segment and a ping, sorted: a verdict and a pong may overtake each other.
fn answers(wire: &mut Wire) -> Vec<Vec<u8>> {
    wire.say(&Message::Ping);
    let (mut heard, mut owed) = (Vec::new(), 2);
    while owed > 0 {
        let message = wire.receive().expect("a verdict and a pong");
        match Message::decode(&message) {
            Ok(Some(Message::Pong | Message::Refuse(_) | Message::Ack(_))) => {
                heard.push(message);
                owed -= 1;
            }
            Ok(Some(Message::Clocks(clocks))) => {
                assert!(clocks.iter().all(|(space, _)| *space == Witnesses::space()), "{clocks:?}");
            }
            // Heads name spaces by what clocks have named.
            Ok(Some(Message::Segment(_) | Message::Credentials(_) | Message::Heads(_))) => {}
            _ => heard.push(message[..1].to_vec()),
        }
    }
    heard.sort_unstable();
    heard
}

#[test]
fn a_record_whose_past_never_comes_is_refused_and_nothing_waits_for_it() {
    let mut all = Witnesses::new();
    let mallory = all.mallory(1);
    let (space, life) = (Witnesses::space(), mallory.incarnation);
    let orphan = |number: u8| -> Record {
        let doc = document(&guid());
        let made = marking(life, &guid(), "red");
        let deps = vec![quire_protocol::id::ChangeId([number; 32])];
        let (actor, ops) = (made.actor(), made.ops().to_vec());
        let draft = quire_protocol::change::Draft { actor, seq: 1, start_op: 4, deps, ops };
        record(doc, RecordKind::CHANGE, quire_protocol::change::Change::make(draft).raw().to_vec())
    };
    for number in 0..20 {
        let mut log = mallory.log(&space);
        let segment: Segment = log.seal((0..64).map(|n| orphan(number + n)).collect(), &mallory.key);
        let mut wire = mallory.session(&space);
        wire.push(life, true, segment.encode(life));
        assert_eq!(wire.verdict(), (false, 0));
        all.passed();
    }
    let honest = guid();
    let mut wire = mallory.session(&space);
    wire.push(life, true, mallory.log(&space).next(vec![marking_record(life, &honest)], &mallory.key));
    assert_eq!(wire.verdict(), (true, 1), "the log is not held up by what it never had");
    all.check("records whose past never comes");
    all.report("P13");
}
