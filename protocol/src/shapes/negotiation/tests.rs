#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

fn get(accept: &str) -> &'static str {
    negotiate(Some(accept), None, None, None).media_type.as_str()
}

fn charset(accept: Option<&str>, content_type: Option<&str>) -> &'static str {
    negotiate(None, accept, content_type, None).charset.as_str()
}

#[test]
fn what_a_reader_accepts_decides() {
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/json"),
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        (BROWSER, "application/xml"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html", "application/json"),
        ("image/*, text/csv;q=0.1", "application/json"),
        ("APPLICATION/XML; Q=0.3", "application/xml"),
        ("text/xml; charset=iso-8859-1; level=\"1,2\"", "text/xml"),
    ] {
        assert_eq!(get(accept), expected, "{accept}");
    }
    assert_eq!(negotiate(None, None, None, None).content_type(), "application/json; charset=utf-8");
}

#[test]
fn the_greater_quality_wins_and_0_excludes_its_entry() {
    for (accept, expected) in [
        ("application/json;q=0.5, application/xml;q=0.6", "application/xml"),
        ("application/xml;q=0.5, */*;q=0.6", "application/json"),
        ("application/xml;q=0.5, text/*;q=0.6", "text/json"),
        ("text/xml;q=0.2, application/xml;q=0.1", "text/xml"),
        ("application/json;q=0, application/xml", "application/xml"),
        ("application/json;q=0.000, application/xml;q=0.001", "application/xml"),
        ("application/json;q=0", "application/json"),
        ("application/json;q=0, */*", "application/json"),
        ("application/json;q=0, */*;q=0.1, text/xml;q=0.2", "text/xml"),
        ("application/json;q=0.123, application/xml;q=0.124", "application/xml"),
    ] {
        assert_eq!(get(accept), expected, "{accept}");
    }
}

#[test]
fn of_equal_qualities_the_narrower_wins_then_json() {
    for (accept, expected) in [
        ("*/*, application/xml", "application/xml"),
        ("*/*, text/*", "text/json"),
        ("text/*, application/xml", "application/xml"),
        ("application/xml, application/json", "application/json"),
        ("text/xml, text/json", "text/json"),
        ("text/xml, application/xml", "text/xml"),
        ("application/xml, text/json, */*", "text/json"),
        ("application/xml;q=0.5, */*;q=0.5", "application/xml"),
    ] {
        assert_eq!(get(accept), expected, "{accept}");
    }
}

#[test]
fn malformed_entries_are_left_out_and_malformed_qualities_are_none() {
    for (accept, expected) in [
        ("nonsense, text/xml", "text/xml"),
        ("text/html, image/gif, *; q=.2, */*; q=.2", "application/json"),
        ("application/json;q=0.9, text/xml;q=high", "text/xml"),
        ("application/json;q=5, application/xml", "application/json"),
        ("application/json;q=-1, application/xml", "application/json"),
        (",,;, ", "application/json"),
        ("text/xml;", "text/xml"),
    ] {
        assert_eq!(get(accept), expected, "{accept}");
    }
}

#[test]
fn the_form_of_the_request_answers_where_accept_does_not() {
    let post = |accept, body| negotiate(accept, None, Some(body), None).media_type.as_str();
    for (accept, body, expected) in [
        (None, "application/xml", "application/xml"),
        (None, "Text/XML; charset=utf-8", "text/xml"),
        (None, "text/json", "text/json"),
        (None, "application/x-www-form-urlencoded", "application/json"),
        (None, "nonsense", "application/json"),
        (Some("text/html"), "application/xml", "application/xml"),
        (Some("text/html, application/json;q=0"), "application/xml", "application/xml"),
        (Some("*/*"), "application/xml", "application/json"),
        (Some("application/json;q=0.1"), "application/xml", "application/json"),
        (Some(BROWSER), "application/json", "application/xml"),
    ] {
        assert_eq!(post(accept, body), expected, "{accept:?} {body}");
    }
}

#[test]
fn a_script_that_accepts_anything_gets_json() {
    let script =
        |accept, body| negotiate(accept, None, body, Some("com.app, xmlHttpRequest")).media_type.as_str();
    let xml = Some("application/xml");
    assert_eq!(script(None, xml), "application/json");
    assert_eq!(script(Some("*/*; q=0.5"), xml), "application/json");
    assert_eq!(script(Some("*/*;q=0"), xml), "application/json");
    assert_eq!(script(xml, None), "application/xml");
    assert_eq!(script(Some("text/*"), None), "text/json");
    assert_eq!(script(Some("text/test, */*; q=0.5"), xml), "application/json");
    assert_eq!(script(Some("text/test"), xml), "application/xml");
    assert_eq!(negotiate(None, None, xml, Some("me")).media_type, MediaType::ApplicationXml);
}

#[test]
fn charsets_come_from_accept_charset_then_from_the_request() {
    for (accept, body, expected) in [
        (None, None, "utf-8"),
        (Some("UTF-16"), None, "utf-16"),
        (Some("utf-8;q=0.5, utf-16"), None, "utf-16"),
        (Some("utf-16, utf-8"), None, "utf-16"),
        (Some("utf-16;q=0"), None, "utf-8"),
        (Some("*, utf-16"), None, "utf-16"),
        (Some("*;q=0.9, utf-16;q=0.8"), None, "utf-8"),
        (Some("iso-8859-1"), None, "utf-8"),
        (None, Some("application/xml; charset=\"UTF-16\""), "utf-16"),
        (None, Some("text/plain; charset=utf-16"), "utf-16"),
        (None, Some("application/xml; charset=utf-16be"), "utf-8"),
        (Some("iso-8859-1"), Some("application/json;charset=utf-16"), "utf-16"),
        (Some("utf-8"), Some("application/json;charset=utf-16"), "utf-8"),
    ] {
        assert_eq!(charset(accept, body), expected, "{accept:?} {body:?}");
    }
}

#[test]
fn utf_16_is_little_endian_with_a_mark() {
    let answer = negotiate(Some("text/xml"), Some("utf-16"), None, None);
    assert_eq!(answer.content_type(), "text/xml; charset=utf-16");
    assert_eq!(answer.encode("a😀".to_owned()), [0xFF, 0xFE, 0x61, 0, 0x3D, 0xD8, 0, 0xDE]);
    let plain = negotiate(None, None, None, None);
    assert_eq!(plain.encode("ä".to_owned()), [0xC3, 0xA4]);
}

#[test]
fn entries_beyond_the_bound_are_not_there() {
    let long = format!("{}text/xml", "image/png,".repeat(100_000));
    assert_eq!(get(&long), "application/json");
}

proptest! {
    #[test]
    fn any_header_has_an_answer(
        accept in proptest::option::of(r#"([a-zA-Z*]{0,4}[/;,=." \\q0-9é*]){0,20}"#),
        other in ".*",
        body in proptest::option::of(".*"),
    ) {
        let answer = negotiate(accept.as_deref(), Some(&other), body.as_deref(), Some(&other));
        prop_assert!(answer.content_type().contains("; charset=utf-"));
    }

    #[test]
    fn what_is_encoded_is_decoded(text in "<.*") {
        for charset in ["utf-8", "utf-16"] {
            let answer = negotiate(None, Some(charset), None, None);
            let bytes = answer.encode(text.clone());
            prop_assert_eq!(crate::shapes::json::decode(&bytes, Some(charset)).unwrap(), text.as_str());
        }
    }
}
