//! One space within a session: what each side has of it, and what is on its way.

use std::collections::BTreeSet;

use super::flight::Flights;
use super::step::Output;
use crate::clock::Clock;
use crate::id::{Incarnation, Space};
use crate::limits::{FETCH, WINDOW};

/// One space within the session.
#[derive(Default)]
pub(super) struct Link {
    /// Number under which this side named the space.
    pub(super) mine: Option<u32>,
    /// Number under which the peer named it.
    pub(super) theirs: Option<u32>,
    /// What this store has.
    pub(super) own: Clock,
    /// What the peer has, or is being sent.
    pub(super) sent: Clock,
    /// What the peer's disk has.
    pub(super) acked: Clock,
    /// Logs the peer will not take.
    pub(super) refused: Vec<Incarnation>,
    /// Logs of which the peer refused what crossed credentials on their way: sent again once all of it is answered.
    pub(super) paused: BTreeSet<Incarnation>,
    pub(super) fetching: bool,
    /// Nothing more was found although clocks differ; wait for the next commit.
    pub(super) dry: bool,
    pub(super) in_flight: Flights,
}

impl Link {
    /// True for a log of which nothing is sent now.
    pub(super) fn withholds(&self, log: Incarnation) -> bool {
        self.refused.contains(&log) || self.paused.contains(&log)
    }

    /// Has a paused log sent again from where the peer has it, once all that was on its way is answered.
    pub(super) fn go_on_with(&mut self, log: Incarnation) {
        if !self.in_flight.concern(log) && self.paused.remove(&log) {
            self.sent.cap(log, self.acked.get(log));
            self.dry = false;
        }
    }

    /// Asks for more to send, when both sides share the space and the peer lacks something.
    pub(super) fn pump(&mut self, space: &Space, out: &mut Vec<Output>) {
        let shared = self.mine.is_some() && self.theirs.is_some();
        let lacking = self.own.iter().any(|(log, seq)| seq > self.sent.get(log) && !self.withholds(log));
        if shared && lacking && !self.fetching && !self.dry && self.in_flight.bytes() < WINDOW {
            self.fetching = true;
            let mut after = self.sent.clone();
            for log in self.refused.iter().chain(&self.paused) {
                after.advance(*log, self.own.get(*log));
            }
            out.push(Output::Fetch { space: space.clone(), after, bytes: FETCH });
        }
    }
}
