//! The documented samples, byte for byte.

use super::*;

const TOKEN_JSON: &str = include_str!("../../../../../tests/fixtures/shapes/sync-token.json");
const TOKEN_XML: &str = include_str!("../../../../../tests/fixtures/shapes/sync-token.xml");
const DELETE_JSON: &str = include_str!("../../../../../tests/fixtures/shapes/put-data-delete.json");
const DELETE_XML: &str = include_str!("../../../../../tests/fixtures/shapes/put-data-delete.xml");

/// Indents by two spaces as help pages do: an element that holds elements gets a line for each.
fn indented(xml: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0);
    let mut after_text = false;
    for piece in xml.split_inclusive('>') {
        let (text, tag) = piece.split_at(piece.find('<').unwrap());
        out.push_str(text);
        let is_end = tag.starts_with("</");
        depth -= usize::from(is_end);
        if !(is_end && (after_text || !text.is_empty())) && !out.is_empty() {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        out.push_str(tag);
        depth += usize::from(!is_end && !tag.ends_with("/>"));
        after_text = false;
    }
    out
}

fn both_ways(contract: &Contract, json: &str, xml: &str) {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let from_json = contract::json::read(contract, value.clone()).unwrap();
    assert_eq!(contract::json::write(contract, &from_json).to_string(), value.to_string());
    let from_xml = read(contract, xml).unwrap();
    assert_eq!(from_xml, from_json);
    let written = write(contract, &from_json);
    assert_eq!(indented(&written), xml.trim_end());
    assert_eq!(read(contract, &written).unwrap(), from_json);
}

#[test]
fn the_sync_token_is_the_same_in_json_and_xml() {
    both_ways(&SYNC_TOKEN, TOKEN_JSON, TOKEN_XML);
}

#[test]
fn the_message_body_is_the_same_in_json_and_xml() {
    both_ways(&PUT_DATA_DELETE, DELETE_JSON, DELETE_XML);
}

#[test]
fn absent_members_are_null_or_the_default_of_their_type() {
    let zeros = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        write(&NODE, &Members::new()),
        document(
            &NODE,
            &format!(
                "<CreatedDateUtc>0001-01-01T00:00:00</CreatedDateUtc>\
                 <UpdatedDateUtc>0001-01-01T00:00:00</UpdatedDateUtc><CyanId>0</CyanId><Id i:nil=\"true\" />\
                 <NodeId>{zeros}</NodeId><ParentId i:nil=\"true\" /><ParentType i:nil=\"true\" />\
                 <Props i:nil=\"true\" /><Refs i:nil=\"true\" /><SubjectToCleanup>false</SubjectToCleanup>\
                 <TenantId>{zeros}</TenantId><Title i:nil=\"true\" /><Type i:nil=\"true\" />"
            )
        )
    );
}

#[test]
fn a_node_alone_declares_its_prefixes_at_its_own_depth() {
    let written = write(&NODE, &members(json!({"props": {}, "refs": {"r": {"type": "t"}, "n": null}})));
    assert!(written.contains(&format!(r#"<Props xmlns:d2p1="{ARRAYS}" />"#)), "{written}");
    assert!(written.contains(&format!(
        r#"<Refs xmlns:d2p1="{ARRAYS}"><d2p1:KeyValueOfstringNodeRefRepresentationPuhFCfmt><d2p1:Key>r</d2p1:Key><d2p1:Value><Id i:nil="true" /><Type>t</Type></d2p1:Value></d2p1:KeyValueOfstringNodeRefRepresentationPuhFCfmt>"#
    )), "{written}");
    assert!(written.contains(r#"<d2p1:Key>n</d2p1:Key><d2p1:Value i:nil="true" />"#), "{written}");
}

#[test]
fn a_list_has_a_root_of_its_own() {
    let items = [members(json!({"title": "a"})), members(json!({"title": ""}))];
    let written = write_list(&NODE, &items);
    assert!(written.starts_with(
        "<ArrayOfNodeRepresentation xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns=\"http://schemas.datacontract.org/2004/07/BlueDot.Cyan.Server.Core.Models.Rest.Version1\">\
         <NodeRepresentation><CreatedDateUtc>"
    ));
    assert!(written.contains("<Title></Title>"));
    let titles: Vec<_> =
        read_list(&NODE, &written).unwrap().into_iter().map(|node| node["title"].clone()).collect();
    assert_eq!(titles, [json!("a"), json!("")]);
    assert_eq!(read_list(&NODE, &write_list(&NODE, &[])), Ok(vec![]));
}

/// Written by Microsoft's `DataContractSerializer` in Mono 6.8, of a node that holds every kind of value.
const NET_NODE: &str = include_str!("../../../../../tests/fixtures/shapes/net-node.xml");
/// The same with the types of `props` that JSON has not.
const NET_TYPES: &str = include_str!("../../../../../tests/fixtures/shapes/net-types.xml");

#[test]
fn a_node_is_written_as_the_original_serializer_writes_it() {
    let node = members(json!({
        "tenantId": TENANT, "title": "a\r\n\tb\u{1}<&>]]>\u{fffe} 😀 ", "id": "", "cyanId": 7,
        "createdDateUtc": "2026-01-21T16:24:10.7944316Z",
        "props": {
            "s": "x", "e": "", "i": 5, "l": 5_000_000_000_i64, "u": u64::MAX, "d": 1.5, "big": 1e21, "b": true,
            "n": null, "o": {}, "arr": [1, {"a": 2}], "k\r<": "v\u{0}",
        },
        "refs": {"r": {"type": "t", "id": "1"}, "nul": null},
    }));
    // Of `new object()` Mono says the type, which the documented sample does not.
    let mono = format!(r#" xmlns:d4p1="{SCHEMA}" i:type="d4p1:anyType" />"#);
    assert_eq!(write(&NODE, &node), NET_NODE.replace(&mono, " />"));
    let read = read(&NODE, NET_NODE).unwrap();
    assert_eq!(read["props"]["o"], json!({}));
    assert_eq!((&read["title"], &read["refs"]), (&node["title"], &node["refs"]));
}

#[test]
fn the_types_of_the_original_serializer_are_read() {
    assert_eq!(
        read(&NODE, NET_TYPES).unwrap()["props"],
        json!({
            "dt": "2026-01-02T03:04:05Z", "g": "00000000-0000-0000-0000-000000000000", "c": "A", "dec": 1.5,
            "ts": "PT1H", "by": "AAEC", "uri": "http://a/", "f": 1.5, "sh": 3, "nan": "NaN", "e15": 1e15,
            "e-5": 1e-5, "nz": -0.0, "third": 1.0 / 3.0, "max": f64::MAX,
        })
    );
}
