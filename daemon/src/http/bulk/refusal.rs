//! Why a request of the Bulk shapes is not done, and how that is told (REFERENCE A6).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::ext::ReasonPhrase;
use serde_json::{Value, json};
use thiserror::Error;

use super::{answer, sentence};
use crate::bulk::{BulkError, Failure};

/// What stands beside 400 where members of a body are to blame.
const INVALID: ReasonPhrase = ReasonPhrase::from_static(b"There was a validation error.");

/// How much of a refused parameter is repeated, in characters: enough to find the mistake.
const SHOWN_CHARS: usize = 200;

/// Why a request is not done.
#[derive(Debug, Error)]
pub(in crate::http) enum Refusal {
    /// The service will not, or cannot.
    #[error(transparent)]
    Service(#[from] BulkError),
    /// 400: a part of the path or of the query cannot be used.
    #[error("the parameter {parameter} cannot be used")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What was sent.
        value: String,
        /// What it must be.
        requirement: Requirement,
    },
    /// 415: the body is of another type, or of none.
    #[error("the body is of a type that is not taken here")]
    Media,
}

/// What a parameter must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Requirement {
    /// The number of something.
    Id,
    /// A whole number from the first to the second.
    Integer(u64, u64),
    /// `true` or `false`.
    Boolean,
    /// An expression of `q`.
    Search,
    /// An expression of `orderBy`.
    Order,
}

impl Refusal {
    /// A parameter that cannot be used.
    pub(super) fn parameter(parameter: &'static str, value: &str, requirement: Requirement) -> Self {
        let value = value.chars().take(SHOWN_CHARS).collect();
        Self::Parameter { parameter, value, requirement }
    }

    /// 404.
    pub(super) fn not_found() -> Self {
        BulkError::NotFound.into()
    }

    /// 400 because of one member, or of the body itself.
    pub(super) fn member(field: &str, value: Value, constraint: impl Into<String>) -> Self {
        let failure =
            Failure { field: field.to_owned(), value, constraint: constraint.into(), position: None };
        BulkError::Invalid(vec![failure]).into()
    }
}

impl Requirement {
    fn told(self) -> Value {
        match self {
            Self::Id => json!({ "type": "IdRequirement", "isRelativeAllowed": false }),
            Self::Integer(minimum, maximum) => {
                json!({ "type": "IntegerRequirement", "minimum": minimum, "maximum": maximum })
            }
            Self::Boolean => json!({ "type": "BooleanRequirement" }),
            Self::Search => json!({ "type": "SearchRequirement" }),
            Self::Order => json!({ "type": "OrderRequirement" }),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Service(error) => service(error),
            Self::Parameter { parameter, value, requirement } => {
                let told = json!([{
                    "type": "EndpointParameterError",
                    "parameter": parameter,
                    "value": value,
                    "requirement": requirement.told(),
                }]);
                answer::json(StatusCode::BAD_REQUEST, &told)
            }
            Self::Media => {
                let why = "The Content-Type must be application/json, or text/csv for data, in UTF-8.";
                sentence::said(StatusCode::UNSUPPORTED_MEDIA_TYPE, why)
            }
        }
    }
}

fn service(error: BulkError) -> Response {
    let status = match error {
        BulkError::Invalid(failures) => return invalid(&failures),
        BulkError::Active { sync, uri } => return answer::json(StatusCode::CONFLICT, &conflict(sync, &uri)),
        BulkError::Forbidden => StatusCode::FORBIDDEN,
        BulkError::NotFound => StatusCode::NOT_FOUND,
        BulkError::Gone => StatusCode::GONE,
        BulkError::InUse => StatusCode::PRECONDITION_FAILED,
        BulkError::Full => StatusCode::PAYLOAD_TOO_LARGE,
        BulkError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        BulkError::Failed(_) => {
            // The caller may be an app that shows nothing, and is not told about our disk.
            tracing::error!(%error, "a bulk request could not be done");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    sentence::plain(status)
}

fn invalid(failures: &[Failure]) -> Response {
    let told = failures.iter().map(|failure| {
        let mut told = json!({
            "field": failure.field, "value": failure.value, "constraint": failure.constraint
        });
        if let Some(position) = failure.position {
            told["position"] = position.into();
        }
        told
    });
    let told = json!({ "failures": told.collect::<Vec<_>>() });
    let mut response = answer::json(StatusCode::BAD_REQUEST, &told);
    response.extensions_mut().insert(INVALID);
    response
}

fn conflict(sync: u64, uri: &str) -> Value {
    json!([{
        "type": "ObjectValidationError",
        "container": { "type": "ObjectKey", "objectType": "Sync", "objectId": sync.to_string() },
        "property": "syncedInstanceUri",
        "value": uri,
        "requirement": { "type": "UniquenessRequirement" },
    }])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::bulk::testing::{json_of, text};

    #[tokio::test]
    async fn members_that_cannot_be_used_are_failures_with_a_reason() {
        let failure = Failure {
            field: "filter".into(),
            value: "'{{X}}' = ".into(),
            constraint: "Must be a filter".into(),
            position: Some(10),
        };
        let other = Failure { position: None, ..failure.clone() };
        let response = Refusal::from(BulkError::Invalid(vec![failure, other])).into_response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
        assert_eq!(
            response.extensions().get::<ReasonPhrase>().unwrap().as_bytes(),
            b"There was a validation error."
        );
        assert_eq!(
            text(response).await,
            r#"{"failures":[{"field":"filter","value":"'{{X}}' = ","constraint":"Must be a filter","position":10},{"field":"filter","value":"'{{X}}' = ","constraint":"Must be a filter"}]}"#
        );
    }

    #[tokio::test]
    async fn parameters_that_cannot_be_used_are_named() {
        let told = |refusal: Refusal| async { json_of(refusal.into_response()).await };
        assert_eq!(
            told(Refusal::parameter("id", "sandwich", Requirement::Id)).await,
            json!([{ "type": "EndpointParameterError", "parameter": "id", "value": "sandwich",
                "requirement": { "type": "IdRequirement", "isRelativeAllowed": false } }])
        );
        let limit =
            told(Refusal::parameter("limit", &"9".repeat(10_000), Requirement::Integer(1, 1000))).await;
        assert_eq!(
            limit[0]["requirement"],
            json!({ "type": "IntegerRequirement", "minimum": 1, "maximum": 1000 })
        );
        assert_eq!(limit[0]["value"].as_str().unwrap().len(), SHOWN_CHARS);
    }

    #[tokio::test]
    async fn what_the_service_refuses_has_its_status_and_sentence() {
        let cases = [
            (BulkError::Forbidden, 403, "\"Forbidden.\""),
            (BulkError::NotFound, 404, "\"The requested resource was not found.\""),
            (BulkError::Gone, 410, "\"The requested resource is no longer available.\""),
            (
                BulkError::InUse,
                412,
                "\"The resource you are attempting to delete has dependencies, and cannot be deleted.\"",
            ),
            (BulkError::Full, 413, "\"Storage space exceeded.\""),
            (
                BulkError::Failed("/secret/path".into()),
                500,
                "\"The service has encountered an internal server error.\"",
            ),
            (BulkError::Busy, 503, "\"There was a timeout processing the request.\""),
        ];
        for (error, status, sentence) in cases {
            let response = Refusal::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(text(response).await, sentence);
        }
        assert_eq!(Refusal::Media.into_response().status(), 415);
    }

    #[tokio::test]
    async fn a_second_sync_of_a_definition_is_a_conflict() {
        let error = BulkError::Active { sync: 12, uri: "/activities/exports/7".into() };
        let response = Refusal::from(error).into_response();
        assert_eq!(response.status(), 409);
        assert_eq!(
            json_of(response).await,
            json!([{ "type": "ObjectValidationError",
                "container": { "type": "ObjectKey", "objectType": "Sync", "objectId": "12" },
                "property": "syncedInstanceUri", "value": "/activities/exports/7",
                "requirement": { "type": "UniquenessRequirement" } }])
        );
    }
}
