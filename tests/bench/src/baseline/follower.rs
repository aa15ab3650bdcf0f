//! Polls another baseline server for what was written there.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::server::Server;
use super::table::Row;
use crate::failure::{Outcome, unusable};
use crate::http::Client;

/// How long a follower waits after a broken connection.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// The answer to a poll.
#[derive(Serialize, Deserialize)]
pub struct Page {
    /// The answering server.
    pub from: String,
    /// Up to which time the rows reach.
    pub until: u64,
    /// What was written since.
    pub rows: Vec<Row>,
}

/// Follows the server at `address` until the process ends.
pub fn follow(server: Arc<Server>, address: String) {
    thread::spawn(move || {
        let mut since = 0;
        loop {
            let _ = poll(&server, &address, &mut since);
            thread::sleep(RETRY_PAUSE);
        }
    });
}

fn poll(server: &Server, address: &str, since: &mut u64) -> Outcome<()> {
    let mut client = Client::connect(address, None)?;
    loop {
        let page: Page = client.demand("GET", &format!("/changes?since={since}"), b"")?.json("changes")?;
        server
            .table()
            .apply(&page.from, page.until, &page.rows)
            .map_err(|error| unusable("apply changes", error))?;
        *since = page.until;
    }
}
