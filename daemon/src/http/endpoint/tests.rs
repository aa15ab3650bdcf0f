#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::*;
use crate::http::endpoints::all;

const SYNC: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/sync",
    summary: "",
    description: "",
    parameters: &[
        Parameter::query("syncTokenId", Form::Guid, ""),
        Parameter::header("X-Cyan-TenantAccessKey", ""),
        Parameter::query("pageSize", Form::INT, ""),
        Parameter::query("pageNumber", Form::INT, ""),
    ],
    request: None,
    responses: &[],
    auth: Auth::Shape,
};

#[test]
fn friendly_ids_are_those_of_web_api() {
    assert_eq!(SYNC.friendly_id(), "GET-api-sync_syncTokenId_pageSize_pageNumber");
    assert_eq!(
        SYNC.shown(),
        "api/sync?syncTokenId={syncTokenId}&pageSize={pageSize}&pageNumber={pageNumber}"
    );
    let post =
        Endpoint { verb: Verb::Post, path: "/api/synchronization/synchronize", parameters: &[], ..SYNC };
    assert_eq!(post.friendly_id(), "POST-api-synchronization-synchronize");
    assert_eq!(post.operation_id(), "postApiSynchronizationSynchronize");
    let item = Endpoint { path: "/api/bulk/2.0/{object}/exports/{id}", parameters: &[], ..SYNC };
    assert_eq!(item.friendly_id(), "GET-api-bulk-2.0-object-exports-id");
    assert_eq!(item.operation_id(), "getApiBulk20ByObjectExportsById");
}

#[test]
fn each_endpoint_has_names_of_its_own() {
    let total = all().count();
    let unique = |name: fn(&Endpoint) -> String| all().map(name).collect::<BTreeSet<_>>().len();
    assert_eq!(unique(Endpoint::operation_id), total);
    assert_eq!(unique(|endpoint| endpoint.friendly_id().to_ascii_lowercase()), total);
}

#[test]
fn the_variable_parts_of_a_path_are_its_path_parameters() {
    for endpoint in all() {
        let parts: Vec<&str> = segments(endpoint.path).filter_map(variable).collect();
        let told = endpoint.parameters.iter().filter(|parameter| parameter.place == Place::Path);
        let told: Vec<&str> = told.map(|parameter| parameter.name).collect();
        assert_eq!(parts, told, "{}", endpoint.path);
        assert!(endpoint.parameters.iter().all(|p| p.required || p.place != Place::Path));
    }
}

#[test]
fn each_status_is_answered_once_and_in_the_familys_form() {
    for endpoint in all() {
        let replies = endpoint.replies();
        assert!(replies.windows(2).all(|two| two[0].status < two[1].status), "{}", endpoint.path);
        assert!(replies.iter().any(|reply| reply.status < 400), "{}", endpoint.path);
        for refusal in replies.iter().filter(|reply| reply.status >= 400) {
            let Some(body) = refusal.body else {
                assert_eq!(refusal.status, NO_BODY);
                continue;
            };
            let wanted = match (Family::of(endpoint.path), refusal.status) {
                (Family::Native, _) => "Problem",
                (Family::Shape, _) => "HttpError",
                (Family::Bulk, 400) if !endpoint.parameters.is_empty() || endpoint.request.is_some() => {
                    "BulkInvalid"
                }
                (Family::Bulk, 409) => "BulkConflict",
                (Family::Bulk, _) => "BulkSentence",
            };
            assert_eq!(body.schema.name(), wanted, "{} {}", endpoint.path, refusal.status);
        }
    }
}

#[test]
fn what_web_api_reads_it_writes_but_for_forms() {
    let (read, written) = (Media::Web.types(), Media::WebAnswer.types());
    assert_eq!(&read[..written.len()], written);
    assert_eq!(read.len(), written.len() + 1);
}

#[test]
fn each_kind_has_a_schema_of_all_its_members() {
    use quire_protocol::domain::Kind;
    for kind in Kind::MODEL {
        let told = Schema::Kind(kind).definition();
        let names: Vec<&String> = told["properties"].as_object().unwrap().keys().collect();
        let wanted: Vec<&str> = kind.members().iter().map(|member| member.name).collect();
        assert_eq!(names, wanted);
        assert!(Schema::SHARED.iter().any(|shared| shared.name() == Schema::Kind(kind).name()));
    }
    let marking = Schema::Kind(Kind::Marking).definition();
    assert_eq!(marking["properties"]["bookID"]["type"], "integer");
    assert_eq!(marking["properties"]["type"]["type"], serde_json::json!(["integer", "null"]));
}
