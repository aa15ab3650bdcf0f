//! Queries of the documented shapes: names in any letter case, unknown ones ignored, values refused in Web API's words.

use axum::extract::Query;
use axum::http::Uri;
use quire_protocol::shapes::coerce::guid_text;
use quire_protocol::shapes::date::DateText;
use quire_protocol::shapes::error::HttpError;

/// The pairs of a query.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads a query; what cannot be decoded is refused.
    pub(super) fn of(uri: &Uri) -> Result<Pairs, HttpError> {
        let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
        read.map(|Query(pairs)| Pairs(pairs)).map_err(|why| HttpError::new(400, why.body_text()))
    }

    /// Takes a value; an empty one is none.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let (_, value) = self.0.remove(at);
        (!value.is_empty()).then_some(value)
    }

    /// Takes a GUID.
    pub(super) fn guid(&mut self, name: &str) -> Result<Option<String>, HttpError> {
        let read = |text: String| guid_text(&text).ok_or_else(|| unreadable(name, &text, "Guid"));
        self.take(name).map(read).transpose()
    }

    /// Takes a whole number within bounds.
    pub(super) fn number(
        &mut self,
        name: &str,
        least: usize,
        most: usize,
    ) -> Result<Option<usize>, HttpError> {
        let read = |text: String| {
            let number = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| {
                let why = format!("The value '{}' is not a number from {least} to {most}.", shown(&text));
                HttpError::invalid_member(name, "", why)
            })
        };
        self.take(name).map(read).transpose()
    }

    /// Takes a date, as ticks.
    pub(super) fn date(&mut self, name: &str) -> Result<Option<i64>, HttpError> {
        let read = |text: String| {
            let date = DateText::parse(&text).map_err(|_| unreadable(name, &text, "DateTime"))?;
            Ok(date.ticks)
        };
        self.take(name).map(read).transpose()
    }

    /// What nobody took.
    pub(super) fn rest(self) -> Vec<(String, String)> {
        self.0
    }
}

/// How much of a refused value is repeated, in characters.
const SHOWN: usize = 60;

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn unreadable(name: &str, text: &str, ty: &str) -> HttpError {
    let why = format!("The value '{}' is not valid for {ty}.", shown(text));
    HttpError::invalid_member(name, "", why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_values_are_checked() {
        let mut pairs = Pairs::of(
            &"/x?USERID=%7B087A4BE1-37EB-4C62-8484-39E603C2F6BD%7D&page=0&d=nope&other=1".parse().unwrap(),
        )
        .unwrap();
        assert_eq!(pairs.guid("userId").unwrap().unwrap(), "087a4be1-37eb-4c62-8484-39e603c2f6bd");
        assert_eq!(pairs.number("page", 1, 9).unwrap_err().status, 400);
        assert_eq!(pairs.date("d").unwrap_err().status, 400);
        assert_eq!(pairs.guid("absent").unwrap(), None);
        assert_eq!(pairs.rest(), [("other".to_owned(), "1".to_owned())]);
    }
}
