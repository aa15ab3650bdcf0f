//! Statements: `{{Contact.Field(C_FirstName)}}`, read into words, a name and numbers.

use thiserror::Error;

/// Bytes of a statement: the longest name of a property, and the words around it.
pub const MAX_STATEMENT: usize = 1024;
/// Words of a statement: `Activity.Contact.Field(…)` has three.
const MAX_WORDS: usize = 8;

/// Why a statement stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StatementError {
    /// It has more than [`MAX_STATEMENT`] bytes.
    #[error("Must not be longer than {MAX_STATEMENT} bytes")]
    TooLong,
    /// It is no statement at all.
    #[error("Must be a statement such as {{{{Marking.Field(note)}}}}")]
    NotAStatement,
    /// It is about another object than the definition.
    #[error("Must reference a field of the same object")]
    OtherObject,
    /// The object has no such field.
    #[error("Must reference an existing field")]
    NoField,
    /// It names a list, a segment or a filter: there are none.
    #[error("Must reference an existing object")]
    NoObject,
}

/// A statement in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Its words in lower case, with dots between them.
    pub(super) path: String,
    /// What the last word has in parentheses.
    pub(super) name: Option<&'a str>,
    /// What the first word has in brackets.
    pub(super) object: Option<u64>,
    /// What the last word has in brackets, when it is not the first.
    pub(super) number: Option<u64>,
}

impl Statement<'_> {
    /// Reads words in any letter case, with blanks around each part.
    pub(super) fn parse(text: &str) -> Result<Statement<'_>, StatementError> {
        if text.len() > MAX_STATEMENT {
            return Err(StatementError::TooLong);
        }
        let inner = text.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        inner.and_then(inside).ok_or(StatementError::NotAStatement)
    }
}

fn inside(text: &str) -> Option<Statement<'_>> {
    let mut statement = Statement { path: String::new(), name: None, object: None, number: None };
    let mut rest = text;
    for at in 0..MAX_WORDS {
        let (word, after) = word(rest)?;
        if at > 0 {
            statement.path.push('.');
        }
        statement.path.push_str(&word.to_ascii_lowercase());
        if let Some(name) = after.strip_prefix('(') {
            statement.name = Some(name.trim_end().strip_suffix(')')?.trim());
            return statement.name.is_some_and(|name| !name.is_empty()).then_some(statement);
        }
        let (number, after) = number(after)?;
        if at == 0 {
            statement.object = number
        } else {
            statement.number = number
        }
        if after.is_empty() {
            return Some(statement);
        }
        rest = after.strip_prefix('.')?;
        if statement.number.is_some() {
            return None;
        }
    }
    None
}

/// A word with blanks around it, and what follows.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (!word.is_empty()).then(|| (word, rest.trim_start()))
}

/// A number in brackets, if one follows, and what comes after it.
fn number(text: &str) -> Option<(Option<u64>, &str)> {
    let Some(text) = text.strip_prefix('[') else { return Some((None, text)) };
    let (number, rest) = text.split_once(']')?;
    Some((Some(crate::shapes::bulk::object::whole(number.trim())?), rest.trim_start()))
}
