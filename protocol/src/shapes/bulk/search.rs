//! What lists are asked for: which items (`q`) and in which order (`orderBy`), as REFERENCE A4 has them.

mod pattern;

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};

use serde_json::{Map, Value};
use thiserror::Error;

use super::compare::{Number, Operator, folded};
use crate::shapes::date::DateText;
use pattern::Pattern;

/// Bytes of a search or an order: a name of 100 characters, percent-decoded, with much room.
pub const MAX_SEARCH: usize = 4096;

/// Why a `q` or an `orderBy` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SearchError {
    /// More than [`MAX_SEARCH`] bytes.
    #[error("is too long")]
    TooLong,
    /// No name of a member where one has to be.
    #[error("must begin with the name of a member")]
    NoMember,
    /// The name is not followed by an operator.
    #[error("must have one of = != > < >= <= after the name of a member")]
    NoOperator,
    /// Something else than `ASC` or `DESC` after the member of an order.
    #[error("must be the name of a member, and ASC or DESC or nothing")]
    NoDirection,
}

/// A `q`: a member, an operator and a value.
///
/// The whole may be in double quotes and the value in single ones. The name is found in any letter case. `*` in the
/// value of `=` and `!=` stands for any text. Two numbers compare as numbers, two dates as instants (without a zone as
/// UTC), anything else as text without letter case.
#[derive(Clone, Debug)]
pub struct Search {
    member: String,
    operator: Operator,
    operand: Operand,
}

#[derive(Clone, Debug)]
enum Operand {
    Exact(Comparable),
    Any(Pattern),
}

impl Search {
    /// Reads a `q`.
    ///
    /// # Errors
    /// [`SearchError`] when it is too long, or when a member or an operator is missing.
    pub fn parse(text: &str) -> Result<Search, SearchError> {
        let (member, rest) = member(text)?;
        let (operator, value) = Operator::leading(rest).ok_or(SearchError::NoOperator)?;
        let value = unquoted(value.trim(), '\'');
        let has_wildcard = matches!(operator, Operator::Equal | Operator::NotEqual) && value.contains('*');
        let operand = match has_wildcard {
            true => Operand::Any(Pattern::new(&folded(value))),
            false => Operand::Exact(Comparable::new(value)),
        };
        Ok(Search { member: member.to_owned(), operator, operand })
    }

    /// Whether an item is asked for. One that lacks the member, or has null there, is not, except by `!=`.
    #[must_use]
    pub fn matches(&self, item: &Map<String, Value>) -> bool {
        let Some(text) = text_of(item, &self.member) else { return self.operator == Operator::NotEqual };
        match &self.operand {
            Operand::Any(pattern) => pattern.matches(&folded(&text)) == (self.operator == Operator::Equal),
            Operand::Exact(operand) => self.operator.holds(Comparable::new(&text).compare(operand)),
        }
    }
}

/// An `orderBy`: a member, ascending unless `DESC` follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    member: String,
    descends: bool,
}

impl Order {
    /// Reads an `orderBy`; the direction in any letter case.
    ///
    /// # Errors
    /// [`SearchError`] when it is too long, names no member, or has something else than a direction after it.
    pub fn parse(text: &str) -> Result<Order, SearchError> {
        let (member, rest) = member(text)?;
        let direction = rest.trim();
        let is = |word: &str| direction.eq_ignore_ascii_case(word);
        if !(direction.is_empty() || is("asc") || is("desc")) {
            return Err(SearchError::NoDirection);
        }
        Ok(Order { member: member.to_owned(), descends: is("desc") })
    }

    /// Sorts items: those without the member, then numbers, dates and texts, or all of it backwards. Items that are
    /// alike stay in their order.
    pub fn sort(&self, items: &mut [Map<String, Value>]) {
        let key = |item: &Map<String, Value>| text_of(item, &self.member).map(|text| Comparable::new(&text));
        match self.descends {
            true => items.sort_by_cached_key(|item| Reverse(key(item))),
            false => items.sort_by_cached_key(key),
        }
    }
}

/// The name that a search or an order begins with, and what follows it. Double quotes around the whole are gone.
fn member(text: &str) -> Result<(&str, &str), SearchError> {
    if text.len() > MAX_SEARCH {
        return Err(SearchError::TooLong);
    }
    let text = unquoted(text.trim(), '"').trim();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    match text.split_at(end) {
        ("", _) => Err(SearchError::NoMember),
        (name, rest) => Ok((name, rest.trim_start())),
    }
}

/// The text without the quotes around it, if both are there.
fn unquoted(text: &str, quote: char) -> &str {
    text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)).unwrap_or(text)
}

/// A member as text, its name in any letter case; `None` where there is nothing, a list or an object.
fn text_of<'a>(item: &'a Map<String, Value>, member: &str) -> Option<Cow<'a, str>> {
    let exact = item.get(member);
    let found = || item.iter().find(|(name, _)| name.eq_ignore_ascii_case(member)).map(|(_, value)| value);
    match exact.or_else(found)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        other => Some(Cow::Owned(other.to_string())),
    }
}

/// A value as it is sorted: by what it reads as, then by what it says.
#[derive(Clone, Debug)]
struct Comparable {
    kind: Reading,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reading {
    Number(Number),
    Date(i64),
    Text,
}

impl Comparable {
    fn new(text: &str) -> Comparable {
        let number = || Number::read(text).map(Reading::Number);
        let date = || DateText::parse(text.trim()).ok().map(|date| Reading::Date(date.ticks));
        Comparable { kind: number().or_else(date).unwrap_or(Reading::Text), text: folded(text) }
    }

    /// How it compares with what a search asks for: texts, unless both read as the same.
    fn compare(&self, other: &Comparable) -> Ordering {
        match (self.kind, other.kind) {
            (Reading::Number(a), Reading::Number(b)) => a.cmp(&b),
            (Reading::Date(a), Reading::Date(b)) => a.cmp(&b),
            _ => self.text.cmp(&other.text),
        }
    }
}

impl Ord for Comparable {
    fn cmp(&self, other: &Comparable) -> Ordering {
        self.kind.cmp(&other.kind).then_with(|| match self.kind {
            Reading::Text => self.text.cmp(&other.text),
            Reading::Number(_) | Reading::Date(_) => Ordering::Equal,
        })
    }
}

impl PartialOrd for Comparable {
    fn partial_cmp(&self, other: &Comparable) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Comparable {
    fn eq(&self, other: &Comparable) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Comparable {}

#[cfg(test)]
mod tests;
