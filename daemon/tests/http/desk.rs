//! A daemon's routes without its sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use quire_daemon::bulk::callback::Allowed;
use quire_daemon::bulk::{Bulk, Exchange, Options, PeerLink};
use quire_daemon::engine::Engine;
use quire_daemon::http::network::{
    AcceptError, Accepted, Discovery, Invitation, InviteError, Network, PeerStatus,
};
use quire_daemon::http::router::{About, Services, router};
use quire_daemon::http::sessions::Sessions;
use quire_daemon::http::token::{ApiToken, TokenFile};
use quire_daemon::passwords::Logins;
use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::Rights;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt;

/// No event at all fails a test after this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub const GUID: &str = "538b23c8-1b20-4a8b-9d2a-0123456789ab";
pub const OTHER: &str = "638b23c8-1b20-4a8b-9d2a-0123456789ab";

/// A marking of account 3.
pub fn marking(guid: &str) -> Value {
    json!({
        "syncGuid": guid, "AccountId": 3, "bookID": 4, "content": "Call me Ishmael.", "color": "yellow",
        "section": "one", "CharIndexStart": 0, "CharIndexEnd": 16, "SyncIsRemoved": false,
        "Timestamp": "2025-03-13T20:04:43.9577025-04:00",
    })
}

pub fn phone() -> PeerStatus {
    PeerStatus {
        device: DeviceId([7; 20]),
        name: "phone".into(),
        connected: false,
        address: Some("phone:7471".into()),
        last_error: None,
        next_attempt_ms: Some(500),
        behind_by: 0,
        set_aside: 0,
        set_aside_first: Vec::new(),
        grants: None,
        added_by: Vec::new(),
    }
}

/// One peer, the phone; codes that say what becomes of them.
pub struct FakeNetwork {
    pub changes: watch::Sender<u64>,
    pub tried: Mutex<Vec<Option<DeviceId>>>,
}

impl Network for FakeNetwork {
    fn peers(&self) -> Vec<PeerStatus> {
        vec![phone()]
    }
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
    fn discovery(&self) -> Discovery {
        Discovery::Off
    }
    fn sync_now(&self, peer: Option<DeviceId>) {
        self.tried.lock().unwrap().push(peer);
    }
    fn invite(&self, spaces: Option<Vec<(Space, Rights)>>) -> BoxFuture<'_, Result<Invitation, InviteError>> {
        let shares = spaces.map_or(String::new(), |spaces| format!("{spaces:?}"));
        let uri = format!("quire://pair?shares={shares}");
        Box::pin(async { Ok(Invitation { code: "ABCD".into(), uri, expires_in_seconds: 300 }) })
    }
    fn accept(&self, code: String, address: Option<String>) -> BoxFuture<'_, Result<Accepted, AcceptError>> {
        assert_eq!(address.as_deref(), Some("desk:1"));
        Box::pin(async move {
            match code.as_str() {
                "good" => Ok(Accepted { peer: phone(), granted: None }),
                "far" => Err(AcceptError::Unreachable("nobody there".into())),
                "taken" => Err(AcceptError::AlreadyHolds(Space::account(3))),
                "bad" => Err(AcceptError::Code("this is no code".into())),
                _ => Err(AcceptError::NotAccepted),
            }
        })
    }
}

pub struct Desk {
    pub engine: Engine,
    pub network: Arc<FakeNetwork>,
    pub ready: watch::Sender<bool>,
    router: Router,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub text: String,
    /// Null where the body is no JSON.
    pub json: Value,
    headers: HeaderMap,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn assert_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(self.json["status"], self.status.as_u16());
        assert!(self.json["title"].is_string() && self.json["detail"].is_string());
    }
}

/// Peers of which none is known.
struct Nobody;

impl Exchange for Nobody {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn link(&self, _: &str) -> Option<PeerLink> {
        None
    }

    fn sync_now(&self, _: &str) {}
}

fn bulk(engine: &Engine, folder: &std::path::Path) -> Bulk {
    let options = Options {
        users: Vec::new(),
        logins: Logins::default(),
        callbacks: Allowed::default(),
        storage: 1 << 20,
        active: 1,
    };
    Bulk::start(engine.clone(), folder, Arc::new(Nobody), Vec::new(), options, Arc::new(|| 0)).unwrap()
}

impl Desk {
    pub fn new() -> Self {
        let engine = Engine::in_memory("desk").unwrap();
        let network = Arc::new(FakeNetwork { changes: watch::Sender::new(0), tried: Mutex::default() });
        let ready = watch::Sender::new(true);
        let about = About {
            api: "http://127.0.0.1:7470".into(),
            peer: "[::]:7471".into(),
            started_ms: 0,
            tls: None,
            short_anchors: false,
            leaving: watch::Sender::new(false),
            ready: ready.subscribe(),
        };
        let folder = tempfile::tempdir().unwrap();
        let bulk = bulk(&engine, folder.path());
        let sessions = Sessions::new(TokenFile::fixed(ApiToken::random().unwrap()));
        let services = Services {
            engine: engine.clone(),
            network: network.clone(),
            bulk,
            sessions,
            about: Arc::new(about),
        };
        Self { engine, network, ready, router: router(services), _folder: folder }
    }

    pub async fn raw(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: head.status, headers: head.headers, text, json }
    }

    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.raw(method, target, &all, body.to_string().as_bytes()).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.raw("GET", target, &[], b"").await
    }

    /// A synchronization of an application without a cursor.
    pub async fn sync(&self, markings: &[Value]) {
        static APPLICATION: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1);
        let application = APPLICATION.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let body = json!({ "AccountApplicationId": application, "Markings": markings });
        let answer = self.send("POST", "/api/synchronization/synchronize", &[], &body).await;
        assert_eq!(answer.json["IsSuccess"], true, "{}", answer.text);
    }

    /// The guids in a list, in order of the text.
    pub async fn listed(&self, target: &str) -> Vec<String> {
        let page = self.get(target).await.json;
        let of = |marking: &Value| marking["syncGuid"].as_str().unwrap().to_owned();
        let mut guids: Vec<String> = page["markings"].as_array().unwrap().iter().map(of).collect();
        guids.sort();
        guids
    }

    pub async fn events(&self, last: Option<&str>) -> Events {
        let mut request = Request::get("/v1/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Events { stream: answer.into_body().into_data_stream(), pending: String::new() }
    }
}

pub struct Events {
    stream: BodyDataStream,
    pending: String,
}

#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

impl Events {
    /// The next event.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some((block, rest)) = self.pending.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                let event = field("data: ").map(|data| Event {
                    id: field("id: ").unwrap().to_owned(),
                    kind: field("event: ").unwrap().to_owned(),
                    data: serde_json::from_str(data).unwrap(),
                });
                self.pending = rest.to_owned();
                match event {
                    Some(event) => return event,
                    None => continue,
                }
            }
            let piece = timeout(PATIENCE, self.stream.next()).await.expect("an event in time");
            self.pending.push_str(str::from_utf8(&piece.unwrap().unwrap()).unwrap());
        }
    }

    /// The next event about that item.
    pub async fn event_of(&mut self, item: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.data["item"] == item {
                return event;
            }
        }
    }
}
