//! What follows from a roster: who is trusted with what, and how far the logs of others are good.

use std::collections::{BTreeMap, BTreeSet};

use super::{Roster, RosterEntry, Saying, Scope, StatementId, Trust};
use crate::id::{DeviceId, Incarnation, Space};
use crate::identity::{DeviceCard, PublicKey, Rights};
use crate::limits::MAX_FORKS_OF_LOG;

/// Whose records of a log are folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admitted {
    /// All of them: the author may write.
    All,
    /// So many: the author has lost its right, or what it had was taken back.
    UpTo(u64),
    /// None is even taken: the author never had the right.
    Never,
}

impl Admitted {
    /// True when this record is folded.
    pub fn covers(self, seq: u64) -> bool {
        match self {
            Admitted::All => true,
            Admitted::UpTo(last) => seq <= last,
            Admitted::Never => false,
        }
    }
}

/// One side's say on how far a log is good.
#[derive(Clone, Debug, PartialEq)]
struct Cut {
    by: PublicKey,
    last: u64,
}

/// What follows from a roster for one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Who is trusted with what, this device too.
    pub trust: BTreeMap<DeviceId, Trust>,
    /// Devices that removed this one, with the right to.
    pub removed_by: BTreeSet<DeviceId>,
    /// Who was ever trusted with what: entries that were taken back count here, and those of the expelled.
    ever: BTreeMap<DeviceId, Trust>,
    cuts: BTreeMap<(Space, Incarnation), Vec<Cut>>,
    /// Logs that forked, by whose they are: their last good records.
    forks: BTreeMap<(Space, Incarnation, DeviceId), u64>,
    recovery: BTreeSet<PublicKey>,
    me: Option<DeviceId>,
}

impl Roster {
    /// What follows for the device of `me`, which keeps to these recovery keys. A pure function of the set.
    ///
    /// A removal counts when its author was ever entitled to it, also when the author itself is removed: of two
    /// devices that remove each other both are out, wherever that is heard and in whatever order. What then remains
    /// is the recovery key.
    pub fn standing(&self, me: &DeviceCard, recovery: &BTreeSet<PublicKey>) -> Standing {
        let expelled = self.expelled(me, recovery);
        let counted: Vec<(StatementId, &RosterEntry)> = self
            .entries
            .iter()
            .filter(|entry| !expelled.contains(&entry.adder.device()))
            .filter(|entry| !expelled.contains(&entry.subject.id()))
            .map(|entry| (entry.id(), entry))
            .collect();
        let entitled = closure(me, recovery, counted.iter().map(|(_, entry)| *entry));
        let (back, removed_by) = self.taken_back(me, recovery, &expelled, &entitled, &counted);
        let stand = counted.iter().filter(|(id, _)| !back.contains(id)).map(|(_, entry)| *entry);
        let trust = closure(me, recovery, stand);
        // What the expelled wrote before stays, as far as their logs are good.
        let ever = closure(me, recovery, self.entries.iter());
        let (cuts, forks, recovery) = (self.cuts(&expelled), self.good_ends(), recovery.clone());
        Standing { trust, removed_by, ever, cuts, forks, recovery, me: Some(me.id()) }
    }

    fn good_ends(&self) -> BTreeMap<(Space, Incarnation, DeviceId), u64> {
        let mut all: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
        for (_, fork) in self.forks() {
            let (log, device, end) = (fork.log(), fork.device(), fork.good_end());
            all.entry((fork.space, log, device)).or_default().insert(end);
        }
        let least = |ends: BTreeSet<u64>| match ends.first() {
            Some(least) if ends.len() < MAX_FORKS_OF_LOG => *least,
            _ => 0,
        };
        all.into_iter().map(|(log, ends)| (log, least(ends))).collect()
    }

    fn expelled(&self, me: &DeviceCard, recovery: &BTreeSet<PublicKey>) -> BTreeSet<DeviceId> {
        let named = |ruling: &super::Ruling| match ruling.says() {
            Some(Saying::Expel { devices }) if recovery.contains(&ruling.by) => devices,
            _ => Vec::new(),
        };
        let mut expelled: BTreeSet<DeviceId> = self.rulings.iter().flat_map(named).collect();
        expelled.remove(&me.id());
        expelled
    }

    /// Entries that were taken back by who might, and who did so to this device.
    fn taken_back(
        &self,
        me: &DeviceCard,
        recovery: &BTreeSet<PublicKey>,
        expelled: &BTreeSet<DeviceId>,
        entitled: &BTreeMap<DeviceId, Trust>,
        counted: &[(StatementId, &RosterEntry)],
    ) -> (BTreeSet<StatementId>, BTreeSet<DeviceId>) {
        let by_name: BTreeMap<StatementId, &RosterEntry> = counted.iter().copied().collect();
        let (mut back, mut removed_by) = (BTreeSet::new(), BTreeSet::new());
        for ruling in &self.rulings {
            let remover = ruling.by.device();
            let Some(Saying::Remove { device, entries }) = ruling.says() else { continue };
            if expelled.contains(&remover) {
                continue;
            }
            let may = |entry: &RosterEntry| {
                recovery.contains(&ruling.by)
                    || entry.adder == ruling.by
                    || remover == device
                    || entitled.get(&remover).is_some_and(|trust| may_remove(trust, &entry.scope))
            };
            for id in entries {
                let entry = by_name.get(&id).filter(|entry| entry.subject.id() == device && may(entry));
                if entry.is_some() {
                    back.insert(id);
                    if device == me.id() && remover != device {
                        removed_by.insert(remover);
                    }
                }
            }
        }
        (back, removed_by)
    }

    fn cuts(&self, expelled: &BTreeSet<DeviceId>) -> BTreeMap<(Space, Incarnation), Vec<Cut>> {
        let mut cuts: BTreeMap<_, Vec<Cut>> = BTreeMap::new();
        for ruling in &self.rulings {
            let Some(Saying::Cut { space, logs }) = ruling.says() else { continue };
            if expelled.contains(&ruling.by.device()) {
                continue;
            }
            for (log, last) in logs {
                cuts.entry((space.clone(), log)).or_default().push(Cut { by: ruling.by, last });
            }
        }
        cuts
    }
}

fn may_remove(trust: &Trust, scope: &Scope) -> bool {
    match scope {
        Scope::Everything => trust.everything,
        Scope::One(space, _) => trust.rights(space).allow(Rights::ADMIN),
    }
}

/// Who is reached from `me` and the recovery keys over these entries, and with what.
fn closure<'a>(
    me: &DeviceCard,
    recovery: &BTreeSet<PublicKey>,
    entries: impl Iterator<Item = &'a RosterEntry> + Clone,
) -> BTreeMap<DeviceId, Trust> {
    let mut known = BTreeMap::from([(me.id(), Trust::of(me, true))]);
    loop {
        let mut grew = false;
        for entry in entries.clone() {
            let by_recovery = recovery.contains(&entry.adder).then(|| Trust::of(me, true));
            let adder = by_recovery.or_else(|| known.get(&entry.adder.device()).cloned());
            let (Some(adder), subject) = (adder, entry.subject.id()) else { continue };
            if subject == me.id() {
                continue;
            }
            let trust = known.entry(subject).or_insert_with(|| {
                grew = true;
                Trust::of(&entry.subject, false)
            });
            grew |= trust.grant(&entry.scope, &adder);
        }
        if !grew {
            known.retain(|_, trust| trust.everything || trust.spaces.values().any(|r| r.0 != 0));
            return known;
        }
    }
}

impl Standing {
    /// How far records of `author` in this log are good.
    ///
    /// No further than where it forked. Else the cuts of those who may still remove count, and of them the farthest: taking more in is how a cut is
    /// revised. Where none is left who may, those count who once might; nobody speaks for itself but who left.
    pub fn admitted(&self, author: DeviceId, space: &Space, log: Incarnation) -> Admitted {
        match (self.entitled(author, space, log), self.good_end(author, space, log)) {
            (Admitted::All, Some(end)) => Admitted::UpTo(end),
            (Admitted::UpTo(last), Some(end)) => Admitted::UpTo(last.min(end)),
            (entitled, _) => entitled,
        }
    }

    /// The last record that the branches of an author's log share; `None` when it is not known to have forked.
    pub fn good_end(&self, author: DeviceId, space: &Space, log: Incarnation) -> Option<u64> {
        if self.forks.is_empty() {
            return None;
        }
        self.forks.get(&(space.clone(), log, author)).copied()
    }

    /// The logs that forked: space, log, author, last good record.
    pub fn forks(&self) -> impl Iterator<Item = (&Space, Incarnation, DeviceId, u64)> {
        self.forks.iter().map(|((space, log, author), end)| (space, *log, *author, *end))
    }

    /// How far records count by what their author may, and by what others say of it; wherever the log forked.
    pub fn entitled(&self, author: DeviceId, space: &Space, log: Incarnation) -> Admitted {
        let may = |all: &BTreeMap<DeviceId, Trust>, device: DeviceId, right: Rights| {
            all.get(&device).is_some_and(|trust| trust.rights(space).allow(right))
        };
        if Some(author) == self.me || may(&self.trust, author, Rights::WRITE) {
            return Admitted::All;
        }
        if !may(&self.ever, author, Rights::WRITE) {
            return Admitted::Never;
        }
        let cuts = self.cuts.get(&(space.clone(), log)).map_or(&[][..], Vec::as_slice);
        let farthest =
            |who: &dyn Fn(PublicKey) -> bool| cuts.iter().filter(|cut| who(cut.by)).map(|cut| cut.last).max();
        let standing = |by: PublicKey| {
            self.recovery.contains(&by)
                || (by.device() != author && may(&self.trust, by.device(), Rights::ADMIN))
        };
        let once = |by: PublicKey| by.device() != author && may(&self.ever, by.device(), Rights::ADMIN);
        let itself = |by: PublicKey| by.device() == author;
        let last = farthest(&standing).or_else(|| farthest(&once)).or_else(|| farthest(&itself));
        Admitted::UpTo(last.unwrap_or(0))
    }

    /// The right to read the space's cuts, for whoever asks how far somebody is trusted.
    pub fn was_trusted(&self, device: DeviceId) -> bool {
        self.ever.contains_key(&device)
    }
}
