#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn form(text: &str) -> Value {
    read(text).unwrap()
}

#[test]
fn simple_members_are_texts() {
    assert_eq!(
        form("tenantId=3fa85f64-5717-4562-b3fc-2c963f66afa6&options=a+b"),
        json!({"tenantId": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "options": "a b"})
    );
    for nothing in ["", "&", "&&", "=", "=v&[]=v&.=v"] {
        assert_eq!(form(nothing), json!({}), "{nothing:?}");
    }
    assert_eq!(form("a&b=&c=d=e"), json!({"a": "", "b": "", "c": "d=e"}));
}

#[test]
fn plus_and_percent_are_decoded() {
    for (text, expected) in [
        ("%41%2b%26%3D", "A+&="),
        ("a+b%20c", "a b c"),
        ("%C3%A4%f0%9f%98%80ä", "ä😀ä"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%zz%+1", "%zz% 1"),
        ("%%41", "%A"),
        ("%é1", "%é1"),
        ("%ff", "\u{FFFD}"),
        ("%C3", "\u{FFFD}"),
        ("%00", "\0"),
        ("%u00e4", "%u00e4"),
    ] {
        assert_eq!(form(&format!("v={text}")), json!({"v": expected}), "{text}");
    }
    assert_eq!(form("nodes%5B0%5D%5Btitle%5D=x"), json!({"nodes": [{"title": "x"}]}));
}

#[test]
fn dots_and_brackets_are_the_same() {
    let expected = json!({"x": {"field": "1", "other": {"deep": "2"}}});
    assert_eq!(form("x[field]=1&x[other][deep]=2"), expected);
    assert_eq!(form("x.field=1&x.other.deep=2"), expected);
    assert_eq!(
        form("X.field=1&x[Other].deep=2&x[other][DEEP]=3").to_string(),
        r#"{"X":{"field":"1","Other":{"deep":["2","3"]}}}"#
    );
    assert_eq!(form("Ä.a=1&ä.b=2"), json!({"Ä": {"a": "1", "b": "2"}}));
}

#[test]
fn repeated_names_are_lists() {
    assert_eq!(form("a=1&b=x&A=2"), json!({"a": ["1", "2"], "b": "x"}));
    assert_eq!(form("nodeIds[]=1"), json!({"nodeIds": ["1"]}));
    assert_eq!(form("nodeIds[]=1&nodeIds[]=2"), json!({"nodeIds": ["1", "2"]}));
    assert_eq!(form("nodeIds[0]=1"), json!({"nodeIds": ["1"]}));
}

#[test]
fn numbers_make_lists_without_gaps() {
    assert_eq!(
        form("nodes[1].title=b&nodes[0].title=a&nodes[0].Type=t"),
        json!({"nodes": [{"title": "a", "Type": "t"}, {"title": "b"}]})
    );
    assert_eq!(form("a[18446744073709551615]=z&a[7]=y&a[007]=x"), json!({"a": [["y", "x"], "z"]}));
    assert_eq!(form("a.index=0&a.index=5&a[5]=y&a[0]=x"), json!({"a": ["x", "y"]}));
    assert_eq!(form("a.index=0"), json!({"a": {"index": "0"}}));
    assert_eq!(form("[1].a=y&[0].a=x"), json!([{"a": "x"}, {"a": "y"}]));
    assert_eq!(form("m[1][0]=c&m[0][1]=b&m[0][0]=a"), json!({"m": [["a", "b"], ["c"]]}));
}

#[test]
fn dictionaries_come_in_the_form_of_mvc() {
    assert_eq!(
        form("props[0].Key=a&props[0].Value=b&props[1].value=d&props[1].key=C"),
        json!({"props": {"a": "b", "C": "d"}})
    );
    assert_eq!(
        form("refs[0].Key=home&refs[0].Value.Type=t&refs[0].Value.Id=1"),
        json!({"refs": {"home": {"Type": "t", "Id": "1"}}})
    );
    assert_eq!(form("p[0].Key=a&p[0].Value=1&p[1].Key=a&p[1].Value=2"), json!({"p": {"a": "2"}}));
    assert_eq!(form("p[0].Key=&p[0].Value="), json!({"p": {"": ""}}));
}

#[test]
fn what_is_not_quite_a_dictionary_stays_a_list() {
    for (text, expected) in [
        ("p[0].Key=a", json!([{"Key": "a"}])),
        ("p[0].Key=a&p[0].Value=b&p[0].x=c", json!([{"Key": "a", "Value": "b", "x": "c"}])),
        ("p[0].Key=a&p[0].Value=b&p[1]=c", json!([{"Key": "a", "Value": "b"}, "c"])),
        ("p[0].Key.x=a&p[0].Value=b", json!([{"Key": {"x": "a"}, "Value": "b"}])),
    ] {
        assert_eq!(form(text), json!({"p": expected}), "{text}");
    }
}

#[test]
fn dictionaries_may_be_written_by_their_keys_too() {
    let expected = json!({"props": {"color": "red", "size.x": "1"}});
    assert_eq!(form("props[color]=red&props[size.x]=1"), expected);
    assert_eq!(form("props.color=red&props[size.x]=1"), expected);
    assert_eq!(form("props[5]=a&props[color]=red").to_string(), r#"{"props":{"5":"a","color":"red"}}"#);
}

#[test]
fn a_nested_value_wins_over_a_text() {
    assert_eq!(form("x=1&x.y=2"), json!({"x": {"y": "2"}}));
    assert_eq!(form("x[0]=2&x=1"), json!({"x": ["2"]}));
}

#[test]
fn bounds_are_kept() {
    let keys = |count: usize| (0..count).map(|n| format!("k{n}=&")).collect::<String>();
    assert_eq!(form(&keys(MAX_KEYS)).as_object().unwrap().len(), MAX_KEYS);
    assert_eq!(read(&keys(MAX_KEYS + 1)), Err(FormError::TooManyKeys));
    assert_eq!(read(&"a=1&".repeat(MAX_KEYS + 1)), Err(FormError::TooManyKeys));
    assert!(read(&format!("a{}=1", "[0]".repeat(MAX_DEPTH - 1))).is_ok());
    let deep = read(&format!("a{}=1", "[b]".repeat(MAX_DEPTH))).unwrap_err();
    assert!(deep.to_string().starts_with("The key 'a[b][b]") && deep.to_string().len() < 120, "{deep}");
    assert_eq!(
        read("nodes[0=1").unwrap_err().to_string(),
        "The key is invalid JQuery syntax because it is missing a closing bracket. Key 'nodes[0'."
    );
}

#[test]
fn the_greatest_form_is_a_small_tree() {
    let names = |n: usize| format!("k{n}{}=v&", "[0]".repeat(MAX_DEPTH - 1));
    let text: String = (0..MAX_KEYS).map(names).collect();
    assert_eq!(form(&text).as_object().unwrap().len(), MAX_KEYS);
    let long = "n".repeat(10_000);
    let text: String = (0..MAX_KEYS).map(|n| format!("{long}{n}={long}&")).collect();
    assert_eq!(form(&text).as_object().unwrap().len(), MAX_KEYS);
}

/// How a client writes a tree: members after dots or in brackets, entries of lists by number.
fn encode(name: &str, value: &Value, brackets: bool, pairs: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(member, value)| {
            let name = match (name, brackets) {
                ("", _) => member.clone(),
                (_, true) => format!("{name}[{member}]"),
                (_, false) => format!("{name}.{member}"),
            };
            encode(&name, value, brackets, pairs);
        }),
        Value::Array(items) => (0..).zip(items).for_each(|(at, item): (usize, _)| {
            encode(&format!("{name}[{at}]"), item, brackets, pairs);
        }),
        text => pairs.push(format!("{}={}", percent(name), percent(text.as_str().unwrap()))),
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02x}") })
        .collect()
}

fn any_tree() -> impl Strategy<Value = Value> {
    let members = |inner| {
        prop::collection::btree_map("[a-z_][a-z0-9_ ]{0,4}", inner, 1..5)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    };
    let leaf = any::<String>().prop_map(Value::from);
    let inner = leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 1..5).prop_map(Value::from), members(inner)]
    });
    prop::collection::btree_map("[a-z_][a-z0-9_ ]{0,4}", inner, 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn trees_come_back(tree in any_tree(), brackets in any::<bool>()) {
        let mut pairs = Vec::new();
        encode("", &tree, brackets, &mut pairs);
        prop_assert_eq!(read(&pairs.join("&")).unwrap(), tree);
    }

    #[test]
    fn dictionaries_come_back(entries in prop::collection::btree_map(any::<String>(), any::<String>(), 1..20)) {
        let pair = |(at, (key, value)): (usize, (&String, &String))| {
            format!("p[{at}].Key={}&p%5b{at}%5d.Value={}", percent(key), percent(value))
        };
        let text: Vec<String> = entries.iter().enumerate().map(pair).collect();
        prop_assert_eq!(read(&text.join("&")).unwrap(), json!({"p": entries}));
    }

    #[test]
    fn any_text_is_taken(text in ".*", names in r"([\[\].&=+%a0-9é]|Key|Value|index){0,60}") {
        for text in [&text, &names] {
            if let Ok(value) = read(text) {
                prop_assert!(value.to_string().len() <= 16 * text.len() + 16);
            }
        }
    }
}
