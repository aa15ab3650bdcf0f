//! What an endpoint is: everything about it but its handler, as data. The router, the OpenAPI document, the help pages and
//! the answers for what is not served are all made of it, so that none can say what the others do not.

pub mod body;
pub mod form;
pub mod schema;

use axum::routing::MethodFilter;

pub use body::{Body, Media, Reply};
pub use form::Form;
pub use schema::Schema;

use super::problem::Family;

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The method.
    pub verb: Verb,
    /// The path in its documented spelling; `{name}` is a variable part.
    pub path: &'static str,
    /// What it does, in one line without a full stop.
    pub summary: &'static str,
    /// What else a caller should know, in sentences.
    pub description: &'static str,
    /// What is told in path, query and header.
    pub parameters: &'static [Parameter],
    /// What is sent.
    pub request: Option<Body>,
    /// Its own answers; [`Endpoint::replies`] adds those of every endpoint.
    pub responses: &'static [Reply],
    /// What a caller must show.
    pub auth: Auth,
}

/// The methods that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Does or makes.
    Post,
    /// Puts in the place of.
    Put,
    /// Writes what is named.
    Patch,
    /// Removes.
    Delete,
}

/// What a caller must show before a handler runs (contract 1). A caller whose user cannot be told needs the bearer token
/// everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A documented shape: a process of the daemon's user needs nothing more, or an app password (`api.auth`).
    Shape,
    /// The bearer token, or the cookie of a browser that `quire open` let in.
    Bearer,
    /// Nothing.
    Free,
}

/// Where a parameter is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A variable part of the path.
    Path,
    /// The query.
    Query,
    /// A header field.
    Header,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it is told.
    pub place: Place,
    /// Whether it must be.
    pub required: bool,
    /// What its text must be.
    pub form: Form,
    /// What it means, in sentences.
    pub about: &'static str,
}

/// Endpoints that belong together. The name is the tag in the OpenAPI document and a heading on the help page.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The name.
    pub name: &'static str,
    /// What they are for, in sentences.
    pub about: &'static str,
    /// The endpoints, in the order in which they are shown.
    pub endpoints: &'static [&'static Endpoint],
}

/// Refusals that come before any handler: of the head, of the caller, or because the daemon cannot.
const REFUSALS: [(u16, &str); 8] = [
    (400, "The request is malformed, or names no Host or more than one."),
    (401, "What the caller must show is missing or wrong: the bearer token, or an app password."),
    (
        403,
        "A process of another user or a web page of another origin is calling, or the app password is for other spaces.",
    ),
    (421, "The request is for another Host."),
    (431, "The head of the request is too large. The answer has no body."),
    (500, "The daemon could not do it; its log says why."),
    (503, "The daemon is stopping, its store cannot be used, or too many are calling at once."),
    (507, "The disk is full: nothing was written."),
];

/// Refusals of a body before any handler.
const BODY_REFUSALS: [(u16, &str); 3] = [
    (408, "The body did not arrive in time."),
    (413, "The body is larger than is taken here."),
    (415, "The body's type or encoding is not supported here."),
];

/// What is different of both for the Bulk shapes: the daemon itself may ask who calls, and a body that is too large is
/// not found, since 413 is for storage space (REFERENCE A7).
const BULK_REFUSALS: [(u16, &str); 1] = [(
    401,
    "Users or app passwords are asked for and this is none of them; or the bearer token is missing where a caller's user cannot be told.",
)];
const BULK_BODY_REFUSALS: [(u16, &str); 3] =
    [BODY_REFUSALS[0], (404, "The body is larger than is taken here."), BODY_REFUSALS[2]];

/// The one refusal without a body: the head was not even read to its end.
const NO_BODY: u16 = 431;

impl Endpoint {
    /// Its name for programs: `postV1ConflictsByIdResolve`.
    #[must_use]
    pub fn operation_id(&self) -> String {
        let mut id = self.verb.name().to_ascii_lowercase();
        for part in segments(self.path) {
            id.push_str(if variable(part).is_some() { "By" } else { "" });
            for word in part.split(|c: char| !c.is_ascii_alphanumeric()) {
                id.push_str(&capitalised(word));
            }
        }
        id
    }

    /// Its name in the address of its help page, as Web API makes it (REFERENCE D10):
    /// `GET-api-sync_syncTokenId_pageSize_pageNumber`.
    #[must_use]
    pub fn friendly_id(&self) -> String {
        let path: Vec<&str> = segments(self.path).map(|part| variable(part).unwrap_or(part)).collect();
        let keys: Vec<&str> = self.query().map(|parameter| parameter.name).collect();
        let mark = if keys.is_empty() { "" } else { "_" };
        format!("{}-{}{mark}{}", self.verb.name(), path.join("-"), keys.join("_"))
    }

    /// Its address as help pages show it: without the first slash, with the names in the query.
    #[must_use]
    pub fn shown(&self) -> String {
        let keys: Vec<String> = self.query().map(|key| format!("{0}={{{0}}}", key.name)).collect();
        let mark = if keys.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.path.trim_start_matches('/'), keys.join("&"))
    }

    /// Its answers and those that every endpoint gives, by status. What it says itself of a status goes first.
    #[must_use]
    pub fn replies(&self) -> Vec<Reply> {
        let (own, of_body): (&[(u16, &str)], _) = match Family::of(self.path) {
            Family::Bulk => (&BULK_REFUSALS, &BULK_BODY_REFUSALS),
            Family::Native | Family::Shape => (&[], &BODY_REFUSALS),
        };
        let of_body = of_body.iter().filter(|_| self.request.is_some());
        let mut replies = self.responses.to_vec();
        for (status, about) in own.iter().chain(&REFUSALS).chain(of_body).copied() {
            if !replies.iter().any(|own| own.status == status) {
                replies.push(self.refusal(status, about));
            }
        }
        replies.sort_by_key(|reply| reply.status);
        replies
    }

    fn refusal(&self, status: u16, about: &'static str) -> Reply {
        match Family::of(self.path) {
            _ if status == NO_BODY => Reply::bare(status, about),
            Family::Native => Reply::problem(status, about),
            Family::Shape => Reply::error(status, about),
            Family::Bulk => Reply::sentence(status, about),
        }
    }

    fn query(&self) -> impl Iterator<Item = &'static Parameter> {
        self.parameters.iter().filter(|parameter| parameter.place == Place::Query)
    }
}

impl Verb {
    /// As it stands in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Parameter {
    /// A variable part of the path.
    #[must_use]
    pub const fn path(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, place: Place::Path, required: true, form, about }
    }

    /// Something in the query that may be left out.
    #[must_use]
    pub const fn query(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, place: Place::Query, required: false, form, about }
    }

    /// A header field that may be left out.
    #[must_use]
    pub const fn header(name: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Header, required: false, form: Form::Text, about }
    }
}

/// The parts of a path; empty ones do not count.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// The name of a variable part.
pub(super) fn variable(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// The word with a capital.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
