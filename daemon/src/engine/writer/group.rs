//! Jobs that are done together.

use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use super::command::{Command, Job, Reply};

/// Jobs of one transaction at most: bounds what a crash could leave unanswered, and the pages one commit
/// holds in memory.
const BATCH: usize = 256;

/// How long a sitting waits for another group. An application that writes one item after the other is back in a
/// fraction of it; whoever reads does not wait for it.
const PAUSE: Duration = Duration::from_millis(2);

/// Jobs taken off the queue together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) commands: Vec<Command>,
    /// Who waits for the end of the sitting.
    shows: Vec<SyncSender<()>>,
    stops: Vec<Reply<()>>,
    /// Somebody waits for the commands.
    pub(super) eager: bool,
}

impl Group {
    /// What waits in the queue, behind its first job.
    pub(super) fn of(first: Job, queue: &Receiver<Job>) -> Group {
        let mut group = Group::default();
        group.add(first);
        for job in queue.try_iter().take(BATCH - 1) {
            group.add(job);
        }
        group
    }

    fn add(&mut self, job: Job) {
        match *job.command {
            Command::Stop { reply } => self.stops.push(reply),
            Command::Show { done } => self.shows.push(done),
            command => {
                self.eager |= !job.lazy;
                self.commands.push(command);
            }
        }
    }

    /// True when it may be done in the sitting that is open.
    pub(super) fn may_follow(&self) -> bool {
        !self.stops() && self.shows.is_empty() && self.commands.iter().all(Command::is_small)
    }

    /// True when nobody waits for it.
    fn can_wait(&self) -> bool {
        !self.eager && !self.stops() && self.shows.is_empty()
    }

    pub(super) fn stops(&self) -> bool {
        !self.stops.is_empty()
    }

    pub(super) fn tell_readers(&mut self) {
        for done in self.shows.drain(..) {
            // Who is gone does not wait.
            let _ = done.try_send(());
        }
    }

    pub(super) fn tell_stopped(self) {
        self.stops.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
    }
}

/// The next group, when it comes soon. What can wait is put to `lazy`.
pub(super) fn following(queue: &Receiver<Job>, lazy: &mut Vec<Command>) -> Option<Group> {
    loop {
        let mut group = Group::of(queue.recv_timeout(PAUSE).ok()?, queue);
        if !group.can_wait() {
            return Some(group);
        }
        lazy.append(&mut group.commands);
    }
}

/// Of several acknowledgements of one peer for one space the last says all.
pub(super) fn keep_last_acknowledgements(commands: &mut Vec<Command>) {
    let mut seen = std::collections::HashSet::new();
    commands.reverse();
    commands.retain(|command| match command {
        Command::Acknowledge { peer, space, .. } => seen.insert((*peer, space.clone())),
        _ => true,
    });
    commands.reverse();
}
