//! In which media type and charset an answer is written: Web API's `DefaultContentNegotiator` with its two writing
//! formatters, JSON before XML (REFERENCE D1). An answer is always found; there is no 406.

use std::cmp::Reverse;

use super::media::{self, MediaRange, Width};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The media type.
    pub media_type: MediaType,
    /// The encoding of the text.
    pub charset: Charset,
}

/// A media type that answers can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`
    ApplicationJson,
    /// `text/json`
    TextJson,
    /// `application/xml`
    ApplicationXml,
    /// `text/xml`
    TextXml,
}

/// What is written under a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// XML.
    Xml,
}

/// An encoding of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8 without a byte order mark.
    Utf8,
    /// Little-endian UTF-16 with a byte order mark.
    Utf16,
}

/// The supported media types of each formatter, in the formatter's order.
pub(super) const FORMATTERS: [[MediaType; 2]; 2] =
    [[MediaType::ApplicationJson, MediaType::TextJson], [MediaType::ApplicationXml, MediaType::TextXml]];

impl MediaType {
    /// As in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaType::ApplicationJson => "application/json",
            MediaType::TextJson => "text/json",
            MediaType::ApplicationXml => "application/xml",
            MediaType::TextXml => "text/xml",
        }
    }

    /// JSON or XML.
    pub fn format(self) -> Format {
        match self {
            MediaType::ApplicationJson | MediaType::TextJson => Format::Json,
            MediaType::ApplicationXml | MediaType::TextXml => Format::Xml,
        }
    }

    /// The first of the formatter's types that the range covers.
    fn first_within(formatter: &[MediaType], range: &MediaRange) -> Option<MediaType> {
        formatter.iter().copied().find(|supported| supported.is_within(range))
    }

    pub(super) fn is_within(self, range: &MediaRange) -> bool {
        self.as_str().split_once('/').is_some_and(|(main, sub)| range.covers(main, sub))
    }
}

impl Charset {
    /// Its name in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Charset::Utf8 => "utf-8",
            Charset::Utf16 => "utf-16",
        }
    }

    fn named(name: &str) -> Option<Charset> {
        [Charset::Utf8, Charset::Utf16].into_iter().find(|known| name.eq_ignore_ascii_case(known.as_str()))
    }
}

impl Answer {
    /// The `Content-Type` of the answer, such as `application/json; charset=utf-8`.
    pub fn content_type(&self) -> String {
        format!("{}; charset={}", self.media_type.as_str(), self.charset.as_str())
    }

    /// The bytes of the answer; UTF-8 costs nothing.
    pub fn encode(&self, text: String) -> Vec<u8> {
        match self.charset {
            Charset::Utf8 => text.into_bytes(),
            Charset::Utf16 => {
                let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

/// Chooses by the request's header texts; several headers of a name come joined by commas. `content_type` is the
/// request's own, and `requested_with` is `X-Requested-With`.
///
/// An entry that is no media type is left out, where .NET leaves out its whole header. Only the first 64 entries of
/// a header count.
pub fn negotiate(
    accept: Option<&str>,
    accept_charset: Option<&str>,
    content_type: Option<&str>,
    requested_with: Option<&str>,
) -> Answer {
    let body = content_type.and_then(MediaRange::parse);
    let accepted = accepted(accept);
    let media_type = by_script(&accepted, requested_with)
        .or_else(|| by_accept(&accepted))
        .or_else(|| body.as_ref().and_then(by_body))
        .unwrap_or(MediaType::ApplicationJson);
    let charset = by_accept_charset(accept_charset)
        .or_else(|| body.and_then(|body| body.parameter("charset")).and_then(Charset::named))
        .unwrap_or(Charset::Utf8);
    Answer { media_type, charset }
}

/// The entries of `Accept` from best to worst: by quality, then the narrower first, then as they came.
fn accepted(accept: Option<&str>) -> Vec<(MediaRange<'_>, f64)> {
    let ranges = media::entries(accept).filter_map(MediaRange::parse);
    let mut accepted: Vec<_> = ranges.map(|range| (range, range.quality())).collect();
    accepted.sort_by(|(a, a_quality), (b, b_quality)| {
        b_quality.total_cmp(a_quality).then(a.width().cmp(&b.width()))
    });
    accepted
}

/// A script that did not say what it accepts gets JSON.
fn by_script(accepted: &[(MediaRange, f64)], requested_with: Option<&str>) -> Option<MediaType> {
    const SCRIPT: &str = "xmlhttprequest";
    let scripted = requested_with.is_some_and(|with| with.to_ascii_lowercase().contains(SCRIPT));
    let undecided = match accepted {
        [] => true,
        [(only, _)] => only.width() == Width::All,
        _ => false,
    };
    (scripted && undecided).then_some(MediaType::ApplicationJson)
}

/// Each formatter's best entry, and of these the best: by quality, then the narrower, then the earlier formatter. An
/// entry of quality 0 matches nothing, but does not keep a wider one from matching.
fn by_accept(accepted: &[(MediaRange, f64)]) -> Option<MediaType> {
    let best_of = |formatter: &[MediaType; 2]| {
        accepted.iter().filter(|(_, quality)| *quality > 0.0).find_map(|(range, quality)| {
            MediaType::first_within(formatter, range).map(|found| (found, *quality, range.width()))
        })
    };
    let matches = FORMATTERS.iter().filter_map(best_of);
    let best = matches.reduce(|best, next| {
        let better = next.1.total_cmp(&best.1).then(Reverse(next.2).cmp(&Reverse(best.2)));
        if better.is_gt() { next } else { best }
    });
    best.map(|(found, ..)| found)
}

fn by_body(body: &MediaRange) -> Option<MediaType> {
    FORMATTERS.iter().find_map(|formatter| MediaType::first_within(formatter, body))
}

/// The best supported entry of `Accept-Charset`; `*` comes after a name of the same quality and means UTF-8.
fn by_accept_charset(accept: Option<&str>) -> Option<Charset> {
    let mut wanted: Vec<_> = media::entries(accept)
        .map(|entry| {
            let (name, rest) = entry.split_once(';').unwrap_or((entry, ""));
            let quality = rest.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
            (name.trim(), media::quality(quality.map(|(_, value)| value.trim())))
        })
        .filter(|(_, quality)| *quality > 0.0)
        .collect();
    wanted.sort_by(|(a, a_quality), (b, b_quality)| {
        b_quality.total_cmp(a_quality).then((*a == "*").cmp(&(*b == "*")))
    });
    wanted
        .into_iter()
        .find_map(|(name, _)| if name == "*" { Some(Charset::Utf8) } else { Charset::named(name) })
}

#[cfg(test)]
mod tests;
