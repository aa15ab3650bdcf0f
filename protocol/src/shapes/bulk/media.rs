//! In which of its two forms data comes and goes: JSON or CSV (REFERENCE A6).

use std::cmp::Reverse;

use crate::shapes::media::{MediaRange, Width, entries};

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `text/csv`
    Csv,
}

impl Media {
    const ALL: [Media; 2] = [Media::Json, Media::Csv];

    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Media::Json => ("application", "json"),
            Media::Csv => ("text", "csv"),
        }
    }

    /// The form that `Content-Type` tells; `None` for any other, for none, and for a charset that is not UTF-8. Other
    /// parameters do not count.
    #[must_use]
    pub fn sent(content_type: Option<&str>) -> Option<Media> {
        let range = MediaRange::parse(content_type?)?;
        let utf8 = range.parameter("charset").is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"));
        let literal = range.width() == Width::Literal && utf8;
        Media::ALL.into_iter().find(|media| literal && media.is_within(&range))
    }

    /// The form in which data is wanted, by `Accept`, whose headers come joined by commas: the one of greater quality,
    /// then the one that is named more exactly, then JSON. JSON too for who accepts neither. Only the first 64 entries
    /// count.
    #[must_use]
    pub fn wanted(accept: Option<&str>) -> Media {
        let ranges: Vec<MediaRange> = entries(accept).filter_map(MediaRange::parse).collect();
        if rank(Media::Csv, &ranges) > rank(Media::Json, &ranges) { Media::Csv } else { Media::Json }
    }

    fn is_within(self, range: &MediaRange) -> bool {
        let (main, sub) = self.parts();
        range.covers(main, sub)
    }
}

/// How well a form is accepted: the quality that its narrowest entry gives it, and how narrow that is.
fn rank(media: Media, ranges: &[MediaRange]) -> (f64, Option<Reverse<Width>>) {
    let within = ranges.iter().filter(|range| media.is_within(range));
    let best = within.min_by_key(|range| range.width()).filter(|range| range.quality() > 0.0);
    best.map_or((0.0, None), |range| (range.quality(), Some(Reverse(range.width()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_or_csv_in_utf_8() {
        for json in
            ["application/json", "Application/JSON;charset=UTF-8", "application/json; charset=\"utf-8\"; a=b"]
        {
            assert_eq!(Media::sent(Some(json)), Some(Media::Json), "{json}");
        }
        for csv in ["text/csv", "TEXT/CSV; charset=utf-8; header=present"] {
            assert_eq!(Media::sent(Some(csv)), Some(Media::Csv), "{csv}");
        }
        let others = [
            "",
            "*/*",
            "text/*",
            "text/json",
            "application/xml",
            "application/json; charset=latin1",
            "text/csvx",
            "application/x-www-form-urlencoded",
            "json",
            ";",
            "text/csv; charset=utf-16",
        ];
        for other in others {
            assert_eq!(Media::sent(Some(other)), None, "{other}");
        }
        assert_eq!(Media::sent(None), None);
    }

    #[test]
    fn csv_is_for_those_who_prefer_it() {
        let csv = [
            "text/csv",
            "Text/CSV",
            "text/*",
            "text/csv, */*",
            "application/json;q=0.5, text/csv",
            "text/csv;q=0.9, application/json;q=0.8",
            "text/html, text/csv;q=0.1",
            "*/*;q=0.1, text/csv",
            "application/json;q=0, */*",
        ];
        for accept in csv {
            assert_eq!(Media::wanted(Some(accept)), Media::Csv, "{accept}");
        }
        let json = [
            "",
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "text/csv, application/json",
            "text/csv;q=0",
            "text/html",
            "text/csv;q=0.5, */*",
            "application/xml",
            ",,;",
            "text/csv;q=0, text/*;q=0",
        ];
        for accept in json {
            assert_eq!(Media::wanted(Some(accept)), Media::Json, "{accept}");
        }
        assert_eq!(Media::wanted(None), Media::Json);
    }
}
