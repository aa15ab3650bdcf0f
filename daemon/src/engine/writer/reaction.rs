//! How callers are answered: once what they asked for is on disk, or not at all.

use std::sync::Arc;

use super::command::{Reply, Told};
use crate::engine::{EngineError, Event, Shared};
use crate::replica::{Committed, Pending, View};
use crate::store::StoreError;

/// What answers a caller when its group is on disk.
pub(super) type Reaction = Box<dyn FnOnce(Result<&mut Delivery, &StoreError>) + Send>;

/// What answers are made from.
pub(super) struct Delivery {
    pending: std::vec::IntoIter<Pending>,
    /// A snapshot that holds the group; none while readers do not see it yet.
    view: Option<ViewMaker>,
}

impl Delivery {
    /// How the next `synchronize` request is answered.
    pub(super) fn next(&mut self) -> Result<Told, EngineError> {
        let pending = self.pending.next().ok_or(EngineError::Stopping)?;
        match &self.view {
            Some(view) if !pending.is_quiet() => Ok(Told::News(Box::new((pending, view()?)))),
            _ => Ok(Told::Answer(Box::new(pending.quiet_answer()))),
        }
    }
}

/// Makes a snapshot.
pub(super) type ViewMaker = Box<dyn Fn() -> Result<View, StoreError>>;

/// Answers the callers of a group that is on disk, and announces it.
pub(super) fn tell(shared: &Shared, mut group: Committed, view: Option<ViewMaker>, reactions: Vec<Reaction>) {
    let pending = std::mem::take(&mut group.pending).into_iter();
    let mut delivery = Delivery { pending, view };
    for react in reactions {
        react(Ok(&mut delivery));
    }
    if group.roster_changed {
        let _ = shared.events.send(Arc::new(Event::Roster));
    }
    if !group.clocks.is_empty() {
        let event = Event::Committed { clocks: group.clocks, changes: group.changes };
        let _ = shared.events.send(Arc::new(event));
    }
}

/// Keeps how a caller is answered: by `make` when its command was done. A failing store, which ends the group, is told
/// from a refused request, which does not.
pub(super) fn react<T, R: Send + 'static>(
    reactions: &mut Vec<Reaction>,
    reply: Reply<R>,
    result: Result<T, EngineError>,
    make: impl FnOnce(Reply<R>, T) -> Reaction,
) -> Result<(), StoreError> {
    let (reaction, outcome) = match result {
        Ok(value) => (make(reply, value), Ok(())),
        Err(EngineError::Store(error)) => (refusal(reply, again(&error)), Err(error)),
        Err(error) => (refusal(reply, error), Ok(())),
    };
    reactions.push(reaction);
    outcome
}

pub(super) fn success<T: Send + 'static>(reply: Reply<T>, value: T) -> Reaction {
    Box::new(move |delivery| {
        let _ = reply.send(delivery.map(|_| value).map_err(again));
    })
}

fn refusal<T: Send + 'static>(reply: Reply<T>, error: EngineError) -> Reaction {
    Box::new(move |_| {
        let _ = reply.send(Err(error));
    })
}

pub(super) fn again(error: &StoreError) -> EngineError {
    EngineError::Store(error.clone())
}
