//! The writer's thread: takes what waits as one group, does it, syncs once, then answers all.
//!
//! Small groups that follow each other closely are done in one **sitting**: one transaction, of which the journal
//! has each group before its callers are answered. Readers see a sitting when it ends; whoever reads in between asks
//! for its end first ([`Command::Show`]), so nobody reads less than what was answered. While somebody reads between the
//! writes, as a connected peer does, a sitting ends with its first group: it need not be asked.

mod command;
mod group;
mod reaction;
mod work;

pub(super) use command::{Command, Job, Told};

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use super::check::Check;
use super::{Home, Shared};
use crate::replica::{Batch, Committed, Opening, Pending, Replica, View};
use crate::store::{Store, StoreError};
use group::{Group, following, keep_last_acknowledgements};
use reaction::{Reaction, tell};
use work::run;

/// Groups of one sitting at most: what is sealed and packed together at its end holds up the next caller for a
/// millisecond or so.
const SITTING: usize = 64;

/// The writer.
pub(super) struct Writer {
    /// First, so that it lets go of the store before the others do.
    check: Option<Check>,
    replica: Replica,
    shared: Arc<Shared>,
    home: Option<Home>,
    name: String,
    /// Lazy commands that wait for a commit.
    lazy: Vec<Command>,
}

impl Writer {
    pub(super) fn new(replica: Replica, shared: Arc<Shared>, home: Option<Home>, name: String) -> Writer {
        let check = Check::of(&shared.store.read().unwrap_or_else(PoisonError::into_inner), &shared);
        Writer { check, replica, shared, home, name, lazy: Vec::new() }
    }

    /// Runs until it is told to stop or every handle is gone.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut next = Some(Group::of(first, queue));
            while let Some(mut group) = next {
                // No sitting is open here: readers see all that was answered.
                group.tell_readers();
                let mut commands = std::mem::take(&mut self.lazy);
                commands.append(&mut group.commands);
                if group.eager || group.stops() {
                    next = self.sit(commands, queue);
                } else {
                    keep_last_acknowledgements(&mut commands);
                    self.lazy = commands;
                    next = None;
                }
                if group.stops() {
                    return group.tell_stopped();
                }
            }
        }
    }

    /// Does a group, and those that follow it closely; gives one that came and is to be done anew.
    fn sit(&mut self, commands: Vec<Command>, queue: &Receiver<Job>) -> Option<Group> {
        if self.shared.condemned.get().is_some() {
            // Whoever waits hears of the damage.
            return None;
        }
        if !self.replica.is_open() {
            self.reopen();
        }
        if !self.replica.is_open() {
            // What stands in for the store keeps nothing: whoever waits hears that the engine is gone.
            tracing::error!(commands = commands.len(), "nothing is taken while the store cannot be opened");
            return None;
        }
        let store = self.store();
        let (mut reactions, mut next) = (Vec::new(), None);
        let mut commands = VecDeque::from(commands);
        let mut is_begun = false;
        let result = store.write(|rows| {
            is_begun = true;
            self.groups(rows, &mut commands, queue, &mut reactions, &mut next)
        });
        // One more handle would keep a failed store locked when it is opened again.
        drop(store);
        match result {
            Ok(last) => {
                self.shared.failing.store(false, Ordering::Release);
                self.refuse_with(None);
                self.show();
                if let Some(last) = last {
                    self.deliver(last, reactions);
                }
            }
            Err(error) => {
                let is_anew = self.fail(&error, reactions);
                if !is_begun && !is_anew {
                    // It would end the same way again and again.
                    self.refuse_with(Some(error));
                    commands.clear();
                }
            }
        }
        if !commands.is_empty() {
            // What was not begun has nothing to do with what failed.
            let group: &mut Group = next.get_or_insert_default();
            commands.extend(group.commands.drain(..));
            (group.commands, group.eager) = (commands.into(), true);
        }
        next
    }

    /// The groups of one transaction; gives the one whose callers are answered when readers see it. `commands` and
    /// `reactions` are what is left to do and to answer of the group at hand, `next` is what came and is to be done in
    /// another sitting.
    fn groups(
        &mut self,
        rows: &mut crate::store::Writer<'_>,
        commands: &mut VecDeque<Command>,
        queue: &Receiver<Job>,
        reactions: &mut Vec<Reaction>,
        next: &mut Option<Group>,
    ) -> Result<Option<Committed>, StoreError> {
        let Writer { replica, shared, lazy, .. } = self;
        let is_read = shared.read.swap(false, Ordering::Relaxed);
        let mut batch = Batch::new(replica, rows, wall_clock_ms());
        let mut last = None;
        for place in 1.. {
            batch.set_now(wall_clock_ms());
            while let Some(command) = commands.pop_front() {
                run(&mut batch, command, reactions)?;
            }
            let group = batch.end_group()?;
            let is_known = !group.roster_changed && group.pending.iter().all(Pending::is_quiet);
            if !(is_known && batch.secure()?) {
                last = Some(group);
                break;
            }
            shared.unshown.store(batch.has_written(), Ordering::Release);
            tell(shared, group, None, std::mem::take(reactions));
            if !batch.has_written() || is_read || place == SITTING {
                break;
            }
            *next = following(queue, lazy);
            match next.take_if(|next| next.may_follow()) {
                None => break,
                Some(next) => commands.extend(lazy.drain(..).chain(next.commands)),
            }
        }
        batch.seal()?;
        Ok(last)
    }

    /// Readers see from here on what the store has.
    fn show(&self) {
        *self.shared.mirror.write().unwrap_or_else(PoisonError::into_inner) = self.replica.mirror();
        self.shared.unshown.store(false, Ordering::Release);
    }

    fn deliver(&self, group: Committed, reactions: Vec<Reaction>) {
        let (store, mirror) = (self.store(), self.replica.mirror());
        let view = Box::new(move || Ok(View::new(store.read()?, mirror.clone())));
        tell(&self.shared, group, Some(view), reactions);
    }

    /// Nothing of the group at hand was stored. The mirror is read again. The database must be opened again first
    /// after an I/O error, its handle is dead; and when groups before it are in the journal alone. True when it was.
    fn fail(&mut self, error: &StoreError, reactions: Vec<Reaction>) -> bool {
        // Once: whoever asks whether the store is usable again has it tried, perhaps many times a second.
        match self.shared.failing.swap(true, Ordering::AcqRel) {
            false => tracing::error!(%error, "a commit failed, nothing of it was acknowledged"),
            true => tracing::debug!(%error, "commits still fail"),
        }
        let unshown = self.shared.unshown.load(Ordering::Acquire);
        // Before anybody hears of it: who reads next waits for the store instead of meeting the dead one.
        // One that takes no writes would not open either, and what is open can be read.
        let is_dead = self.home.is_some() && (unshown || error.is_of_disk() && self.store().is_writable());
        self.shared.reopening.fetch_or(is_dead, Ordering::AcqRel);
        for react in reactions {
            react(Err(error));
        }
        let is_anew = is_dead || self.replica.reload().is_err();
        if is_anew {
            self.reopen();
        }
        self.show();
        is_anew
    }

    fn refuse_with(&self, why: Option<StoreError>) {
        *self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn reopen(&mut self) {
        let Some(home) = &self.home else { return };
        // The old handle holds the file's lock; it goes when the last snapshot of it is dropped.
        self.check = None;
        let placeholder = Store::with_backend(redb::backends::InMemoryBackend::new());
        let Ok(placeholder) = placeholder else { return };
        self.shared.reopening.store(true, Ordering::Release);
        *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(placeholder);
        self.replica.release();
        match Store::open_again(&home.path, &home.protection) {
            Ok(store) => {
                let store = Arc::new(store);
                let opening = Opening { name: &self.name, path: Some(&home.path) };
                match Replica::open(Arc::clone(&store), &opening) {
                    Ok(replica) => {
                        self.replica = replica;
                        *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = store;
                        self.shared.reopening.store(false, Ordering::Release);
                        tracing::info!("the store is open again");
                    }
                    Err(error) => tracing::error!(%error, "the store cannot be opened again"),
                }
            }
            Err(error) => tracing::error!(%error, "the store cannot be opened again"),
        }
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.shared.store.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// For naming cursors and for people to see; decides nothing.
fn wall_clock_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
