//! Tokens as an expression. NOT binds closer than AND, and AND closer than OR.

use super::compare::{Term, Test};
use super::lexer::{Part, Token};
use super::{Expression, FilterError, MAX_DEPTH, MAX_TERMS, error};
use crate::shapes::bulk::field::{Resolved, StatementError};

/// What filters that name a list are refused with.
const NO_OBJECT: &str = "Must reference an existing object";
/// The same for the status of a service, in the documented words.
const NO_SERVICE: &str = "Must reference service instance within a workflow";

/// The expression of a filter that is so many characters long.
pub(super) fn read(
    tokens: &[Token],
    end: usize,
    resolve: &dyn Fn(&str) -> Result<Resolved, StatementError>,
) -> Result<Expression, FilterError> {
    let mut parser = Parser { tokens, end, terms: 0, resolve };
    let expression = parser.any(0)?;
    match parser.tokens {
        [] => Ok(expression),
        [token, ..] => Err(error(token.position, "Must have AND, OR or the end of the filter here")),
    }
}

struct Parser<'a> {
    /// What is still to be read.
    tokens: &'a [Token],
    end: usize,
    terms: usize,
    resolve: &'a dyn Fn(&str) -> Result<Resolved, StatementError>,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.take(&Part::Or) {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let first = self.not(depth)?;
        let mut parts = vec![first];
        while self.take(&Part::And) {
            parts.push(self.not(depth)?);
        }
        Ok(joined(parts, Expression::All))
    }

    fn not(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut is_negated = false;
        while self.take(&Part::Not) {
            is_negated = !is_negated;
        }
        let part = self.one(depth)?;
        Ok(if is_negated { Expression::Not(Box::new(part)) } else { part })
    }

    fn one(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let position = self.position();
        match self.next() {
            Some(Part::Open) if depth >= MAX_DEPTH => {
                Err(error(position, format!("Must not have more than {MAX_DEPTH} parentheses in each other")))
            }
            Some(Part::Open) => {
                let inner = self.any(depth + 1)?;
                self.need(&Part::Close, "Must have a closing parenthesis here")?;
                Ok(inner)
            }
            Some(Part::Exists) => {
                self.argument()?;
                Err(error(position, NO_OBJECT))
            }
            Some(Part::Status) => {
                self.argument()?;
                self.test()?;
                Err(error(position, NO_SERVICE))
            }
            Some(Part::Text(statement)) => self.term(statement, position).map(Expression::Term),
            _ => Err(error(position, "Must have a statement in single quotes here")),
        }
    }

    fn term(&mut self, statement: &str, position: usize) -> Result<Term, FilterError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(error(position, format!("Must not have more than {MAX_TERMS} comparisons")));
        }
        let resolved = (self.resolve)(statement).map_err(|fault| error(position, fault.to_string()))?;
        Ok(Term { key: resolved.key, data_type: resolved.data_type, test: self.test()? })
    }

    /// An operator and a value.
    fn test(&mut self) -> Result<Test, FilterError> {
        let position = self.position();
        let operator = match self.next() {
            Some(Part::Compare(operator)) => Some(*operator),
            Some(Part::Like) => None,
            _ => return Err(error(position, "Must have one of = != > < >= <= ~ here")),
        };
        let position = self.position();
        let value = self.text()?;
        match operator {
            Some(operator) => Ok(Test::compare(operator, value)),
            None => Test::like(value).ok_or_else(|| error(position, "Must be a shorter pattern")),
        }
    }

    /// A text in parentheses.
    fn argument(&mut self) -> Result<(), FilterError> {
        self.need(&Part::Open, "Must have an opening parenthesis here")?;
        self.text()?;
        self.need(&Part::Close, "Must have a closing parenthesis here")
    }

    fn text(&mut self) -> Result<&'a str, FilterError> {
        let position = self.position();
        match self.next() {
            Some(Part::Text(text)) => Ok(text),
            _ => Err(error(position, "Must have a value in single quotes here")),
        }
    }

    /// Where the next token is, or the end of the filter.
    fn position(&self) -> usize {
        self.tokens.first().map_or(self.end, |token| token.position)
    }

    fn next(&mut self) -> Option<&'a Part> {
        let (token, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(&token.part)
    }

    fn take(&mut self, part: &Part) -> bool {
        let is_next = self.tokens.first().is_some_and(|token| token.part == *part);
        if is_next {
            self.next();
        }
        is_next
    }

    fn need(&mut self, part: &Part, message: &str) -> Result<(), FilterError> {
        let position = self.position();
        if self.take(part) { Ok(()) } else { Err(error(position, message)) }
    }
}

/// Several parts as one; one part alone needs no joining.
fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
