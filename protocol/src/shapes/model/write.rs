//! `ApiResult` of a model or of positions as JSON, in the documented order, straight into the bytes of the answer.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::{Kind, Role};

/// About what a marking takes as JSON, to reserve memory once.
const ITEM_BYTES: usize = 1_300;

/// `StatusCode` of a success (`System.Net.HttpStatusCode`).
const SUCCESS: u16 = 200;

/// What an app gets back. The items are maps by documented names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What was wrong with items; empty for success.
    pub errors: Vec<String>,
    /// `Account`, when it changed.
    pub account: Option<Map<String, Value>>,
    /// `PopupSettings`, when they changed.
    pub popup: Option<Map<String, Value>>,
    /// `AccountCodes`.
    pub account_codes: Vec<Map<String, Value>>,
    /// `BookHtmlPages`.
    pub html_pages: Vec<Map<String, Value>>,
    /// `BookStyleSheets`.
    pub style_sheets: Vec<Map<String, Value>>,
    /// `Book`: the only changed book.
    pub book: Option<Map<String, Value>>,
    /// `Books`.
    pub books: Vec<Map<String, Value>>,
    /// `Markings`.
    pub markings: Vec<Map<String, Value>>,
    /// `EPubHistoryActivities`.
    pub history: Vec<Map<String, Value>>,
    /// `AccountApplicationId`, as asked.
    pub account_application_id: i64,
    /// `ApplicationType`, as asked.
    pub application_type: Value,
    /// `LastSyncTimestamp`, as asked.
    pub last_sync: Option<String>,
    /// `CurrentSyncTimestamp` and `ServerDateTime`.
    pub cursor: String,
}

impl Answer {
    /// `IsSuccess`: no item was refused.
    pub fn is_success(&self) -> bool {
        self.errors.is_empty()
    }

    /// How many items it lists, in all.
    pub fn item_count(&self) -> usize {
        let lists = [
            &self.account_codes,
            &self.html_pages,
            &self.style_sheets,
            &self.books,
            &self.markings,
            &self.history,
        ];
        lists.into_iter().map(Vec::len).sum()
    }
}

/// What the actions on markings answer: `ApiResult` of the type `position`, or of a list of them (REFERENCE C1).
#[derive(Clone, Debug, PartialEq)]
pub struct PositionResult {
    /// What was wrong; empty for success.
    pub errors: Vec<String>,
    /// `StatusCode`: 200 for success, 400 when items could not be used, 404 when there is none.
    pub status: u16,
    /// `Result`.
    pub result: Positions,
}

/// The `Result` of a [`PositionResult`]. Positions are maps by documented names.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// Null.
    None,
    /// One position.
    One(Map<String, Value>),
    /// A list.
    Many(Vec<Map<String, Value>>),
}

/// The whole answer as compact JSON.
pub fn write(answer: &Answer) -> Vec<u8> {
    let status = if answer.is_success() { SUCCESS } else { 400 };
    let items = answer.item_count() + 2;
    write_api_result(items, &answer.errors, status, |out| write_result(out, answer))
}

/// Positions as compact JSON.
pub fn write_positions(answer: &PositionResult) -> Vec<u8> {
    let items = if let Positions::Many(list) = &answer.result { list.len() } else { 1 };
    write_api_result(items, &answer.errors, answer.status, |out| match &answer.result {
        Positions::None => out.extend_from_slice(b"null"),
        Positions::One(item) => write_item(out, Kind::Marking, item),
        Positions::Many(list) => write_items(out, Kind::Marking, list),
    })
}

/// `ApiResult` of whatever `result` writes, which is about so many items.
fn write_api_result(
    items: usize,
    errors: &[String],
    status: u16,
    result: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity((items + 1) * ITEM_BYTES);
    out.extend_from_slice(b"{\"Errors\":");
    write_errors(&mut out, errors);
    out.extend_from_slice(b",\"Result\":");
    result(&mut out);
    name(&mut out, b',', "IsSuccess");
    put(&mut out, &(status == SUCCESS));
    name(&mut out, b',', "StatusCode");
    put(&mut out, &status);
    out.push(b'}');
    out
}

fn write_errors(out: &mut Vec<u8>, errors: &[String]) {
    if errors.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    name(out, b'{', "ErrorsNumber");
    put(out, &errors.len());
    name(out, b',', "Messages");
    put(out, errors);
    name(out, b',', "MessagesString");
    put(out, &errors.join(" "));
    out.push(b'}');
}

fn write_result(out: &mut Vec<u8>, answer: &Answer) {
    name(out, b'{', "Account");
    write_option(out, Kind::Account, answer.account.as_ref());
    write_list(out, Kind::AccountCode, &answer.account_codes);
    name(out, b',', "AccountApplicationId");
    put(out, &answer.account_application_id);
    name(out, b',', "ApplicationType");
    put(out, &answer.application_type);
    write_list(out, Kind::HtmlPage, &answer.html_pages);
    write_list(out, Kind::StyleSheet, &answer.style_sheets);
    name(out, b',', "Book");
    write_option(out, Kind::Book, answer.book.as_ref());
    write_list(out, Kind::Marking, &answer.markings);
    write_list(out, Kind::Book, &answer.books);
    name(out, b',', "PopupSettings");
    write_option(out, Kind::Popup, answer.popup.as_ref());
    write_list(out, Kind::History, &answer.history);
    name(out, b',', "LastSyncTimestamp");
    put(out, &answer.last_sync);
    name(out, b',', "CurrentSyncTimestamp");
    put(out, &answer.cursor);
    name(out, b',', "ServerDateTime");
    put(out, &answer.cursor);
    out.push(b'}');
}

fn write_option(out: &mut Vec<u8>, kind: Kind, item: Option<&Map<String, Value>>) {
    match item {
        Some(item) => write_item(out, kind, item),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_list(out: &mut Vec<u8>, kind: Kind, items: &[Map<String, Value>]) {
    name(out, b',', kind.collection());
    write_items(out, kind, items);
}

fn write_items(out: &mut Vec<u8>, kind: Kind, items: &[Map<String, Value>]) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_item(out, kind, item);
    }
    out.push(b']');
}

/// Appends one item with every documented member in the documented order. One that is missing, or null where
/// clients cannot read null, is written as [`crate::domain::Member::blank`]; a secret always as null.
pub fn write_item(out: &mut Vec<u8>, kind: Kind, item: &Map<String, Value>) {
    let mut before = b'{';
    for member in kind.members() {
        name(out, before, member.name);
        before = b',';
        match item.get(member.name) {
            _ if member.role == Role::Secret => out.extend_from_slice(b"null"),
            Some(value) if !value.is_null() => put(out, value),
            _ => put(out, &member.blank()),
        }
    }
    out.push(b'}');
}

/// A member's name, which needs no escaping: it is one of ours.
fn name(out: &mut Vec<u8>, before: u8, name: &str) {
    out.extend_from_slice(&[before, b'"']);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A value. Writing JSON values to memory cannot fail; should it, null keeps the answer JSON.
fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
