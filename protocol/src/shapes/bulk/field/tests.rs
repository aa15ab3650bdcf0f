#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SEVEN: Object = Object::CustomObject(7);

fn all(object: Object) -> Vec<Field> {
    let keys = ["nodeId", "type", "id", "createdDateUtc", "props.colour", "props.id", "props.a (b)"];
    match object {
        Object::CustomObject(number) => {
            let keys: Vec<_> = keys.iter().zip(10..).map(|(key, id)| (id, (*key).to_owned())).collect();
            custom_fields(number, &keys)
        }
        fixed => fields(fixed),
    }
}

fn key(object: Object, statement: &str) -> Result<String, StatementError> {
    resolve(object, &all(object), statement).map(|resolved| resolved.key)
}

#[test]
fn entries_look_as_documented() {
    let contacts = fields(Object::Contacts);
    let email = contacts.iter().find(|field| field.name == "Email").unwrap();
    let expected = json!({
        "name": "Email", "internalName": "C_EmailAddress", "dataType": "emailAddress",
        "hasReadOnlyConstraint": false, "hasNotNullConstraint": false, "hasUniquenessConstraint": false,
        "statement": "{{Contact.Field(C_EmailAddress)}}", "uri": "/contacts/fields/2",
    });
    assert_eq!(Value::Object(email.shown(Object::Contacts)), expected);
    let first = &fields(Object::Activities)[0];
    let shown = first.shown(Object::Activities);
    assert_eq!(shown["uri"], "/activities/fields/1");
    assert_eq!(shown["activityTypes"], json!(ACTIVITY_TYPES));
    assert_eq!(all(SEVEN)[4].shown(SEVEN)["uri"], "/customObjects/7/fields/14");
}

#[test]
fn no_field_is_a_secret() {
    for object in [Object::Activities, Object::Markings, Object::Contacts] {
        for field in fields(object) {
            assert!(!["Password", "PasswordHash", "SecurityStamp"].contains(&field.key.as_str()));
        }
    }
    assert_eq!(key(Object::Contacts, "{{Contact.Field(PasswordHash)}}"), Err(StatementError::NoField));
}

#[test]
fn every_field_is_found_by_its_statement_and_its_name() {
    for object in [Object::Activities, Object::Markings, Object::Contacts, SEVEN] {
        let fields = all(object);
        for field in &fields {
            let resolved = resolve(object, &fields, &field.statement).unwrap();
            let expected = (&field.key, field.data_type, field.read_only);
            assert_eq!((&resolved.key, resolved.data_type, resolved.read_only), expected);
            let shouted = field.statement.to_uppercase().replace("{{", "{{ ").replace('.', " . ");
            assert_eq!(resolve(object, &fields, &shouted), Ok(resolved), "{shouted}");
        }
        let mut ids: Vec<_> = fields.iter().map(|field| field.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), fields.len());
    }
}

#[test]
fn both_spellings_of_contacts_resolve() {
    for (statement, expected) in [
        ("{{Contact.Field(C_EmailAddress)}}", "Email"),
        ("{{Contact.Field(Email)}}", "Email"),
        ("{{contact.field( c_firstname )}}", "FirstName"),
        ("{{Contact.Field(LastName)}}", "LastName"),
        ("{{Contact.Id}}", "Contact.Id"),
        ("{{Account.Id}}", "Contact.Id"),
        ("{{Contact.UpdatedAt}}", "Timestamp"),
    ] {
        assert_eq!(key(Object::Contacts, statement), Ok(expected.to_owned()), "{statement}");
    }
}

#[test]
fn statements_of_nodes_and_activities_resolve() {
    for (object, statement, expected) in [
        (Object::Markings, "{{Marking.Id}}", "Marking.Id"),
        (Object::Markings, " {{ Marking.Field ( Note ) }} ", "note"),
        (Object::Activities, "{{Activity.Contact.Id}}", "Activity.Contact.Id"),
        (Object::Activities, "{{Activity.Field(charindexstart)}}", "CharIndexStart"),
        (Object::Activities, "{{Activity.ExternalId}}", "syncGuid"),
        (SEVEN, "{{CustomObject[7].ExternalId}}", "nodeId"),
        (SEVEN, "{{CustomObject[7].Id}}", "id"),
        (SEVEN, "{{CustomObject[ 7 ] . Field[ 14 ]}}", "props.colour"),
        (SEVEN, "{{CustomObject[7].Field(colour)}}", "props.colour"),
        (SEVEN, "{{CustomObject[7].Field(id)}}", "id"),
        (SEVEN, "{{CustomObject[7].Field(props.id)}}", "props.id"),
        (SEVEN, "{{CustomObject[7].Field(a (b))}}", "props.a (b)"),
        (SEVEN, "{{CustomObject[7].Field(new one)}}", "props.new one"),
    ] {
        assert_eq!(key(object, statement), Ok(expected.to_owned()), "{statement}");
    }
}

/// What pyeloqua and tap ask for unasked: it must be accepted, and has a value or none.
#[test]
fn what_clients_always_ask_for_resolves() {
    let of_contacts = "Contact.Id Contact.CreatedAt Contact.UpdatedAt Contact.Email.IsSubscribed \
        Contact.Email.IsBounced Contact.Email.Format Account.Id Account.CreatedAt Account.UpdatedAt \
        Contact.Account.Field(M_CompanyName)";
    let of_activities = "Activity.Id Activity.Type Activity.CreatedAt Activity.Field(EmailAddress) \
        Activity.Contact.Id Activity.Field(IpAddress) Activity.Visitor.Id Activity.Field(EmailRecipientId) \
        Activity.Asset.Type Activity.Asset.Name Activity.Asset.Id Activity.Field(SubjectLine) \
        Activity.Field(EmailWebLink) Activity.Visitor.ExternalId Activity.Campaign.Id Activity.ExternalId \
        Activity.Field(EmailDeploymentId) Activity.Field(EmailSendType) Activity.Field(EmailClickedThruLink) \
        Activity.Field(SmtpErrorCode) Activity.Field(SmtpStatusCode) Activity.Field(SmtpMessage) \
        Activity.Field(ReferrerUrl) Activity.Field(NumberOfPages) Activity.Field(FirstPageViewUrl) \
        Activity.Field(Duration) Activity.Field(WebVisitId) Activity.Field(Url) \
        Activity.Field(IsWebTrackingOptedIn) Activity.Field(RawData) Activity.Contact.Field(C_EmailAddress)";
    let of_nodes = "CustomObject[7].Id CustomObject[7].CreatedAt CustomObject[7].UpdatedAt";
    for (object, statements) in
        [(Object::Contacts, of_contacts), (Object::Activities, of_activities), (SEVEN, of_nodes)]
    {
        for words in statements.split_whitespace() {
            assert!(key(object, &format!("{{{{{words}}}}}")).is_ok(), "{words}");
        }
    }
}

#[test]
fn what_stands_for_nothing_says_why() {
    use StatementError::{NoField, NoObject, NotAStatement, OtherObject, TooLong};
    let long = format!("{{{{CustomObject[7].Field({})}}}}", "a".repeat(300));
    let longer = format!("{{{{CustomObject[7].Field({})}}}}", "a".repeat(MAX_STATEMENT));
    for (object, statement, error) in [
        (Object::Contacts, "{{ContactList[5]}}", NoObject),
        (Object::Markings, "{{Contact.Id}}", OtherObject),
        (Object::Markings, "{{Marking[1].Id}}", OtherObject),
        (Object::Markings, "{{Marking.Field[1]}}", NoField),
        (Object::Markings, "{{Marking.Field(nothing)}}", NoField),
        (Object::Markings, "{{Marking.Contact.Field(note)}}", NoField),
        (Object::Markings, "{{Marking}}", NoField),
        (Object::Activities, "{{Activity.Field(Nothing)}}", NoField),
        (SEVEN, "{{CustomObject[8].Field[14]}}", OtherObject),
        (SEVEN, "{{CustomObject.Field[14]}}", OtherObject),
        (SEVEN, "{{CustomObject[7].Field[99]}}", NoField),
        (SEVEN, &long, NoField),
        (SEVEN, &longer, TooLong),
    ] {
        assert_eq!(key(object, statement), Err(error), "{statement}");
    }
    for odd in [
        "",
        "note",
        "{{}}",
        "{{",
        "{{{{}}}}",
        "{{Marking.}}",
        "{{Marking.Field()}}",
        "{{Marking.Field(note}}",
        "{{Marking.Field(note)x}}",
        "{{Marking.Id}",
        "{{Marking[0].Id}}",
        "{{Marking[.Id}}",
        "{{.Id}}",
        "{{Marking Id}}",
        "{{a.b.c.d.e.f.g.h.i}}",
        "{{Marking.Field[1].Id}}",
    ] {
        assert_eq!(key(Object::Markings, odd), Err(NotAStatement), "{odd}");
    }
    assert_eq!(NotAStatement.to_string(), "Must be a statement such as {{Marking.Field(note)}}");
}

proptest! {
    #[test]
    fn random_text_never_panics(text in "[{}()\\[\\].a7 é]{0,20}|.*") {
        for object in [Object::Markings, SEVEN] {
            let _ = key(object, &text);
            let _ = key(object, &format!("{{{{{text}}}}}"));
            let _ = key(object, &format!("{{{{CustomObject[7].Field({text})}}}}"));
        }
    }
}
