//! The filter language of exports (REFERENCE A2): which records are exported.
//!
//! ```text
//! any     = all { OR all }                          words in any letter case, blanks anywhere between parts
//! all     = not { AND not }
//! not     = { NOT } ( "(" any ")" | term )
//! term    = text operator text                      a statement, then a value
//!         | EXISTS "(" text ")" | STATUS "(" text ")" operator text
//! text    = "'" characters "'"                      two quotes stand for one; a backslash is a character
//! operator = "=" | "!=" | ">" | "<" | ">=" | "<=" | "~"
//! ```
//!
//! `~` is the LIKE of SQL Server, as Eloqua's page on its expression language has it. `EXISTS` and `STATUS` ask about
//! lists and services that are not here: they are read, and refused where they stand.

mod compare;
mod lexer;
mod like;
mod parser;

use serde_json::{Map, Value};
use thiserror::Error;

use super::field::{Resolved, StatementError};
use compare::Term;

/// Bytes of a filter. Eloqua takes 1,000 characters; this leaves room for long lists of alternatives.
pub const MAX_FILTER: usize = 64 * 1024;
/// How deep parentheses may be: reading and matching go as deep.
pub const MAX_DEPTH: usize = 64;
/// Comparisons of a filter: each is made for every record.
pub const MAX_TERMS: usize = 1000;

/// A filter that cannot be read, or that asks for what is not here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct FilterError {
    /// Where it stands, in characters from 0.
    pub position: usize,
    /// What is wrong: short, and nothing of what was sent.
    pub message: String,
}

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
}

#[derive(Clone, Debug)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Term(Term),
}

impl Filter {
    /// Reads a filter; `resolve` knows what statements stand for.
    ///
    /// # Errors
    /// [`FilterError`] with the place of the first thing that is wrong: no filter of this language, a statement that
    /// stands for nothing, `EXISTS` or `STATUS`, or more than [`MAX_FILTER`], [`MAX_DEPTH`] or [`MAX_TERMS`] allow.
    pub fn parse(
        text: &str,
        resolve: &dyn Fn(&str) -> Result<Resolved, StatementError>,
    ) -> Result<Filter, FilterError> {
        if text.len() > MAX_FILTER {
            return Err(error(0, format!("Must not be longer than {MAX_FILTER} bytes")));
        }
        let tokens = lexer::tokens(text)?;
        Ok(Filter { expression: parser::read(&tokens, text.chars().count(), resolve)? })
    }

    /// Whether a record passes.
    ///
    /// Values compare by the type of their field: numbers as numbers, dates as instants (without a zone as UTC), anything
    /// else as text without letter case. A number among the properties of a node compares as one. What is not there
    /// is an empty text. A number or date that one side does not have is not equal, and neither greater nor less.
    #[must_use]
    pub fn matches(&self, record: &Map<String, Value>) -> bool {
        self.expression.holds(record)
    }
}

impl Expression {
    fn holds(&self, record: &Map<String, Value>) -> bool {
        match self {
            Expression::All(parts) => parts.iter().all(|part| part.holds(record)),
            Expression::Any(parts) => parts.iter().any(|part| part.holds(record)),
            Expression::Not(part) => !part.holds(record),
            Expression::Term(term) => term.holds(record),
        }
    }
}

fn error(position: usize, message: impl Into<String>) -> FilterError {
    FilterError { position, message: message.into() }
}

#[cfg(test)]
mod tests;
