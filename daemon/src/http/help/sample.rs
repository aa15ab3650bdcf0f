//! Samples made of schemas and of documented classes, as a Web API's help pages make theirs of types (REFERENCE D9), in
//! every form that the codecs take and give.

use quire_protocol::domain::Kind;
use quire_protocol::shapes::contract::{Contract, Members, PUT_DATA, PUT_DATA_DELETE, json as contract_json};
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::xml::{self, plain};
use serde_json::{Map, Value};

use super::example::{self, ENTRIES, example};
use super::indent::indented;
use super::pairs;
use crate::http::bulk::rows::table;
use crate::http::endpoint::Schema;
use crate::http::endpoint::schema::DEFINITIONS;
use crate::http::messages::documented;
use crate::http::openapi::schemas;
use crate::http::shapes::POSITION_RESULT;

/// Deeper than any definition of ours; a definition that held itself would end here.
const MAX_DEPTH: usize = 12;

/// A body of that schema in that media type, for people.
///
/// # Errors
/// Why there is no sample, in a sentence.
pub(super) fn text(schema: Schema, media: &str) -> Result<String, &'static str> {
    match media {
        "application/json" | "text/json" | "application/problem+json" => Ok(format!("{:#}", value(schema))),
        "application/xml" | "text/xml" => xml(schema).map(|text| indented(&text)),
        "application/x-www-form-urlencoded" => form(schema),
        "text/csv" => csv(&value(schema)),
        "text/event-stream" => value(schema).as_str().map(str::to_owned).ok_or("It is a stream."),
        "text/html" => Err("It is a page for people."),
        _ => Err("It is plain text; the description says which."),
    }
}

/// As JSON.
fn value(schema: Schema) -> Value {
    match schema {
        Schema::Contract(of) => contract_json::write(of, &object(of)),
        Schema::Contracts(of) => contract_json::write_list(of, &[(); ENTRIES].map(|()| object(of))),
        _ => Sampler { definitions: schemas(), strings: 0 }.of(&schema.definition(), MAX_DEPTH),
    }
}

/// An object of a class: the documented example where there is one.
fn object(of: &Contract) -> Members {
    if of == &PUT_DATA_DELETE || of == &PUT_DATA {
        return documented().clone();
    }
    example(of, example::object)
}

fn xml(schema: Schema) -> Result<String, &'static str> {
    let root = match schema {
        Schema::Contract(of) => return Ok(xml::write(of, &object(of))),
        Schema::Contracts(of) => return Ok(xml::write_list(of, &[(); ENTRIES].map(|()| object(of)))),
        Schema::HttpError => return Ok(error(&value(schema)).to_xml()),
        Schema::Model => plain::MODEL,
        Schema::ModelResult | Schema::Json("ApiResultOfMarkings", _) => plain::RESULT,
        Schema::Json("ApiResultOfMarking", _) => POSITION_RESULT,
        Schema::Json("ListOfMarkings", _) => "ArrayOfposition",
        Schema::Kind(kind) => kind.class(),
        _ => return Err("It is not written as XML."),
    };
    Ok(plain::write(root, &value(schema)))
}

/// The error that a sample tells.
fn error(told: &Value) -> HttpError {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let state = told["ModelState"].as_object().into_iter().flatten();
    let messages = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
    HttpError {
        detail: text(&told["MessageDetail"]),
        model_state: state.map(|(place, value)| (place.clone(), messages(value))).collect(),
        ..HttpError::new(400, text(&told["Message"]).unwrap_or_default())
    }
}

fn form(schema: Schema) -> Result<String, &'static str> {
    match schema {
        Schema::Contract(of) => Ok(pairs::of_members(of, &example(of, example::text))),
        Schema::Model | Schema::Kind(Kind::Marking) | Schema::Json("ListOfMarkings", _) => {
            Ok(pairs::of_value(&value(schema)))
        }
        _ => Err("It is not read from forms."),
    }
}

/// The rows of a list or of a page, as a table.
fn csv(told: &Value) -> Result<String, &'static str> {
    const NO_TABLE: &str = "It is no table.";
    let rows: Vec<&Map<String, Value>> = told["items"]
        .as_array()
        .or(told.as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .collect();
    let names: Vec<String> = rows.first().ok_or(NO_TABLE)?.keys().cloned().collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.values().map(text).collect()).collect();
    table(&names, &cells).map_err(|_| NO_TABLE)
}

struct Sampler {
    definitions: Map<String, Value>,
    /// Texts so far: the next is told apart by its number.
    strings: usize,
}

impl Sampler {
    fn of(&mut self, told: &Value, depth: usize) -> Value {
        let Some(deeper) = depth.checked_sub(1) else { return Value::Null };
        if let Some(name) = told["$ref"].as_str().and_then(|place| place.strip_prefix(DEFINITIONS)) {
            let definition = self.definitions.get(name).cloned().unwrap_or_default();
            return self.of(&definition, deeper);
        }
        let given = ["examples", "enum"].iter().find_map(|key| told[*key].get(0));
        if let Some(given) = given {
            return given.clone();
        }
        if let Some(first) = told["oneOf"].get(0) {
            return self.of(first, deeper);
        }
        self.typed(told, deeper)
    }

    fn typed(&mut self, told: &Value, depth: usize) -> Value {
        let name = told["type"].as_str().or_else(|| told["type"].get(0)?.as_str());
        match name {
            Some("object") => self.object(told, depth),
            Some("array") => Value::Array(vec![self.of(&told["items"], depth)]),
            Some("string") => {
                self.strings += 1;
                format!("sample string {}", self.strings).into()
            }
            Some("integer") => 1.into(),
            Some("number") => 1.5.into(),
            Some("boolean") => true.into(),
            _ => Value::Null,
        }
    }

    fn object(&mut self, told: &Value, depth: usize) -> Value {
        let properties = told["properties"].as_object();
        let members = properties.into_iter().flatten();
        Value::Object(members.map(|(name, member)| (name.clone(), self.of(member, depth))).collect())
    }
}

#[cfg(test)]
mod tests;
