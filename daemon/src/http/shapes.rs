//! How the e-reader's shapes come in and go out: bodies by their content type, answers in one place.

#![allow(
    clippy::result_large_err,
    reason = "the error is an answer, built once at the end of a request's way"
)]

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::body::{Body, BodyKind, body_kind};
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::model::{self, Answer, ModelError, PositionResult, Positions};
use quire_protocol::shapes::negotiation::{Answer as Wanted, Charset, Format};
use quire_protocol::shapes::xml::{XmlError, plain};
use quire_protocol::shapes::{forms, json};
use serde_json::Value;

use super::failure::shape_error;
use super::web::content_type;

/// Bodies from this size on are read and written on a thread of their own: a socket's thread may be held up for about
/// a millisecond, which is what so many bytes take.
const LARGE: usize = 64 * 1024;

/// About what an item takes in an answer.
const ITEM_BYTES: usize = 1024;

/// The root of an answer of one position in XML, as documented (REFERENCE C1).
pub(super) const POSITION_RESULT: &str = "ApiResultOfposition8WPzUjNG";

/// An answer, or a refusal that is one too.
pub(super) type Answered = Result<Response, Response>;

/// What is answered, as an `ApiResult`.
pub(super) enum Told {
    /// Of a `SynchronizationModel`.
    Model(Box<Answer>),
    /// Of positions.
    Positions(PositionResult),
}

/// How a body of XML becomes the value that a model is read from.
pub(super) type FromXml = fn(&str) -> Result<Value, XmlError>;

/// The model in a body, or the refusal that says what is wrong with it: `parameter` is what Web API calls it there.
pub(super) async fn read<T: Send + 'static>(
    headers: &HeaderMap,
    body: Bytes,
    parameter: &'static str,
    xml: FromXml,
    model: impl FnOnce(Value) -> Result<T, ModelError> + Send + 'static,
) -> Result<T, Response> {
    let media = headers.get(CONTENT_TYPE).map(|told| String::from_utf8_lossy(told.as_bytes()).into_owned());
    let size = body.len();
    let read = move || {
        let value = value(media.as_deref(), &body, parameter, xml)?;
        model(value).map_err(|error| {
            let message = placed(media.as_deref(), &body, &error.path, error.message);
            HttpError::invalid_member(parameter, &error.path, message)
        })
    };
    sized(size, read).await?.map_err(|error| shape_error(&error))
}

/// What Json.NET says of a value that does not fit: also where it is.
fn placed(media: Option<&str>, body: &[u8], path: &str, message: String) -> String {
    match body_kind(media) {
        Ok(form) if form.kind == BodyKind::Json => match form.decode(body) {
            Ok(text) => json::placed(&text, path, message),
            Err(_) => message,
        },
        _ => message,
    }
}

/// The answer, in the form that the client wants.
pub(super) async fn told(told: Told, wanted: Wanted) -> Answered {
    let (items, media) = (told.items() * ITEM_BYTES, content_type(wanted));
    let bytes = sized(items, move || told.bytes(wanted)).await?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, media)], bytes).into_response())
}

impl Told {
    fn items(&self) -> usize {
        match self {
            Self::Model(answer) => answer.item_count(),
            Self::Positions(PositionResult { result: Positions::Many(list), .. }) => list.len(),
            Self::Positions(_) => 1,
        }
    }

    fn bytes(&self, wanted: Wanted) -> Vec<u8> {
        let json = self.json();
        match (wanted.media_type.format(), wanted.charset) {
            (Format::Json, Charset::Utf8) => json,
            (Format::Json, Charset::Utf16) => wanted.encode(String::from_utf8_lossy(&json).into_owned()),
            (Format::Xml, _) => {
                // What was just written is JSON.
                let value = serde_json::from_slice(&json).unwrap_or_default();
                wanted.encode(plain::write(self.root(), &value))
            }
        }
    }

    /// The root of the answer in XML.
    fn root(&self) -> &'static str {
        match self {
            Self::Positions(PositionResult { result: Positions::One(_), .. }) => POSITION_RESULT,
            _ => plain::RESULT,
        }
    }

    fn json(&self) -> Vec<u8> {
        match self {
            Self::Model(answer) => model::write(answer),
            Self::Positions(positions) => model::write_positions(positions),
        }
    }
}

/// A body as a JSON value, whatever it is written in.
fn value(media: Option<&str>, body: &[u8], parameter: &str, xml: FromXml) -> Result<Value, HttpError> {
    // An empty body is no model, of whatever type.
    let form = if body.is_empty() { Body { kind: BodyKind::Json, charset: None } } else { body_kind(media)? };
    let text = || form.decode(body).map_err(|error| HttpError::invalid_json(parameter, &error));
    match form.kind {
        BodyKind::Json => {
            json::parse_text(&text()?).map_err(|error| HttpError::invalid_json(parameter, &error))
        }
        BodyKind::Form => forms::read(&text()?).map_err(|error| HttpError::invalid_form(parameter, &error)),
        BodyKind::Xml => {
            xml(&text()?).map_err(|error| HttpError::invalid_member(parameter, "", error.to_string()))
        }
    }
}

/// Does the work here when it is little, else on a thread of its own.
async fn sized<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    if bytes < LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        tracing::error!(
            "a request was not read or answered to its end; if nothing is stopping, this is a bug in Quire"
        );
        shape_error(&HttpError::internal())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use quire_protocol::shapes::model::PARAMETER;
    use serde_json::json;

    use super::*;

    fn of(media: &str, body: &[u8]) -> Result<Value, HttpError> {
        value(Some(media), body, PARAMETER, plain::read_model)
    }

    #[test]
    fn json_and_forms_are_values() {
        let text = r#"{"AccountApplicationId":"7","Markings":[{"note":"a"}]}"#;
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let form = b"AccountApplicationId=7&Markings[0].note=a";
        let xml = b"<SynchronizationModel><AccountApplicationId>7</AccountApplicationId>\
            <Markings><position><note>a</note></position></Markings></SynchronizationModel>";
        let expected = json!({"AccountApplicationId": "7", "Markings": [{"note": "a"}]});
        for (media, body) in [
            ("application/json", text.as_bytes()),
            ("Text/JSON; Charset=\"UTF-16\"", &utf16),
            ("application/json; odata=verbose; charset=utf-8", text.as_bytes()),
            ("application/x-www-form-urlencoded", form),
            ("application/xml", xml),
        ] {
            let mut value = of(media, body).unwrap();
            value["AccountApplicationId"] =
                value["AccountApplicationId"].as_i64().map_or("7".into(), |n| n.to_string().into());
            assert_eq!(value, expected, "{media}");
        }
        assert_eq!(of("application/x-www-form-urlencoded", b"[0].note=a").unwrap(), json!([{"note": "a"}]));
    }

    #[test]
    fn other_types_are_refused_by_name() {
        for media in ["application/octet-stream", "application/json5", "multipart/form-data"] {
            let refused = of(&format!("{media}; x=y"), b"<a/>").unwrap_err();
            assert_eq!(refused.status, 415);
            assert!(refused.message.contains(&format!("'{media}'")), "{}", refused.message);
        }
        let untold = value(None, b"{}", PARAMETER, plain::read_model).unwrap_err();
        assert!(untold.status == 415 && untold.message.starts_with("The request contains an entity body"));
    }

    #[test]
    fn what_is_no_value_is_told_by_its_place() {
        let key = |media, body: &[u8]| {
            let error = of(media, body).unwrap_err();
            assert_eq!((error.status, error.message.as_str()), (400, "The request is invalid."));
            error.model_state[0].0.clone()
        };
        assert_eq!(key("text/json", b"{\"Markings\":[{\"id\":"), "synchronizationModel.Markings[0].id");
        assert_eq!(key("text/json", b"{\"a\":\"\xff\"}"), "synchronizationModel");
        assert_eq!(key("application/x-www-form-urlencoded", b"a[0=1"), "synchronizationModel");
        assert_eq!(of("nonsense", b"").unwrap(), Value::Null, "no model, which is for the model to refuse");
    }
}
