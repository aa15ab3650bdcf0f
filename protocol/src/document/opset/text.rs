//! The note's text: characters in the order that all replicas agree on.
//!
//! Each character follows another one or the beginning; of those that follow the same one the greater
//! operation comes first, with all that follows it (the RGA of Automerge, Roh et al. 2011).

use std::cmp::Reverse;

use super::{Changes, OpSet, What};

impl OpSet {
    /// The note at a set of changes.
    pub fn text(&self, among: Changes) -> String {
        self.characters(among).into_iter().map(|(_, character)| character).collect()
    }

    /// The visible characters in order, each with its operation.
    pub(super) fn characters(&self, among: Changes) -> Vec<(usize, char)> {
        let followers = self.followers();
        let after = |place: Option<usize>| {
            let from = followers.partition_point(|(after, _)| *after < place);
            let to = followers.partition_point(|(after, _)| *after <= place);
            followers[from..to].iter().map(|(_, at)| *at).rev()
        };
        let mut out = Vec::new();
        let mut open: Vec<usize> = after(None).collect();
        while let Some(at) = open.pop() {
            if let What::Character { character, .. } = self.ops[at].what
                && self.is_visible(at, among)
            {
                out.push((at, character));
            }
            open.extend(after(Some(at)));
        }
        out
    }

    /// Every character by what it follows, the greater operation first.
    fn followers(&self) -> Vec<(Option<usize>, usize)> {
        let follower = |(at, held): (usize, &super::Held)| match held.what {
            What::Character { after, .. } => Some((after, at)),
            _ => None,
        };
        let mut all: Vec<_> = self.ops.iter().enumerate().filter_map(follower).collect();
        all.sort_by_key(|(after, at)| (*after, Reverse(self.name_of(*at))));
        all
    }
}
