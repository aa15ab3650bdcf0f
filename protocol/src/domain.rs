//! What a user has: the closed list of kinds and, for each, its members in the documented order.
//!
//! The tables are the one place that knows a member's type, whether it may be null and what part it plays. The
//! HTTP shapes read and write by them, and documents are laid out by them, so an entry may be added but neither
//! renamed nor given another type.

mod account;
mod book;
mod marking;

use serde_json::Value;

/// A kind of item. The numbers of [`Kind::code`] are part of stored and replicated bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A highlight, note or bookmark (`Markings`).
    Marking,
    /// A reading activity (`EPubHistoryActivities`); the same members as a marking.
    History,
    /// A book of an account (`Books`).
    Book,
    /// One page of a book (`BookHtmlPages`).
    HtmlPage,
    /// One style sheet of a book (`BookStyleSheets`).
    StyleSheet,
    /// A redeemed access code (`AccountCodes`).
    AccountCode,
    /// The place of the reader's popup (`PopupSettings`), one per account.
    Popup,
    /// The account itself (`Account`).
    Account,
    /// A typed entity in a tenant's tree: see [`crate::node`], which knows its members.
    Node,
    /// A token that names a window of a tenant's changes: kept by the daemon, never shown as an item.
    Token,
    /// A clock under a short name: kept by the daemon, never shown as an item.
    Anchor,
}

/// What a member's value is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A whole number within [`Member::range`].
    Int,
    /// `true` or `false`.
    Bool,
    /// Text.
    Text,
    /// A GUID, kept as lower-case text with hyphens.
    Guid,
    /// A .NET `DateTime` text, kept as it was sent.
    Date,
    /// Any JSON, kept as it was sent.
    Json,
}

/// The part a member plays in its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Data that merges field by field.
    Plain,
    /// Text that merges by character.
    Note,
    /// One of the members that together say where a marking is, and move as one.
    Place,
    /// The `id` of a marking: a row number that each daemon gives, never replicated.
    RowId,
    /// The identity of the item.
    Key,
    /// `SyncIsRemoved`.
    Removed,
    /// Accepted and dropped: never stored, logged, replicated or returned.
    Secret,
    /// The `AccountId` of an item that has another identity: which account's space holds it.
    Account,
}

/// One member of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The documented name, in its documented spelling.
    pub name: &'static str,
    /// What its value is.
    pub ty: Type,
    /// Whether documented clients take a null for it.
    pub nullable: bool,
    /// The part it plays.
    pub role: Role,
}

/// What documented clients hold in a date that may not be null and was never set (`DateTime.MinValue`).
pub const BLANK_DATE: &str = "0001-01-01T00:00:00";

impl Kind {
    /// The kinds that a `SynchronizationModel` carries, in the order of [`Kind::code`].
    pub const MODEL: [Kind; 8] = [
        Kind::Marking,
        Kind::History,
        Kind::Book,
        Kind::HtmlPage,
        Kind::StyleSheet,
        Kind::AccountCode,
        Kind::Popup,
        Kind::Account,
    ];

    /// The kinds of a tenant's space.
    pub const TENANT: [Kind; 3] = [Kind::Node, Kind::Token, Kind::Anchor];

    /// True for what people have; the rest is the daemon's own.
    pub fn is_shown(self) -> bool {
        !matches!(self, Kind::Token | Kind::Anchor)
    }

    /// The number of this kind in stored and replicated bytes, 1 to 11.
    pub fn code(self) -> u8 {
        match self {
            Kind::Marking => 1,
            Kind::History => 2,
            Kind::Book => 3,
            Kind::HtmlPage => 4,
            Kind::StyleSheet => 5,
            Kind::AccountCode => 6,
            Kind::Popup => 7,
            Kind::Account => 8,
            Kind::Node => 9,
            Kind::Token => 10,
            Kind::Anchor => 11,
        }
    }

    /// The kind of that number, or `None` for one this version does not know.
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::MODEL.into_iter().chain(Kind::TENANT).find(|kind| kind.code() == code)
    }

    /// The member of a `SynchronizationModel` that holds items of this kind; empty for those of a tenant.
    pub fn collection(self) -> &'static str {
        match self {
            Kind::Marking => "Markings",
            Kind::History => "EPubHistoryActivities",
            Kind::Book => "Books",
            Kind::HtmlPage => "BookHtmlPages",
            Kind::StyleSheet => "BookStyleSheets",
            Kind::AccountCode => "AccountCodes",
            Kind::Popup => "PopupSettings",
            Kind::Account => "Account",
            Kind::Node | Kind::Token | Kind::Anchor => "",
        }
    }

    /// The documented class of its items, which names them in XML.
    pub fn class(self) -> &'static str {
        match self {
            Kind::Marking | Kind::History => "position",
            Kind::Book => "book",
            Kind::HtmlPage => "BookHtmlPage",
            Kind::StyleSheet => "BookStyleSheet",
            Kind::AccountCode => "AccountCodeDto",
            Kind::Popup => "popupSettings",
            Kind::Account => "account",
            Kind::Node => crate::shapes::contract::NODE.name,
            Kind::Token | Kind::Anchor => "",
        }
    }

    /// The members of this kind, in the order of the documented sample; none for those of a tenant.
    pub fn members(self) -> &'static [Member] {
        match self {
            Kind::Marking | Kind::History => marking::MARKING,
            Kind::Book => book::BOOK,
            Kind::HtmlPage => book::HTML_PAGE,
            Kind::StyleSheet => book::STYLE_SHEET,
            Kind::AccountCode => account::ACCOUNT_CODE,
            Kind::Popup => account::POPUP,
            Kind::Account => account::ACCOUNT,
            Kind::Node | Kind::Token | Kind::Anchor => &[],
        }
    }

    /// The member of that name: the exact spelling, else any letter case.
    pub fn member(self, name: &str) -> Option<&'static Member> {
        let members = self.members();
        let exact = members.iter().find(|member| member.name == name);
        exact.or_else(|| members.iter().find(|member| member.name.eq_ignore_ascii_case(name)))
    }

    /// The first member that plays that part.
    pub fn with_role(self, role: Role) -> Option<&'static Member> {
        self.members().iter().find(|member| member.role == role)
    }
}

impl Member {
    /// The least and greatest whole number the member's .NET type can hold: `byte` for `PageView`, else `int`.
    pub fn range(&self) -> (i64, i64) {
        match self.name {
            "PageView" => (i64::from(u8::MIN), i64::from(u8::MAX)),
            _ => (i64::from(i32::MIN), i64::from(i32::MAX)),
        }
    }

    /// What is written for a member that has no value: null where clients take it, else the type's default. A
    /// client that sends this back for a member that was never set has edited nothing.
    pub fn blank(&self) -> Value {
        if self.nullable {
            return Value::Null;
        }
        match self.ty {
            Type::Int => Value::from(0),
            Type::Bool => Value::from(false),
            Type::Date => Value::from(BLANK_DATE),
            Type::Text | Type::Guid | Type::Json => Value::Null,
        }
    }

    /// Whether a value says no more than that the member was never set.
    pub fn is_blank(&self, value: &Value) -> bool {
        value.is_null() || *value == self.blank()
    }
}

/// A member that holds data and may be null.
const fn plain(name: &'static str, ty: Type) -> Member {
    Member { name, ty, nullable: true, role: Role::Plain }
}

/// A member that holds data and that documented clients cannot read as null.
const fn required(name: &'static str, ty: Type) -> Member {
    Member { name, ty, nullable: false, role: Role::Plain }
}

/// The same member in another part.
const fn playing(member: Member, role: Role) -> Member {
    Member { name: member.name, ty: member.ty, nullable: member.nullable, role }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codes_count_from_one_and_come_back() {
        for (kind, code) in Kind::MODEL.into_iter().chain(Kind::TENANT).zip(1..) {
            assert_eq!(kind.code(), code);
            assert_eq!(Kind::from_code(code), Some(kind));
        }
        assert_eq!(Kind::from_code(0), None);
        assert_eq!(Kind::from_code(12), None);
    }

    #[test]
    fn names_are_found_in_any_case_and_are_unique_so() {
        for kind in Kind::MODEL {
            for member in kind.members() {
                assert_eq!(kind.member(&member.name.to_ascii_uppercase()), Some(member));
            }
        }
        assert_eq!(Kind::Marking.member("nothing"), None);
    }

    #[test]
    fn each_part_is_played_by_the_documented_members() {
        let names = |kind: Kind, role| -> Vec<_> {
            kind.members().iter().filter(|m| m.role == role).map(|m| m.name).collect()
        };
        assert_eq!(names(Kind::Marking, Role::Key), ["syncGuid"]);
        assert_eq!(names(Kind::History, Role::Note), ["note"]);
        assert_eq!(names(Kind::Marking, Role::Place).len(), 7);
        assert_eq!(names(Kind::Book, Role::Key), Vec::<&str>::new());
        assert_eq!(names(Kind::Popup, Role::Key), ["AccountId"]);
        assert_eq!(names(Kind::Account, Role::Secret), ["Password", "PasswordHash", "SecurityStamp"]);
    }

    #[test]
    fn a_blank_is_what_a_client_can_read() {
        let blank = |kind: Kind, name| kind.member(name).unwrap().blank();
        assert_eq!(blank(Kind::Marking, "bookID"), Value::from(0));
        assert_eq!(blank(Kind::Marking, "Timestamp"), Value::from(BLANK_DATE));
        assert_eq!(blank(Kind::Marking, "type"), Value::Null);
        assert_eq!(blank(Kind::Book, "new"), Value::from(false));
    }
}
