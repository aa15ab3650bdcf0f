//! What tests ask a daemon over HTTP.

use super::Daemon;
use crate::http::{EventStream, Response, TIMEOUT};
use crate::wait::{PATIENCE, eventually, eventually_equal};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// Path of the documented synchronization.
pub const SYNCHRONIZE: &str = "/api/synchronization/synchronize";

impl Daemon {
    /// Any request, with the bearer token and without any other header than those given.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.anonymous(method, target, &all, body)
    }

    /// Any request, with the headers given and no other.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn anonymous(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Response {
        let mut client = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        client
            .request(method, target, headers, body)
            .unwrap_or_else(|error| panic!("{method} {target} at {}: {error}", self.options.name))
    }

    /// `GET`, whatever the answer.
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[], None)
    }

    /// `POST` of JSON, whatever the answer.
    pub fn post(&self, target: &str, body: &Value) -> Response {
        self.send("POST", target, body, &[])
    }

    /// `PATCH` of JSON with further headers, whatever the answer.
    pub fn patch(&self, target: &str, body: &Value, headers: &[(&str, &str)]) -> Response {
        self.send("PATCH", target, body, headers)
    }

    /// `DELETE` with further headers, whatever the answer.
    pub fn delete(&self, target: &str, headers: &[(&str, &str)]) -> Response {
        self.request("DELETE", target, headers, None)
    }

    fn send(&self, method: &str, target: &str, body: &Value, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        self.request(method, target, &all, Some(body.to_string().as_bytes()))
    }

    /// A documented synchronization as an app sends it: no token. Gives the whole answer, `ApiResult` and all.
    ///
    /// # Panics
    /// When the status is not 200.
    pub fn synchronize(&self, body: &Value) -> Value {
        let headers = [("Content-Type", "application/json")];
        self.anonymous("POST", SYNCHRONIZE, &headers, Some(body.to_string().as_bytes())).expect(200).json()
    }

    /// The vector of a space's clock, `None` when the daemon knows no such space.
    pub fn clock(&self, space: &str) -> Option<Value> {
        let answer = self.get(&format!("/v1/spaces/{space}/clock"));
        (answer.status != 404).then(|| answer.expect(200).json()["vector"].clone())
    }

    /// One marking, `None` when there is none of that guid.
    pub fn marking(&self, guid: &str) -> Option<Value> {
        let answer = self.get(&format!("/v1/markings/{guid}"));
        (answer.status != 404).then(|| answer.expect(200).json())
    }

    /// All markings of an account that are not removed, over as many pages as it takes.
    pub fn markings(&self, account: i64) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let mut target = format!("/v1/markings?account={account}");
        loop {
            let page = self.get(&target).expect(200).json();
            all.extend(list(&page, "markings").iter().cloned());
            let Some(next) = page["next"].as_str() else { return all };
            target = format!("/v1/markings?account={account}&after={next}");
        }
    }

    /// All open conflicts.
    pub fn conflicts(&self) -> Vec<Value> {
        list(&self.get("/v1/conflicts").expect(200).json(), "conflicts").clone()
    }

    /// The open conflict about a member of an item, if there is one.
    pub fn conflict(&self, item: &str, member: &str) -> Option<Value> {
        self.conflicts().into_iter().find(|conflict| conflict["item"] == item && conflict["member"] == member)
    }

    /// The peers it knows.
    pub fn peers(&self) -> Vec<Value> {
        list(&self.get("/v1/peers").expect(200).json(), "peers").clone()
    }

    /// What it says of one peer.
    pub fn peer(&self, other: &Daemon) -> Option<Value> {
        self.peers().into_iter().find(|peer| peer["deviceId"] == other.device_id())
    }

    /// Whether it says that it is connected to the other.
    pub fn is_connected_to(&self, other: &Daemon) -> bool {
        self.peer(other).is_some_and(|peer| peer["connected"] == true)
    }

    /// Waits until both say that they are connected.
    pub fn wait_connected(&self, other: &Daemon) {
        eventually(&format!("{} connected to {}", self.options.name, other.options.name), PATIENCE, || {
            (self.is_connected_to(other) && other.is_connected_to(self)).then_some(())
        });
    }

    /// Makes an invitation for a device of the same person, or for what `body` says.
    pub fn invite(&self, body: &Value) -> Value {
        self.post("/v1/pairing/invitations", body).expect(201).json()
    }

    /// Accepts an invitation, whatever the answer.
    pub fn accept(&self, invitation: &Value, address: SocketAddr) -> Response {
        let body = json!({ "code": invitation["code"], "address": address.to_string() });
        self.post("/v1/pairing/accept", &body)
    }

    /// Accepts an invitation by its code alone, so that the inviter must be found, whatever the answer.
    pub fn accept_by_code(&self, invitation: &Value) -> Response {
        self.post("/v1/pairing/accept", &json!({ "code": invitation["code"] }))
    }

    /// Invites the other, which accepts at once; returns when they are connected.
    pub fn pair_with(&self, other: &Daemon) {
        self.pair_through(other, self.peer_address());
    }

    /// The same, but the other reaches this one by `address` (a proxy's, say).
    pub fn pair_through(&self, other: &Daemon, address: SocketAddr) {
        other.accept(&self.invite(&json!({})), address).expect(201);
        self.wait_connected(other);
    }

    /// Waits until both have the same clock of a space that both know.
    pub fn wait_in_step(&self, other: &Daemon, space: &str) {
        self.wait_in_step_within(other, space, PATIENCE);
    }

    /// The same with another deadline, for much to be sent.
    pub fn wait_in_step_within(&self, other: &Daemon, space: &str, deadline: Duration) {
        let what = format!("{} and {} in step", self.options.name, other.options.name);
        eventually(&format!("{space} known to both"), deadline, || {
            (self.clock(space).is_some() && other.clock(space).is_some()).then_some(())
        });
        eventually_equal(&what, deadline, || self.clock(space), || other.clock(space));
    }

    /// Waits until this one knows that everything it has is on the other's disk.
    pub fn wait_acknowledged_by(&self, other: &Daemon) {
        let what = format!("{} has all of {}", other.options.name, self.options.name);
        eventually(&what, PATIENCE, || (self.peer(other)?["behindBy"] == 0).then_some(()));
    }

    /// The event stream, from after the event of that id if one is given.
    ///
    /// # Panics
    /// When it is refused.
    pub fn events(&self, last_event: Option<&str>) -> EventStream {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("Authorization", bearer.as_str()), ("Accept", "text/event-stream")];
        headers.extend(last_event.map(|id| ("Last-Event-ID", id)));
        let stream = EventStream::open(self.api(), "/v1/events", &headers, TIMEOUT).expect("an event stream");
        assert_eq!(stream.status(), 200, "/v1/events: {}", stream.body());
        stream
    }
}

/// The list in an answer: its member of that name.
fn list<'a>(answer: &'a Value, name: &str) -> &'a Vec<Value> {
    answer[name].as_array().unwrap_or_else(|| panic!("the answer has no list {name:?}: {answer}"))
}

/// Makes the two edit apart: neither sees the other before both are through. Both run again afterwards,
/// connected.
///
/// They take turns in being switched off, so that no address one of them remembers can bring them together.
pub fn apart(
    one: &mut Daemon,
    other: &mut Daemon,
    edit_one: impl FnOnce(&Daemon),
    edit_other: impl FnOnce(&Daemon),
) {
    other.stop();
    edit_one(one);
    one.stop();
    other.restart();
    edit_other(other);
    one.restart();
    one.wait_connected(other);
}
