//! What is sent and what is answered.

use super::Schema;

/// What is sent or answered.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// What is in it.
    pub schema: Schema,
    /// How it may be written.
    pub media: Media,
    /// Whether it must be there.
    pub required: bool,
}

/// Sets of media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// JSON as everybody has it.
    Json,
    /// JSON by both names that Web API knows (REFERENCE D1).
    WebJson,
    /// JSON, XML and forms: what Web API reads (REFERENCE D1).
    Web,
    /// JSON and XML: what Web API writes.
    WebAnswer,
    /// JSON and CSV: rows of the Bulk shapes (REFERENCE A6).
    Rows,
    /// A problem of RFC 9457.
    Problem,
    /// Plain text.
    Text,
    /// A page for people.
    Html,
    /// A script of such a page.
    Script,
    /// Its style.
    Style,
    /// Server-sent events.
    Events,
    /// Bytes.
    Bytes,
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// When it is given, in a sentence.
    pub about: &'static str,
    /// What is in it.
    pub body: Option<Body>,
}

impl Body {
    /// A body that must be there.
    #[must_use]
    pub const fn new(schema: Schema, media: Media) -> Self {
        Self { schema, media, required: true }
    }

    /// JSON that must be there.
    #[must_use]
    pub const fn json(schema: Schema) -> Self {
        Self::new(schema, Media::Json)
    }

    /// The same, where no body at all has a meaning too.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { required: false, ..self }
    }
}

impl Media {
    /// The media types of the set, the usual one first.
    #[must_use]
    pub const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::WebJson => &["application/json", "text/json"],
            Self::Web => &[
                "application/json",
                "text/json",
                "application/xml",
                "text/xml",
                "application/x-www-form-urlencoded",
            ],
            Self::WebAnswer => &["application/json", "text/json", "application/xml", "text/xml"],
            Self::Rows => &["application/json", "text/csv"],
            Self::Problem => &["application/problem+json"],
            Self::Text => &["text/plain"],
            Self::Html => &["text/html"],
            Self::Script => &["text/javascript"],
            Self::Style => &["text/css"],
            Self::Events => &["text/event-stream"],
            Self::Bytes => &["application/octet-stream"],
        }
    }
}

impl Reply {
    /// An answer with a body.
    #[must_use]
    pub const fn new(status: u16, about: &'static str, body: Body) -> Self {
        Self { status, about, body: Some(body) }
    }

    /// An answer without one.
    #[must_use]
    pub const fn bare(status: u16, about: &'static str) -> Self {
        Self { status, about, body: None }
    }

    /// A refusal of our own API.
    #[must_use]
    pub const fn problem(status: u16, about: &'static str) -> Self {
        Self::new(status, about, Body::new(Schema::Problem, Media::Problem))
    }

    /// A refusal of a documented shape.
    #[must_use]
    pub const fn error(status: u16, about: &'static str) -> Self {
        Self::new(status, about, Body::new(Schema::HttpError, Media::WebAnswer))
    }

    /// A refusal of the Bulk shapes that is a sentence.
    #[must_use]
    pub const fn sentence(status: u16, about: &'static str) -> Self {
        Self::new(status, about, Body::json(Schema::Sentence))
    }
}
