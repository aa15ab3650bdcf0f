//! `POST /synchronize`, `GET /changes?since=`, and as little more as the driver needs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path as InPath, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::follower::{Page, follow};
use super::table::Table;
use crate::failure::{Context, Outcome, unusable};

/// 100,000 markings in one request are 125 MB.
const BODY_LIMIT: usize = 256 * 1024 * 1024;
/// How long a poll with nothing to tell is held, so that no empty answers travel.
const POLL_HOLD: Duration = Duration::from_secs(10);

/// What the handlers share.
pub struct Server {
    name: String,
    table: Mutex<Table>,
    last: watch::Sender<u64>,
}

impl Server {
    /// The table, for one request.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the process is ended; writes its address to `FOLDER/address` when it can be reached.
pub fn serve(folder: &Path, name: &str) -> Outcome<()> {
    let table = Table::open(folder).map_err(|error| unusable("open the database", error))?;
    let server =
        Arc::new(Server { name: name.to_owned(), table: Mutex::new(table), last: watch::Sender::new(0) });
    let runtime = tokio::runtime::Runtime::new().while_doing("start a runtime")?;
    runtime.block_on(listen(router(server), folder.join("address")))
}

async fn listen(router: Router, ready: PathBuf) -> Outcome<()> {
    use axum::serve::ListenerExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.while_doing("listen")?;
    let address = listener.local_addr().while_doing("read the address")?.to_string();
    let unfinished = ready.with_extension("part");
    std::fs::write(&unfinished, address).while_doing("write the address")?;
    std::fs::rename(&unfinished, &ready).while_doing("publish the address")?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.while_doing("serve")
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/synchronize", post(synchronize))
        .route("/changes", get(changes))
        .route("/markings", get(markings))
        .route("/markings/{guid}", get(marking))
        .route("/clock", get(clock))
        .route("/follow", post(start_following))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(server)
}

/// Any error of the database.
struct Broken(rusqlite::Error);

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "Markings")]
    markings: Vec<Value>,
}

async fn synchronize(
    State(server): State<Arc<Server>>,
    Json(model): Json<Model>,
) -> Result<Json<Value>, Broken> {
    let last = tokio::task::block_in_place(|| server.table().write(&model.markings))?;
    server.last.send_replace(last);
    Ok(Json(json!({ "CurrentSyncTimestamp": last })))
}

#[derive(Deserialize)]
struct Since {
    since: u64,
}

async fn changes(
    State(server): State<Arc<Server>>,
    Query(asked): Query<Since>,
) -> Result<Json<Page>, Broken> {
    let mut news = server.last.subscribe();
    let mut rows = server.table().changes(asked.since)?;
    if rows.is_empty() {
        news.mark_unchanged();
        rows = server.table().changes(asked.since)?;
    }
    if rows.is_empty() {
        let _ = tokio::time::timeout(POLL_HOLD, news.changed()).await;
        rows = server.table().changes(asked.since)?;
    }
    let until = rows.last().map_or(asked.since, |row| row.updated_at);
    Ok(Json(Page { from: server.name.clone(), until, rows }))
}

async fn markings(State(server): State<Arc<Server>>) -> Result<Json<Vec<Value>>, Broken> {
    Ok(Json(server.table().all()?))
}

async fn marking(
    State(server): State<Arc<Server>>,
    InPath(guid): InPath<String>,
) -> Result<Response, Broken> {
    let found = server.table().one(&guid)?;
    Ok(found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response))
}

async fn clock(State(server): State<Arc<Server>>) -> Json<Value> {
    Json(json!(server.table().clock(&server.name)))
}

#[derive(Deserialize)]
struct Other {
    address: String,
}

async fn start_following(State(server): State<Arc<Server>>, Json(other): Json<Other>) -> StatusCode {
    follow(server, other.address);
    StatusCode::ACCEPTED
}
