#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::shapes::bulk::field::{Field, fields, resolve};
use crate::shapes::bulk::object::Object;

fn read(object: Object, text: &str) -> Result<Filter, FilterError> {
    let fields: Vec<Field> = fields(object);
    Filter::parse(text, &|statement| resolve(object, &fields, statement))
}

fn passes(text: &str, record: Value) -> bool {
    read(Object::Activities, text).unwrap().matches(record.as_object().unwrap())
}

fn fault(text: &str) -> (usize, String) {
    let error = read(Object::Activities, text).unwrap_err();
    (error.position, error.message)
}

#[test]
fn filters_of_clients_are_read() {
    let reading = json!({
        "Activity.Type": "Reading", "Activity.CreatedAt": "2017-03-01T10:00:00.5", "note": "It's", "bookID": 10,
    });
    for text in [
        "'{{Activity.Type}}' = 'Reading' AND '{{Activity.CreatedAt}}' >= '2017-01-01 00:00:00'",
        " '{{Activity.Type}}' = 'reading' AND '{{Activity.CreatedAt}}' >= '2017-01-01 00:00:00' AND \
         '{{Activity.CreatedAt}}' <= '2017-03-01 10:00:01' ",
        "'{{Activity.Type}}'='READING'and(not'{{Activity.Field(bookID)}}'<'9')",
        "'{{Activity.Field(note)}}' = 'it''s'",
        "'{{Activity.Field(note)}}' ~ '%''S'",
        "'{{Activity.Field(color)}}' = ''",
        "NOT '{{Activity.Field(color)}}' != ''AND'{{ activity . field ( BOOKID ) }}' = '10.0'",
        "'{{Activity.Visitor.Id}}' = '' OR '{{Activity.Type}}' = 'x'",
        "NOT NOT (('{{Activity.Type}}' = 'Reading'))",
    ] {
        assert!(passes(text, reading.clone()), "{text}");
    }
}

#[test]
fn not_binds_before_and_and_and_before_or() {
    let truth = |text: &str| {
        let text = text.replace('t', "'{{Activity.Id}}' = '1'").replace('f', "'{{Activity.Id}}' = '2'");
        passes(&text, json!({"Activity.Id": 1}))
    };
    for text in ["t OR t AND f", "NOT f OR t AND f", "NOT f AND t", "(f OR t) AND t", "f AND f OR t"] {
        assert!(truth(text), "{text}");
    }
    for text in ["(t OR t) AND f", "NOT t AND f OR f", "NOT (f OR t)", "NOT NOT f"] {
        assert!(!truth(text), "{text}");
    }
}

#[test]
fn values_compare_by_the_type_of_the_field() {
    let record = json!({
        "bookID": 10, "Timestamp": "2025-03-13T22:00:00+02:00", "note": "10", "SyncIsRemoved": true, "type": null,
    });
    for text in [
        "'{{Activity.Field(bookID)}}' > '9'",
        "'{{Activity.Field(note)}}' < '9'",
        "'{{Activity.Field(Timestamp)}}' = '2025-03-13T20:00:00Z'",
        "'{{Activity.Field(Timestamp)}}' < '2025-03-13 20:00:01'",
        "'{{Activity.Field(SyncIsRemoved)}}' = 'True'",
        "'{{Activity.Field(type)}}' = ''",
        "'{{Activity.Field(type)}}' != '1'",
        "'{{Activity.Field(bookID)}}' != 'ten'",
    ] {
        assert!(passes(text, record.clone()), "{text}");
    }
    for text in [
        "'{{Activity.Field(type)}}' < '1'",
        "'{{Activity.Field(type)}}' >= '0'",
        "'{{Activity.Field(bookID)}}' > 'ten'",
        "'{{Activity.Field(Timestamp)}}' > 'yesterday'",
    ] {
        assert!(!passes(text, record.clone()), "{text}");
    }
    let seven = Object::CustomObject(7);
    let filter = read(seven, "'{{CustomObject[7].Field(size)}}' > '9'").unwrap();
    assert!(filter.matches(json!({"props.size": 10}).as_object().unwrap()));
    assert!(!filter.matches(json!({"props.size": "10"}).as_object().unwrap()));
}

#[test]
fn errors_have_their_place() {
    let statement = "Must have a statement in single quotes here";
    let value = "Must have a value in single quotes here";
    let words = "Must be AND, OR, NOT, EXISTS, STATUS or a text in single quotes";
    for (text, position, message) in [
        ("", 0, statement),
        ("   ", 3, statement),
        ("'é' = 'x'", 0, "Must be a statement such as {{Marking.Field(note)}}"),
        ("'{{Activity.Id}}' = 5", 20, "Must not have this character here"),
        ("'{{Activity.Id}}' = x", 20, words),
        ("'{{Activity.Id}}' = 'é' AND ", 28, statement),
        ("'{{Activity.Id}}' = 'é' 'x'", 24, "Must have AND, OR or the end of the filter here"),
        ("'{{Activity.Id}}'", 17, "Must have one of = != > < >= <= ~ here"),
        ("'{{Activity.Id}}' =", 19, value),
        ("('{{Activity.Id}}' = ''", 23, "Must have a closing parenthesis here"),
        ("'{{Activity.Id}}' = 'x", 20, "Must have a quote at the end of this text"),
        (" '{{Activity.Nothing}}' = 'x'", 1, "Must reference an existing field"),
        ("NOT EXISTS ( '{{ContactList[1]}}' ) AND", 4, "Must reference an existing object"),
        ("EXISTS('{{ContactList[1]}}'", 27, "Must have a closing parenthesis here"),
        ("STATUS('{{X}}') = 'pending'", 0, "Must reference service instance within a workflow"),
        ("STATUS('{{X}}')", 15, "Must have one of = != > < >= <= ~ here"),
        ("'{{ContactList[5]}}' = '1'", 0, "Must reference an existing object"),
    ] {
        assert_eq!(fault(text), (position, message.to_owned()), "{text}");
    }
}

#[test]
fn filters_are_bounded() {
    let term = "'{{Activity.Id}}'=''";
    let nested = |depth: usize| format!("{}{term}{}", "(".repeat(depth), ")".repeat(depth));
    assert!(read(Object::Activities, &nested(MAX_DEPTH)).is_ok());
    assert_eq!(fault(&nested(MAX_DEPTH + 1)).0, MAX_DEPTH);
    assert!(read(Object::Activities, &format!("{}{term}", "NOT ".repeat(10_000))).is_ok());
    let many = |count: usize| vec![term; count].join(" OR ");
    assert!(read(Object::Activities, &many(MAX_TERMS)).is_ok());
    assert!(fault(&many(MAX_TERMS + 1)).1.contains("1000"));
    assert_eq!(fault(&"(".repeat(MAX_FILTER)).0, MAX_DEPTH);
    assert_eq!(fault(&" ".repeat(MAX_FILTER + 1)).0, 0);
}

#[derive(Clone, Debug)]
enum Tree {
    Is(u8, String),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

impl Tree {
    fn printed(&self) -> String {
        let join = |parts: &[Tree], word: &str| {
            let parts: Vec<_> = parts.iter().map(|part| format!("({})", part.printed())).collect();
            parts.join(word)
        };
        match self {
            Tree::Is(at, value) => {
                format!("'{{{{CustomObject[7].Field(k{at})}}}}' = '{}'", value.replace('\'', "''"))
            }
            Tree::Not(part) => format!("nOt({})", part.printed()),
            Tree::All(parts) => join(parts, " aNd "),
            Tree::Any(parts) => join(parts, "OR"),
        }
    }

    fn holds(&self, record: &Map<String, Value>) -> bool {
        match self {
            Tree::Is(at, value) => record[&format!("props.k{at}")] == value.as_str(),
            Tree::Not(part) => !part.holds(record),
            Tree::All(parts) => parts.iter().all(|part| part.holds(record)),
            Tree::Any(parts) => parts.iter().any(|part| part.holds(record)),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = (0..3_u8, "['a\\\\{é]{0,2}").prop_map(|(at, value)| Tree::Is(at, value));
    leaf.prop_recursive(5, 40, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.prop_map(|part| Tree::Not(Box::new(part))),
            parts.clone().prop_map(Tree::All),
            parts.prop_map(Tree::Any),
        ]
    })
}

proptest! {
    #[test]
    fn a_printed_filter_says_the_same(
        tree in trees(),
        records in prop::collection::vec(prop::collection::vec("['a\\\\{é]{0,2}", 3), 1..20),
    ) {
        let filter = read(Object::CustomObject(7), &tree.printed()).unwrap();
        for values in records {
            let record: Map<_, _> =
                values.into_iter().enumerate().map(|(at, value)| (format!("props.k{at}"), value.into())).collect();
            prop_assert_eq!(filter.matches(&record), tree.holds(&record));
        }
    }

    #[test]
    fn random_text_never_panics(text in "('| |\\(|\\)|=|<|~|AND|OR|NOT|EXISTS|\\{\\{Activity.Id\\}\\}|é|%|_|\\[){0,30}|.*") {
        match read(Object::Activities, &text) {
            Ok(filter) => prop_assert!([true, false].contains(&filter.matches(&Map::new()))),
            Err(error) => prop_assert!(error.position <= text.chars().count()),
        }
    }
}
