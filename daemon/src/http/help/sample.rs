//! Samples made of schemas, as a Web API's help pages make theirs of types (REFERENCE D9).

use serde_json::{Map, Value};

use crate::http::endpoint::Schema;
use crate::http::endpoint::schema::DEFINITIONS;
use crate::http::openapi::schemas;

/// Deeper than any definition of ours; a definition that held itself would end here.
const MAX_DEPTH: usize = 12;

/// A body of that schema in that media type, for people. `None` where there is no sample.
pub(super) fn text(schema: Schema, media: &str) -> Option<String> {
    let value = Sampler { definitions: schemas(), strings: 0 }.of(&schema.definition(), MAX_DEPTH);
    match media {
        "application/json" | "text/json" | "application/problem+json" => Some(format!("{value:#}")),
        "text/event-stream" => value.as_str().map(str::to_owned),
        _ => None,
    }
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use quire_protocol::shapes::model::read;

    #[test]
    fn the_sample_of_a_model_is_a_model_without_a_fault() {
        let text = text(Schema::Model, "application/json").unwrap();
        let model = read(serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(model.item_errors, []);
        assert!(model.items.len() >= 8, "one of each kind: {}", model.items.len());
        assert!(text.contains("\"SyncIsRemoved\": false"));
    }

    #[test]
    fn what_has_no_sample_says_so() {
        assert_eq!(text(Schema::Model, "application/xml"), None);
        assert_eq!(text(Schema::Text, "text/html"), None);
    }

    #[test]
    fn a_definition_that_holds_itself_ends() {
        let mut definitions = Map::new();
        definitions.insert("Self".to_owned(), serde_json::json!({ "$ref": format!("{DEFINITIONS}Self") }));
        let told = definitions["Self"].clone();
        assert_eq!(Sampler { definitions, strings: 0 }.of(&told, MAX_DEPTH), Value::Null);
    }
}
