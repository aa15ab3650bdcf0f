#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn item(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn finds(search: &str, value: Value) -> bool {
    Search::parse(search).unwrap().matches(&item(value))
}

#[test]
fn the_documented_forms_are_read() {
    for (search, found, missed) in [
        (r#""name=*Test*""#, "my test list", "my list"),
        ("name='Foo'", "foo", "Foo 2"),
        ("name=Foo", "FOO", "F"),
        (" NAME = 'Foo' ", "Foo", "'Foo'"),
        (r#""name=My*weekly*list""#, "My weekly list", "My weekly"),
        ("name!=Foo*", "Bar", "Foo 2"),
        ("name!='Foo'", "Foo 2", "foo"),
        ("name=*", "", "-"),
        ("name=''", "", "a"),
        ("name>b", "c", "B"),
        ("name='it''s'", "it''s", "it's"),
    ] {
        assert!(finds(search, json!({ "name": found })), "{search} {found}");
        assert!(missed == "-" || !finds(search, json!({ "name": missed })), "{search} {missed}");
    }
}

#[test]
fn numbers_and_dates_compare_as_what_they_are() {
    let made = json!({"createdAt": "2025-06-30T22:00:00.0000000Z", "count": 9, "done": true, "code": "010"});
    for search in [
        "createdAt<2025-07-01",
        "createdAt<'2025-06-30 23:00:00'",
        "createdAt>=2025-06-30T22:00:00Z",
        "createdAt=2025-06-30T22:00:00Z",
        "createdAt=2025-06-30*",
        "createdat!=2025-06-30",
        "count<10",
        "count>=9.0",
        "code=10",
        "done=True",
        "missing!=1",
    ] {
        assert!(finds(search, made.clone()), "{search}");
    }
    for search in ["createdAt>2025-07-01", "count>10", "missing=*", "missing<1", "done=1", "count=ten"] {
        assert!(!finds(search, made.clone()), "{search}");
    }
}

#[test]
fn what_is_not_a_value_is_not_there() {
    for value in [json!(null), json!({"a": 1}), json!([1])] {
        assert!(!finds("fields=*", json!({ "fields": value })));
        assert!(finds("fields!=x", json!({ "fields": value })));
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let long = format!("name={}", "a".repeat(MAX_SEARCH));
    for (text, error) in [
        ("", SearchError::NoMember),
        ("=x", SearchError::NoMember),
        ("*", SearchError::NoMember),
        ("name", SearchError::NoOperator),
        ("name ! x", SearchError::NoOperator),
        ("\"name\"=x", SearchError::NoMember),
        (&long, SearchError::TooLong),
    ] {
        assert_eq!(Search::parse(text).unwrap_err(), error, "{text}");
    }
    for (text, error) in [
        ("", SearchError::NoMember),
        ("name UP", SearchError::NoDirection),
        ("name DESC, id", SearchError::NoDirection),
        (&long, SearchError::TooLong),
    ] {
        assert_eq!(Order::parse(text).unwrap_err(), error, "{text}");
    }
}

fn sorted(order: &str, values: &[Value]) -> Vec<Value> {
    let mut items: Vec<_> =
        values.iter().enumerate().map(|(at, value)| item(json!({"V": value, "at": at}))).collect();
    Order::parse(order).unwrap().sort(&mut items);
    items.into_iter().map(|item| item["at"].clone()).collect()
}

#[test]
fn items_are_sorted_and_stay_where_they_are_alike() {
    let values =
        [json!("b"), json!("10"), json!(null), json!("B"), json!(9), json!("2025-01-01"), json!("a")];
    assert_eq!(sorted("v", &values), [2, 4, 1, 5, 6, 0, 3]);
    assert_eq!(sorted("v asc", &values), [2, 4, 1, 5, 6, 0, 3]);
    assert_eq!(sorted(" V  DESC ", &values), [0, 3, 6, 5, 1, 4, 2]);
    assert_eq!(sorted("other desc", &values), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_pattern_of_many_parts_is_no_trap() {
    let search = format!("name={}b", "a*".repeat(2000));
    let search = Search::parse(&search).unwrap();
    assert!(!search.matches(&item(json!({"name": "a".repeat(1_000_000)}))));
}

/// What `*` means, tried in every way.
fn slow(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|at| slow(rest, &text[at..])),
        [c, rest @ ..] => text.first() == Some(c) && slow(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn patterns_match_what_they_should(start in "[ab]{0,2}", end in "[ab*]{0,6}", text in "[ab]{0,8}") {
        let pattern = format!("{start}*{end}");
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(Pattern::new(&pattern).matches(&text), slow(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn random_text_never_panics(text in any::<String>(), values in prop::collection::vec("[0-9a:. -]{0,6}", 0..40)) {
        let mut items: Vec<_> = values.iter().map(|value| item(json!({ "a": value }))).collect();
        for text in [text.clone(), format!("a<{text}"), format!("a=*{text}")] {
            if let Ok(search) = Search::parse(&text) {
                prop_assert!(items.iter().filter(|item| search.matches(item)).count() <= 40);
            }
        }
        let _ = Order::parse(&text);
        Order::parse("a desc").unwrap().sort(&mut items);
    }
}
