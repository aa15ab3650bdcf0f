//! The data contracts of the Cyan shapes: each documented class once, as a table.
//!
//! JSON, XML, form bodies, help pages and OpenAPI are made from these tables. Between the formats an object is a
//! `serde_json::Map` by the JSON names that holds only the members that were sent.

mod field;
pub mod json;
mod message;
mod node;
mod token;

pub use field::{Field, Form};
pub use message::{DEVICE, MESSAGE};
pub use node::{NODE, NODE_REF, PUT_DATA, PUT_DATA_DELETE, SYNC_NODE, SYNC_PAGE};
pub use token::SYNC_TOKEN;

use serde_json::{Map, Value};

/// The XML namespace of the representations (REFERENCE D5).
pub const REPRESENTATIONS: &str =
    "http://schemas.datacontract.org/2004/07/BlueDot.Cyan.Server.Core.Models.Rest.Version1";

/// The XML namespace of message bodies (REFERENCE D5).
pub const MESSAGING: &str =
    "http://schemas.datacontract.org/2004/07/BlueDot.Cyan.Server.Core.Models.Messaging";

/// One object by its JSON names; a member that was not sent is not in it.
pub type Members = Map<String, Value>;

/// One documented class.
#[derive(Debug, PartialEq, Eq)]
pub struct Contract {
    /// The class, which is also the name of its XML element.
    pub name: &'static str,
    /// The XML namespace of the class and of its members.
    pub namespace: &'static str,
    /// What an object of it is, for help pages.
    pub about: &'static str,
    /// The members in the order of their declaration, which is that of JSON.
    pub fields: &'static [Field],
}

impl Contract {
    /// The member of that JSON name: the exact spelling, else any letter case (REFERENCE D3).
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let exact = self.fields.iter().find(|field| field.name == name);
        exact.or_else(|| self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)))
    }

    /// The members in the order of XML: those of the base class, then by element name (REFERENCE D5).
    pub fn in_xml_order(&self) -> Vec<&'static Field> {
        let mut fields: Vec<_> = self.fields.iter().collect();
        fields.sort_by_key(|field| (!field.base, field.element));
        fields
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALL: [&Contract; 9] = [
        &SYNC_TOKEN,
        &NODE,
        &NODE_REF,
        &PUT_DATA,
        &PUT_DATA_DELETE,
        &MESSAGE,
        &DEVICE,
        &SYNC_PAGE,
        &SYNC_NODE,
    ];

    #[test]
    fn elements_are_the_json_names_in_pascal_case_and_names_are_unique_in_any_case() {
        for field in ALL.iter().flat_map(|contract| contract.fields) {
            let (first, rest) = field.name.split_at(1);
            assert_eq!(field.element, first.to_ascii_uppercase() + rest);
            assert!(field.about.ends_with('.'), "{}", field.name);
        }
        for contract in ALL {
            for field in contract.fields {
                assert_eq!(contract.field(&field.name.to_ascii_uppercase()), Some(field));
            }
        }
    }

    #[test]
    fn xml_order_is_the_documented_one() {
        let order = |contract: &Contract| {
            contract.in_xml_order().iter().map(|field| field.element).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            order(&SYNC_TOKEN),
            "CreatedDateUtc UpdatedDateUtc ApplicationId ApplicationVersionId CurrentDatabaseAnchorHex DeviceGroupId \
             DeviceId Options PushToken RequestedAnchorHex SyncTokenId TenantId UserGroupId UserId"
        );
        assert_eq!(
            order(&NODE),
            "CreatedDateUtc UpdatedDateUtc CyanId Id NodeId ParentId ParentType Props Refs SubjectToCleanup TenantId \
             Title Type"
        );
        assert_eq!(order(&NODE_REF), "Id Type");
        assert_eq!(order(&PUT_DATA_DELETE), "NodeIds Nodes");
    }
}
