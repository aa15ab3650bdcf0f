//! Callbacks: what is posted, where to, and that a sync never waits for them.

use quire_tests::app::App;
use quire_tests::bulk::{BASE, Bulk, uri};
use quire_tests::config::Config;
use quire_tests::http::Client;
use quire_tests::process::Daemon;
use quire_tests::receiver::Receiver;
use quire_tests::sample::{guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// All attempts to reach somebody who is not there: 31 seconds of pauses.
const ALL_ATTEMPTS: Duration = Duration::from_secs(60);

/// What a sync of one row takes at the very most when nothing holds it up. An attempt to call takes 5 s.
const AT_ONCE: Duration = Duration::from_secs(4);

/// A daemon with one marking.
fn desk() -> Daemon {
    let desk = Daemon::named("desk");
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    desk
}

fn start(bulk: &Bulk<'_>, callback: &str) -> String {
    let definition = bulk.export("markings", &[("id", "Id")], None);
    let body = json!({ "syncedInstanceUri": definition, "callbackUrl": callback });
    let made = bulk.post("/syncs", &body).expect(201).json();
    assert_eq!(made["callbackUrl"], callback);
    uri(&made)
}

/// The sync ends as if nobody was to be called.
fn assert_ends_at_once(bulk: &Bulk<'_>, callback: &str) -> String {
    let begin = Instant::now();
    let sync = start(bulk, callback);
    assert_eq!(bulk.ended(&sync)["status"], "success");
    assert!(begin.elapsed() < AT_ONCE, "{callback} held the sync up for {:?}", begin.elapsed());
    sync
}

#[test]
fn the_finished_sync_is_posted_to_whoever_asked_for_it() {
    let desk = desk();
    let bulk = desk.bulk();
    let receiver = Receiver::answering(OK);
    for member in ["callbackUrl", "callbackURL"] {
        let definition = bulk.export("markings", &[("id", "Id")], None);
        let body = json!({ "syncedInstanceUri": definition, member: receiver.url() });
        let sync = uri(&bulk.post("/syncs", &body).expect(201).json());
        let count = receiver.calls().len().max(1);
        let ended = bulk.ended(&sync);
        let calls = receiver.wait_for(count, PATIENCE);
        let call = calls.last().unwrap();
        assert_eq!(call.head[0], "POST /called?by=quire HTTP/1.1");
        assert_eq!(call.header("host"), Some(receiver.address().to_string().as_str()));
        assert!(call.header("content-type").unwrap().starts_with("application/json"));
        assert!(call.header("authorization").is_none() && call.header("cookie").is_none());
        if call.json()["uri"] == sync {
            assert_eq!(call.json(), ended, "as GET answers it");
        }
    }
    let calls = receiver.wait_for(2, PATIENCE);
    assert_eq!(calls.len(), 2, "each once");
    let callers: Vec<Value> = calls.iter().map(|call| call.json()["uri"].clone()).collect();
    assert_eq!(callers, ["/syncs/1", "/syncs/2"]);
}

#[test]
fn who_is_called_may_ask_about_a_sync_whose_number_nobody_told_him() {
    let desk = desk();
    let api = desk.api();
    let (told, asked) = channel();
    let receiver = Receiver::on("127.0.0.1:0", move |call| {
        let sync = call.json();
        let of = |path: &str| {
            let path = format!("{BASE}{}{path}", sync["uri"].as_str().unwrap());
            Client::new(api).request("GET", &path, &[], None).unwrap().expect(200).json()
        };
        told.send([sync.clone(), of(""), of("/data")]).unwrap();
        OK.to_owned()
    });
    let bulk = desk.bulk();
    let definition = bulk.export("markings", &[("id", "Id")], None);
    let body = json!({ "syncedInstanceUri": definition, "callbackUrl": receiver.url() }).to_string();

    // A client that is slow to read its 201 is called before it knows the number.
    let mut slow = TcpStream::connect(api).unwrap();
    let head = format!(
        "POST {BASE}/syncs HTTP/1.1\r\nHost: {api}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    let [posted, read, data] = asked.recv_timeout(PATIENCE).expect("a call");
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let made: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&made["uri"], &made["status"]), (&posted["uri"], &json!("pending")));
    assert_eq!((&posted["status"], &posted), (&json!("success"), &read));
    assert_eq!(data["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_callback_comes_at_once_before_or_after_the_answer() {
    let desk = desk();
    let bulk = desk.bulk();
    let receiver = Receiver::answering(OK);
    let mut early = 0;
    for round in 1..=30 {
        start(&bulk, &receiver.url());
        let answered = Instant::now();
        let call = receiver.wait_for(round, PATIENCE).pop().unwrap();
        early += u32::from(call.at < answered);
        let sync = call.json();
        assert_eq!((&sync["status"], &sync["uri"]), (&json!("success"), &json!(format!("/syncs/{round}"))));
        assert!(sync["syncEndedAt"].is_string());
    }
    eprintln!("{early} of 30 callbacks came before the answer");
}

#[test]
fn nobody_there_is_tried_again_and_told_in_the_log() {
    let desk = desk();
    let bulk = desk.bulk();
    let sync = assert_ends_at_once(&bulk, &format!("http://{}/x", closed()));
    // Definitions stay usable, whoever is still to be called.
    let callback = format!("http://{}/y", closed());
    let other = assert_ends_at_once(&bulk, &callback);
    bulk.told(&sync, &["callback", "attempts: 4"], ALL_ATTEMPTS);
    bulk.told(&other, &[&callback, "attempts: 4"], ALL_ATTEMPTS);
    assert_eq!(bulk.read(&sync)["status"], "success", "the log says it, the sync stays what it was");
}

#[test]
fn who_comes_back_between_two_attempts_is_called() {
    let desk = desk();
    let bulk = desk.bulk();
    let address = closed();
    let sync = assert_ends_at_once(&bulk, &format!("http://{address}/late"));
    let receiver = Receiver::on(&address.to_string(), |_| OK.to_owned());
    let call = receiver.wait_for(1, PATIENCE).remove(0);
    assert_eq!(call.json()["uri"], sync);
}

#[test]
fn who_takes_the_call_and_never_answers_holds_nothing_up() {
    let desk = desk();
    let bulk = desk.bulk();
    let receiver = Receiver::answering("");
    let sync = assert_ends_at_once(&bulk, &receiver.url());
    receiver.wait_for(1, PATIENCE);
    // More of them than syncs run at one time.
    for _ in 0..4 {
        assert_ends_at_once(&bulk, &receiver.url());
    }
    let again = receiver.wait_for(6, ALL_ATTEMPTS);
    let of_first = again.iter().filter(|call| call.json()["uri"] == sync).count();
    assert!(of_first >= 1, "it was called");
    assert_eq!(bulk.read(&sync)["status"], "success");
}

#[test]
fn a_stop_does_not_wait_for_a_callback_and_the_next_start_calls() {
    let mut desk = desk();
    let silent = Receiver::answering("");
    let sync = assert_ends_at_once(&desk.bulk(), &silent.url());
    silent.wait_for(1, PATIENCE);
    desk.stop();
    desk.restart();
    let calls = silent.wait_for(2, PATIENCE);
    assert_eq!(calls[1].json()["uri"], sync);
    assert_eq!(desk.bulk().read(&sync)["status"], "success");
}

#[test]
fn a_redirect_leads_only_where_configuration_allows() {
    let config = Config::new("[bulk]\ncallbacks = [\"127.0.0.1\"]\n");
    let desk = Daemon::start(config.options("desk"));
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let bulk = desk.bulk();
    // Another address of this machine: Linux has the whole network.
    let forbidden = Receiver::on("127.0.0.2:0", |_| OK.to_owned());
    let there = forbidden.address();
    let redirecting = Receiver::on("127.0.0.1:0", move |_| redirect(&format!("http://{there}/stolen")));

    let sync = assert_ends_at_once(&bulk, &redirecting.url());

    bulk.told(&sync, &["was not called", "redirected to", "127.0.0.2", "bulk.callbacks"], PATIENCE);
    assert_eq!((redirecting.calls().len(), forbidden.calls().len()), (1, 0));
    let direct = assert_ends_at_once(&bulk, &forbidden.url());
    bulk.told(&direct, &["was not called", "bulk.callbacks"], PATIENCE);
    assert!(forbidden.calls().is_empty());

    let allowed = Receiver::answering(OK);
    let there = allowed.url();
    let kind = Receiver::on("127.0.0.1:0", move |_| redirect(&there));
    let sync = assert_ends_at_once(&bulk, &kind.url());
    let call = allowed.wait_for(1, PATIENCE).remove(0);
    assert!(call.head[0].starts_with("POST ") && call.json()["uri"] == sync);
}

#[test]
fn by_default_only_this_machine_is_called_and_never_the_daemon_itself() {
    let desk = desk();
    let bulk = desk.bulk();
    let own = format!("http://{}{BASE}/syncs", desk.api());
    // Addresses of documentation (RFC 5737, 3849), of the link, and of nobody; no packet goes there.
    for callback in [
        "http://192.0.2.1/x",
        "http://[2001:db8::1]/x",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/x",
        "https://127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "nonsense",
        own.as_str(),
    ] {
        let sync = assert_ends_at_once(&bulk, callback);
        let told = bulk.told(&sync, &["was not called"], PATIENCE);
        assert_eq!(told["severity"], "warning", "{callback}");
    }
    let receiver = Receiver::answering(OK);
    let by_name = format!("http://localhost:{}/x", receiver.address().port());
    let sync = assert_ends_at_once(&bulk, &by_name);
    assert_eq!(receiver.wait_for(1, PATIENCE)[0].json()["uri"], sync);
}

#[test]
fn what_configuration_allows_changes_without_a_restart() {
    let config = Config::new("[bulk]\ncallbacks = []\n");
    let desk = Daemon::start(config.options("desk"));
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let bulk = desk.bulk();
    let receiver = Arc::new(Receiver::answering(OK));
    let sync = assert_ends_at_once(&bulk, &receiver.url());
    bulk.told(&sync, &["was not called"], PATIENCE);
    std::fs::write(config.path(), "[bulk]\ncallbacks = [\"127.0.0.0/8\"]\n").unwrap();
    eventually("a call", PATIENCE, || {
        assert_ends_at_once(&bulk, &receiver.url());
        (!receiver.calls().is_empty()).then_some(())
    });
}

fn redirect(to: &str) -> String {
    format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

/// An address of this machine where nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
