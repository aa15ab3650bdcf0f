//! The e-reader's shapes without namespaces.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::domain::Kind;
use crate::shapes::model;
use crate::shapes::xml::escape::decoded_name;

const REQUEST: &str = include_str!("../../../../../tests/fixtures/shapes/synchronize.request.json");
const RESPONSE: &str = include_str!("../../../../../tests/fixtures/shapes/synchronize.response.json");

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The elements of a document that the writer made, as JSON would have them, each with its name.
fn names(xml: &str) -> Vec<&str> {
    let tags = xml.split('<').skip(1).filter(|tag| !tag.starts_with('/'));
    tags.map(|tag| tag.split(['>', ' ']).next().unwrap()).collect()
}

#[test]
fn the_documented_request_reads_as_its_json() {
    let value = sample(REQUEST);
    let xml = plain::write(plain::MODEL, &value);
    assert_eq!(model::read(plain::read_model(&xml).unwrap()), model::read(value));
}

#[test]
fn any_order_namespace_and_prefix_is_read() {
    let xml = "<?xml version='1.0'?><p:SynchronizationModel xmlns:p='urn:x' xmlns='urn:y' \
               xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><p:Unknown><a/></p:Unknown>\
               <LastSyncTimestamp>2025-03-13</LastSyncTimestamp><ApplicationType>Desktop</ApplicationType>\
               <markings><x><note> a </note><SyncIsRemoved>1</SyncIsRemoved><bookID> 4 </bookID>\
               <type i:nil='true'/><note>b</note></x></markings><Books i:nil='true'/>\
               <Account><Password>x</Password><AccountId>3</AccountId></Account></p:SynchronizationModel>";
    let read = plain::read_model(xml).unwrap();
    assert_eq!(
        read,
        json!({
            "LastSyncTimestamp": "2025-03-13", "ApplicationType": "Desktop",
            "Markings": [{"note": " a ", "SyncIsRemoved": true, "bookID": 4, "type": null}],
            "Books": null, "Account": {"AccountId": 3},
        })
    );
    assert_eq!(model::read(read).unwrap().item_errors, []);
}

#[test]
fn the_documented_answer_is_written_with_its_names_in_order() {
    let xml = plain::write(plain::RESULT, &sample(RESPONSE));
    assert!(
        xml.starts_with("<ApiResult xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><Errors>"),
        "{xml}"
    );
    assert!(xml.contains(
        "</ServerDateTime></Result><IsSuccess>false</IsSuccess><StatusCode>100</StatusCode></ApiResult>"
    ));
    let names = names(&xml);
    for kind in Kind::MODEL {
        let at = names.iter().position(|name| *name == kind.collection()).unwrap();
        let single = matches!(kind, Kind::Account | Kind::Popup);
        let first = if single { at + 1 } else { at + 2 };
        assert!(single || names[at + 1] == kind.class(), "{}", names[at + 1]);
        let mut members = kind.members().iter().map(|member| member.name).peekable();
        for name in names[first..].iter().filter(|name| kind.member(name).is_some_and(|m| m.name == **name)) {
            if members.peek() == Some(name) {
                members.next();
            }
        }
        assert_eq!(members.next(), None);
    }
}

#[test]
fn an_answer_of_the_codec_is_written() {
    let answer = model::Answer {
        errors: vec!["Markings[0]: <bad>".to_owned()],
        markings: vec![members(json!({"note": "a\r\n\u{1}", "bookID": 5}))],
        ..model::Answer::default()
    };
    let xml = plain::write(plain::RESULT, &serde_json::from_slice(&model::write(&answer)).unwrap());
    assert!(xml.contains("<Messages><string>Markings[0]: &lt;bad&gt;</string></Messages>"), "{xml}");
    assert!(xml.contains("<Markings><position><id i:nil=\"true\" />"));
    assert!(xml.contains("<note>a&#xD;\n&#x1;</note>"));
    assert!(xml.contains("<Books /><PopupSettings i:nil=\"true\" />"));
}

#[test]
fn positions_are_read_alone_and_in_lists() {
    let marking = sample(REQUEST)["Markings"][0].clone();
    let one = plain::write("position", &marking);
    assert!(one.starts_with("<position xmlns:i="));
    assert_eq!(plain::read_items(Kind::Marking, &one), Ok(marking.clone()));
    let both = json!([marking, {"note": "x"}]);
    let result = plain::write(plain::RESULT, &json!({ "Result": [{ "note": "x" }] }));
    assert!(result.contains("<Result><position><note>x</note></position></Result>"), "{result}");
    let many = plain::write("ArrayOfposition", &both);
    assert_eq!(plain::read_items(Kind::Marking, &many), Ok(both));
    for root in ["Position", "ArrayOfbook", "x"] {
        let error = plain::read_items(Kind::Marking, &plain::write(root, &json!({}))).unwrap_err();
        assert!(matches!(error, XmlError::Root { .. }));
    }
    assert!(plain::read_model(&one).is_err());
    assert!(plain::read_items(Kind::Marking, "<!DOCTYPE a><position/>").is_err());
    assert_eq!(
        plain::read_items(Kind::Marking, "<position><note><b/></note></position>").unwrap_err().to_string(),
        "Text expected. Found element 'b'. Path 'note'."
    );
}

#[test]
fn categories_keep_names_that_are_none_in_xml() {
    let book = json!({"categories": [{"id": 1, "a b": "x", "1": null, "_x0020_": "y", "": "z"}, {}]});
    let xml = plain::write("book", &json!({"categories": [{"id": 1, "a b": [1], "_x0020_": "y"}]}));
    assert!(
        xml.contains(
            "<category><id>1</id><a_x0020_b>[1]</a_x0020_b><_x005F_x0020_>y</_x005F_x0020_></category>"
        ),
        "{xml}"
    );
    let back = plain::read_items(Kind::Book, &plain::write("book", &book));
    let mut named = book;
    named["categories"][0].as_object_mut().unwrap().shift_remove("");
    assert_eq!(back, Ok(named));
}

proptest! {
    #[test]
    fn names_come_back(text in "\\PC{0,8}|[_x0-9A-F ]{0,12}") {
        let name = encoded_name(&text);
        prop_assert_eq!(decoded_name(&name), text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[<>/&;!a-c=':\\-]{0,30}") {
        let _ = plain::read_model(&format!("<SynchronizationModel>{text}</SynchronizationModel>"));
        let _ = plain::read_items(Kind::Book, &format!("<book><categories>{text}</categories></book>"));
    }

    #[test]
    fn any_note_comes_back(note in any::<String>(), removed in any::<bool>(), index in any::<i32>()) {
        let marking = json!({"note": note, "SyncIsRemoved": removed, "CharIndexStart": index, "color": null});
        prop_assert_eq!(plain::read_items(Kind::Marking, &plain::write("position", &marking)), Ok(marking));
    }
}
