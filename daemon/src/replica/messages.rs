//! Messages of field apps: what they ask for is done in the transaction that keeps them, once.

use std::ops::ControlFlow;

use quire_protocol::id::Space;
use serde_json::{Map, Value};

use super::{Batch, View};
use crate::engine::{EngineError, MessageAction, MessagePut};
use crate::store::keys::{Key, Kind, SpaceNo, last_number};
use crate::store::rows::{MessageRow, bytes, decode};
use crate::store::{Result, Rows};

/// Messages of a tenant that are kept, so that what is sent again is known.
const KEPT: u64 = 1000;

/// Bytes of a message's body that are kept: who reads it later wants to know what it was, not all of it.
const MAX_BODY: usize = 64 * 1024;

/// Members that together name a message, for the client that sends it again.
const SESSION: [&str; 2] = ["senderSessionId", "senderSessionSequence"];

impl View {
    /// Messages of a tenant, oldest first.
    pub fn messages(&self, space: &Space) -> Result<Vec<Map<String, Value>>> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(Vec::new()) };
        let all = Key::of(Kind::Message).space(number);
        let mut out = Vec::new();
        self.rows().scan(&all, &all.end(), &mut |key, value| {
            out.extend(shown(&decode::<MessageRow>(key, value)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(out)
    }
}

fn shown(row: &MessageRow) -> Option<Map<String, Value>> {
    serde_json::from_str(&row.json).ok()
}

impl Batch<'_, '_> {
    /// Does what a message asks for and keeps it; one that was kept before is answered as then.
    pub fn put_message(&mut self, put: &MessagePut) -> Result<Map<String, Value>, EngineError> {
        let space = self.space(&put.space)?;
        let names = names(&put.message);
        for name in &names {
            if let Some(known) = self.named(space, name)? {
                return Ok(known);
            }
        }
        match &put.action {
            MessageAction::Remove(all) => {
                for (space, name) in all {
                    self.remove_nodes(space, name)?;
                }
            }
            MessageAction::Put(all) => self.put_all(all)?,
        }
        Ok(self.keep_message(space, put.message.clone(), names)?)
    }

    /// Puts each node, whatever becomes of the others; says which could not be.
    fn put_all(&mut self, nodes: &[crate::engine::NodePut]) -> Result<(), EngineError> {
        let mut refused = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            match self.put_node(node) {
                Ok(_) => {}
                Err(EngineError::Member(why) | EngineError::Taken(why)) => {
                    refused.push(format!("nodes[{at}]: {why}"))
                }
                Err(other) => return Err(other),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(EngineError::Member(refused.join(" "))) }
    }

    fn named(&self, space: SpaceNo, name: &[u8; 16]) -> Result<Option<Map<String, Value>>> {
        let Some(number) = self.rows.get(&name_key(space, name))? else { return Ok(None) };
        let key = Key::of(Kind::Message).space(space).bytes(&number);
        let row = self.rows.get(&key)?.map(|value| decode::<MessageRow>(&key, &value)).transpose()?;
        Ok(row.as_ref().and_then(shown))
    }

    fn keep_message(
        &mut self,
        space: SpaceNo,
        mut message: Map<String, Value>,
        names: Vec<[u8; 16]>,
    ) -> Result<Map<String, Value>> {
        if message.get("body").and_then(Value::as_str).is_some_and(|body| body.len() > MAX_BODY) {
            message.insert("body".to_owned(), Value::Null);
        }
        let all = Key::of(Kind::Message).space(space);
        let last = self.rows.last(&all, &all.end())?.filter(|(key, _)| key.starts_with(&all));
        let number = last.map_or(1, |(key, _)| last_number(&key) + 1);
        if let Some(old) = number.checked_sub(KEPT) {
            self.forget_message(space, old)?;
        }
        for name in &names {
            self.rows.put(&name_key(space, name), &number.to_be_bytes())?;
        }
        let json = serde_json::to_string(&message).unwrap_or_default();
        self.rows.put(&all.number(number), &bytes(&MessageRow { json, names }))?;
        Ok(message)
    }

    fn forget_message(&mut self, space: SpaceNo, number: u64) -> Result<()> {
        let key = Key::of(Kind::Message).space(space).number(number);
        let Some(value) = self.rows.get(&key)? else { return Ok(()) };
        for name in decode::<MessageRow>(&key, &value)?.names {
            self.rows.remove(&name_key(space, &name))?;
        }
        self.rows.remove(&key)
    }
}

fn name_key(space: SpaceNo, name: &[u8; 16]) -> Key {
    Key::of(Kind::MessageName).space(space).bytes(name)
}

/// The names of a message: its id, and its session with its sequence.
fn names(message: &Map<String, Value>) -> Vec<[u8; 16]> {
    let id = message.get("messageId").filter(|id| id.is_string()).map(|id| hashed(&[id]));
    let [session, sequence] = SESSION.map(|name| message.get(name).filter(|value| !value.is_null()));
    let session = session.zip(sequence).map(|(session, sequence)| hashed(&[session, sequence]));
    id.into_iter().chain(session).collect()
}

fn hashed(parts: &[&Value]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("quire message name 1");
    for part in parts {
        let text = part.to_string();
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    let mut name = [0; 16];
    name.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    name
}
