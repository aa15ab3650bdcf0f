//! The original server's rules (REFERENCE D6), a row each; here more is read, never less.

use super::*;

fn token(inside: &str) -> Result<Members, XmlError> {
    read(&SYNC_TOKEN, &document(&SYNC_TOKEN, inside))
}

fn message(result: Result<impl std::fmt::Debug, XmlError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn missing_elements_are_absent() {
    assert_eq!(token(""), Ok(Members::new()));
}

#[test]
fn any_order_is_read() {
    let read = token(&format!(
        "<TenantId>{TENANT}</TenantId><SyncTokenId>{TENANT}</SyncTokenId><CreatedDateUtc>2026-01-21</CreatedDateUtc>"
    ));
    assert_eq!(
        read,
        Ok(members(json!({"tenantId": TENANT, "syncTokenId": TENANT, "createdDateUtc": "2026-01-21"})))
    );
}

#[test]
fn unknown_elements_are_skipped_at_any_depth() {
    let read = token("<Sub><Options>x</Options><More a='1'/></Sub><Options>y</Options>");
    assert_eq!(read, Ok(members(json!({"options": "y"}))));
    let read = node(&format!(
        "<Refs xmlns:a='{ARRAYS}'><a:Other/><a:KeyValueOfstringNodeRefRepresentationPuhFCfmt><a:X/><a:Key>r</a:Key>\
         <a:Value><Y/><Type>t</Type></a:Value></a:KeyValueOfstringNodeRefRepresentationPuhFCfmt></Refs>"
    ));
    assert_eq!(read, Ok(members(json!({"refs": {"r": {"type": "t"}}}))));
}

#[test]
fn another_namespace_or_letter_case_is_another_element() {
    assert_eq!(token("<Options xmlns='urn:x'>x</Options><options>y</options>"), Ok(Members::new()));
}

#[test]
fn the_first_of_duplicates_counts() {
    assert_eq!(token("<Options>a</Options><Options>b</Options>"), Ok(members(json!({"options": "a"}))));
    assert_eq!(token("<Options i:nil='true'/><Options>b</Options>"), Ok(members(json!({"options": null}))));
}

#[test]
fn the_root_must_be_the_class_in_its_namespace() {
    assert!(matches!(read(&SYNC_TOKEN, "<SyncTokenRepresentation/>"), Err(XmlError::Root { .. })));
    assert!(matches!(read(&SYNC_TOKEN, &document(&NODE, "")), Err(XmlError::Root { .. })));
    assert!(matches!(read_list(&NODE, &document(&NODE, "")), Err(XmlError::Root { .. })));
    assert_eq!(
        message(read(&SYNC_TOKEN, "<Nope xmlns='urn:x'/>")),
        format!(
            "Expecting element 'SyncTokenRepresentation' from namespace '{}'. Encountered element 'Nope'.",
            contract::REPRESENTATIONS
        )
    );
}

#[test]
fn another_prefix_is_fine() {
    let namespace = SYNC_TOKEN.namespace;
    let prefixed = format!(
        "<q:SyncTokenRepresentation xmlns:q='{namespace}' xmlns:r='{namespace}'><r:Options>a</r:Options>\
         </q:SyncTokenRepresentation>"
    );
    assert_eq!(read(&SYNC_TOKEN, &prefixed), Ok(members(json!({"options": "a"}))), "{prefixed}");
}

#[test]
fn nil_is_null_for_text_and_an_error_for_a_guid() {
    assert_eq!(token("<Options i:nil='1' />"), Ok(members(json!({"options": null}))));
    assert_eq!(message(token("<TenantId i:nil='true' />")), "The value cannot be null. Path 'tenantId'.");
    assert!(token("<TenantId i:nil='maybe' />").is_err());
    assert!(token(&format!("<TenantId i:nil='false'>{TENANT}</TenantId>")).is_ok());
}

#[test]
fn an_empty_guid_and_a_boolean_in_another_case_are_errors() {
    assert_eq!(
        message(token("<TenantId></TenantId>")),
        "The value \"\" cannot be parsed as the type 'Guid'. Path 'tenantId'."
    );
    assert!(token("<TenantId/>").is_err());
    assert!(node("<SubjectToCleanup>True</SubjectToCleanup>").is_err());
    for (text, value) in [("1", true), ("0", false), (" true ", true), ("false", false)] {
        let read = node(&format!("<SubjectToCleanup>{text}</SubjectToCleanup>"));
        assert_eq!(read, Ok(members(json!({"subjectToCleanup": value}))));
    }
}

#[test]
fn a_guid_is_read_in_every_form() {
    let bare = TENANT.replace('-', "");
    let upper = TENANT.to_uppercase();
    for text in [upper.clone(), format!("{{{TENANT}}}"), format!("({TENANT})"), bare, format!("\n {upper} ")]
    {
        let read = token(&format!("<TenantId>{text}</TenantId>"));
        assert_eq!(read, Ok(members(json!({"tenantId": TENANT}))), "{text}");
    }
}

#[test]
fn a_date_is_read_in_the_forms_of_xml() {
    for text in
        ["2026-01-21", "2026-01-21T10:00:00", "2026-01-21T10:00:00.123456789Z", "2026-01-21T10:00:00+02:00"]
    {
        let read = token(&format!("<CreatedDateUtc>{text}</CreatedDateUtc>"));
        assert_eq!(read, Ok(members(json!({"createdDateUtc": text}))));
    }
    // Refused by the original server: a blank for the `T`, and the form of JSON.
    for text in ["2026-01-21 10:00:00", "/Date(1000)/"] {
        assert!(token(&format!("<CreatedDateUtc>{text}</CreatedDateUtc>")).is_ok());
    }
    assert!(token("<CreatedDateUtc>yesterday</CreatedDateUtc>").is_err());
    assert!(token("<CreatedDateUtc></CreatedDateUtc>").is_err());
}

#[test]
fn text_without_a_type_is_taken_as_text() {
    assert_eq!(prop("", "plain"), Ok(json!("plain")));
}

#[test]
fn an_entry_with_another_hash_is_skipped() {
    let read = node(&format!(
        "<Refs xmlns:a='{ARRAYS}'><a:KeyValueOfstringNodeRefRepresentationXXXXXXXX><a:Key>r</a:Key><a:Value/>\
         </a:KeyValueOfstringNodeRefRepresentationXXXXXXXX></Refs>"
    ));
    assert_eq!(read, Ok(members(json!({"refs": {}}))));
}

#[test]
fn an_entry_needs_a_key_and_a_value_in_any_order() {
    let entry = |inside: &str| {
        node(&format!("<Props xmlns:a='{ARRAYS}'><a:{ANY_ENTRY}>{inside}</a:{ANY_ENTRY}></Props>"))
    };
    assert_eq!(entry("<a:Value>v</a:Value><a:Key>k</a:Key>"), Ok(members(json!({"props": {"k": "v"}}))));
    assert_eq!(message(entry("<a:Key>k</a:Key>")), "'Value' expected in a dictionary's entry. Path 'props'.");
    assert!(entry("<a:Value/>").is_err());
    assert!(entry("<a:Key i:nil='true'/><a:Value/>").is_err());
}

#[test]
fn a_wrong_item_name_in_a_list_is_skipped() {
    let xml = document(
        &PUT_DATA_DELETE,
        &format!("<NodeIds xmlns:a='{ARRAYS}'><a:string>x</a:string><a:guid>{TENANT}</a:guid></NodeIds>"),
    );
    assert_eq!(read(&PUT_DATA_DELETE, &xml), Ok(members(json!({"nodeIds": [TENANT]}))));
    let bad = xml.replace(TENANT, "x");
    assert_eq!(
        message(read(&PUT_DATA_DELETE, &bad)),
        "The value \"x\" cannot be parsed as the type 'Guid'. Path 'nodeIds[0]'."
    );
    let null = xml.replace(&format!("<a:guid>{TENANT}</a:guid>"), "<a:guid i:nil='true'/>");
    assert!(read(&PUT_DATA_DELETE, &null).is_err());
}

#[test]
fn a_document_type_is_refused_at_once() {
    for dtd in [
        "<!DOCTYPE a>",
        "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">",
    ] {
        let xml = format!("{dtd}{}", document(&NODE, "<Title>&lol2;</Title>"));
        assert_eq!(read(&NODE, &xml), Err(XmlError::Dtd), "{dtd}");
    }
    assert!(read(&NODE, &document(&NODE, "<!ENTITY a 'b'>")).is_err());
}

#[test]
fn cdata_comments_and_instructions_are_read_as_what_they_are() {
    let xml = format!(
        "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- a --><?b c?>\n{}\n<!-- d -->\n",
        document(
            &NODE,
            "\n <!-- e --><Title xml:space='preserve'> a<!-- x -->b<![CDATA[<&]]]]><![CDATA[>]]>&#x1;&#13;&#233;&lt;<?p?> </Title>\r\n"
        )
    );
    assert_eq!(read(&NODE, &xml), Ok(members(json!({"title": " ab<&]]>\u{1}\ré< "}))));
    assert_eq!(node("<Title>a\r\nb\rc</Title>"), Ok(members(json!({"title": "a\nb\nc"}))));
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let ok = document(&NODE, "");
    let whole = [
        String::new(),
        " ".to_owned(),
        "x".to_owned(),
        format!("x{ok}"),
        format!("{ok}x"),
        format!("{ok}{ok}"),
        format!("{ok}<!DOCTYPE a>"),
        format!(" <?xml version='1.0'?>{ok}"),
        format!("&amp;{ok}"),
        ok.replace("</NodeRepresentation>", ""),
        ok.replace("</NodeRepresentation>", "</Other>"),
    ];
    for xml in whole {
        assert!(read(&NODE, &xml).is_err(), "{xml}");
    }
    for inside in [
        "<Title>&nbsp;</Title>",
        "<Title>&lt</Title>",
        "<Title>&#xD800;</Title>",
        "<Title>&#x110000;</Title>",
        "<Title>&#+1;</Title>",
        "<Title>&#;</Title>",
        "<Title>a & b</Title>",
        "<Title>]]></Title>",
        "<Title>\u{1}</Title>",
        "<Title>a<b/></Title>",
        "<Title a='1' a='2'/>",
        "<Title a='<'/>",
        "<Title a=1/>",
        "<Title a/>",
        "<Title a='&nope;'/>",
        "<p:Title/>",
        "<Title p:a=''/>",
        "<1/>",
        "<>a</>",
        "<a b:c:d=''/>",
        "text",
        "<!-- a -- b -->",
        "<!-->",
        "<!--->",
        "<!--a--->",
        "<??>",
        "<? ?>",
        "</>",
        "< a/>",
        "<![CDATA[ x",
        "<Title i:type='q:string'/>",
        "<Props>text</Props>",
    ] {
        assert!(node(inside).is_err(), "{inside}");
    }
}

#[test]
fn a_fault_tells_where_it_is() {
    assert_eq!(
        message(read(&NODE, "<a>\n <b></c></a>")),
        format!(
            "Expecting element 'NodeRepresentation' from namespace '{}'. Encountered element 'a'.",
            contract::REPRESENTATIONS
        )
    );
    assert!(message(read(&NODE, &document(&NODE, "\n<b></c>"))).ends_with("Line 2, position 7."));
}
