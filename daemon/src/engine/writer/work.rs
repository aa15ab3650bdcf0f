//! The commands, done within a batch.

use quire_protocol::id::Space;

use super::command::Command;
use super::reaction::{Delivery, Reaction, again, react, success};
use crate::engine::{EngineError, RosterChange};
use crate::replica::Batch;
use crate::store::StoreError;

/// Does one command and says how its caller is answered once the commit is on disk. Only a failing store
/// is an error here: everything else is an answer.
pub(super) fn run(
    batch: &mut Batch<'_, '_>,
    command: Command,
    reactions: &mut Vec<Reaction>,
) -> Result<(), StoreError> {
    match command {
        Command::Synchronize { model, candidates, now_ms, reply } => {
            batch.set_now(now_ms);
            let done = batch.synchronize(*model, &candidates);
            react(reactions, reply, done, |reply, ()| {
                Box::new(|delivery| drop(reply.send(delivery.map_err(again).and_then(Delivery::next))))
            })
        }
        Command::Ingest { peer, segments, reply } => {
            let mut one =
                |(space, log, encoded): (Space, _, Vec<u8>)| batch.ingest(peer, &space, log, &encoded);
            let taken = segments.into_iter().map(&mut one).collect::<Result<Vec<_>, _>>();
            react(reactions, reply, taken.map_err(EngineError::Store), success)
        }
        Command::Learn { credentials, reply } => {
            let done = batch.learn(&credentials).map(drop);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::AddPeer { card, scopes, brought, addresses, reply } => {
            let done = batch.add_peer(&card, &scopes, &brought, &addresses);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::Roster { change, reply } => {
            let done = change_roster(batch, change);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::RememberAddress { peer, address, reply } => {
            let done = batch.remember_address(peer, &address);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::Acknowledge { peer, space, clock } => batch.acknowledge(peer, &space, &clock),
        Command::Patch { guid, members, if_match, reply } => {
            react(reactions, reply, batch.patch(&guid, &members, if_match.as_deref()), success)
        }
        Command::Remove { guid, if_match, reply } => {
            react(reactions, reply, batch.remove(&guid, if_match.as_deref()), success)
        }
        Command::Restore { space, doc, version, if_match, reply } => {
            let done = batch.restore((&space, doc), version, if_match.as_deref());
            react(reactions, reply, done, success)
        }
        Command::Resolve { id, value, reply } => react(reactions, reply, batch.resolve(&id, &value), success),
        Command::PutMarkings { put, reply } => react(reactions, reply, batch.put_markings(&put), success),
        Command::Register { device, reply } => react(reactions, reply, batch.register(&device), success),
        Command::PutNode { put, reply } => react(reactions, reply, batch.put_node(&put), success),
        Command::PatchNode { name, put, if_match, reply } => {
            react(reactions, reply, batch.patch_node(&name, &put, if_match.as_deref()), success)
        }
        Command::RemoveNode { space, name, if_match, reply } => {
            react(reactions, reply, batch.remove_node(&space, &name, if_match.as_deref()), success)
        }
        Command::PutMessage { put, reply } => react(reactions, reply, batch.put_message(&put), success),
        Command::PutToken { put, reply } => react(reactions, reply, batch.put_token(&put), success),
        Command::Import { put, reply } => react(reactions, reply, batch.import(*put), success),
        Command::Probe { reply } => {
            batch.touch();
            react(reactions, reply, Ok(()), success)
        }
        Command::Shelve { rows, reply } => react(reactions, reply, batch.shelve(&rows), success),
        Command::Show { .. } | Command::Stop { .. } => Ok(()),
    }
}

fn change_roster(batch: &mut Batch<'_, '_>, change: RosterChange) -> Result<bool, StoreError> {
    match change {
        RosterChange::Invite(card, scopes) => batch.invite(&card, &scopes).map(|()| true),
        RosterChange::Uninvite(device) => batch.forget_invited(device).map(|()| true),
        RosterChange::AdmitInvited(device) => batch.admit_invited(device),
        RosterChange::Remove(device) => batch.remove_peer(device),
        RosterChange::Leave => batch.leave().map(|()| true),
        RosterChange::Adopt(device) => batch.adopt(device),
        RosterChange::NameRecovery(key) => batch.name_recovery(key),
        RosterChange::Expel(ruling) => batch.expel(&ruling),
    }
}
