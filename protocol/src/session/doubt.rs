//! What is done when a log of the peer is not the one that is here: it is searched for the first record that differs.
//!
//! The peer is asked for what follows a record; where its answer fits the chain here, both are the same up to there.
//! So the place is found by going back in growing steps, then by halves. Whoever doubts asks, one question at a time,
//! so nothing piles up, and gives up when answers lead nowhere.

use super::{Output, Session};
use crate::id::{Incarnation, Space};
use crate::limits::{MAX_ANSWERS, MAX_DOUBTS, MAX_RECOUNT};
use crate::message::{Heads, Message, Place, ShortHead};

/// What comparing a segment of the peer with one's own records came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It does not follow what is here.
    Apart,
    /// It says what is here, up to this record.
    Together(u64),
    /// Nothing is left to be asked: the fork is proven, or there is none.
    Settled,
}

/// A search for the first record that differs.
#[derive(Debug)]
pub(super) struct Search {
    space: Space,
    log: Incarnation,
    /// Up to here both are the same.
    common: u64,
    /// Here they differ, as far as is known.
    differs: u64,
    step: u64,
    asked: usize,
}

impl Search {
    fn next(&self) -> u64 {
        self.differs.saturating_sub(self.step).max(self.common)
    }

    /// Takes an answer; false when there is nothing more to ask.
    fn take(&mut self, after: u64, compared: Compared) -> bool {
        match compared {
            Compared::Apart if after > self.common => {
                self.differs = after;
                self.step = self.step.saturating_mul(2);
            }
            Compared::Together(hi) if hi > self.common => {
                self.common = hi;
                self.step = (self.differs.saturating_sub(hi) / 2).max(1);
            }
            _ => return false,
        }
        self.asked += 1;
        self.common < self.differs && self.asked < MAX_RECOUNT
    }
}

impl Session {
    /// Asks for the ends of the logs of spaces that were just named to the peer.
    pub(super) fn show_heads(spaces: Vec<Space>, out: &mut Vec<Output>) {
        out.extend(spaces.into_iter().map(|space| Output::Heads { space }));
    }

    pub(super) fn heads(&mut self, space: &Space, heads: Vec<ShortHead>, out: &mut Vec<Output>) {
        if let Some(number) = self.links.get(space).and_then(|link| link.mine)
            && !heads.is_empty()
        {
            out.push(Output::Send(Message::Heads(Heads { space: number, heads })));
        }
    }

    pub(super) fn peer_heads(&mut self, said: Heads, out: &mut Vec<Output>) {
        // Once in a session is enough: later differences show when records do not fit.
        if let Some(space) = self.shared(said.space)
            && self.headed.insert(space.clone())
        {
            out.push(Output::CompareHeads { space, heads: said.heads });
        }
    }

    /// A space that the peer named and that this side shares with it too.
    fn shared(&self, theirs: u32) -> Option<Space> {
        let space = self.peer_spaces.get(theirs as usize)?;
        let mine = self.links.get(space).and_then(|link| link.mine);
        mine.map(|_| space.clone())
    }

    /// The peer's log is not the one that is here: they differ at record `at` or before it.
    pub(super) fn doubt(&mut self, space: Space, log: Incarnation, at: u64, out: &mut Vec<Output>) {
        let known = (space.clone(), log);
        if at == 0 || self.doubted.len() >= MAX_DOUBTS || !self.doubted.insert(known) {
            return;
        }
        self.searches.push_back(Search { space, log, common: 0, differs: at, step: 1, asked: 0 });
        if self.searches.len() == 1 {
            self.ask(out);
        }
    }

    fn ask(&mut self, out: &mut Vec<Output>) {
        while let Some(search) = self.searches.front() {
            if let Some(space) = self.links.get(&search.space).and_then(|link| link.mine) {
                let place = Place { space, log: search.log, after: search.next() };
                return out.push(Output::Send(Message::Recount(place)));
            }
            self.searches.pop_front();
        }
    }

    pub(super) fn recount(&mut self, place: Place, out: &mut Vec<Output>) {
        if let Some(space) = self.shared(place.space)
            && self.answers < MAX_ANSWERS
        {
            self.answers += 1;
            out.push(Output::Branch { space, log: place.log, after: place.after });
        }
    }

    pub(super) fn answer_recount(
        &mut self,
        (space, log, after): (Space, Incarnation, u64),
        segment: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        if let Some(space) = self.links.get(&space).and_then(|link| link.mine) {
            out.push(Output::Send(Message::Branch(Place { space, log, after }, segment)));
        }
    }

    /// An answer that was not asked for is passed over.
    pub(super) fn branch(&mut self, place: Place, segment: Vec<u8>, out: &mut Vec<Output>) {
        let Some(space) = self.shared(place.space) else { return };
        let awaited = self.searches.front().is_some_and(|search| {
            (&search.space, search.log, search.next()) == (&space, place.log, place.after)
        });
        if awaited && !self.comparing {
            self.comparing = true;
            out.push(Output::Compare { space, log: place.log, after: place.after, segment });
        }
    }

    pub(super) fn compared(&mut self, after: u64, compared: Compared, out: &mut Vec<Output>) {
        self.comparing = false;
        let Some(search) = self.searches.front_mut() else { return };
        if !search.take(after, compared) {
            self.searches.pop_front();
        }
        self.ask(out);
    }
}
