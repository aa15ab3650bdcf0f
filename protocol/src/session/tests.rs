use super::*;
use crate::id::DocId;
use crate::identity::DeviceKey;
use crate::record::{RULES, Record, RecordKind, chain_start};

const LOG: Incarnation = Incarnation([1; 16]);

fn space() -> Space {
    Space::account(3)
}

fn segment() -> Vec<u8> {
    let record = Record {
        doc: DocId([0; 16]),
        kind: RecordKind::CHANGE,
        rules: RULES,
        more: false,
        claimed_ms: 0,
        payload: vec![1, 2, 3],
    };
    let start = chain_start(&space(), LOG);
    let key = DeviceKey::from_seed(&[1; 32]);
    Segment::seal(&space(), LOG, (0, &start), vec![record], &key).0.encode(LOG)
}

fn sends(outputs: Vec<Output>) -> Vec<Message> {
    outputs.into_iter().filter_map(|o| if let Output::Send(m) = o { Some(m) } else { None }).collect()
}

/// Two sessions that have greeted and compared clocks; `a` has one record.
fn pair() -> (Session, Session) {
    let (mut a, hello_a) = Session::open(Credentials::default(), 0);
    let (mut b, hello_b) = Session::open(Credentials::default(), 0);
    a.handle(Input::Committed(vec![(space(), [(LOG, 1)].into_iter().collect())]), 0);
    b.handle(Input::Committed(vec![(space(), Clock::default())]), 0);
    let from_a: Vec<Message> = sends(hello_a);
    let from_b: Vec<Message> = sends(hello_b);
    let mut replies_b: Vec<Message> =
        from_a.into_iter().flat_map(|m| sends(b.handle(Input::Received(m), 0))).collect();
    let replies_a: Vec<Message> =
        from_b.into_iter().flat_map(|m| sends(a.handle(Input::Received(m), 0))).collect();
    for message in replies_a {
        b.handle(Input::Received(message), 0);
    }
    let last = replies_b.pop().unwrap();
    let asked = a.handle(Input::Received(last), 0);
    assert!(asked.iter().any(|o| matches!(o, Output::Fetch { .. })), "{asked:?}");
    (a, b)
}

#[test]
fn a_record_travels_and_is_acknowledged_only_from_disk() {
    let (mut a, mut b) = pair();
    let sent = a.handle(Input::Fetched { space: space(), segments: vec![(LOG, segment())] }, 0);
    let message = sends(sent).pop().unwrap();
    let outputs = b.handle(Input::Received(message), 0);
    assert!(matches!(&outputs[..], [Output::Ingest { .. }]), "no acknowledgement yet: {outputs:?}");
    let mut acks = sends(b.handle(Input::Ingested { space: space(), log: LOG, seq: 1 }, 0));
    let outputs = a.handle(Input::Received(acks.pop().unwrap()), 0);
    let clock: Clock = [(LOG, 1)].into_iter().collect();
    assert_eq!(outputs, [Output::PeerHas { space: space(), clock }]);
    let echoed = b.handle(Input::Committed(vec![(space(), [(LOG, 1)].into_iter().collect())]), 0);
    assert!(echoed.is_empty(), "what came from a peer is not sent back: {echoed:?}");
}

#[test]
fn a_refused_log_does_not_stop_the_others() {
    let (mut a, _) = pair();
    a.handle(Input::Fetched { space: space(), segments: vec![(LOG, segment())] }, 0);
    let out = a.handle(Input::Received(Message::Refuse(Progress { space: 0, log: 0, seq: 0 })), 0);
    assert_eq!(out, [Output::PeerRefuses { space: space(), log: LOG }]);
    let other = Incarnation([2; 16]);
    let clock: Clock = [(LOG, 1), (other, 1)].into_iter().collect();
    let out = a.handle(Input::Committed(vec![(space(), clock)]), 0);
    assert!(matches!(&out[..], [Output::Fetch { after, .. }] if after.covers(LOG, 1)), "{out:?}");
}

#[test]
fn a_silent_peer_is_asked_and_then_left() {
    let (mut a, _) = pair();
    assert_eq!(a.handle(Input::Tick, PING_AFTER), [Output::Send(Message::Ping)]);
    assert_eq!(a.handle(Input::Tick, PING_AFTER + 1), []);
    assert!(matches!(a.handle(Input::Tick, SILENT_FOR)[..], [Output::Close(_)]));
}

#[test]
fn what_was_never_said_ends_the_session() {
    let (mut a, _) = pair();
    let lie = Message::Ack(Progress { space: 0, log: 9, seq: 1 });
    assert!(matches!(a.handle(Input::Received(lie), 0)[..], [Output::Close(_)]));
    let unnamed = SegmentMessage { space: 7, log: LogName::Known(0), segment: segment() };
    let out = a.handle(Input::Received(Message::Segment(unnamed)), 0);
    assert!(matches!(out[..], [Output::Close(_)]));
    let (mut fresh, _) = Session::open(Credentials::default(), 0);
    assert!(matches!(fresh.handle(Input::Received(Message::Ping), 0)[..], [Output::Close(_)]));
}

#[test]
fn what_was_not_sent_cannot_be_acknowledged() {
    let (mut a, _) = pair();
    a.handle(Input::Fetched { space: space(), segments: vec![(LOG, segment())] }, 0);
    a.handle(Input::Committed(vec![(space(), [(LOG, 9)].into_iter().collect())]), 0);
    let ack = |seq| Input::Received(Message::Ack(Progress { space: 0, log: 0, seq }));
    assert!(matches!(&a.handle(ack(1), 0)[..], [Output::PeerHas { .. }, ..]));
    assert!(matches!(a.handle(ack(2), 0)[..], [Output::Close(_)]), "it is here and was not sent");
}

#[test]
fn spaces_and_logs_that_cannot_be_end_the_session() {
    let named = |n: u32| {
        let mut name = [7; 16];
        name[..4].copy_from_slice(&n.to_be_bytes());
        (Incarnation(name), 1)
    };
    let (mut a, _) = pair();
    let logs = |from: u32| {
        Input::Received(Message::Clocks(vec![(space(), (from..from + 4000).map(named).collect())]))
    };
    assert!(!a.handle(logs(0), 0).iter().any(|o| matches!(o, Output::Close(_))));
    assert!(a.handle(logs(4000), 0).iter().any(|o| matches!(o, Output::Close(_))));
    let (mut b, _) = pair();
    let spaces = (0..70_000).map(|n| (Space::account(n), Clock::default())).collect();
    let out = b.handle(Input::Received(Message::Clocks(spaces)), 0);
    assert!(matches!(out.last(), Some(Output::Close(_))));
}
