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

/// Nodes of a message that are named when they cannot be put.
const REFUSED: usize = 32;

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
                let message = shown(&known).unwrap_or_default();
                return known.refused.map_or(Ok(message), |why| Err(EngineError::Member(why)));
            }
        }
        let refused = match &put.action {
            MessageAction::Remove(all) => {
                for (space, name) in all {
                    self.remove_nodes(space, name)?;
                }
                None
            }
            MessageAction::Put(all) => self.put_all(all)?,
        };
        // Kept with its refusal: sent again it must not write the others over what came in since.
        let message = self.keep_message(space, put.message.clone(), (names, refused.clone()))?;
        refused.map_or(Ok(message), |why| Err(EngineError::Member(why)))
    }

    /// Puts each node, whatever becomes of the others; says which could not be.
    fn put_all(&mut self, nodes: &[crate::engine::NodePut]) -> Result<Option<String>, EngineError> {
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
        refused.truncate(REFUSED);
        Ok((!refused.is_empty()).then(|| refused.join(" ")))
    }

    fn named(&self, space: SpaceNo, name: &[u8; 16]) -> Result<Option<MessageRow>> {
        let Some(number) = self.rows.get(&name_key(space, name))? else { return Ok(None) };
        let key = Key::of(Kind::Message).space(space).bytes(&number);
        self.rows.get(&key)?.map(|value| decode(&key, &value)).transpose()
    }

    fn keep_message(
        &mut self,
        space: SpaceNo,
        mut message: Map<String, Value>,
        (names, refused): (Vec<[u8; 16]>, Option<String>),
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
        self.rows.put(&all.number(number), &bytes(&MessageRow { json, names, refused }))?;
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

/// The name of a message: its session with its sequence; without a session its id.
fn names(message: &Map<String, Value>) -> Vec<[u8; 16]> {
    let said = |name: &str| message.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""));
    let [session, sequence] = SESSION.map(said);
    let session = session.zip(sequence).map(|(session, sequence)| hashed(&[session, sequence]));
    session.or_else(|| Some(hashed(&[said("messageId")?]))).into_iter().collect()
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
