#![allow(clippy::unwrap_used)]
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Value {
    parse(text.as_bytes()).unwrap()
}

fn refusal(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn takes_what_json_net_takes() {
    assert_eq!(read("\u{FEFF}{}"), json!({}));
    assert_eq!(
        read("/*a*/{ // b\n a : 1, /* c */ 'b':'x\"', \"c\":[1,2,],}"),
        json!({"a":1,"b":"x\"","c":[1,2]})
    );
    assert_eq!(read("[1] and more"), json!([1]));
    assert_eq!(read("[.5, -.5, 5., 1.50,]"), json!([0.5, -0.5, 5.0, 1.5]));
    assert_eq!(read("'a\nb\\'\\/'"), json!("a\nb'/"));
    assert_eq!(read("{$a_1:true,//\r\nb:null}"), json!({"$a_1":true,"b":null}));
    for nothing in ["", " \n", "\u{FEFF}", "// no", "/**/"] {
        assert_eq!(read(nothing), Value::Null, "{nothing:?}");
    }
}

#[test]
fn of_duplicates_the_last_wins_in_the_place_of_the_first() {
    for text in [r#"{"a":1,"b":2,"a":3}"#, "{a:1,b:2,a:3}"] {
        assert_eq!(serde_json::to_string(&read(text)).unwrap(), r#"{"a":3,"b":2}"#);
    }
}

#[test]
fn surrogates_pair_or_become_the_replacement() {
    assert_eq!(read(r#""\ud83d\ude00""#), json!("😀"));
    assert_eq!(read(r#"'\ud83d\ude00'"#), json!("😀"));
    assert_eq!(read(r#""a\ud800b""#), json!("a\u{FFFD}b"));
    assert_eq!(read(r#""\udc00\ud800""#), json!("\u{FFFD}\u{FFFD}"));
    assert_eq!(read(r#""\ud800\u0041""#), json!("\u{FFFD}A"));
}

#[test]
fn refusals_name_place_and_reason() {
    assert_eq!(
        refusal(r#"{"Markings":[{"note""#),
        "Unexpected end when reading JSON. Path 'Markings[0].note', line 1, position 20."
    );
    assert_eq!(
        refusal("[1,\n \"ü\" x]"),
        "After parsing a value an unexpected character was encountered: x. Path '', line 2, position 5."
    );
    assert!(refusal(r#"{"a.b":}"#).contains("Path '['a.b']', line 1, position 7."));
    assert!(refusal("{\"a\":\"b").starts_with("Unterminated string."));
    assert!(refusal("[\r\n\r\n?").contains("line 3, position 0"));
}

#[test]
fn refuses_what_no_value_of_ours_can_hold() {
    for text in
        ["1e400", "NaN", "-Infinity", "undefined", "{,}", "[,]", "[1,,2]", "0x10", "012", "--1", "1-", "."]
    {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    for text in
        ["'\\u12", "'\\u12é'", "'\\u+123'", "'\\x'", "/*", "/", "{a", "{a:", "{:1}", "{a 1}", "[1}", "'\\"]
    {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(parse(b"[\"\xFF\"]"), Err(JsonError::Encoding { charset: "utf-8", at: 2 }));
    assert!(parse(b"{} \xFF").is_err());
}

#[test]
fn nests_to_the_limit_and_no_deeper() {
    let nested = |depth| [vec![b'['; depth], vec![b']'; depth]].concat();
    for depth in [1, 120, 127, 128, 255, MAX_DEPTH] {
        assert!(parse(&nested(depth)).is_ok(), "{depth}");
    }
    for depth in [MAX_DEPTH + 1, 10_000] {
        let error = parse(&nested(depth)).unwrap_err().to_string();
        assert!(error.starts_with("The reader's MaxDepth of 256 has been exceeded."), "{error}");
    }
    assert!(parse("{\"a\":".repeat(MAX_DEPTH + 1).as_bytes()).is_err());
}

#[test]
fn hostile_input_costs_linear_time() {
    let started = Instant::now();
    assert!(parse(&vec![b'['; 100_000]).is_err());
    assert_eq!(read(&format!("{{{}}}", "a:1,".repeat(1_000_000))), json!({"a":1}));
    assert_eq!(read(&format!("{}1", "/**/".repeat(1_000_000))), json!(1));
    assert!(parse(format!("'{}", "\\ud800".repeat(500_000)).as_bytes()).is_err());
    assert!(parse(format!("[{}", "\r".repeat(1_000_000)).as_bytes()).is_err());
    assert!(parse(format!("{}x", "{a:".repeat(200)).as_bytes()).is_err());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn long_names_do_not_grow_the_path() {
    let name = "n".repeat(10_000);
    let error = refusal(&format!("{{{name}:{{{name}:{{{name}:?"));
    assert!(error.len() < 400, "{}", error.len());
}

#[test]
fn decodes_by_charset_and_mark() {
    let le: Vec<u8> = "\u{FEFF}{'ä':😀}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = "\u{FEFF}{'ä':😀}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, charset) in [
        (&le, Some("utf-16")),
        (&be, Some("UTF-16")),
        (&le, None),
        (&be, None),
        (&le, Some("utf-16LE")),
        (&be, Some("\"utf-16be\"")),
    ] {
        assert_eq!(decode(bytes, charset).unwrap(), "{'ä':😀}", "{charset:?}");
    }
    assert_eq!(decode(&le[2..], Some("utf-16")).unwrap(), "{'ä':😀}");
    assert_eq!(decode("\u{FEFF}é".as_bytes(), Some("utf-8")).unwrap(), "é");
    assert_eq!(decode(b"a", Some("klingon")).unwrap(), "a");
    assert!(decode(&[0xE9], None).is_err());
    assert!(decode(&le[..5], Some("utf-16")).is_err());
    assert!(decode(&[0x00, 0xD8], Some("utf-16")).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn lenient_equals_strict_on_written_json(value in any_json(), depth in 0..100_usize) {
        let text = format!("{}{value}{}", "[".repeat(depth), "]".repeat(depth));
        let strict: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(lenient::read(&text).unwrap().to_string(), strict.to_string());
    }

    #[test]
    fn lenient_equals_strict_wherever_strict_reads(text in r#"[\[\]{}:,"\\0-9eE+.\-a-fu \n]{0,24}"#) {
        if let Ok(strict) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(lenient::read(&text), Ok(strict));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), text in r#"[\[\]{}:,'"\\/*ud8c0 é]{0,40}"#) {
        let _ = parse(&bytes);
        let _ = parse(text.as_bytes());
        let _ = decode(&bytes, Some("utf-16"));
    }
}
