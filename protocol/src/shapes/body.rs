//! What a request's `Content-Type` says of its body, and the text of the body by it.

use std::borrow::Cow;

use thiserror::Error;

use super::error::HttpError;
use super::json::{self, JsonError};
use super::media::{MediaRange, Width};
use super::negotiation::{FORMATTERS, Format};

/// A body that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The language of its text.
    pub kind: BodyKind,
    /// The `charset` parameter as it was sent.
    pub charset: Option<String>,
}

/// The languages that requests are read in: Web API's formatters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`, `text/json`
    Json,
    /// `application/xml`, `text/xml`
    Xml,
    /// `application/x-www-form-urlencoded`
    Form,
}

/// A body of a media type that no formatter reads, or of none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the media type {0:?} is not read")]
pub struct Unsupported(
    /// The media type without its parameters.
    pub Option<String>,
);

impl From<Unsupported> for HttpError {
    fn from(Unsupported(media_type): Unsupported) -> HttpError {
        HttpError::unsupported_media(media_type.as_deref())
    }
}

/// What a body is, by its `Content-Type`. Other parameters than `charset` are ignored.
///
/// # Errors
/// [`Unsupported`], which is an answer 415 (REFERENCE D8).
pub fn body_kind(content_type: Option<&str>) -> Result<Body, Unsupported> {
    let text = content_type.ok_or(Unsupported(None))?;
    let range = MediaRange::parse(text);
    let known = range.as_ref().and_then(|range| Some((kind(range)?, range)));
    let Some((kind, range)) = known else {
        let essence = text.split(';').next().unwrap_or_default().trim();
        return Err(Unsupported(Some(essence.to_owned())));
    };
    Ok(Body { kind, charset: range.parameter("charset").map(str::to_owned) })
}

fn kind(range: &MediaRange) -> Option<BodyKind> {
    if range.width() != Width::Literal {
        return None;
    }
    if range.covers("application", "x-www-form-urlencoded") {
        return Some(BodyKind::Form);
    }
    let format = FORMATTERS.into_iter().flatten().find(|known| known.is_within(range))?.format();
    Some(match format {
        Format::Json => BodyKind::Json,
        Format::Xml => BodyKind::Xml,
    })
}

impl Body {
    /// The text of the body: by its charset, else by its byte order mark, else UTF-8. XML without charset and mark
    /// may also be UTF-16, which its first two bytes show whether or not it has a declaration; a declared encoding
    /// that the bytes do not bear out is ignored. In a form, bytes that are not UTF-8 become U+FFFD, as in .NET.
    ///
    /// # Errors
    /// [`JsonError::Encoding`] for bytes that are no text in that encoding.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, str>, JsonError> {
        let charset = self.charset.as_deref().filter(|charset| !charset.is_empty());
        match (self.kind, charset, bytes) {
            (BodyKind::Xml, None, [b'<', 0, ..]) => json::decode(bytes, Some("utf-16le")),
            (BodyKind::Xml, None, [0, b'<', ..]) => json::decode(bytes, Some("utf-16be")),
            (BodyKind::Form, ..) => match json::decode(bytes, charset) {
                Err(JsonError::Encoding { charset: "utf-8", .. }) => Ok(String::from_utf8_lossy(bytes)),
                text => text,
            },
            _ => json::decode(bytes, charset),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn body(content_type: &str) -> Body {
        body_kind(Some(content_type)).unwrap()
    }

    #[test]
    fn five_media_types_are_read() {
        for (text, kind, charset) in [
            ("application/json", BodyKind::Json, None),
            ("Text/JSON ; Charset=\"UTF-16\"", BodyKind::Json, Some("UTF-16")),
            ("application/json; odata=verbose; charset=utf-8", BodyKind::Json, Some("utf-8")),
            ("application/xml;charset=utf-8", BodyKind::Xml, Some("utf-8")),
            ("text/xml", BodyKind::Xml, None),
            ("application/x-www-form-urlencoded; charset=UTF-8", BodyKind::Form, Some("UTF-8")),
        ] {
            assert_eq!(body(text), Body { kind, charset: charset.map(str::to_owned) }, "{text}");
        }
    }

    #[test]
    fn others_are_refused_by_name() {
        for (text, shown) in [
            ("x/y; charset=utf-8", "x/y"),
            ("text/plain", "text/plain"),
            ("application/*", "application/*"),
            ("*/*", "*/*"),
            ("nonsense", "nonsense"),
            ("multipart/form-data; boundary=a", "multipart/form-data"),
        ] {
            assert_eq!(body_kind(Some(text)), Err(Unsupported(Some(shown.to_owned()))), "{text}");
        }
        let none = HttpError::from(body_kind(None).unwrap_err());
        assert_eq!(none, HttpError::unsupported_media(None));
        assert_eq!(none.status, 415);
    }

    #[test]
    fn xml_says_its_encoding_itself() {
        let text = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>ä😀</a>";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked: Vec<u8> = [&[0xFF, 0xFE], le.as_slice()].concat();
        let xml = body("application/xml");
        for bytes in [text.as_bytes(), &le, &be, &marked] {
            assert_eq!(xml.decode(bytes).unwrap(), text);
        }
        assert_eq!(xml.decode(&le[text.find("<a").unwrap() * 2..]).unwrap(), "<a>ä😀</a>");
        assert_eq!(body("text/xml;charset=utf-16").decode(&le).unwrap(), text);
        assert_eq!(body("text/xml;charset=\"\"").decode(&le).unwrap(), text);
        assert!(body("text/xml;charset=utf-8").decode(&marked).is_err());
        assert!(xml.decode(b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE4</a>").is_err());
        assert_eq!(xml.decode(b"\xEF\xBB\xBF<a/>").unwrap(), "<a/>");
    }

    #[test]
    fn a_form_replaces_what_is_no_text() {
        assert_eq!(body("application/x-www-form-urlencoded").decode(b"a=\xFF").unwrap(), "a=\u{FFFD}");
        assert!(body("application/json").decode(b"\xFF").is_err());
    }

    proptest! {
        #[test]
        fn any_content_type_and_bytes_are_taken(text in ".*", bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = body_kind(Some(&text));
            for kind in [BodyKind::Json, BodyKind::Xml, BodyKind::Form] {
                for charset in [None, Some("utf-16".to_owned()), Some(text.clone())] {
                    let _ = Body { kind, charset }.decode(&bytes);
                }
            }
        }
    }
}
