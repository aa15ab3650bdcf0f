//! Items as apps really send them: without a guid, twice, broken, for several accounts, many at once.

use super::SPACE;
use quire_tests::app::{App, everything, marking_in, success};
use quire_tests::process::Daemon;
use quire_tests::sample::{With, guid, marking};
use serde_json::{Value, json};

#[test]
fn an_item_without_a_guid_is_given_one_and_found_again_by_its_row_number() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let fresh = marking("").without("syncGuid").with("note", "no guid yet");

    let result = app.sync(&desk, &[fresh]);

    let given = &result["Markings"][0];
    let guid = given["syncGuid"].as_str().expect("the answer tells the guid").to_owned();
    let id = given["id"].as_i64().expect("the answer tells the row number");
    assert_eq!(given["note"], "no guid yet");

    app.sync(&desk, &[json!({ "id": id, "AccountId": 3, "color": "red" })]);
    assert_eq!(desk.markings(3).len(), 1);
    assert_eq!(desk.marking(&guid).unwrap()["color"], "red");
}

#[test]
fn a_row_number_that_was_never_given_is_a_new_item() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    app.sync(&desk, &[marking(&guid())]);
    app.sync(&desk, &[marking("").without("syncGuid").with("id", 987_654)]);
    assert_eq!(desk.markings(3).len(), 2);
}

#[test]
fn of_an_item_twice_in_one_request_the_last_counts() {
    let desk = Daemon::named("desk");
    let guid = guid();
    let twice = [marking(&guid).with("color", "first"), marking(&guid).with("color", "last")];
    App::new(3, 1).sync(&desk, &twice);
    assert_eq!(desk.markings(3).len(), 1);
    assert_eq!(desk.marking(&guid).unwrap()["color"], "last");
    assert!(desk.conflicts().is_empty());
}

#[test]
fn a_guid_is_one_in_any_notation() {
    let desk = Daemon::named("desk");
    let guid = guid();
    let mut app = App::new(3, 1);
    app.sync(&desk, &[marking(&guid)]);
    for notation in [guid.to_uppercase(), format!("{{{guid}}}"), guid.replace('-', "")] {
        app.sync(&desk, &[marking(&notation).with("color", notation.as_str())]);
        assert_eq!(desk.marking(&guid).unwrap()["color"], notation.as_str());
    }
    assert_eq!(desk.markings(3).len(), 1);
}

#[test]
fn a_bad_item_is_named_and_every_other_one_is_stored() {
    let desk = Daemon::named("desk");
    let app = App::new(3, 1);
    let mut markings: Vec<Value> = (0..100).map(|_| marking(&guid())).collect();
    markings[41]["CharIndexStart"] = json!("not a number");
    markings[42]["syncGuid"] = json!("nope");

    let answer = desk.synchronize(&app.request(&markings));

    assert_eq!((&answer["IsSuccess"], &answer["StatusCode"]), (&json!(false), &json!(400)));
    let messages = answer["Errors"]["Messages"].as_array().expect("messages");
    assert_eq!(answer["Errors"]["ErrorsNumber"], messages.len());
    assert_eq!(messages.len(), 2);
    let text = answer["Errors"]["MessagesString"].as_str().expect("joined messages");
    for word in ["Markings[41]", "CharIndexStart", "Markings[42]", "syncGuid"] {
        assert!(text.contains(word), "{word} is not named in {text}");
    }
    let stored = desk.markings(3);
    assert_eq!(stored.len(), 98);
    for (at, marking) in markings.iter().enumerate().filter(|(at, _)| ![41, 42].contains(at)) {
        assert!(stored.iter().any(|other| other["syncGuid"] == marking["syncGuid"]), "item {at} is missing");
    }
}

#[test]
fn bad_items_do_not_keep_the_cursor_from_counting() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let good = guid();
    let answer = desk.synchronize(&app.request(&[marking(&good), marking(&guid()).with("type", "x")]));
    app.cursor = answer["Result"]["CurrentSyncTimestamp"].as_str().map(str::to_owned);
    assert!(app.cursor.is_some());
    assert!(marking_in(&app.pull(&desk), &good).is_none(), "the app already has the good one");
}

#[test]
fn one_request_may_speak_for_several_accounts() {
    let desk = Daemon::named("desk");
    let (third, fourth, own) = (guid(), guid(), guid());
    let markings = [
        marking(&third).with("AccountId", 3),
        marking(&fourth).with("AccountId", 4),
        marking(&own).with("AccountId", 0),
    ];
    let request = App::new(5, 1).request(&markings);
    let result = success(desk.synchronize(&request));
    let at = |account: i64, guid: &str| marking_in(&everything(&desk, account), guid).is_some();
    for (account, there) in [(3, &third), (4, &fourth), (5, &own)] {
        assert!(at(account, there), "account {account}");
        let elsewhere = [&third, &fourth, &own].into_iter().filter(|guid| *guid != there);
        for stranger in elsewhere {
            assert!(!at(account, stranger), "an item of another account at {account}");
        }
    }

    // The answer covers all three: what another app added to the fourth account is told.
    let added = guid();
    App::new(4, 2).sync(&desk, &[marking(&added).with("AccountId", 4)]);
    let cursor = quire_tests::app::cursor(&result);
    let result = success(desk.synchronize(&request.with("LastSyncTimestamp", cursor)));
    assert!(marking_in(&result, &added).is_some());
    assert!(marking_in(&result, &third).is_none());
}

#[test]
fn an_account_that_a_cursor_does_not_cover_is_told_whole() {
    let desk = Daemon::named("desk");
    let (third, fourth) = (guid(), guid());
    App::new(4, 2).sync(&desk, &[marking(&fourth).with("AccountId", 4)]);
    let mut app = App::new(3, 1);
    app.sync(&desk, &[marking(&third)]);

    let touching_both = app.request(&[marking(&guid()).with("AccountId", 4)]);
    let result = app.sync_with(&desk, &touching_both);

    assert!(marking_in(&result, &fourth).is_some(), "the account new to this app is told whole");
    assert!(marking_in(&result, &third).is_none());
}

#[test]
fn requests_at_the_same_time_are_all_taken() {
    let desk = Daemon::named("desk");
    let guids: Vec<String> = (0..32).map(|_| guid()).collect();
    std::thread::scope(|scope| {
        for (application, half) in guids.chunks(8).enumerate() {
            let desk = &desk;
            scope.spawn(move || {
                let mut client = desk.client();
                for guid in half {
                    let body = App::new(3, application as i64).request(&[marking(guid)]).to_string();
                    let headers = [("Content-Type", "application/json")];
                    let path = quire_tests::process::SYNCHRONIZE;
                    let answer = client.request("POST", path, &headers, Some(body.as_bytes()));
                    success(answer.expect("an answer").expect(200).json());
                }
            });
        }
    });
    assert_eq!(desk.markings(3).len(), guids.len());
}

#[test]
fn dates_come_back_with_the_same_digits() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    for date in
        ["2025-03-13T20:04:43.9577025-04:00", "2025-03-13T20:04:43Z", "0001-01-01T00:00:00", "2024-02-29"]
    {
        let guid = guid();
        app.sync(&desk, &[marking(&guid).with("Timestamp", date)]);
        let there = everything(&desk, 3);
        assert_eq!(marking_in(&there, &guid).expect("the marking")["Timestamp"], date);
    }
}

#[test]
fn unknown_members_and_other_cases_are_read_as_the_original_read_them() {
    let desk = Daemon::named("desk");
    let guid = guid();
    let item = json!({ "SYNCGUID": guid, "accountid": "3", "NOTE": 5, "surprise": { "deep": [1, 2] } });
    App::new(3, 1).sync(&desk, &[item]);
    assert_eq!(desk.marking(&guid).unwrap()["note"], "5");
    assert!(desk.clock(SPACE).is_some());
}
