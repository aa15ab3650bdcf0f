//! Rows that are nodes of one type of one tenant.

use quire_protocol::domain::BLANK_DATE;
use quire_protocol::id::Space;
use quire_protocol::node::{self, NodeError, guid, type_of};
use quire_protocol::shapes::contract::{NODE, json};
use serde_json::{Map, Value};

use super::row::is_null;
use super::{INVALID, Imported, Plan, SEVERAL, Stop, joined, missing, outcome, reject};
use crate::engine::{NodeName, NodePut, RecordsOf};
use crate::replica::Batch;
use crate::replica::node::Known;
use crate::replica::nodes::node_item;
use crate::replica::tree::{branches, parent_of};
use crate::store::keys::SpaceNo;

/// Begins the key of a property.
const PROPERTY: &str = "props.";

/// Members that a row does not say: the object does, or this daemon alone.
const NOT_SAID: [&str; 5] = ["tenantId", "cyanId", "type", "props", "refs"];

impl Batch<'_, '_> {
    pub(super) fn import_node(
        &mut self,
        plan: &Plan,
        row: Map<String, Value>,
        index: u64,
    ) -> Result<Imported, Stop> {
        let RecordsOf::Nodes { space, ty } = &plan.into else { return Ok(Imported::Unchanged) };
        let members = members(row, ty)?;
        for key in ["nodeId", "id"] {
            if plan.is_known_by(&[key]) && members.get(key).is_none_or(is_null) {
                return Err(missing(key));
            }
        }
        let number = self.space(space)?;
        let put = NodePut {
            space: space.clone(),
            members,
            textual: false,
            revives: true,
            now: plan.now.clone(),
            fresh: self.guid_of_row(plan, index),
        };
        let named = self.named_nodes(plan, number, &put, ty)?;
        if named.len() > 1 && !plan.all_matches {
            return Err(reject(SEVERAL, "Multiple matches.", ["nodeId"]));
        }
        let mut outcomes = Vec::with_capacity(named.len());
        for (identity, known) in named {
            outcomes.push(self.import_one(plan, number, &identity, known, &put)?);
        }
        Ok(joined(outcomes))
    }

    /// The identity of each node that a row names, and the node. More than one have the `nodeId` of a row that is known
    /// by that.
    fn named_nodes(
        &mut self,
        plan: &Plan,
        space: SpaceNo,
        put: &NodePut,
        ty: &str,
    ) -> Result<Vec<(String, Known)>, Stop> {
        let given = guid(&put.members, "nodeId").filter(|_| plan.is_known_by(&["nodeId"]));
        let mut known = Vec::new();
        for doc in match given {
            Some(given) => self.nodes_of(space, &NodeName::Guid(given.to_owned()))?,
            None => Vec::new(),
        } {
            let row = self.row(space, doc)?;
            let row = row.filter(|row| type_of(&row.projection).as_deref() == Some(ty));
            known.extend(row.map(|row| (row.identity().to_owned(), Some((doc, row)))));
        }
        let says = put.members.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        if known.len() > 1 && says.is_none() {
            return Ok(known);
        }
        Ok(vec![self.identify(space, put)?])
    }

    fn import_one(
        &mut self,
        plan: &Plan,
        space: SpaceNo,
        identity: &str,
        known: Known,
        put: &NodePut,
    ) -> Result<Imported, Stop> {
        let shown = match &known {
            Some(_) => self.shown_members((space, &put.space), &known)?,
            None => Map::new(),
        };
        let put = NodePut { members: let_through(plan, &put.members, &shown), ..put.clone() };
        let is_new = known.is_none();
        let done = self.write_told(space, identity, known.map(|(_, row)| row), &put)?;
        Ok(if is_new { Imported::Created } else { outcome(&done) })
    }

    fn shown_members(
        &mut self,
        (number, space): (SpaceNo, &Space),
        known: &Known,
    ) -> Result<Map<String, Value>, Stop> {
        let Some((doc, row)) = known else { return Ok(Map::new()) };
        self.seal_blobs(&row.projection)?;
        let parent = parent_of(&branches(&*self.rows, number)?, *doc, &row.projection);
        let item = node_item(&*self.rows, (number, space), *doc, row, parent.as_ref());
        Ok(item.map(|item| item.members).unwrap_or_default())
    }
}

/// The members of a row, as their types; properties together.
fn members(row: Map<String, Value>, ty: &str) -> Result<Map<String, Value>, Stop> {
    let (mut plain, mut props) = (Map::new(), Map::new());
    for (key, value) in row {
        match key.strip_prefix(PROPERTY) {
            Some(name) => drop(props.insert(name.to_owned(), value)),
            None => {
                let field = NODE.field(&key).filter(|field| !NOT_SAID.contains(&field.name));
                if field.is_some_and(|field| field.nullable || !is_null(&value)) {
                    plain.insert(key, value);
                }
            }
        }
    }
    let mut members = json::read(&NODE, Value::Object(plain)).map_err(unfit)?;
    members.insert("type".to_owned(), ty.into());
    if !props.is_empty() {
        members.insert("props".to_owned(), props.into());
    }
    match node::check(&members) {
        Ok(()) => Ok(members),
        Err(error) => {
            let key = match &error {
                NodeError::TooLong(name) => (*name).to_owned(),
                NodeError::ValueTooLong(name) if name == "title" => name.clone(),
                NodeError::ValueTooLong(name) => format!("{PROPERTY}{name}"),
            };
            Err(reject(INVALID, error.to_string(), [key.as_str()]))
        }
    }
}

fn unfit(faults: Vec<json::Fault>) -> Stop {
    let message = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
    let keys = faults.into_iter().map(|fault| fault.path).collect();
    Stop::Reject(Imported::Rejected { code: INVALID, message, keys })
}

/// What the update rules let through of what a row says, against what a node shows now.
fn let_through(plan: &Plan, told: &Map<String, Value>, shown: &Map<String, Value>) -> Map<String, Value> {
    let none = Map::new();
    let held = shown.get("props").and_then(Value::as_object).unwrap_or(&none);
    let mut out = Map::with_capacity(told.len());
    for (name, value) in told {
        match (name.as_str(), value) {
            ("props", Value::Object(props)) => {
                let lets = |(name, value): &(&String, &Value)| {
                    plan.lets(&format!("{PROPERTY}{name}"), value, held.get(*name))
                };
                let props: Map<String, Value> =
                    props.iter().filter(lets).map(|(name, value)| (name.clone(), value.clone())).collect();
                out.insert(name.clone(), props.into());
            }
            // What the node is known by.
            ("type" | "id" | "nodeId", value) => drop(out.insert(name.clone(), value.clone())),
            (_, value) if plan.lets(name, value, shown.get(name)) => {
                out.insert(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    out
}

impl Plan {
    /// Whether a value is to be written over one that is there. Null over nothing is no edit, however it is written;
    /// nor is the text of a value that an export gave for it.
    fn lets(&self, key: &str, new: &Value, held: Option<&Value>) -> bool {
        let nothing_yet =
            held.is_none_or(|held| is_null(held) || held.as_str().is_some_and(|d| d.starts_with(BLANK_DATE)));
        !(is_null(new) && nothing_yet)
            && !held.is_some_and(|held| is_text_of(new, held))
            && self.rule(key).writes(is_null(new), nothing_yet)
    }
}

/// True when `new` is the text that an export gives for a value that is no text.
fn is_text_of(new: &Value, held: &Value) -> bool {
    match (new, held) {
        (Value::String(_), Value::String(_) | Value::Null) => false,
        (Value::String(text), Value::Array(_) | Value::Object(_)) => {
            serde_json::from_str::<Value>(text).is_ok_and(|told| told == *held)
        }
        (Value::String(text), held) => *text == held.to_string(),
        _ => false,
    }
}
