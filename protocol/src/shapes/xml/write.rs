//! The writer: members of the base class first, then by element name; prefixes named by depth, as .NET names them.

use serde_json::Value;

use super::super::contract::{Contract, Field, Form, Members};
use super::any::typed;
use super::escape::push_text;
use super::{ANY_ENTRY, ARRAYS, INSTANCE, NAMESPACE_HASH, SCHEMA};

/// The object as a document: no declaration, no indentation, every member; an absent one as null or its default.
pub fn write(contract: &Contract, members: &Members) -> String {
    let mut writer = Writer::new(contract.namespace);
    writer.root(contract.name, |writer| writer.members(contract, members));
    writer.out
}

/// A list of objects as a document, its root `ArrayOf…` in the namespace of the class.
pub fn write_list(contract: &Contract, items: &[Members]) -> String {
    let mut writer = Writer::new(contract.namespace);
    writer.root(&format!("ArrayOf{}", contract.name), |writer| {
        for item in items {
            writer.element(contract.namespace, contract.name, |writer| writer.members(contract, item));
        }
    });
    writer.out
}

pub(super) struct Writer {
    pub(super) out: String,
    /// Open elements.
    depth: usize,
    /// The namespaces in scope with their prefixes, innermost last; the default one has an empty prefix.
    scope: Vec<(&'static str, String)>,
    /// Whether the start tag of the innermost element is still open for attributes.
    in_tag: bool,
}

impl Writer {
    pub(super) fn new(namespace: &'static str) -> Writer {
        Writer { out: String::new(), depth: 0, scope: vec![(namespace, String::new())], in_tag: false }
    }

    pub(super) fn root(&mut self, name: &str, content: impl FnOnce(&mut Writer)) {
        let namespace = self.scope[0].0;
        self.element(namespace, name, |writer| {
            writer.attribute("xmlns:i", INSTANCE);
            if !namespace.is_empty() {
                writer.attribute("xmlns", namespace);
            }
            content(writer);
        });
    }

    /// One element; empty content closes it at once, an empty text does not.
    pub(super) fn element(&mut self, namespace: &str, name: &str, content: impl FnOnce(&mut Writer)) {
        self.close_tag();
        let prefix = self.scope.iter().rev().find(|(known, _)| *known == namespace);
        let prefix = prefix.map_or(String::new(), |(_, prefix)| prefix.clone());
        let colon = if prefix.is_empty() { "" } else { ":" };
        self.out.extend(["<", &prefix, colon, name]);
        self.in_tag = true;
        self.depth += 1;
        let declared = self.scope.len();
        content(self);
        self.scope.truncate(declared);
        self.depth -= 1;
        if self.in_tag {
            self.out.push_str(" />");
            self.in_tag = false;
        } else {
            self.out.extend(["</", &prefix, colon, name, ">"]);
        }
    }

    /// Declares a namespace at the open element unless it is in scope.
    fn declare(&mut self, namespace: &'static str) -> String {
        if let Some((_, prefix)) = self.scope.iter().rev().find(|(known, _)| *known == namespace) {
            return prefix.clone();
        }
        let prefix = format!("d{}p1", self.depth);
        self.attribute(&format!("xmlns:{prefix}"), namespace);
        self.scope.push((namespace, prefix.clone()));
        prefix
    }

    /// An attribute whose value needs no escaping.
    fn attribute(&mut self, name: &str, value: &str) {
        self.out.extend([" ", name, "=\"", value, "\""]);
    }

    pub(super) fn nil(&mut self) {
        self.attribute("i:nil", "true");
    }

    pub(super) fn text(&mut self, text: &str) {
        self.close_tag();
        push_text(&mut self.out, text);
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.out.push('>');
            self.in_tag = false;
        }
    }

    fn members(&mut self, contract: &Contract, members: &Members) {
        for field in contract.in_xml_order() {
            let blank;
            let value = match members.get(field.name) {
                Some(value) if !value.is_null() => value,
                _ => {
                    blank = field.blank();
                    &blank
                }
            };
            self.element(contract.namespace, field.element, |writer| writer.value(field, value));
        }
    }

    fn value(&mut self, field: &Field, value: &Value) {
        match (field.form, value) {
            (_, Value::Null) => self.nil(),
            (Form::AnyMap, Value::Object(entries)) => {
                self.entries(ANY_ENTRY, entries, Writer::any);
            }
            (Form::Map(of), Value::Object(entries)) => {
                let name = format!("KeyValueOfstring{}{NAMESPACE_HASH}", of.name);
                self.entries(&name, entries, |writer, value| writer.object(of, value));
            }
            (Form::Object(of), value) => self.object(of, value),
            (Form::Guids, Value::Array(items)) => {
                self.declare(ARRAYS);
                for item in items {
                    self.element(ARRAYS, "guid", |writer| writer.scalar(item));
                }
            }
            (Form::List(of), Value::Array(items)) => {
                self.declare(of.namespace);
                for item in items {
                    self.element(of.namespace, of.name, |writer| writer.object(of, item));
                }
            }
            (_, value) => self.scalar(value),
        }
    }

    fn object(&mut self, of: &Contract, value: &Value) {
        match value {
            Value::Object(members) => {
                self.declare(of.namespace);
                self.members(of, members);
            }
            _ => self.nil(),
        }
    }

    fn entries(&mut self, name: &str, entries: &Members, content: impl Fn(&mut Writer, &Value)) {
        self.declare(ARRAYS);
        for (key, value) in entries {
            self.element(ARRAYS, name, |writer| {
                writer.element(ARRAYS, "Key", |writer| writer.text(key));
                writer.element(ARRAYS, "Value", |writer| content(writer, value));
            });
        }
    }

    fn scalar(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            other => self.text(&other.to_string()),
        }
    }

    /// A value of `props`, which says its type; an empty object is .NET's `new object()`, which has none.
    fn any(&mut self, value: &Value) {
        match typed(value) {
            None if value.is_null() => self.nil(),
            None => {}
            Some((ty, text)) => {
                let prefix = self.declare(SCHEMA);
                self.attribute("i:type", &format!("{prefix}:{ty}"));
                self.text(&text);
            }
        }
    }
}
