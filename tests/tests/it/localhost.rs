//! What web pages, other users and broken clients send to the API (security study, section 6, H and X cases): each input of
//! a table gets its refusal, and nothing that was stored changes.

mod heads;
mod limits;
mod starts;
mod users;

use quire_tests::app::App;
use quire_tests::http::{raw, status_of};
use quire_tests::process::Daemon;
use quire_tests::sample::{guid, marking};
use serde_json::Value;
use std::time::Duration;

/// How long the daemon may take to answer or close.
const CLOSING: Duration = Duration::from_secs(30);

/// A closed connection without an answer, in a list of statuses.
const CLOSED: u16 = 0;

/// A daemon with something to lose.
struct Victim {
    desk: Daemon,
    before: State,
}

type State = (Option<Value>, Vec<Value>, Vec<Value>);

impl Victim {
    fn new() -> Self {
        Self::of(Daemon::named("victim"))
    }

    fn of(desk: Daemon) -> Self {
        App::new(3, 1).sync(&desk, &[marking(&guid()), marking(&guid())]);
        let before = state(&desk);
        Self { desk, before }
    }

    /// What the daemon says to these bytes: status, [`CLOSED`] for none, and the whole answer.
    fn says(&self, bytes: &[u8]) -> (u16, String) {
        let answer = raw(self.desk.api(), bytes, CLOSING).expect("an answer or an end");
        (status_of(&answer).unwrap_or(CLOSED), String::from_utf8_lossy(&answer).into_owned())
    }

    /// A request with a good Host where none is given, the token, and more header lines; it would store a marking.
    fn head(&self, line: &str, more: &str) -> String {
        let host = if more.to_ascii_lowercase().lines().any(|line| line.starts_with("host:")) {
            ""
        } else {
            "Host: localhost\r\n"
        };
        format!(
            "{line}\r\n{host}Authorization: Bearer {}\r\nConnection: close\r\n{more}\r\n",
            self.desk.token()
        )
    }

    /// Checks all inputs of a group, and that the store is as it was.
    fn pass(&self, group: &str, inputs: &[(String, Vec<u8>, &[u16])]) {
        for (name, bytes, allowed) in inputs {
            let (status, answer) = self.says(bytes);
            assert!(
                allowed.contains(&status),
                "{group} {name}: {status}, not one of {allowed:?}: {answer:.600}"
            );
            let permits = answer.to_ascii_lowercase().contains("access-control-");
            assert!(!permits, "{group} {name}: {answer:.600}");
        }
        self.done(group, inputs.len());
    }

    fn done(&self, group: &str, count: usize) {
        assert_eq!(state(&self.desk), self.before, "{group} changed what is stored");
        eprintln!("inputs passed: {group} {count} of {count}");
    }
}

fn state(desk: &Daemon) -> State {
    (desk.clock("account:3"), desk.markings(3), desk.conflicts())
}
