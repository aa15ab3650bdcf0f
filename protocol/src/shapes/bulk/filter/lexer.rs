//! A filter as tokens with their places.

use super::{FilterError, error};
use crate::shapes::bulk::compare::Operator;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Characters before it.
    pub(super) position: usize,
    pub(super) part: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    And,
    Or,
    Not,
    Exists,
    Status,
    Open,
    Close,
    Compare(Operator),
    Like,
    Text(String),
}

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut scan = Scan { rest: text, position: 0 };
    let mut tokens = Vec::new();
    loop {
        let blank = scan.rest.len() - scan.rest.trim_start().len();
        scan.skip(blank);
        let position = scan.position;
        match scan.part()? {
            Some(part) => tokens.push(Token { position, part }),
            None => return Ok(tokens),
        }
    }
}

struct Scan<'a> {
    rest: &'a str,
    position: usize,
}

impl<'a> Scan<'a> {
    /// Goes over that many bytes, which end between two characters, and gives them.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.position += skipped.chars().count();
        self.rest = rest;
        skipped
    }

    fn part(&mut self) -> Result<Option<Part>, FilterError> {
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let part = match first {
            '(' => Part::Open,
            ')' => Part::Close,
            '~' => Part::Like,
            '\'' => return self.text().map(Some),
            c if c.is_ascii_alphabetic() => return self.word().map(Some),
            _ => match Operator::leading(self.rest) {
                Some((operator, _)) => {
                    self.skip(operator.symbol().len());
                    return Ok(Some(Part::Compare(operator)));
                }
                None => return Err(error(self.position, "Must not have this character here")),
            },
        };
        self.skip(first.len_utf8());
        Ok(Some(part))
    }

    /// A text in quotes, two of which stand for one.
    fn text(&mut self) -> Result<Part, FilterError> {
        let start = self.position;
        let mut text = String::new();
        self.skip(1);
        loop {
            let Some(end) = self.rest.find('\'') else {
                return Err(error(start, "Must have a quote at the end of this text"));
            };
            text.push_str(self.skip(end));
            self.skip(1);
            if !self.rest.starts_with('\'') {
                return Ok(Part::Text(text));
            }
            text.push_str(self.skip(1));
        }
    }

    fn word(&mut self) -> Result<Part, FilterError> {
        let position = self.position;
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        match self.skip(end).to_ascii_uppercase().as_str() {
            "AND" => Ok(Part::And),
            "OR" => Ok(Part::Or),
            "NOT" => Ok(Part::Not),
            "EXISTS" => Ok(Part::Exists),
            "STATUS" => Ok(Part::Status),
            _ => Err(error(position, "Must be AND, OR, NOT, EXISTS, STATUS or a text in single quotes")),
        }
    }
}
