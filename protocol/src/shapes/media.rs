//! Media types as headers write them: `type/subtype; name=value`, in lists with commas between.

/// Entries of one header that are looked at. Browsers send some ten; what follows is as if it were not there.
pub(super) const MAX_ENTRIES: usize = 64;

/// One entry of `Accept`, or the value of `Content-Type`. Either part may be `*`.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaRange<'a> {
    main: &'a str,
    sub: &'a str,
    parameters: &'a str,
}

impl<'a> MediaRange<'a> {
    /// Nothing for text that is no media type, such as a lone `*`.
    pub(super) fn parse(text: &'a str) -> Option<MediaRange<'a>> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (main, sub) = essence.split_once('/')?;
        let (main, sub) = (main.trim(), sub.trim());
        (is_token(main) && is_token(sub)).then_some(MediaRange { main, sub, parameters })
    }

    /// Whether `type/subtype`, which is no range, is one of those meant. Letter case does not count.
    pub(super) fn covers(&self, main: &str, sub: &str) -> bool {
        match self.width() {
            Width::All => true,
            Width::Subtype => self.main.eq_ignore_ascii_case(main),
            Width::Literal => self.main.eq_ignore_ascii_case(main) && self.sub.eq_ignore_ascii_case(sub),
        }
    }

    pub(super) fn width(&self) -> Width {
        match (self.main, self.sub) {
            ("*", "*") => Width::All,
            (_, "*") => Width::Subtype,
            _ => Width::Literal,
        }
    }

    /// The first parameter of that name, without its quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        split(self.parameters, b';').take(MAX_ENTRIES).find_map(|parameter| {
            let (found, value) = parameter.split_once('=')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').trim())
        })
    }

    /// The `q` parameter, see [`quality`].
    pub(super) fn quality(&self) -> f64 {
        quality(self.parameter("q"))
    }
}

/// How much a media range covers; the narrower is the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    Literal,
    Subtype,
    All,
}

/// The entries of a list, at most [`MAX_ENTRIES`], blanks removed.
pub(super) fn entries(list: Option<&str>) -> impl Iterator<Item = &str> {
    split(list.unwrap_or(""), b',').take(MAX_ENTRIES).map(str::trim).filter(|entry| !entry.is_empty())
}

/// A quality from 0 to 1. As in System.Net.Http one that is no plain decimal is as good as none, which means 1.
pub(super) fn quality(text: Option<&str>) -> f64 {
    let plain = text.filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    plain.and_then(|text| text.parse::<f64>().ok()).map_or(1.0, |quality| quality.min(1.0))
}

/// The parts between separators that stand outside of quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = find(text, separator) else { return rest.take() };
        rest = text.get(at + 1..);
        text.get(..at)
    })
}

/// Where an ASCII separator is first found outside of quotes.
fn find(text: &str, separator: u8) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    text.bytes().position(|byte| {
        let literal = std::mem::take(&mut escaped);
        match byte {
            b'\\' if quoted && !literal => escaped = true,
            b'"' if !literal => quoted = !quoted,
            _ => {}
        }
        !quoted && byte == separator
    })
}

/// A token of RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let is_mark = |b| b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || is_mark(b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_split_at_commas_outside_of_quotes() {
        let found: Vec<_> = entries(Some(" a/b;p=\"x,\\\",y\" ,, c/d , e/f;p=\"never closed, g/h")).collect();
        assert_eq!(found, ["a/b;p=\"x,\\\",y\"", "c/d", "e/f;p=\"never closed, g/h"]);
        assert_eq!(entries(None).count(), 0);
        assert_eq!(entries(Some(&"a/b,".repeat(10_000))).count(), MAX_ENTRIES);
    }

    #[test]
    fn what_is_no_media_type_is_none() {
        for text in ["", "*", "text", "/", "text/", "/xml", "a/b/c", "te xt/xml", "text/ä", "\"a/b\""] {
            assert!(MediaRange::parse(text).is_none(), "{text:?}");
        }
        assert!(MediaRange::parse("Text / XML;").unwrap().covers("text", "xml"));
    }

    #[test]
    fn parameters_are_found_by_name() {
        let range = MediaRange::parse("a/b; Charset = \"UTF-16\" ;x; charset=y;q=\"a;q=0\"").unwrap();
        assert_eq!(range.parameter("charset"), Some("UTF-16"));
        assert_eq!(range.parameter("q"), Some("a;q=0"));
        assert_eq!(range.parameter("x"), None);
    }

    #[test]
    fn a_quality_that_is_no_decimal_means_1() {
        for (text, expected) in
            [("0", 0.0), ("0.000", 0.0), (".5", 0.5), ("0.3", 0.3), ("1.000", 1.0), ("1.", 1.0), ("7", 1.0)]
        {
            assert_eq!(quality(Some(text)), expected, "{text}");
        }
        for text in ["", ".", "-1", "+0.1", "1e-3", "0,5", "nan", "inf", "0.5.5", "٣"] {
            assert_eq!(quality(Some(text)), 1.0, "{text}");
        }
        assert_eq!(quality(None), 1.0);
    }
}
