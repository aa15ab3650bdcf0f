//! Which markings a list asks for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::http::Uri;

use crate::engine::MarkingFilter;
use crate::http::input::{bad, query};
use crate::http::problem::Problem;

const PARAMETERS: [&str; 5] = ["account", "book", "removed", "limit", "after"];

/// Markings in one answer when nobody says how many: a screenful many times over, read within some milliseconds.
const PAGE: usize = 100;

/// The most that may be asked for at once; about a megabyte, and more with long notes.
const LIMITS: RangeInclusive<usize> = 1..=1_000;

/// Reads `account`, `book`, `removed` (`true`: only removed ones, `false`, the default: only the others, `any`: both),
/// `limit` and `after`.
pub(super) fn filter(uri: &Uri) -> Result<MarkingFilter, Problem> {
    let asked = query(uri, &PARAMETERS)?;
    Ok(MarkingFilter {
        account: number(&asked, "account")?,
        book: number(&asked, "book")?,
        removed: removed(&asked)?,
        limit: limit(&asked)?,
        after: asked.get("after").filter(|after| !after.is_empty()).cloned(),
    })
}

/// A whole number, when it is there.
pub(in crate::http) fn number(asked: &BTreeMap<String, String>, name: &str) -> Result<Option<i64>, Problem> {
    let read = |text: &String| text.parse().map_err(|_| bad(format!("`{name}` must be a whole number")));
    asked.get(name).map(read).transpose()
}

pub(in crate::http) fn removed(asked: &BTreeMap<String, String>) -> Result<Option<bool>, Problem> {
    match asked.get("removed").map(String::as_str) {
        None | Some("false") => Ok(Some(false)),
        Some("true") => Ok(Some(true)),
        Some("any") => Ok(None),
        Some(_) => Err(bad("`removed` must be true, false or any")),
    }
}

pub(in crate::http) fn limit(asked: &BTreeMap<String, String>) -> Result<usize, Problem> {
    let Some(text) = asked.get("limit") else { return Ok(PAGE) };
    let told = text.parse().ok().filter(|limit| LIMITS.contains(limit));
    told.ok_or_else(|| bad(format!("`limit` must be from {} to {}", LIMITS.start(), LIMITS.end())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(query: &str) -> Result<MarkingFilter, u16> {
        filter(&format!("/v1/markings{query}").parse().unwrap()).map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn nothing_said_means_what_is_not_removed() {
        let all = of("").unwrap();
        assert_eq!(
            (all.account, all.book, all.removed, all.limit, all.after),
            (None, None, Some(false), 100, None)
        );
    }

    #[test]
    fn everything_can_be_said() {
        let some = of("?account=-3&book=7&removed=any&limit=1000&after=a%2Fb").unwrap();
        assert_eq!((some.account, some.book, some.removed, some.limit), (Some(-3), Some(7), None, 1_000));
        assert_eq!(some.after.as_deref(), Some("a/b"));
        assert_eq!(of("?removed=true&after=").unwrap().removed, Some(true));
    }

    #[test]
    fn bad_values_are_refused() {
        let limits = ["0", "-1", "x", "", "1001", "2147483648", "99999999999999999999"];
        for bad in limits.map(|limit| format!("?limit={limit}")) {
            assert_eq!(of(&bad).unwrap_err(), 400, "{bad}");
        }
        for bad in ["?account=x", "?account=", "?book=1.5", "?removed=yes", "?acount=3", "?limit=1&limit=2"] {
            assert_eq!(of(bad).unwrap_err(), 400, "{bad}");
        }
    }
}
