use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Long enough for a machine that is very busy; no test waits for it.
const PATIENT: Times = Times { connect: Duration::from_secs(20), whole: Duration::from_secs(60) };
/// For those that are to be late.
const HASTY: Times = Times { connect: Duration::from_millis(50), whole: Duration::from_millis(50) };
const TWICE: [Duration; 1] = [Duration::ZERO];

/// A receiver on a port of its own.
struct Receiver {
    at: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Gives these answers, one a connection, and the last one from then on; an empty one is never given.
    /// `PORT` in them is its own.
    async fn start(answers: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (
            Arc::clone(&requests),
            answers.iter().map(|answer| answer.replace("PORT", &at.port().to_string())).collect::<Vec<_>>(),
        );
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = answers.get(number).or(answers.last()).unwrap().clone();
                tokio::spawn(serve(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { at, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.at)
    }

    fn seen(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: String, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.ends_with(b"{\"sync\":1}") {
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    if answer.is_empty() {
        pending::<()>().await;
    }
    // A caller may have had enough before the end.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    let _ = stream.read(&mut chunk).await;
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")
}

fn redirect(code: u16, to: &str) -> String {
    format!("HTTP/1.1 {code} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

fn places(list: &[&str]) -> Allowed {
    Allowed::new(list.iter().map(|text| Place::parse(text).unwrap()).collect())
}

/// Answers each question with the next of these, and counts.
#[derive(Default)]
struct Names {
    answers: Mutex<Vec<Vec<SocketAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn new(answers: &[&[SocketAddr]]) -> Self {
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        Self { answers: Mutex::new(answers), asked: Mutex::default() }
    }
}

impl Resolve for Names {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let answer = self.answers.lock().unwrap().pop();
        answer.ok_or_else(|| io::Error::other("no such host"))
    }
}

async fn call_named(
    names: &Names,
    url: &str,
    rules: &Allowed,
    own: &[SocketAddr],
    pace: &Pace<'_>,
) -> Called {
    let body = Bytes::from_static(b"{\"sync\":1}");
    call_by(names, pace, url, body, rules, own, pending()).await
}

async fn call_twice(url: &str) -> Called {
    let pace = Pace { times: PATIENT, backoff: &TWICE };
    call_named(&Names::default(), url, &Allowed::default(), &[], &pace).await
}

fn failed(called: Called) -> (String, u32) {
    match called {
        Called::Failed { reason, attempts } => (reason, attempts),
        other => panic!("{other:?}"),
    }
}

fn not_allowed(called: Called) -> String {
    match called {
        Called::NotAllowed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_sync_is_posted_as_json() {
    let receiver = Receiver::start(&[status("204 No Content")]).await;
    assert_eq!(call_twice(&receiver.url()).await, Called::Delivered { status: 204, attempts: 1 });
    let seen = receiver.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").unwrap();
    assert_eq!((seen.len(), body), (1, "{\"sync\":1}"));
    let mut lines: Vec<String> = head.lines().map(str::to_ascii_lowercase).collect();
    assert_eq!(lines.remove(0), "post /hook?a=b http/1.1");
    lines.sort();
    let host = format!("host: {}", receiver.at);
    let agent = format!("user-agent: quire/{}", env!("CARGO_PKG_VERSION"));
    let expected =
        ["connection: close", "content-length: 10", "content-type: application/json", &host, &agent];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_closed_port_is_tried_again_and_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let (reason, attempts) = failed(call_twice(&url).await);
    assert!(reason.contains("cannot connect") && attempts == 2, "{reason}");
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_left() {
    let receiver = Receiver::start(&[String::new()]).await;
    let pace = Pace { times: HASTY, backoff: &TWICE };
    let called = call_named(&Names::default(), &receiver.url(), &Allowed::default(), &[], &pace).await;
    let (reason, attempts) = failed(called);
    assert!(reason.contains("no answer in time") && attempts == 2, "{reason}");
}

#[tokio::test]
async fn errors_of_the_receiver_are_tried_again_and_other_answers_end_it() {
    let answers = ["500 Oh", "200 OK"].map(status);
    let receiver = Receiver::start(&answers).await;
    assert_eq!(call_twice(&receiver.url()).await, Called::Delivered { status: 200, attempts: 2 });
    let receiver = Receiver::start(&["429 Slow", "503 No", "404 Gone"].map(status)).await;
    let (reason, attempts) = failed(call_twice(&receiver.url()).await);
    assert!(reason.ends_with("answered 503") && attempts == 2, "{reason}");
    assert_eq!(call_twice(&receiver.url()).await, Called::Delivered { status: 404, attempts: 1 });
}

#[tokio::test]
async fn a_redirect_that_keeps_the_method_is_followed_with_the_body() {
    for code in [307, 308] {
        let second = Receiver::start(&[status("200 OK")]).await;
        let first = Receiver::start(&[redirect(code, &second.url())]).await;
        assert_eq!(call_twice(&first.url()).await, Called::Delivered { status: 200, attempts: 1 });
        assert!(second.seen()[0].ends_with("{\"sync\":1}"));
    }
    for code in [301, 302, 303] {
        let second = Receiver::start(&[status("200 OK")]).await;
        let first = Receiver::start(&[redirect(code, &second.url())]).await;
        assert_eq!(call_twice(&first.url()).await, Called::Delivered { status: code, attempts: 1 });
        assert!(second.seen().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_address_is_not_followed() {
    let forbidden = Receiver::start(&[status("200 OK")]).await;
    let allowed = places(&["127.0.0.2"]);
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = redirect(307, &forbidden.url());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, answer, Arc::default()).await;
    });
    let pace = Pace { times: PATIENT, backoff: &TWICE };
    let reason = not_allowed(call_named(&Names::default(), &url, &allowed, &[], &pace).await);
    assert_eq!(reason, format!("redirected to {} (127.0.0.1) is not in bulk.callbacks", forbidden.at));
    assert!(forbidden.seen().is_empty());
}

#[tokio::test]
async fn redirects_to_names_secure_addresses_and_ourselves_are_checked_too() {
    for (to, words) in [
        ("https://127.0.0.1/", "http:// only"),
        ("http://u:p@127.0.0.1/", "user name"),
        ("http://nas.example/", "redirected to nas.example:80 (10.1.2.3) is not in bulk.callbacks"),
        ("http://127.0.0.1:7470/v1/peers", "is this daemon itself"),
    ] {
        let receiver = Receiver::start(&[redirect(308, to)]).await;
        let names = Names::new(&[&["10.1.2.3:80".parse().unwrap()]]);
        let pace = Pace { times: PATIENT, backoff: &TWICE };
        let own = ["127.0.0.1:7470".parse().unwrap()];
        let called = call_named(&names, &receiver.url(), &Allowed::default(), &own, &pace).await;
        let reason = not_allowed(called);
        assert!(reason.contains(words), "{to}: {reason}");
    }
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let receiver = Receiver::start(&[redirect(307, "/hook?a=b")]).await;
    let (reason, attempts) = failed(call_twice(&receiver.url()).await);
    assert!(reason.contains("redirects more than 3 times") && attempts == 1, "{reason}");
    assert_eq!(receiver.seen().len(), 1 + MAX_REDIRECTS);
}

#[tokio::test]
async fn the_daemon_never_calls_itself() {
    let receiver = Receiver::start(&[status("200 OK")]).await;
    let pace = Pace { times: PATIENT, backoff: &TWICE };
    let everywhere = SocketAddr::new("::".parse().unwrap(), receiver.at.port());
    for own in [receiver.at, everywhere] {
        let names = Names::new(&[&[receiver.at]]);
        let named = format!("http://me.example:{}/", receiver.at.port());
        let rules = places(&["0.0.0.0/0", "::/0", "me.example"]);
        for url in [receiver.url(), named] {
            let reason = not_allowed(call_named(&names, &url, &rules, &[own], &pace).await);
            assert!(reason.contains("is this daemon itself"), "{reason}");
        }
    }
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_called() {
    let names = Names::new(&[&["192.168.1.1:80".parse().unwrap()]]);
    let pace = Pace { times: PATIENT, backoff: &TWICE };
    let called = call_named(&names, "http://rebind.example/", &Allowed::default(), &[], &pace).await;
    assert_eq!(not_allowed(called), "rebind.example:80 (192.168.1.1) is not in bulk.callbacks");
}

#[tokio::test]
async fn a_name_is_asked_once_for_all_attempts_and_redirects() {
    let answers = [status("500 Oh"), redirect(307, "http://REBIND.example:PORT/"), status("200 OK")];
    let receiver = Receiver::start(&answers).await;
    let names = Names::new(&[&[receiver.at], &["10.0.0.1:80".parse().unwrap()]]);
    let url = format!("http://rebind.example:{}/", receiver.at.port());
    let pace = Pace { times: PATIENT, backoff: &TWICE };
    let called = call_named(&names, &url, &Allowed::default(), &[], &pace).await;
    assert_eq!(called, Called::Delivered { status: 200, attempts: 2 });
    assert_eq!((names.asked.lock().unwrap().len(), receiver.seen().len()), (1, 3));
}

#[tokio::test]
async fn an_unknown_name_is_asked_once_and_given_up() {
    let names = Names::default();
    let pace = Pace { times: PATIENT, backoff: &TWICE };
    let rules = Allowed::new(vec![Place::parse("gone.example").unwrap()]);
    let called = call_named(&names, "http://gone.example/", &rules, &[], &pace).await;
    let (reason, attempts) = failed(called);
    assert!(reason.contains("gone.example cannot be resolved") && attempts == 0, "{reason}");
    assert_eq!(*names.asked.lock().unwrap(), ["gone.example"]);
    let called = call_named(&names, "http://gone.example/", &Allowed::default(), &[], &pace).await;
    let Called::NotAllowed(reason) = called else { panic!("{called:?}") };
    assert!(reason.starts_with("gone.example:80 is not in bulk.callbacks"), "{reason}");
}

#[tokio::test]
async fn huge_and_garbage_answers_cost_little() {
    let huge = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(10_000_000));
    let receiver = Receiver::start(&[huge]).await;
    assert_eq!(call_twice(&receiver.url()).await, Called::Delivered { status: 200, attempts: 1 });
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    for bad in [head, many, "garbage\r\n\r\n".to_owned(), "\0\u{1}\u{2}".to_owned(), "\r\n".to_owned()] {
        let receiver = Receiver::start(&[bad]).await;
        let (reason, attempts) = failed(call_twice(&receiver.url()).await);
        assert!(reason.contains("no HTTP") && attempts == 2 && reason.len() < 300, "{reason}");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_does_not_undo_the_answer() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", receiver.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = receiver.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
        pending::<()>().await;
    });
    // As long as it may take to answer on a busy machine; the end is waited for.
    let times = Times { connect: PATIENT.connect, whole: Duration::from_secs(1) };
    let pace = Pace { times, backoff: &[] };
    let called = call_named(&Names::default(), &url, &Allowed::default(), &[], &pace).await;
    assert_eq!(called, Called::Delivered { status: 202, attempts: 1 });
}

#[tokio::test]
async fn a_call_ends_when_the_daemon_does() {
    let receiver = Receiver::start(&[String::new()]).await;
    let seen = Arc::clone(&receiver.requests);
    let stop = async move {
        while seen.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let body = Bytes::from_static(b"{\"sync\":1}");
    let (reason, attempts) = failed(call(&receiver.url(), body, &Allowed::default(), &[], stop).await);
    assert!(reason.contains("stopped") && attempts == 1, "{reason}");
}

#[tokio::test]
async fn a_call_can_be_made_by_a_task() {
    let receiver = Receiver::start(&[status("200 OK")]).await;
    let url = receiver.url();
    let task = tokio::spawn(async move {
        call(&url, Bytes::from_static(b"{\"sync\":1}"), &Allowed::default(), &[], pending()).await
    });
    assert_eq!(task.await.unwrap(), Called::Delivered { status: 200, attempts: 1 });
}
