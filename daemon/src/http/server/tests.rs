//! The shell over real sockets: raw bytes in, raw bytes out.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::http::guard::Rules;
use crate::http::token::{ApiToken, TokenFile};

/// No answer at all fails a test after this long.
const PATIENCE: Duration = Duration::from_secs(20);
const HOST: &str = "Host: localhost\r\n";

struct Daemon {
    at: SocketAddr,
    token: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<io::Result<()>>,
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

impl Daemon {
    async fn start(limits: Limits) -> Self {
        Self::start_for(rustix::process::geteuid().as_raw(), limits).await
    }

    async fn start_for(uid: u32, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let token = ApiToken::random().unwrap();
        let rules = Rules::of(at.port(), uid, TokenFile::fixed(token.clone()));
        let (stop, stopped) = oneshot::channel();
        let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let app = app(&entered, &release);
        let running = tokio::spawn(serve(listener, None, app, SharedRules::new(rules), limits, async {
            let _ = stopped.await;
        }));
        Self { at, token: token.reveal().to_owned(), stop, running, entered, release }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// Sends bytes and reads until the daemon closes.
    async fn tell(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The daemon may refuse, and close, before all is sent.
        let _ = stream.write_all(bytes.as_ref()).await;
        rest(&mut stream).await
    }

    async fn get(&self, path: &str, more: &str) -> String {
        self.tell(format!("GET {path} HTTP/1.1\r\n{HOST}Connection: close\r\n{more}\r\n")).await
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }
}

fn app(entered: &Arc<Notify>, release: &Arc<Notify>) -> Router {
    let (entered, release) = (Arc::clone(entered), Arc::clone(release));
    let slow = move || {
        let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
        async move {
            entered.notify_one();
            release.notified().await;
            "finished"
        }
    };
    let events = || async {
        let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"data: 1\n\n")) });
        let body = Body::from_stream(first.chain(stream::pending()));
        ([(CONTENT_TYPE, "text/event-stream"), (axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], body)
    };
    let length = |body: Bytes| async move { format!("length {}", body.len()) };
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/v1/status", get(|| async { "fine" }))
        .route("/v1/length", post(length))
        .route("/v1/events", get(events))
        .route("/metrics", get(|| async { "metrics" }))
        .route("/api/hello", get(|| async { "hello" }))
        .route("/api/length", post(length))
        .route("/api/bulk/length", post(length).delete(|| async { "deleted" }))
        .route("/api/bulk/panic", get(|| async { panic_on_purpose() }))
        .route("/api/slow", get(slow))
        .route("/api/panic", get(|| async { panic_on_purpose() }))
}

fn panic_on_purpose() -> &'static str {
    panic!("a bug, on purpose")
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the daemon neither answers nor closes");
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|a| a.get(..3)).and_then(|s| s.parse().ok()).unwrap_or(0)
}

fn has(answer: &str, part: &str) -> bool {
    answer.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

fn brief() -> Limits {
    let brief = Duration::from_millis(300);
    Limits { header_time: brief, body_time: brief, ..Limits::default() }
}

#[tokio::test]
async fn every_answer_is_hardened_and_in_its_familys_form() {
    let daemon = Daemon::start(Limits::default()).await;
    let bearer = daemon.bearer();
    let foreign = "Origin: http://evil.com\r\n";
    let cases = [
        ("/api/hello", "", 200, "hello"),
        ("/healthz", "", 200, "ok"),
        ("/v1/status", &bearer, 200, "fine"),
        ("/metrics", &bearer, 200, "metrics"),
        ("/api/none", "", 404, "'http://localhost/api/none'.\",\"MessageDetail\":\"No type was found"),
        ("/none", "", 404, "application/problem+json"),
        ("/id/none", "", 404, "\r\n\r\n\"The requested resource was not found.\""),
        ("/API//Bulk/none", "", 404, "\r\n\r\n\"The requested resource was not found.\""),
        ("/api/bulk/none", "Accept: application/xml\r\n", 404, "application/json; charset=utf-8"),
        ("/api/bulk/length", "", 405, "\r\n\r\n\"The requested resource does not support"),
        ("/api/bulk/length", "", 405, "allow: POST,DELETE"),
        ("/api/bulk/panic", "", 500, "\"The service has encountered an internal server error.\""),
        ("/api/bulk/none", "X-HTTP-Status-Code-Override: 200\r\n", 200, "x-http-original-status-code: 404"),
        ("/v1/none", &bearer, 404, "application/problem+json"),
        ("/v1/length", &bearer, 405, "application/problem+json"),
        ("/api/length", "", 405, "The requested resource does not support http method 'GET'."),
        ("/api/length", "", 405, "allow: POST"),
        ("/api/panic", "", 500, "\"Message\":\"An error has occurred.\""),
        ("/v1/status", "", 401, "www-authenticate: Bearer"),
        ("/v1/none", "", 401, "application/problem+json"),
        ("/v1/status?token=x", "", 401, "application/problem+json"),
        ("/metrics", "Authorization: Bearer 00\r\n", 401, "www-authenticate: Bearer"),
        ("/", "", 401, "application/problem+json"),
        ("/api/hello", foreign, 403, "\"Message\""),
        ("/id", foreign, 403, "\r\n\r\n\"Web pages of other origins may not call.\""),
        ("/api/bulk/x", &format!("{foreign}X-HTTP-Status-Code-Override: 200\r\n"), 403, "\"Web pages"),
        ("/v1/status", foreign, 403, "application/problem+json"),
        ("/healthz", "Sec-Fetch-Site: cross-site\r\n", 403, "problem+json"),
        ("/api/hello", HOST, 400, "more than one Host"),
        ("http://evil.com/api/hello", "", 421, "\"Message\""),
    ];
    for (path, more, wanted, part) in cases {
        let answer = daemon.get(path, more).await;
        assert_eq!(status(&answer), wanted, "{path} {more}: {answer}");
        for part in [
            part,
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(has(&answer, part), "{path} {more} lacks {part}: {answer}");
        }
        assert!(!has(&answer, "access-control"), "{path} {more}: {answer}");
    }
}

#[tokio::test]
async fn only_a_post_of_the_bulk_shapes_may_be_another_method() {
    let daemon = Daemon::start(Limits::default()).await;
    let deleted = |path: &'static str, method: &'static str| {
        let more = "X-HTTP-Method-Override: delete\r\nContent-Length: 0\r\nConnection: close\r\n";
        daemon.tell(format!("{method} {path} HTTP/1.1\r\n{HOST}{more}\r\n"))
    };
    assert!(has(&deleted("/api/bulk/length", "POST").await, "\r\n\r\ndeleted"));
    assert_eq!(status(&deleted("/api/bulk/length", "GET").await), 405);
    assert!(has(&deleted("/api/length", "POST").await, "\r\n\r\nlength 0"));
}

#[tokio::test]
async fn a_preflight_gets_no_allow_header() {
    let daemon = Daemon::start(Limits::default()).await;
    let ask = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n";
    for origin in ["Origin: http://evil.com\r\n", ""] {
        let asked = format!("OPTIONS /api/length HTTP/1.1\r\n{HOST}Connection: close\r\n{origin}{ask}\r\n");
        let answer = daemon.tell(asked).await;
        assert_eq!(status(&answer), 403, "{answer}");
        assert!(!has(&answer, "allow"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_not_http_1_is_refused_and_the_daemon_goes_on() {
    let daemon = Daemon::start(brief()).await;
    let hello: &[u8] =
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    let long = format!("GET /api/hello HTTP/1.1\r\n{HOST}X: {}\r\n\r\n", "x".repeat(2_000_000));
    let many = format!("GET /api/hello HTTP/1.1\r\n{HOST}{}\r\n", "X: y\r\n".repeat(101));
    let line = format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(65_535));
    let post = format!("POST /api/length HTTP/1.1\r\n{HOST}");
    let cases: [(&str, Vec<u8>, &[u16]); 13] = [
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[0, 400]),
        ("TLS hello", hello.to_vec(), &[0, 400]),
        ("2 MB header", long.into(), &[431]),
        ("101 fields", many.into(), &[431]),
        ("long target", line.into(), &[414, 431]),
        ("NUL", format!("GET /api/hello HTTP/1.1\r\n{HOST}X: a\0b\r\n\r\n").into(), &[400]),
        ("folded line", format!("GET /api/hello HTTP/1.1\r\n{HOST}X: a\r\n b\r\n\r\n").into(), &[400]),
        ("blank before colon", format!("GET /api/hello HTTP/1.1\r\n{HOST}X : a\r\n\r\n").into(), &[400]),
        ("no Host", b"GET /api/hello HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        ("two lengths", format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab").into(), &[400]),
        ("signed length", format!("{post}Content-Length: +1\r\n\r\na").into(), &[400]),
        ("unknown coding", format!("{post}Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n").into(), &[400]),
        ("bad chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into(), &[0, 400]),
    ];
    for (name, bytes, wanted) in cases {
        let answer = daemon.tell(bytes).await;
        assert!(wanted.contains(&status(&answer)), "{name}: {answer}");
    }
    assert_eq!(status(&daemon.get("/api/hello", "").await), 200);
}

/// RFC 9112 6.3: the coding counts, the length is dropped, and nothing after it on this connection is believed.
#[tokio::test]
async fn a_length_beside_a_coding_cannot_smuggle_a_second_request() {
    let daemon = Daemon::start(brief()).await;
    let hidden = format!("0\r\n\r\nGET /api/hello HTTP/1.1\r\n{HOST}\r\n");
    for lengths in
        ["Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked"]
    {
        let answer =
            daemon.tell(format!("POST /api/length HTTP/1.1\r\n{HOST}{lengths}\r\n\r\n{hidden}")).await;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert!(!has(&answer, "hello"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_not() {
    let limits = Limits { native_body: 1000, shape_body: 5_000_000, bulk_body: 2000, ..Limits::default() };
    let daemon = Daemon::start(limits).await;
    let bearer = daemon.bearer();
    for (path, limit, refused, form) in [
        ("/v1/length", 1000, 413, "application/problem+json"),
        ("/api/length", 5_000_000, 413, "\"Message\""),
        (
            "/api/bulk/length",
            2000,
            404,
            "\"The requested resource was not found. The request's body is larger",
        ),
    ] {
        for (size, wanted) in [(limit, 200), (limit + 1, refused)] {
            let body = "x".repeat(size);
            let head = format!("POST {path} HTTP/1.1\r\n{HOST}{bearer}Connection: close\r\n");
            let sized = daemon.tell(format!("{head}Content-Length: {size}\r\n\r\n{body}")).await;
            let chunked = daemon
                .tell(format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"))
                .await;
            for answer in [sized, chunked] {
                assert_eq!(status(&answer), wanted, "{path} {size}: {answer}");
                assert!(wanted == 200 || has(&answer, form), "{path} {size}: {answer}");
            }
        }
    }
    let head = format!(
        "POST /api/length HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n"
    );
    let answer = daemon.tell(head).await;
    assert_eq!(status(&answer), 413, "no invitation to send on: {answer}");
}

/// A client that sends all before it reads must hear why, and not only find its connection broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_far_too_large_is_answered_all_the_same() {
    const PART: usize = 1 << 20;
    const PARTS: usize = 200;
    let daemon = Daemon::start(Limits::default()).await;
    let mut stream = daemon.connect().await;
    let head = format!("POST /api/length HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", PART * PARTS);
    stream.write_all(head.as_bytes()).await.unwrap();
    let part = vec![b'x'; PART];
    for _ in 0..PARTS {
        stream.write_all(&part).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 413);
}

#[tokio::test]
async fn bodies_share_a_bounded_memory_and_give_it_back() {
    let limits = Limits { body_memory: 1000, ..brief() };
    let daemon = Daemon::start(limits).await;
    let post = |size: usize| {
        let head =
            format!("POST /api/length HTTP/1.1\r\n{HOST}Connection: close\r\nContent-Length: {size}\r\n\r\n");
        head + &"x".repeat(size)
    };
    assert_eq!(status(&daemon.tell(post(1001)).await), 503);
    for _ in 0..3 {
        assert_eq!(status(&daemon.tell(post(1000)).await), 200);
    }
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let daemon = Daemon::start(Limits::default()).await;
    for (coding, wanted) in [("gzip", 415), ("identity, gzip", 415), ("Identity", 200)] {
        let head =
            format!("POST /api/length HTTP/1.1\r\n{HOST}Connection: close\r\nContent-Encoding: {coding}\r\n");
        let answer = daemon.tell(format!("{head}Content-Length: 2\r\n\r\nab")).await;
        assert_eq!(status(&answer), wanted, "{coding}: {answer}");
    }
}

#[tokio::test]
async fn slow_endless_and_cut_bodies_end() {
    let daemon = Daemon::start(brief()).await;
    let post = format!("POST /api/length HTTP/1.1\r\n{HOST}");
    let slow = daemon.tell(format!("{post}Content-Length: 10\r\n\r\nab")).await;
    assert_eq!(status(&slow), 408, "{slow}");

    let (mut reading, mut writing) = daemon.connect().await.into_split();
    writing.write_all(format!("{post}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let endless = tokio::spawn(async move { while writing.write_all(b"1\r\nx\r\n").await.is_ok() {} });
    let mut answer = String::new();
    let _ = timeout(PATIENCE, reading.read_to_string(&mut answer)).await.expect("never ends");
    assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    timeout(PATIENCE, endless).await.expect("still read").unwrap();

    let mut cut = daemon.connect().await;
    cut.write_all(format!("{post}Content-Length: 10\r\n\r\nab").as_bytes()).await.unwrap();
    cut.shutdown().await.unwrap();
    let answer = rest(&mut cut).await;
    assert!([0, 400].contains(&status(&answer)), "{answer}");
    assert_eq!(status(&daemon.get("/api/hello", "").await), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_do_not_keep_others_out() {
    const HALF_OPEN: usize = 1100;
    let limits = brief();
    let daemon = Daemon::start(limits).await;
    let mut held = Vec::new();
    for _ in 0..HALF_OPEN {
        let mut stream = daemon.connect().await;
        let _ = stream.write_all(b"GET /api/hello HTTP/1.1\r\nHost: local").await;
        held.push(stream);
    }
    let start = Instant::now();
    while status(&daemon.get("/api/hello", "").await) != 200 {
        assert!(
            start.elapsed() < limits.header_time + Duration::from_secs(1),
            "kept out by half-open connections"
        );
    }
    for mut stream in held {
        let answer = rest(&mut stream).await;
        assert!([0, 408, 503].contains(&status(&answer)), "{answer}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let daemon = Daemon::start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = daemon.connect().await;
    first
        .write_all(format!("GET /api/slow HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    daemon.entered.notified().await;
    let second = daemon.get("/api/hello", "").await;
    assert_eq!(status(&second), 503, "{second}");
    daemon.release.notify_one();
    assert!(has(&rest(&mut first).await, "finished"));
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let daemon = Daemon::start(Limits::default()).await;
    let one = format!("POST /api/length HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\nab");
    let last = format!("GET /api/hello HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n");
    let answer = daemon.tell(format!("{one}{one}{last}")).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
}

#[tokio::test]
async fn a_caller_that_stops_sending_is_answered() {
    let daemon = Daemon::start(Limits::default()).await;
    let mut stream = daemon.connect().await;
    stream.write_all(format!("GET /api/hello HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 200);
}

#[tokio::test]
async fn stopping_finishes_what_was_begun_and_ends_event_streams() {
    let daemon = Daemon::start(Limits::default()).await;
    let mut events = daemon.connect().await;
    let ask = format!("GET /v1/events HTTP/1.1\r\n{HOST}{}Connection: close\r\n\r\n", daemon.bearer());
    events.write_all(ask.as_bytes()).await.unwrap();
    let mut begun = Vec::new();
    while !String::from_utf8_lossy(&begun).contains("data: 1") {
        assert!(timeout(PATIENCE, events.read_buf(&mut begun)).await.unwrap().unwrap() > 0);
    }
    assert!(!has(&String::from_utf8_lossy(&begun), "access-control"));
    let mut idle = daemon.connect().await;
    let mut slow = daemon.connect().await;
    slow.write_all(format!("GET /api/slow HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await.unwrap();
    daemon.entered.notified().await;

    daemon.stop.send(()).unwrap();
    assert!(rest(&mut events).await.ends_with("0\r\n\r\n"), "the stream ends as HTTP says");
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(daemon.at).await.is_err(), "no longer listening");
    daemon.release.notify_one();
    assert!(has(&rest(&mut slow).await, "finished"));
    timeout(PATIENCE, daemon.running).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let stop_time = Duration::from_millis(200);
    let daemon = Daemon::start(Limits { stop_time, ..Limits::default() }).await;
    let mut slow = daemon.connect().await;
    slow.write_all(format!("GET /api/slow HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await.unwrap();
    daemon.entered.notified().await;
    daemon.stop.send(()).unwrap();
    timeout(PATIENCE, daemon.running).await.unwrap().unwrap().unwrap();
    assert_eq!(rest(&mut slow).await, "");
}

#[tokio::test]
async fn event_streams_are_counted() {
    let daemon = Daemon::start(Limits { streams: 1, ..Limits::default() }).await;
    let ask = format!("GET /v1/events HTTP/1.1\r\n{HOST}{}Connection: close\r\n\r\n", daemon.bearer());
    let mut first = daemon.connect().await;
    first.write_all(ask.as_bytes()).await.unwrap();
    assert!(timeout(PATIENCE, first.read_u8()).await.unwrap().is_ok());
    assert_eq!(status(&daemon.tell(&ask).await), 503);
}

/// What another user's process does: `{how}` is what it does after asking, before it reads.
const STRANGER: &str = r#"
import encodings.idna, os, socket, sys  # another user may not be able to import later
how, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(); s.connect(("127.0.0.1", port))
s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
if how == "shutdown": s.shutdown(socket.SHUT_WR)
if how == "close": s.close(); sys.exit()
while True:
    part = s.recv(65536)
    if not part: break
    sys.stdout.buffer.write(part)
"#;

async fn stranger(how: &'static str, at: SocketAddr, path: &'static str) -> Option<String> {
    let port = at.port().to_string();
    let run = move || Command::new("python3").args(["-c", STRANGER, how, &port, path]).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_users_process_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED another_users_process_is_refused: only root can become another user");
        return;
    }
    let daemon = Daemon::start(Limits::default()).await;
    for how in ["stay", "shutdown"] {
        for path in ["/api/hello", "/healthz", "/api/slow"] {
            let Some(answer) = stranger(how, daemon.at, path).await else {
                eprintln!("SKIPPED another_users_process_is_refused: no python3");
                return;
            };
            assert_eq!(status(&answer), 403, "{how} {path}: {answer}");
        }
    }
    stranger("close", daemon.at, "/api/slow").await;
    assert_eq!(status(&daemon.get("/api/hello", "").await), 200);
    let routed = timeout(Duration::ZERO, daemon.entered.notified()).await.is_ok();
    assert!(!routed, "a request of another user reached the router");
}

/// We are the strangers here: the daemon belongs to somebody else, even where we are root.
#[tokio::test]
async fn root_and_callers_that_are_gone_are_strangers_too() {
    let daemon = Daemon::start_for(4_000_000, Limits::default()).await;
    assert_eq!(status(&daemon.get("/api/hello", "").await), 403);
    assert_eq!(status(&daemon.get("/v1/status", &daemon.bearer()).await), 403);
    let mut gone = daemon.connect().await;
    gone.write_all(format!("GET /api/slow HTTP/1.1\r\n{HOST}\r\n").as_bytes()).await.unwrap();
    drop(gone);
    assert_eq!(status(&daemon.get("/healthz", "").await), 403);
    assert!(timeout(Duration::ZERO, daemon.entered.notified()).await.is_err());
}

#[tokio::test]
async fn strangers_cannot_take_every_place() {
    let daemon = Daemon::start_for(4_000_000, Limits { stranger_connections: 1, ..Limits::default() }).await;
    let _first = daemon.connect().await;
    let mut second = daemon.connect().await;
    assert_eq!(status(&rest(&mut second).await), 503);
}
