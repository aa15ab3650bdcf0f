//! What one reader of the event stream has been told, and what it is told next. No IO and no time.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::engine::Changed;
use crate::http::network::PeerStatus;
use crate::http::peers;
use crate::http::status::kind_name;

/// Changes replayed at once: about 64 KiB of text, a socket's buffer.
pub(super) const PAGE: usize = 256;

/// Where a reader wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With what happens from now on.
    Now,
    /// After the event of that id.
    After(u64),
    /// After an event whose id was never given.
    Unknown,
}

impl Start {
    /// Reads an event's id. The empty one is what a reader sends that was never given any.
    pub(super) fn of(id: &str) -> Self {
        match id.trim() {
            "" => Self::Now,
            id if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                id.parse().map_or(Self::Unknown, Self::After)
            }
            _ => Self::Unknown,
        }
    }
}

/// The place of one reader in the stream of changes.
#[derive(Debug)]
pub(super) struct Feed {
    sent: u64,
    behind: bool,
}

impl Feed {
    /// A reader that begins there, and what it is told at once; `newest` is the id of the newest change.
    pub(super) fn new(start: Start, newest: u64) -> (Self, String) {
        match start {
            Start::After(id) if id <= newest => (Self { sent: id, behind: true }, String::new()),
            Start::Now => (Self { sent: newest, behind: true }, String::new()),
            // An id from the future is from another life of this data folder.
            Start::After(_) | Start::Unknown => (Self { sent: newest, behind: true }, restart(newest)),
        }
    }

    /// The last change that the reader knows.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether changes after [`Self::sent`] have to be read from the store.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Takes what the store has after [`Self::sent`], at most [`PAGE`] changes; `None` when they are no longer all
    /// there. `newest` is not newer than what was read.
    pub(super) fn replayed(&mut self, page: Option<Vec<Changed>>, newest: u64) -> String {
        let Some(page) = page else {
            // A place that is gone although it is the newest cannot be reached by reading on.
            self.behind = self.sent < newest;
            self.sent = self.sent.max(newest);
            return restart(self.sent);
        };
        self.behind = page.len() >= PAGE;
        self.heard(&page)
    }

    /// Takes changes in the order of their ids, and leaves out what the reader knows.
    pub(super) fn heard(&mut self, changes: &[Changed]) -> String {
        let mut text = String::new();
        for change in changes {
            if change.id > self.sent {
                self.sent = change.id;
                push(&mut text, change.id, "change", &told(change));
            }
        }
        text
    }

    /// Some announcements were missed.
    pub(super) fn lagged(&mut self) {
        self.behind = true;
    }

    /// Tells the peers. The id is that of the last change the reader knows, so that going on from here misses none.
    pub(super) fn peers(&self, now: &[PeerStatus]) -> String {
        let mut text = String::new();
        push(&mut text, self.sent, "peers", &peers::told(now));
        text
    }
}

fn told(change: &Changed) -> Value {
    json!({
        "space": change.space.as_str(),
        "kind": change.kind.map(kind_name),
        "item": change.identity,
        "removed": change.removed,
        "log": change.log.to_string(),
    })
}

/// Says that changes were missed: everything has to be read again, and the stream goes on after that id.
fn restart(from: u64) -> String {
    let mut text = String::new();
    push(&mut text, from, "restart", &json!({ "from": from.to_string() }));
    text
}

/// Compact JSON has no line ends, so one `data` line is enough.
fn push(text: &mut String, id: u64, kind: &str, data: &Value) {
    // Writing to memory cannot fail.
    let _ = write!(text, "id: {id}\nevent: {kind}\ndata: {data}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use quire_protocol::domain::Kind;
    use quire_protocol::id::{Incarnation, Space};

    fn change(id: u64) -> Changed {
        Changed {
            id,
            space: Space::account(3),
            kind: Some(Kind::Marking),
            identity: "a\nb".into(),
            removed: false,
            log: Incarnation([1; 16]),
        }
    }

    fn changes(ids: std::ops::RangeInclusive<u64>) -> Vec<Changed> {
        ids.map(change).collect()
    }

    fn ids(text: &str) -> Vec<u64> {
        text.lines().filter_map(|line| line.strip_prefix("id: ")).filter_map(|id| id.parse().ok()).collect()
    }

    #[test]
    fn a_change_is_one_event() {
        let (mut feed, first) = Feed::new(Start::Now, 4);
        assert_eq!(first, "");
        let log = "01".repeat(16);
        let wanted = format!(
            "id: 5\nevent: change\ndata: {{\"space\":\"account:3\",\"kind\":\"marking\",\"item\":\"a\\nb\",\
             \"removed\":false,\"log\":\"{log}\"}}\n\n"
        );
        assert_eq!(feed.heard(&[change(5)]), wanted);
    }

    #[test]
    fn what_is_replayed_is_not_told_again() {
        let (mut feed, _) = Feed::new(Start::After(2), 6);
        assert!(feed.is_behind());
        assert_eq!(ids(&feed.replayed(Some(changes(3..=7)), 6)), [3, 4, 5, 6, 7]);
        assert!(!feed.is_behind());
        assert_eq!(feed.heard(&changes(5..=7)), "");
        assert_eq!(ids(&feed.heard(&changes(7..=9))), [8, 9]);
        assert_eq!(feed.sent(), 9);
    }

    #[test]
    fn much_is_replayed_page_by_page() {
        let page = PAGE as u64;
        let (mut feed, _) = Feed::new(Start::After(0), 2 * page);
        for round in 0..2 {
            assert!(feed.is_behind());
            let text = feed.replayed(Some(changes(round * page + 1..=(round + 1) * page)), 2 * page);
            assert_eq!(ids(&text).len(), PAGE);
        }
        assert!(feed.is_behind(), "a full page does not tell that it is the last");
        assert_eq!(feed.replayed(Some(vec![]), 2 * page), "");
        assert!(!feed.is_behind());
    }

    #[test]
    fn who_lags_goes_on_from_the_store() {
        let (mut feed, _) = Feed::new(Start::Now, 1);
        feed.replayed(Some(vec![]), 1);
        feed.lagged();
        assert!(feed.is_behind());
        assert_eq!(ids(&feed.replayed(Some(changes(2..=3)), 3)), [2, 3]);
        assert!(!feed.is_behind());
    }

    #[test]
    fn a_place_that_is_gone_is_told_with_where_to_go_on() {
        let (mut feed, _) = Feed::new(Start::After(2), 9);
        assert_eq!(feed.replayed(None, 9), "id: 9\nevent: restart\ndata: {\"from\":\"9\"}\n\n");
        assert!(feed.is_behind(), "what came since is read");
        assert_eq!(ids(&feed.replayed(Some(changes(10..=10)), 10)), [10]);
    }

    #[test]
    fn a_place_that_is_always_gone_does_not_spin() {
        let (mut feed, _) = Feed::new(Start::After(9), 9);
        assert_eq!(ids(&feed.replayed(None, 9)), [9]);
        assert!(!feed.is_behind());
    }

    #[test]
    fn ids_that_were_never_given_restart() {
        for id in ["nonsense", "18446744073709551615", "-1", "+1", "1.0", "99999999999999999999", "10"] {
            let (feed, first) = Feed::new(Start::of(id), 9);
            assert_eq!((ids(&first), feed.sent()), (vec![9], 9), "{id}");
        }
        for id in ["", " ", "9", "0"] {
            assert_eq!(Feed::new(Start::of(id), 9).1, "", "{id}");
        }
    }

    #[test]
    fn news_of_peers_does_not_move_a_reader() {
        let (feed, _) = Feed::new(Start::After(2), 9);
        assert_eq!(feed.peers(&[]), "id: 2\nevent: peers\ndata: {\"peers\":[]}\n\n");
    }
}
