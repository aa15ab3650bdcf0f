//! Custom objects: types of nodes under numbers, and numbers for their fields. A number once given stays.

use std::collections::HashSet;
use std::sync::Arc;

use quire_protocol::shapes::bulk::field::{self, Field};
use quire_protocol::shapes::bulk::object::Object;
use serde_json::{Map, Value, json};

use super::change::Change;
use super::error::{BulkError, Result};
use super::inner::Inner;
use super::limits::{MAX_CUSTOM_OBJECTS, MAX_KEYS};
use super::registry::CustomObject;
use crate::engine::{Engine, EngineError, RecordsOf};

/// Keys of members that every node has; properties follow (`props.NAME`).
const MEMBERS: [&str; 8] =
    ["nodeId", "id", "type", "parentType", "parentId", "title", "createdDateUtc", "updatedDateUtc"];

/// What keys of properties begin with.
const PROPERTY: &str = "props.";

/// Gives a number to each type of nodes that has none.
pub(super) async fn look(inner: &Arc<Inner>) -> Result<()> {
    let _turn = inner.looking.lock().await;
    let types = blocking(inner, Engine::node_types).await?;
    inner
        .commit(move |registry, changes| {
            let known: HashSet<(&str, &str)> =
                registry.custom.values().map(|known| (known.space.as_str(), known.ty.as_str())).collect();
            let mut counters = registry.counters.clone();
            let room = MAX_CUSTOM_OBJECTS.saturating_sub(registry.custom.len());
            let new = types
                .into_iter()
                .filter(|(space, ty)| !known.contains(&(space.as_str(), ty.as_str())))
                .take(room);
            for (space, ty) in new {
                counters.custom += 1;
                let keys = MEMBERS.map(str::to_owned).to_vec();
                let space = space.as_str().to_owned();
                changes.push(Change::Custom(CustomObject { number: counters.custom, space, ty, keys }));
            }
            if !changes.is_empty() {
                changes.push(Change::Counters(counters));
            }
            Ok(())
        })
        .await
}

/// The object, if it is there.
pub(super) async fn require(inner: &Arc<Inner>, object: Object) -> Result<()> {
    let Object::CustomObject(number) = object else { return Ok(()) };
    if !inner.registry().custom.contains_key(&number) {
        look(inner).await?;
    }
    if inner.registry().custom.contains_key(&number) { Ok(()) } else { Err(BulkError::NotFound) }
}

/// Fields of an object; those of a custom object are looked for among its nodes.
pub(super) async fn fields(inner: &Arc<Inner>, object: Object) -> Result<Vec<Field>> {
    let Object::CustomObject(number) = object else { return Ok(field::fields(object)) };
    require(inner, object).await?;
    let known = inner.registry().custom.get(&number).cloned().ok_or(BulkError::NotFound)?;
    let (space, ty) = (known.space()?, known.ty.clone());
    let names = blocking(inner, move |engine| engine.property_names(&space, &ty)).await?;
    let names: Vec<String> = names.into_iter().map(|name| format!("{PROPERTY}{name}")).collect();
    let keys = if names.iter().all(|name| known.keys.contains(name)) {
        known.keys
    } else {
        add_keys(inner, number, names).await?
    };
    let numbered: Vec<(u64, String)> = (1..).zip(keys).collect();
    Ok(field::custom_fields(number, &numbered))
}

async fn add_keys(inner: &Arc<Inner>, number: u64, names: Vec<String>) -> Result<Vec<String>> {
    inner
        .commit(move |registry, changes| {
            let mut object = registry.custom.get(&number).ok_or(BulkError::NotFound)?.clone();
            for name in names {
                if object.keys.len() < MAX_KEYS && !object.keys.contains(&name) {
                    object.keys.push(name);
                }
            }
            let keys = object.keys.clone();
            changes.push(Change::Custom(object));
            Ok(keys)
        })
        .await
}

/// What an object's records are read from and written to.
pub(super) fn records(inner: &Inner, object: Object) -> Result<RecordsOf> {
    Ok(match object {
        Object::Activities => RecordsOf::Activities,
        Object::Markings => RecordsOf::Markings,
        Object::Contacts => RecordsOf::Contacts,
        Object::CustomObject(number) => {
            let registry = inner.registry();
            let custom = registry.custom.get(&number).ok_or(BulkError::NotFound)?;
            RecordsOf::Nodes { space: custom.space()?, ty: custom.ty.clone() }
        }
    })
}

/// As it is listed.
pub(super) fn shown(object: &CustomObject) -> Map<String, Value> {
    let name = object.ty.as_str();
    let shown = json!({
        "name": name,
        "description": format!("Nodes of type {name} of {}", object.space),
        "uri": format!("/customObjects/{}", object.number),
    });
    shown.as_object().cloned().unwrap_or_default()
}

async fn blocking<T: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&Engine) -> Result<T, EngineError> + Send + 'static,
) -> Result<T> {
    let engine = inner.engine.clone();
    let done = tokio::task::spawn_blocking(move || work(&engine)).await;
    Ok(done.map_err(|_| BulkError::Busy)??)
}
