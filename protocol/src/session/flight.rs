//! Segments that are on their way to the peer, each of which it answers once and in order: taken or refused.

use std::collections::VecDeque;

use crate::id::Incarnation;

/// One segment on its way.
#[derive(Debug)]
pub(super) struct Flight {
    /// Its log.
    pub log: Incarnation,
    /// Its last record.
    pub hi: u64,
    /// The acknowledgement that settles it: of a log that forked no more comes than is good of it.
    pub settled_by: u64,
    /// Its length.
    pub bytes: usize,
    /// How often the peer had been told credentials when it was sent.
    pub told: u64,
}

/// All that are on their way, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Flights(VecDeque<Flight>);

impl Flights {
    /// One more.
    pub(super) fn push(&mut self, flight: Flight) {
        self.0.push_back(flight);
    }

    /// Bytes on their way.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|flight| flight.bytes).sum()
    }

    /// True when record `seq` of a log is on its way.
    pub(super) fn carry(&self, log: Incarnation, seq: u64) -> bool {
        self.0.iter().any(|flight| flight.log == log && seq <= flight.hi)
    }

    /// True while an answer about this log is owed.
    pub(super) fn concern(&self, log: Incarnation) -> bool {
        self.0.iter().any(|flight| flight.log == log)
    }

    /// The peer has a log up to here.
    pub(super) fn taken(&mut self, log: Incarnation, seq: u64) {
        self.0.retain(|flight| flight.log != log || flight.settled_by > seq);
    }

    /// The peer refused the oldest of a log; gives what it was. `None` when nothing of it was on its way.
    pub(super) fn refused(&mut self, log: Incarnation) -> Option<Flight> {
        let at = self.0.iter().position(|flight| flight.log == log)?;
        self.0.remove(at)
    }
}
