//! Conditional requests (RFC 9110, section 13): `If-Match` and `If-None-Match`.

use axum::http::header::{AsHeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::input::bad;
use super::problem::Problem;

/// What a caller says about the state it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever is there.
    Any,
    /// One of these: whether it is weak, and the tag without quotes.
    Listed(Vec<(bool, String)>),
}

/// True when a write is conditional.
pub(super) fn has_required(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH)
}

/// The tag that an item must still have for a write, where it is `current` now. `None`: no condition.
///
/// # Errors
/// 412 when the caller knows another state, 400 when the header cannot be read.
pub(super) fn required(headers: &HeaderMap, current: &str) -> Result<Option<String>, Problem> {
    let Some(text) = joined(headers, IF_MATCH) else { return Ok(None) };
    match parse(&text) {
        None => Err(bad("If-Match must be `*` or a list of quoted tags, as ETag gives them")),
        Some(Tags::Any) => Ok(None),
        // A weak tag never names exactly one state.
        Some(Tags::Listed(tags)) if tags.iter().any(|(weak, tag)| !weak && tag == current) => {
            Ok(Some(current.to_owned()))
        }
        Some(Tags::Listed(_)) => {
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "the item has changed since: read it again"))
        }
    }
}

/// Whether the caller has this state already. A header that cannot be read asks for the whole answer.
pub(super) fn is_known(headers: &HeaderMap, current: &str) -> bool {
    match joined(headers, IF_NONE_MATCH).and_then(|text| parse(&text)) {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.iter().any(|(_, tag)| tag == current),
    }
}

/// A state's tag as the header writes it. `None` when it could not be written, which no tag of ours is.
pub(super) fn etag(tag: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{tag}\"")).ok()
}

fn joined(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn parse(text: &str) -> Option<Tags> {
    if text.trim() == "*" {
        return Some(Tags::Any);
    }
    let separators = [' ', '\t', ','];
    let mut tags = Vec::new();
    let mut rest = text.trim_start_matches(separators);
    while !rest.is_empty() {
        let weak = rest.strip_prefix("W/");
        let (tag, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        tags.push((weak.is_some(), tag.to_owned()));
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start_matches(separators);
        }
    }
    (!tags.is_empty()).then_some(Tags::Listed(tags))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderName;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect()
    }

    #[test]
    fn a_write_needs_the_state_it_names() {
        let of = |lines: &[&str]| required(&headers(IF_MATCH, lines), "b").map_err(|p| p.status.as_u16());
        assert_eq!(of(&[]), Ok(None));
        for whatever in ["*", " * "] {
            assert_eq!(of(&[whatever]), Ok(None));
        }
        for (good, lines) in
            [(1, vec!["\"b\""]), (2, vec!["\"a\" , \"b\""]), (3, vec!["\"a\"", "W/\"b\",\"b\""])]
        {
            assert_eq!(of(&lines), Ok(Some("b".to_owned())), "{good}");
        }
        for stale in ["\"a\"", "W/\"b\"", "\"\"", "\"B\"", "\"a,b\"", "\"a\",\"c\","] {
            assert_eq!(of(&[stale]), Err(412), "{stale}");
        }
        for rubbish in ["b", "\"b", "b\"", "\"b\" \"c\"", "\"b\",*", "w/\"b\"", ",", ""] {
            assert_eq!(of(&[rubbish]), Err(400), "{rubbish}");
        }
    }

    #[test]
    fn a_read_is_spared_when_the_state_is_known() {
        let of = |line| is_known(&headers(IF_NONE_MATCH, &[line]), "b");
        assert!(of("*") && of("\"b\"") && of("W/\"b\"") && of("\"a\", W/\"b\""));
        assert!(!of("\"a\"") && !of("b") && !of(""));
        assert!(!is_known(&HeaderMap::new(), "b"));
    }

    #[test]
    fn a_tag_comes_back() {
        let told = etag("b").unwrap();
        assert_eq!(told, "\"b\"");
        assert!(is_known(&[(IF_NONE_MATCH, told)].into_iter().collect(), "b"));
    }
}
