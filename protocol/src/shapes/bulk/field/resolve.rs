//! Which value of a record a statement stands for.

use super::statement::Statement;
use super::{DataType, Field, PROPS, StatementError};
use crate::limits::MAX_KEY;
use crate::shapes::bulk::object::Object;

/// What a statement stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Where the value is in a record; empty for what Eloqua documents and never has a value here.
    pub key: String,
    /// What it holds.
    pub data_type: DataType,
    /// Whether imports may not bring it.
    pub read_only: bool,
}

/// Statements that are in no list of fields, by their words in lower case: key, type, and whether imports may not
/// bring it. Clients ask for most of them unasked (REFERENCE A2; pyeloqua and tap); those with an empty key mean nothing
/// here.
const SYSTEM: &[(Of, &str, &str, DataType, bool)] = &[
    (Of::Marking, "marking.id", "Marking.Id", DataType::Number, true),
    (Of::Activity, "activity.externalid", "syncGuid", DataType::String, false),
    (Of::Activity, "activity.visitor.id", "", DataType::String, true),
    (Of::Activity, "activity.visitor.externalid", "", DataType::String, true),
    (Of::Activity, "activity.campaign.id", "", DataType::String, true),
    (Of::Contact, "contact.id", "Contact.Id", DataType::Number, true),
    (Of::Contact, "contact.createdat", "", DataType::Date, true),
    (Of::Contact, "contact.updatedat", "Timestamp", DataType::Date, true),
    (Of::Contact, "contact.email.issubscribed", "", DataType::String, true),
    (Of::Contact, "contact.email.isbounced", "", DataType::String, true),
    (Of::Contact, "contact.email.format", "", DataType::String, true),
    (Of::Contact, "contact.account.id", "", DataType::String, true),
    (Of::Contact, "account.id", "Contact.Id", DataType::Number, true),
    (Of::Contact, "account.createdat", "", DataType::Date, true),
    (Of::Contact, "account.updatedat", "Timestamp", DataType::Date, true),
    (Of::Custom, "customobject.id", "id", DataType::String, false),
    (Of::Custom, "customobject.externalid", "nodeId", DataType::String, false),
    (Of::Custom, "customobject.createdat", "createdDateUtc", DataType::Date, true),
    (Of::Custom, "customobject.updatedat", "updatedDateUtc", DataType::Date, true),
    (Of::Custom, "customobject.contact.id", "", DataType::String, true),
];

/// Fields of the activities of Eloqua, in lower case: clients ask for them by type of activity.
const OF_OTHER_ACTIVITIES: &[&str] = &[
    "duration",
    "emailaddress",
    "emailclickedthrulink",
    "emaildeploymentid",
    "emailrecipientid",
    "emailsendtype",
    "emailweblink",
    "firstpageviewurl",
    "ipaddress",
    "iswebtrackingoptedin",
    "numberofpages",
    "rawdata",
    "referrerurl",
    "smtperrorcode",
    "smtpmessage",
    "smtpstatuscode",
    "subjectline",
    "url",
    "webvisitid",
];

/// Statements with a name in parentheses that reach into what nothing here has.
const BEYOND: &[(Of, &str)] = &[
    (Of::Activity, "activity.contact.field"),
    (Of::Contact, "contact.account.field"),
    (Of::Custom, "customobject.contact.field"),
];

/// What contacts are in, and custom objects: none of it is here.
const CONTAINERS: [&str; 5] = ["contactlist", "contactsegment", "contactfilter", "accountlist", "sharedlist"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Activity,
    Marking,
    Contact,
    Custom,
}

impl Of {
    fn object(object: Object) -> Of {
        match object {
            Object::Activities => Of::Activity,
            Object::Markings => Of::Marking,
            Object::Contacts => Of::Contact,
            Object::CustomObject(_) => Of::Custom,
        }
    }

    /// The word that its statements begin with.
    fn word(self) -> &'static str {
        match self {
            Of::Activity => "activity",
            Of::Marking => "marking",
            Of::Contact => "contact",
            Of::Custom => "customobject",
        }
    }
}

/// What a statement stands for in a definition of that object, which has those fields.
///
/// Words are read in any letter case, and blanks inside the braces are ignored. Fields are found by their number, by
/// their name or by their internal name. A name that no field of a custom object has is that of a new property.
///
/// # Errors
/// [`StatementError`] says what is wrong with it.
pub fn resolve(object: Object, fields: &[Field], statement: &str) -> Result<Resolved, StatementError> {
    let statement = Statement::parse(statement)?;
    let of = Of::object(object);
    let first = statement.path.split('.').next().unwrap_or_default();
    if CONTAINERS.contains(&first) {
        return Err(StatementError::NoObject);
    }
    let number = if let Object::CustomObject(number) = object { Some(number) } else { None };
    let is_account = of == Of::Contact && first == "account";
    if (first != of.word() && !is_account) || statement.object != number {
        return Err(StatementError::OtherObject);
    }
    match (statement.name, statement.number) {
        (Some(name), None) => named(of, fields, &statement.path, name),
        (None, Some(id)) if statement.path == "customobject.field" => {
            fields.iter().find(|field| field.id == id).map(of_field).ok_or(StatementError::NoField)
        }
        (None, None) => system(of, fields, &statement.path).ok_or(StatementError::NoField),
        _ => Err(StatementError::NoField),
    }
}

fn of_field(field: &Field) -> Resolved {
    Resolved { key: field.key.clone(), data_type: field.data_type, read_only: field.read_only }
}

/// A statement that is words alone.
fn system(of: Of, fields: &[Field], path: &str) -> Option<Resolved> {
    let known = SYSTEM.iter().find(|known| known.0 == of && known.1 == path);
    let own = || fields.iter().find(|field| field.key.eq_ignore_ascii_case(path)).map(of_field);
    known
        .map(|(_, _, key, data_type, read_only)| Resolved {
            key: (*key).to_owned(),
            data_type: *data_type,
            read_only: *read_only,
        })
        .or_else(own)
}

/// A statement with a name in parentheses.
fn named(of: Of, fields: &[Field], path: &str, name: &str) -> Result<Resolved, StatementError> {
    let none = Resolved { key: String::new(), data_type: DataType::String, read_only: true };
    if BEYOND.contains(&(of, path)) {
        return Ok(none);
    }
    if path != format!("{}.field", of.word()) && path != "account.field" {
        return Err(StatementError::NoField);
    }
    if let Some(field) = find(fields, name) {
        return Ok(of_field(field));
    }
    let is_foreign = OF_OTHER_ACTIVITIES.contains(&name.to_ascii_lowercase().as_str());
    match of {
        Of::Activity if is_foreign => Ok(none),
        Of::Custom if PROPS.len() + name.len() <= MAX_KEY => {
            Ok(Resolved { key: format!("{PROPS}{name}"), data_type: DataType::String, read_only: false })
        }
        _ => Err(StatementError::NoField),
    }
}

/// The field of that name: the exact spelling, else any letter case. Keys that are not names of members, such as
/// `Activity.Id`, are no names.
fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    let names = |field: &'a Field| [Some(field.name.as_str()), field.internal_name.as_deref()];
    let exact = fields.iter().find(|field| names(field).contains(&Some(name)));
    let is_alike = |field: &Field| {
        [Some(field.name.as_str()), field.internal_name.as_deref()]
            .into_iter()
            .flatten()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    exact.or_else(|| fields.iter().find(|field| is_alike(field)))
}
