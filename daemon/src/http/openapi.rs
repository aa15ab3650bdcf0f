//! `GET /openapi.json` and `quire openapi`: the table of endpoints as an OpenAPI 3.1 document.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::contract::Form;
use serde_json::{Map, Value, json};

use super::endpoint::{Auth, Body, Endpoint, Parameter, Place, Reply, Schema};
use super::endpoints::{GROUPS, all};

/// `GET /openapi.json`.
pub(super) async fn openapi() -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, JSON)], text()).into_response()
}

/// The document, for programs and people.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The document.
#[must_use]
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Quire",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Conflict-free, offline, multi-device sync for unmodified apps, by a daemon on this machine.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{
            "url": "http://{address}",
            "description": "This machine.",
            "variables": { "address": { "default": "127.0.0.1:7470", "description": "`api` in `ready.json`." } },
        }],
        "tags": GROUPS.iter().map(|group| json!({ "name": group.name, "description": group.about })).collect::<Vec<_>>(),
        "paths": paths(),
        "components": { "schemas": schemas(), "securitySchemes": schemes() },
    })
}

fn schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The content of the API token file; it opens everything. It is needed everywhere by callers whose user cannot be told.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "quire-session",
            "description": "What `quire open` gives a browser on this machine.",
        },
        "app": {
            "type": "http",
            "scheme": "basic",
            "description": "Name and password of an app (`quire app add`): with `api.auth = \"required\"`, and from a web origin that was granted to the app.",
        },
    })
}

/// Every definition by its name.
pub(super) fn schemas() -> Map<String, Value> {
    let bodies = all().flat_map(|endpoint| {
        let answered = endpoint.responses.iter().filter_map(|reply| reply.body);
        endpoint.request.into_iter().chain(answered).map(|body| body.schema)
    });
    let named = bodies.filter(|schema| !matches!(schema, Schema::Text));
    let named = Schema::SHARED.into_iter().chain(named).flat_map(with_held);
    named.map(|schema| (schema.name().to_owned(), schema.definition())).collect()
}

/// A schema with the classes that its objects hold. Classes do not hold themselves, so it ends.
fn with_held(schema: Schema) -> Vec<Schema> {
    let mut all = vec![schema];
    let mut at = 0;
    while let Some(next) = all.get(at).copied() {
        if let Schema::Contract(of) | Schema::Contracts(of) = next {
            all.extend(of.fields.iter().filter_map(|field| match field.form {
                Form::Map(of) | Form::Object(of) | Form::List(of) => Some(Schema::Contract(of)),
                _ => None,
            }));
        }
        at += 1;
    }
    all
}

fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    for group in GROUPS {
        for endpoint in group.endpoints {
            let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
            path[endpoint.verb.name().to_ascii_lowercase()] = operation(group.name, endpoint);
        }
    }
    paths
}

fn operation(tag: &str, endpoint: &Endpoint) -> Value {
    let mut told = json!({
        "operationId": endpoint.operation_id(),
        "tags": [tag],
        "summary": endpoint.summary,
    });
    if !endpoint.description.is_empty() {
        told["description"] = endpoint.description.into();
    }
    if !endpoint.parameters.is_empty() {
        told["parameters"] = endpoint.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = endpoint.request {
        told["requestBody"] = json!({ "required": body.required, "content": content(body) });
    }
    let replies = endpoint.replies();
    told["responses"] =
        replies.iter().map(|reply| (reply.status.to_string(), response(reply))).collect::<Map<_, _>>().into();
    told["security"] = security(endpoint.auth);
    told
}

fn parameter(told: &Parameter) -> Value {
    let place = match told.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": told.name,
        "in": place,
        "required": told.required,
        "description": told.about,
        "schema": told.form.schema(),
    })
}

fn response(reply: &Reply) -> Value {
    let mut told = json!({ "description": reply.about });
    if let Some(body) = reply.body {
        told["content"] = content(body).into();
    }
    told
}

fn content(body: Body) -> Map<String, Value> {
    let schema = match body.schema {
        Schema::Text => Schema::Text.definition(),
        named => named.reference(),
    };
    let types = body.media.types().iter();
    types.map(|media| ((*media).to_owned(), json!({ "schema": schema }))).collect()
}

/// Where a caller's user is enough, what is shown is one of several ways.
fn security(auth: Auth) -> Value {
    match auth {
        Auth::Bearer => json!([{ "bearer": [] }, { "session": [] }]),
        Auth::Shape => json!([{}, { "app": [] }, { "bearer": [] }]),
        Auth::Free => json!([{}, { "bearer": [] }]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::endpoint::schema::DEFINITIONS;

    #[test]
    fn every_endpoint_is_in_the_document_and_nothing_else() {
        let document = document();
        let mut count = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                let endpoint = all().find(|endpoint| endpoint.operation_id() == id).unwrap();
                assert_eq!((endpoint.path, endpoint.verb.name()), (path.as_str(), &*method.to_uppercase()));
                count += 1;
            }
        }
        assert_eq!(count, all().count());
    }

    #[test]
    fn every_reference_has_a_definition_and_no_name_has_two() {
        let document = document();
        let text = document.to_string();
        for part in text.split("\"$ref\":\"").skip(1) {
            let name = part.split('"').next().unwrap().strip_prefix(DEFINITIONS).unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        for endpoint in all() {
            for body in endpoint.replies().iter().filter_map(|reply| reply.body).chain(endpoint.request) {
                let defined = &document["components"]["schemas"][body.schema.name()];
                let inline = matches!(body.schema, Schema::Text);
                assert!(inline || *defined == body.schema.definition(), "{}", body.schema.name());
            }
        }
    }

    #[test]
    fn the_token_is_asked_for_where_it_is_needed() {
        let document = document();
        assert_eq!(document["paths"]["/v1/status"]["get"]["security"][0], json!({ "bearer": [] }));
        assert_eq!(document["paths"]["/openapi.json"]["get"]["security"][0], json!({}));
    }
}
