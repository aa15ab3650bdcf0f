//! Values of `props` between JSON and their XML types.

use super::*;

#[test]
fn values_are_written_with_their_type() {
    let x = r#"xmlns:d4p1="http://www.w3.org/2001/XMLSchema""#;
    let typed = |ty: &str, text: &str| format!(r#"<d2p1:Value {x} i:type="d4p1:{ty}">{text}</d2p1:Value>"#);
    for (value, xml) in [
        (json!("a<b>&\"'"), typed("string", "a&lt;b&gt;&amp;\"'")),
        (json!(""), typed("string", "")),
        (
            json!("a\r\n\t\u{1}\u{1f}\u{7f}\u{fffe}😀"),
            typed("string", "a&#xD;\n\t&#x1;&#x1F;\u{7f}&#xFFFE;😀"),
        ),
        (json!(true), typed("boolean", "true")),
        (json!(-5), typed("int", "-5")),
        (json!(2_147_483_648_i64), typed("long", "2147483648")),
        (json!(u64::MAX), typed("unsignedLong", "18446744073709551615")),
        (json!(1.5), typed("double", "1.5")),
        (json!(5.0), typed("double", "5")),
        (json!(-0.0), typed("double", "-0")),
        (json!(1e21), typed("double", "1E+21")),
        (json!(null), r#"<d2p1:Value i:nil="true" />"#.to_owned()),
        (json!({}), "<d2p1:Value />".to_owned()),
        (json!([1, {"a": null}]), typed("string", r#"[1,{"a":null}]"#)),
        (json!({"a": {}}), typed("string", r#"{"a":{}}"#)),
    ] {
        assert_eq!(written_prop(value.clone()), xml, "{value}");
    }
}

#[test]
fn values_are_read_by_their_type() {
    for (ty, text, value) in [
        ("x:string", " a ", json!(" a ")),
        ("x:string", "", json!("")),
        ("x:int", " 5 ", json!(5)),
        ("x:int", "+5", json!(5)),
        ("x:long", "-9223372036854775808", json!(i64::MIN)),
        ("x:short", "7", json!(7)),
        ("x:byte", "-1", json!(-1)),
        ("x:unsignedByte", "255", json!(255)),
        ("x:unsignedShort", "1", json!(1)),
        ("x:unsignedInt", "4294967295", json!(4_294_967_295_u32)),
        ("x:unsignedLong", "18446744073709551615", json!(u64::MAX)),
        ("x:long", "99999999999999999999", json!("99999999999999999999")),
        ("x:decimal", "1.50", json!(1.5)),
        ("x:decimal", "5", json!(5)),
        ("x:decimal", "-.5", json!(-0.5)),
        ("x:decimal", "0.1", json!(0.1)),
        ("x:decimal", "0.12345678901234567890", json!("0.12345678901234567890")),
        ("x:decimal", "79228162514264337593543950335", json!("79228162514264337593543950335")),
        ("x:double", "1.5E-7", json!(1.5e-7)),
        ("x:double", "-INF", json!("-INF")),
        ("x:float", "NaN", json!("NaN")),
        ("x:boolean", "1", json!(true)),
        ("x:dateTime", "2026-01-21T16:24:10.79443160+00:00", json!("2026-01-21T16:24:10.79443160+00:00")),
        ("x:anyURI", "http://a/", json!("http://a/")),
        ("x:base64Binary", "AAEC", json!("AAEC")),
        ("s:guid", "{BACDCEB0-D7FA-4FD8-A478-579D39407032}", json!(TENANT)),
        ("s:duration", "PT1H", json!("PT1H")),
        ("s:char", "65", json!("A")),
        ("x:anyType", "", json!({})),
        ("x:anyType", "a", json!("a")),
    ] {
        assert_eq!(prop(&format!("i:type='{ty}'"), text), Ok(value), "{ty} {text}");
    }
    assert_eq!(prop("i:nil='true'", ""), Ok(json!(null)));
    assert_eq!(prop("", "\n"), Ok(json!({})));
}

#[test]
fn a_value_that_is_not_of_its_type_is_an_error() {
    for (ty, text) in [
        ("x:int", "5.0"),
        ("x:int", ""),
        ("x:int", "-"),
        ("x:decimal", "."),
        ("x:decimal", "1e5"),
        ("x:double", "inf"),
        ("x:double", "nan"),
        ("x:boolean", "True"),
        ("s:guid", "x"),
        ("s:char", "55357"),
        ("a:ArrayOfanyType", ""),
        ("x:nothing", "x"),
        ("string", "x"),
    ] {
        let error = prop(&format!("i:type='{ty}'"), text).unwrap_err();
        assert!(error.to_string().ends_with("Path 'props['k']'."), "{ty} {text}: {error}");
    }
    assert!(prop("", "<x:a/>").is_err());
}
