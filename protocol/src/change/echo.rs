//! Echoes: what a change said, said again as a change of nobody's.
//!
//! Where a log forked, no record behind the fork may count, or replicas that hold different branches would differ for
//! ever. What such a change said need not go with it: whoever holds it writes its echo into a log of its own. The actor
//! of an echo is a function of all that it says, so that all who echo a change make the same bytes, it counts once, and
//! no other change can take its place.
//!
//! ```text
//!   log L     … 40 ┬ 41 "green" ── 42        an echo of 42 depends on the echo of 41, and names its operations
//!                  └ 41' "red"               with the same counters: only actors differ
//! ```

use std::collections::HashMap;

use super::{Actor, Change, Draft, LONGEST_ACTOR, Object, OpId, Place, write};
use crate::id::{ChangeId, DocId};
use crate::record::RecordKind;

/// Stands for the change's own actor where the actor is worked out. No change is admitted that has it: the last byte
/// is that of no derived actor.
const ITSELF: [u8; LONGEST_ACTOR] = [0xff; LONGEST_ACTOR];

/// The echoes of changes of one document, as far as they were made.
#[derive(Default)]
pub struct Echoes {
    names: HashMap<ChangeId, ChangeId>,
    /// For an actor: counters of its operations that are echoed, from and to, and whose they are now.
    operations: HashMap<Actor, Vec<(u64, u64, Actor)>>,
}

impl Echoes {
    /// Echoes a change. What it depends on must have been echoed before, where it is to be.
    ///
    /// What is nobody's already, and names nothing that was echoed, is its own echo.
    pub fn of(&mut self, id: DocId, kind: RecordKind, change: &Change) -> (RecordKind, Change) {
        let renamed = change.deps().iter().any(|dep| self.names.contains_key(dep));
        if kind != RecordKind::CHANGE && !renamed {
            return (kind, change.clone());
        }
        let own = change.actor();
        let draft = self.renamed(&change.draft);
        let actor = actor_of(id, &draft);
        let echo = Change::make(with_actor(&draft, actor));
        self.names.insert(change.id(), echo.id());
        self.operations.entry(own).or_default().push((change.start_op(), change.max_op(), actor));
        (RecordKind::ECHO, echo)
    }

    /// The same change, of its own actor, over what was echoed.
    fn renamed(&self, draft: &Draft) -> Draft {
        let name = |dep: &ChangeId| self.names.get(dep).copied().unwrap_or(*dep);
        let mut deps: Vec<ChangeId> = draft.deps.iter().map(name).collect();
        deps.sort_unstable_by_key(|dep| dep.0);
        deps.dedup();
        let operation = |id: OpId| if is_own(draft, id) { id } else { self.operation(id) };
        let mut renamed = Draft { seq: 1, deps, ..map(draft, operation) };
        for op in &mut renamed.ops {
            op.replaces.sort_unstable();
            op.replaces.dedup();
        }
        renamed
    }

    fn operation(&self, id: OpId) -> OpId {
        let echoed = self.operations.get(&id.actor).into_iter().flatten();
        let of = echoed.into_iter().find(|(from, to, _)| (*from..=*to).contains(&id.counter));
        of.map_or(id, |(_, _, actor)| OpId { counter: id.counter, actor: *actor })
    }
}

/// The actor that an echo saying this must have.
pub(crate) fn echo_actor(id: DocId, echo: &Change) -> Actor {
    actor_of(id, &echo.draft)
}

fn actor_of(id: DocId, draft: &Draft) -> Actor {
    let itself = Actor { bytes: ITSELF, length: LONGEST_ACTOR as u8 };
    let (raw, _) = write::encode(&with_actor(draft, itself));
    let mut hasher = blake3::Hasher::new_derive_key("quire echo actor 1");
    hasher.update(&id.0);
    hasher.update(&raw);
    let mut actor = [0; 16];
    actor.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Actor::from(actor)
}

/// Whether an operation is one of the change's, not an earlier one of its author.
fn is_own(draft: &Draft, id: OpId) -> bool {
    id.actor == draft.actor && id.counter >= draft.start_op
}

/// The change as another actor's.
fn with_actor(draft: &Draft, actor: Actor) -> Draft {
    let own = |id: OpId| if is_own(draft, id) { OpId { actor, ..id } } else { id };
    Draft { actor, ..map(draft, own) }
}

fn map(draft: &Draft, name: impl Fn(OpId) -> OpId) -> Draft {
    let mut draft = draft.clone();
    for op in &mut draft.ops {
        if let Object::Made(id) = &mut op.object {
            *id = name(*id);
        }
        if let Place::Element(id) = &mut op.place {
            *id = name(*id);
        }
        op.replaces.iter_mut().for_each(|id| *id = name(*id));
    }
    draft
}

#[cfg(test)]
mod tests;
