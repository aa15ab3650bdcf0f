//! An exchange in the manner of ASP.NET Web API: a body in one of three forms, an answer in the form the client wants
//! (REFERENCE D1, D3 to D8).

use axum::http::header::{ACCEPT, ACCEPT_CHARSET, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::body::{Body, BodyKind, body_kind};
use quire_protocol::shapes::contract::json::{self as contract_json, Fault};
use quire_protocol::shapes::contract::{Contract, Members};
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::negotiation::{Answer, Format, negotiate};
use quire_protocol::shapes::{forms, json, xml};
use serde_json::Value;

use super::failure::shape_error;

/// What a client that sends script requests says of itself.
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What a request's head says of the form of its answer.
pub(super) fn wanted(headers: &HeaderMap) -> Answer {
    let one = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    negotiate(accepted(headers).as_deref(), one(ACCEPT_CHARSET), one(CONTENT_TYPE), one(REQUESTED_WITH))
}

/// Every `Accept` as one.
pub(super) fn accepted(headers: &HeaderMap) -> Option<String> {
    let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    match (accepts.next(), accepts.next()) {
        (Some(first), Some(second)) => {
            Some([first, second].into_iter().chain(accepts).collect::<Vec<_>>().join(", "))
        }
        (first, _) => first.map(str::to_owned),
    }
}

/// What a body says of an object.
pub(super) struct Told {
    /// The members that were sent.
    pub members: Members,
    /// The form has no objects and arrays among values of any type.
    pub textual: bool,
}

/// Reads a body of a class. `parameter` is the action's, which begins every key of a `ModelState`.
pub(super) fn read(
    headers: &HeaderMap,
    bytes: &[u8],
    contract: &Contract,
    parameter: &str,
) -> Result<Told, HttpError> {
    if bytes.is_empty() {
        return Err(HttpError::invalid_member(parameter, "", "The request has no body."));
    }
    let told = headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
    let body: Body = body_kind(told.as_deref())?;
    let text = body.decode(bytes).map_err(|error| HttpError::invalid_json(parameter, &error))?;
    let value = match body.kind {
        BodyKind::Xml => {
            let members = xml::read(contract, &text);
            let members =
                members.map_err(|error| HttpError::invalid_member(parameter, "", error.to_string()))?;
            return Ok(Told { members, textual: true });
        }
        BodyKind::Form => forms::read(&text).map_err(|error| HttpError::invalid_form(parameter, &error))?,
        BodyKind::Json => {
            json::parse_text(&text).map_err(|error| HttpError::invalid_json(parameter, &error))?
        }
    };
    let members = contract_json::read(contract, value).map_err(|faults| {
        let placed =
            |Fault { path, message }: Fault| Fault { message: json::placed(&text, &path, message), path };
        let is_json = body.kind == BodyKind::Json;
        invalid(parameter, if is_json { faults.into_iter().map(placed).collect() } else { faults })
    })?;
    Ok(Told { members, textual: body.kind == BodyKind::Form })
}

/// The members of a class from a value that was read already.
pub(super) fn of_value(contract: &Contract, value: Value, parameter: &str) -> Result<Members, HttpError> {
    contract_json::read(contract, value).map_err(|faults| invalid(parameter, faults))
}

fn invalid(parameter: &str, faults: Vec<Fault>) -> HttpError {
    let mut state: Vec<(String, Vec<String>)> = Vec::new();
    for Fault { path, message } in faults {
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        let key = format!("{parameter}{dot}{path}");
        match state.iter_mut().find(|(known, _)| *known == key) {
            Some((_, messages)) => messages.push(message),
            None => state.push((key, vec![message])),
        }
    }
    HttpError::invalid(state)
}

/// An object of a class as an answer.
pub(super) fn one(answer: Answer, status: StatusCode, contract: &Contract, members: &Members) -> Response {
    text(
        answer,
        status,
        match answer.media_type.format() {
            Format::Json => contract_json::write(contract, members).to_string(),
            Format::Xml => xml::write(contract, members),
        },
    )
}

/// An object that has every member in the documented order already: in JSON it need not be gone through again.
pub(super) fn whole(answer: Answer, contract: &Contract, members: Members) -> Response {
    if answer.media_type.format() == Format::Xml {
        return one(answer, StatusCode::OK, contract, &members);
    }
    debug_assert_eq!(contract_json::write(contract, &members), Value::Object(members.clone()));
    text(answer, StatusCode::OK, Value::Object(members).to_string())
}

/// A list of objects.
pub(super) fn list(answer: Answer, contract: &Contract, items: &[Members]) -> Response {
    text(
        answer,
        StatusCode::OK,
        match answer.media_type.format() {
            Format::Json => contract_json::write_list(contract, items).to_string(),
            Format::Xml => xml::write_list(contract, items),
        },
    )
}

fn text(answer: Answer, status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, content_type(answer))], answer.encode(text)).into_response()
}

pub(super) fn content_type(answer: Answer) -> HeaderValue {
    HeaderValue::from_str(&answer.content_type()).unwrap_or(HeaderValue::from_static("application/json"))
}

tokio::task_local! {
    /// How the request that is being answered came: `http` or `https`.
    pub(super) static SCHEME: &'static str;
}

/// The scheme of addresses in an answer.
pub(super) fn scheme() -> &'static str {
    SCHEME.try_with(|scheme| *scheme).unwrap_or("http")
}

/// An answer that names where what was made can be read.
pub(super) fn created(mut response: Response, headers: &HeaderMap, path: &str) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if let Ok(location) = HeaderValue::from_str(&format!("{}://{host}{path}", scheme())) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// An error in the form that the client wants. Until here it is told in JSON, beside itself.
pub(super) fn negotiated(response: Response, answer: Answer) -> Response {
    let Some(error) = response.extensions().get::<HttpError>() else { return response };
    let told = match answer.media_type.format() {
        Format::Json => String::from_utf8_lossy(&error.to_json()).into_owned(),
        Format::Xml => error.to_xml(),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, content_type(answer));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, answer.encode(told).into())
}

/// A refusal.
pub(super) fn refused(error: HttpError) -> Response {
    shape_error(&error)
}
