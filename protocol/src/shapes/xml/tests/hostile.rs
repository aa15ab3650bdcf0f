//! Anything may arrive: it is read or refused, quickly, and what is written is read back.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Far more than linear work on these inputs takes, far less than anything worse would.
const QUICK: Duration = Duration::from_secs(5);

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(|c| c.to_string()),
        (0_u32..0x20).prop_map(|c| char::from_u32(c).unwrap().to_string()),
        proptest::sample::select(vec![
            "]]>", "\"", "'", "<a>", "</", "&amp;", "&#x1;", "\r\n", "\r", " ", "\t", "😀", "\u{FFFF}",
            "\u{85}", "\u{2028}", "\u{FEFF}", "{}", "<!--",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        hostile_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((hostile_text(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn any_node() -> impl Strategy<Value = Members> {
    let props = proptest::collection::vec((hostile_text(), json_value()), 0..5);
    let refs = proptest::collection::vec((hostile_text(), hostile_text()), 0..3);
    (hostile_text(), props, refs, any::<i64>()).prop_map(|(title, props, refs, cyan_id)| {
        let refs: Members = refs.into_iter().map(|(key, ty)| (key, json!({"type": ty}))).collect();
        let props: Members = props.into_iter().collect();
        members(json!({"title": title, "props": props, "refs": refs, "cyanId": cyan_id, "tenantId": TENANT}))
    })
}

/// What XML can say of a value: arrays and objects but `{}` are their JSON text.
fn as_in_xml(value: &Value) -> Value {
    match value {
        Value::Array(_) => Value::from(value.to_string()),
        Value::Object(members) if !members.is_empty() => Value::from(value.to_string()),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn any_node_comes_back_from_xml(node in any_node()) {
        let xml = write(&NODE, &node);
        let back = read(&NODE, &xml).unwrap();
        let props: Members = node["props"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), as_in_xml(v))).collect();
        prop_assert_eq!(&back["props"], &Value::Object(props));
        for name in ["title", "cyanId", "tenantId"] {
            prop_assert_eq!(&back[name], &node[name]);
        }
        for (key, value) in node["refs"].as_object().unwrap() {
            prop_assert_eq!(&back["refs"][key]["type"], &value["type"]);
        }
        prop_assert_eq!(&read_list(&NODE, &write_list(&NODE, &[node])).unwrap()[0], &back);
    }

    #[test]
    fn any_node_comes_back_from_json(node in any_node()) {
        let mut back = contract::json::read(&NODE, contract::json::write(&NODE, &node)).unwrap();
        back.retain(|name, _| node.contains_key(name));
        prop_assert_eq!(back["props"].to_string(), node["props"].to_string());
        for (key, value) in node["refs"].as_object().unwrap() {
            prop_assert_eq!(&back["refs"][key]["type"], &value["type"]);
        }
        prop_assert_eq!(&back["title"], &node["title"]);
    }

    #[test]
    fn any_text_is_read_or_refused(text in hostile_text(), inside in "[<>/&;!\\-\\[\\]?a-cA-D:='\" #x0-9]{0,40}") {
        let _ = read(&NODE, &text);
        let _ = node(&text);
        let _ = node(&inside);
        let _ = prop(&inside, &text);
        let _ = prop("i:type='x:decimal'", &inside);
        let _ = read_list(&NODE, &inside);
    }

    #[test]
    fn a_damaged_document_is_read_or_refused(node in any_node(), cut in any::<proptest::sample::Index>(), with in "[<>/&;!\\-a:='\"]{0,3}") {
        let xml = write(&NODE, &node);
        let mut at = cut.index(xml.len());
        while !xml.is_char_boundary(at) { at -= 1; }
        let _ = read(&NODE, &format!("{}{with}{}", &xml[..at], &xml[at..]));
        let _ = read(&NODE, &xml[..at]);
    }
}

#[test]
fn bombs_are_refused_quickly() {
    let start = Instant::now();
    let laughs: String =
        (0..100).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n + 1).repeat(10))).collect();
    assert_eq!(read(&NODE, &format!("<!DOCTYPE a [{laughs}]><a>&l0;</a>")), Err(XmlError::Dtd));
    assert_eq!(node(&"<a>".repeat(100_000)), Err(XmlError::Depth));
    assert_eq!(
        prop("", &"<a>".repeat(100_000)).unwrap_err().to_string(),
        "Text expected. Found element 'a'. Path 'props['k']'."
    );
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    assert!(node(&format!("<Title{attributes}/>")).is_err());
    let namespaces: String = (0..100_000).map(|n| format!(" xmlns:a{n}='u'")).collect();
    assert!(node(&format!("<Title{namespaces}/>")).is_err());
    for piece in ["&", "<", "<!", "<![CDATA[", "<!--", "<?", "]]>", "<a b='", "<!DOCTYPE", "&a;", "&#x", "</"]
    {
        assert!(node(&piece.repeat(200_000)).is_err(), "{piece}");
        assert!(read(&NODE, &piece.repeat(200_000)).is_err(), "{piece}");
    }
    assert!(start.elapsed() < QUICK, "{:?}", start.elapsed());
}

#[test]
fn much_of_what_is_harmless_is_read_quickly() {
    let start = Instant::now();
    for piece in ["<a/>", "<a b='c'/>", "<!-- a -->", "<?a?>", " ", "<a></a>", "<x:a xmlns:x='u'/>"] {
        assert_eq!(node(&piece.repeat(100_000)), Ok(Members::new()), "{piece}");
    }
    for piece in ["&amp;", "&#x1;", "<![CDATA[a]]>", "a<!-- b -->", "\r\n"] {
        assert!(node(&format!("<Title>{}</Title>", piece.repeat(100_000))).is_ok(), "{piece}");
    }
    assert!(start.elapsed() < QUICK, "{:?}", start.elapsed());
}

#[test]
fn text_that_is_too_long_is_refused() {
    let long = "a".repeat(crate::shapes::coerce::MAX_VALUE + 1);
    assert!(
        node(&format!("<Title>{long}</Title>")).unwrap_err().to_string().starts_with("The value is longer")
    );
    assert!(prop("i:type='x:string'", &long).is_err());
    assert!(node(&format!("<Nothing>{long}</Nothing>")).is_ok());
}

#[test]
fn the_depth_that_is_allowed_is_read() {
    let nested = |depth: usize| node(&format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)));
    assert_eq!(nested(MAX_DEPTH - 1), Ok(Members::new()));
    assert_eq!(nested(MAX_DEPTH), Err(XmlError::Depth));
}
