#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::Kind;

fn member(name: &str) -> &'static Member {
    Kind::MODEL.into_iter().find_map(|kind| kind.member(name)).unwrap()
}

fn takes(name: &str, from: Value, to: Value) {
    assert_eq!(coerce(member(name), from.clone()), Ok(to), "{name} from {from}");
}

fn refuses(name: &str, value: Value) -> String {
    coerce(member(name), value.clone()).expect_err(&format!("{name} from {value}")).message("Markings[0]")
}

#[test]
fn text_takes_numbers_and_booleans() {
    let cases = [
        (json!("x"), "x"),
        (json!(""), ""),
        (json!(5), "5"),
        (json!(true), "True"),
        (json!(false), "False"),
        (json!(1.50), "1.5"),
        (json!(1.0), "1"),
        (json!(-0.0), "0"),
        (json!(1e21), "1E+21"),
        (json!(1.5e-7), "1.5E-07"),
        (json!(1e14), "100000000000000"),
        (json!(0.0001), "0.0001"),
        (json!(u64::MAX), "18446744073709551615"),
    ];
    for (from, to) in cases {
        takes("content", from, json!(to));
    }
    takes("content", Value::Null, Value::Null);
    assert_eq!(
        refuses("note", json!({})),
        "Error reading string. Unexpected token: StartObject. Path 'Markings[0].note'."
    );
    assert_eq!(
        refuses("note", json!([])),
        "Error reading string. Unexpected token: StartArray. Path 'Markings[0].note'."
    );
}

#[test]
fn whole_numbers_take_their_text_and_keep_their_range() {
    takes("type", json!("5"), json!(5));
    takes("type", json!(-3), json!(-3));
    takes("type", json!(""), Value::Null);
    takes("bookID", json!(i32::MAX), json!(i32::MAX));
    takes("PageView", json!(255), json!(255));
    for value in [
        json!(5.0),
        json!("5.0"),
        json!(2_147_483_648_i64),
        json!(u64::MAX),
        json!(true),
        json!("x"),
        json!([1]),
    ] {
        refuses("type", value);
    }
    for value in [Value::Null, json!("")] {
        refuses("bookID", value);
    }
    assert_eq!(
        refuses("PageView", json!(256)),
        "Error converting value 256 to type 'System.Byte'. Path 'Markings[0].PageView'."
    );
    refuses("PageView", json!(-1));
}

#[test]
fn booleans_take_their_text_and_0_and_1() {
    for (from, to) in [
        (json!("TRUE"), true),
        (json!("false"), false),
        (json!(0), false),
        (json!(1), true),
        (json!(true), true),
    ] {
        takes("SyncIsRemoved", from, json!(to));
    }
    for value in [json!("1"), json!(2), json!(1.0), json!(""), Value::Null, json!([])] {
        refuses("SyncIsRemoved", value);
    }
}

#[test]
fn guids_take_every_form_and_become_one() {
    let canonical = "538b23c8-1b20-4bd3-a44e-53ae4a8bdc12";
    let upper = canonical.to_uppercase();
    let bare = upper.replace('-', "");
    for form in [
        canonical.to_owned(),
        upper.clone(),
        bare.clone(),
        format!("{{{upper}}}"),
        format!("({upper})"),
        format!(" {bare} "),
    ] {
        takes("syncGuid", json!(form), json!(canonical));
    }
    takes("groupId", json!(""), Value::Null);
    takes("groupId", Value::Null, Value::Null);
    for value in [
        json!(5),
        json!(format!("{{{upper})")),
        json!(format!("{{{bare}}}")),
        json!("é".repeat(18)),
        json!(&upper[1..]),
    ] {
        refuses("syncGuid", value);
    }
    assert_eq!(
        refuses("syncGuid", json!("nope")),
        "Error converting value \"nope\" to type 'System.Guid'. Path 'Markings[0].syncGuid'."
    );
}

#[test]
fn dates_stay_as_written() {
    for text in ["2025-03-13T20:04:43.9577025-04:00", "/Date(5)/", "2025-01-01", "03/14/2025 00:04:43"] {
        takes("Timestamp", json!(text), json!(text));
    }
    takes("Timestamp", Value::Null, Value::Null);
    takes("lastHistoryActivityDate", json!(""), Value::Null);
    for value in [json!(5), json!("yesterday"), json!("2025-02-30"), json!({})] {
        refuses("Timestamp", value);
    }
}

#[test]
fn categories_are_a_list_of_objects() {
    takes("categories", json!([{"id":1,"x":[null]}]), json!([{"id":1,"x":[null]}]));
    takes("categories", Value::Null, Value::Null);
    for value in [json!({}), json!("x"), json!([1])] {
        refuses("categories", value);
    }
}

#[test]
fn secrets_always_fit_and_never_stay() {
    for name in ["Password", "PasswordHash", "SecurityStamp"] {
        for value in [json!("hunter2"), json!({"a":1}), json!(5), Value::Null] {
            takes(name, value, Value::Null);
        }
    }
}

#[test]
fn values_are_bounded_and_messages_too() {
    takes("content", json!("x".repeat(MAX_VALUE)), json!("x".repeat(MAX_VALUE)));
    assert!(refuses("content", json!("x".repeat(MAX_VALUE + 1))).starts_with("The value is longer"));
    let message = refuses("syncGuid", json!("\u{1}".repeat(1_000)));
    assert!(message.chars().count() <= MAX_MESSAGE, "{message}");
    assert!(refuses("syncGuid", json!("n".repeat(1_000))).ends_with("Path 'Markings[0].syncGuid'."));
}

proptest! {
    #[test]
    fn nothing_panics_and_a_taken_value_is_taken_again(
        text in any::<String>(),
        near in "[-0-9a-fA-F{}() .eE:/TZ]{0,40}",
        int in any::<i64>(),
        float in any::<f64>(),
    ) {
        let values = [json!(text), json!(near), json!(int), json!(float), json!([text]), json!({near: int}), Value::Null];
        for member in Kind::MODEL.into_iter().flat_map(Kind::members) {
            for value in &values {
                if let Ok(taken) = coerce(member, value.clone()) {
                    prop_assert_eq!(coerce(member, taken.clone()), Ok(taken));
                }
            }
        }
    }

    #[test]
    fn numbers_become_text_that_reads_as_the_same_number(float in any::<f64>()) {
        if let Value::Number(number) = json!(float) {
            prop_assert_eq!(number_text(&number).parse::<f64>().unwrap(), float);
        }
    }
}
