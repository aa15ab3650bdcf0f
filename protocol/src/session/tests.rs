use super::*;
use crate::id::DocId;
use crate::identity::DeviceKey;
use crate::limits::{MAX_ANSWERS, MAX_RECOUNT};
use crate::message::{Heads, Place, ShortHead};
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

fn chain(n: u8) -> Vec<ShortHead> {
    vec![ShortHead { log: LOG, seq: 1, chain: [n; 8] }]
}

#[test]
fn ends_of_logs_are_shown_of_shared_spaces_alone() {
    let (mut a, _) = pair();
    let other = Space::account(4);
    assert!(sends(a.handle(Input::Heads { space: other, heads: chain(1) }, 0)).is_empty());
    let shown = sends(a.handle(Input::Heads { space: space(), heads: chain(1) }, 0));
    assert_eq!(shown, [Message::Heads(Heads { space: 0, heads: chain(1) })]);
    let asked = a.handle(Input::Received(shown[0].clone()), 0);
    assert_eq!(asked, [Output::CompareHeads { space: space(), heads: chain(1) }]);
    // A space that the peer did not name, or that it is not shown, is neither compared nor answered.
    let foreign = Message::Heads(Heads { space: 7, heads: chain(1) });
    assert_eq!(a.handle(Input::Received(foreign), 0), []);
    let (mut fresh, _) = Session::open(Credentials::default(), 0);
    let greeting = Greeting { version: WIRE_VERSION, credentials: digest(&Credentials::default()) };
    fresh.handle(Input::Received(Message::Greeting(greeting)), 0);
    fresh.handle(Input::Received(Message::Clocks(vec![(space(), Clock::default())])), 0);
    let question = Message::Recount(Place { space: 0, log: LOG, after: 0 });
    assert_eq!(fresh.handle(Input::Received(question), 0), []);
}

#[test]
fn questions_are_answered_a_bounded_number_of_times() {
    let (mut a, _) = pair();
    let question = || Message::Recount(Place { space: 0, log: LOG, after: 0 });
    let answered =
        (0..2 * MAX_ANSWERS).filter(|_| !a.handle(Input::Received(question()), 0).is_empty()).count();
    assert_eq!(answered, MAX_ANSWERS);
}

/// Doubts a log of `length` records, and answers each question by `answer`; gives how many were asked.
fn search(length: u64, mut answer: impl FnMut(u64) -> Compared) -> usize {
    let (mut a, _) = pair();
    let mut out = a.handle(Input::Doubt { space: space(), log: LOG, at: length }, 0);
    for asked in 0.. {
        let Some(Message::Recount(place)) = sends(out).pop() else { return asked };
        let unasked = Message::Branch(Place { after: place.after + 1, ..place }, vec![1]);
        assert_eq!(a.handle(Input::Received(unasked), 0), [], "an answer that was not asked for");
        let compare = a.handle(Input::Received(Message::Branch(place, vec![1])), 0);
        assert!(matches!(compare[..], [Output::Compare { .. }]), "{compare:?}");
        let again = a.handle(Input::Received(Message::Branch(place, vec![1])), 0);
        assert_eq!(again, [], "one answer is enough");
        out = a.handle(Input::Compared { after: place.after, compared: answer(place.after) }, 0);
    }
    0
}

#[test]
fn the_first_record_that_differs_is_found_in_few_questions() {
    for length in [1, 2, 10, 1_000, 1 << 30] {
        for first in [1, 2, length / 3, length / 2, length - 1, length] {
            let first = first.clamp(1, length);
            let mut found = false;
            // A segment has up to five records.
            let asked = search(length, |after| match after + 5 {
                _ if after >= first => Compared::Apart,
                hi if hi < first => Compared::Together(hi),
                _ => {
                    found = true;
                    Compared::Settled
                }
            });
            assert!(found && asked < 100, "{first} of {length}: {asked}");
        }
    }
}

#[test]
fn answers_that_lead_nowhere_end_the_search() {
    for length in [1, 1_000, u64::MAX / 2] {
        assert!(search(length, |_| Compared::Apart) < MAX_RECOUNT);
        assert!(search(length, Compared::Together) <= 2);
        assert!(search(length, |after| Compared::Together(after + 1)) <= MAX_RECOUNT);
        assert!(search(length, |_| Compared::Together(u64::MAX)) <= 2);
    }
    // Each log is doubted once in a session.
    let (mut a, _) = pair();
    let doubt = || Input::Doubt { space: space(), log: LOG, at: 9 };
    assert_eq!(sends(a.handle(doubt(), 0)).len(), 1);
    assert_eq!(sends(a.handle(doubt(), 0)).len(), 0);
}

#[test]
fn what_was_refused_is_sent_again_when_the_peer_was_told_who_wrote_it() {
    let told = |a: &mut Session, n: u8| {
        let key = DeviceKey::from_seed(&[n; 32]);
        let certificates = vec![crate::identity::Certificate::issue(LOG, &key)];
        a.handle(Input::Credentials(Credentials { certificates, ..Credentials::default() }), 0)
    };
    let fetched = || Input::Fetched { space: space(), segments: vec![(LOG, segment())] };
    let refuse = || Input::Received(Message::Refuse(Progress { space: 0, log: 0, seq: 0 }));
    let fetches = |outputs: &[Output]| outputs.iter().any(|o| matches!(o, Output::Fetch { .. }));

    // The refusal crosses the credentials on their way.
    let (mut a, _) = pair();
    assert_eq!(sends(a.handle(fetched(), 0)).len(), 1);
    assert!(!fetches(&told(&mut a, 1)), "the answer is still to come");
    assert!(fetches(&a.handle(refuse(), 0)));
    assert_eq!(sends(a.handle(fetched(), 0)).len(), 1, "it is sent again");
    let refused = a.handle(refuse(), 0);
    assert!(
        refused.iter().any(|o| matches!(o, Output::PeerRefuses { .. })) && !fetches(&refused),
        "and once"
    );

    // Credentials come after the refusal.
    assert!(!a.credentials.certificates.is_empty());
    a.handle(Input::Credentials(Credentials::default()), 0);
    assert_eq!(sends(a.handle(fetched(), 0)).len(), 1);
}
