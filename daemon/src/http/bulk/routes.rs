//! Every endpoint of the Bulk shapes with its handler.

use super::{catalogue, data, definitions, identity, staging, syncs};
use crate::http::endpoints::bulk as of;
use crate::http::router::{Route, to};

/// Endpoints and what answers them. Custom objects have paths of their own; what they mean is read from the path.
pub(in crate::http) fn routes() -> Vec<Route> {
    let mut routes = objects();
    routes.extend(exports());
    routes.extend(imports());
    routes.extend([
        to(&of::syncs::LIST, syncs::list),
        to(&of::syncs::CREATE, syncs::create),
        to(&of::syncs::READ, syncs::read),
        to(&of::syncs::LOGS, syncs::logs),
        to(&of::syncs::REJECTS, syncs::rejects),
        to(&of::syncs::DATA, data::of_sync),
        to(&of::syncs::DELETE_DATA, data::delete_of_sync),
    ]);
    routes
}

fn objects() -> Vec<Route> {
    use of::objects as of;
    vec![
        to(&of::IDENTITY, identity::identity),
        to(&of::FIELDS, catalogue::fields),
        to(&of::FIELD, catalogue::field),
        to(&of::CUSTOM_OBJECTS, catalogue::custom_objects),
        to(&of::CUSTOM_OBJECT, catalogue::custom_object),
        to(&of::CUSTOM_FIELDS, catalogue::fields),
        to(&of::CUSTOM_FIELD, catalogue::field),
        to(&of::EVENTS, catalogue::nothing),
        to(&of::LISTS, catalogue::nothing_of),
        to(&of::SEGMENTS, catalogue::nothing_of),
        to(&of::FILTERS, catalogue::nothing_of),
        to(&of::MODELS, catalogue::nothing),
        to(&of::ALL_ACTIONS, catalogue::nothing),
        to(&of::ACTIONS, catalogue::nothing_of),
        to(&of::ACT, catalogue::act),
        to(&of::CUSTOM_ACTIONS, catalogue::nothing_of),
        to(&of::CUSTOM_ACT, catalogue::act),
    ]
}

fn exports() -> Vec<Route> {
    use of::exports as of;
    vec![
        to(&of::ALL, definitions::exports),
        to(&of::LIST, definitions::list),
        to(&of::CREATE, definitions::create),
        to(&of::READ, definitions::read),
        to(&of::CHANGE, definitions::change),
        to(&of::DELETE, definitions::delete),
        to(&of::DATA, data::of_definition),
        to(&of::DELETE_DATA, data::delete_of_definition),
        to(&of::CUSTOM_LIST, definitions::list),
        to(&of::CUSTOM_CREATE, definitions::create),
        to(&of::CUSTOM_READ, definitions::read),
        to(&of::CUSTOM_CHANGE, definitions::change),
        to(&of::CUSTOM_DELETE, definitions::delete),
        to(&of::CUSTOM_DATA, data::of_definition),
        to(&of::CUSTOM_DELETE_DATA, data::delete_of_definition),
    ]
}

fn imports() -> Vec<Route> {
    use of::imports as of;
    vec![
        to(&of::ALL, definitions::imports),
        to(&of::LIST, definitions::list),
        to(&of::CREATE, definitions::create),
        to(&of::READ, definitions::read),
        to(&of::CHANGE, definitions::change),
        to(&of::DELETE, definitions::delete),
        to(&of::STAGE, staging::stage),
        to(&of::CLEAR, staging::clear),
        to(&of::CUSTOM_LIST, definitions::list),
        to(&of::CUSTOM_CREATE, definitions::create),
        to(&of::CUSTOM_READ, definitions::read),
        to(&of::CUSTOM_CHANGE, definitions::change),
        to(&of::CUSTOM_DELETE, definitions::delete),
        to(&of::CUSTOM_STAGE, staging::stage),
        to(&of::CUSTOM_CLEAR, staging::clear),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, Uri};
    use axum::routing::any;
    use tower::ServiceExt;

    use crate::http::bulk::testing::text;
    use crate::http::{endpoints, spelling};

    /// Answers each path with the template that it fits.
    fn templates() -> Router {
        let paths: BTreeSet<&str> = endpoints::all().map(|endpoint| endpoint.path).collect();
        paths
            .into_iter()
            .fold(Router::new(), |table, path| table.route(path, any(move || async move { path })))
    }

    #[tokio::test]
    async fn each_path_fits_its_own_template_however_it_is_spelled() {
        for (path, wanted) in [
            ("/API/BULK/2.0//contacts/fields", "/api/bulk/2.0/{object}/fields"),
            ("/api/Bulk/2.0/Contacts/Exports/7/Data/", "/api/bulk/2.0/{object}/exports/{id}/data"),
            ("/api/bulk/2.0/contacts/scoring/models", "/api/bulk/2.0/contacts/scoring/models"),
            (
                "/api/bulk/2.0/CUSTOMOBJECTS/7/imports/3",
                "/api/bulk/2.0/customObjects/{parentId}/imports/{id}",
            ),
            ("/api/bulk/2.0/customobjects/7", "/api/bulk/2.0/customObjects/{parentId}"),
            ("/api/bulk/2.0/customObjects", "/api/bulk/2.0/customObjects"),
            ("/api/bulk/2.0/exports", "/api/bulk/2.0/exports"),
            ("/api/bulk/2.0/accounts/exports", "/api/bulk/2.0/{object}/exports"),
            ("/api/bulk/2.0/SYNCS/66100/Logs", "/api/bulk/2.0/syncs/{id}/logs"),
            ("/api/bulk/2.0/syncActions", "/api/bulk/2.0/syncActions"),
            ("//ID//", "/id"),
        ] {
            let uri: Uri = path.parse().unwrap();
            let uri = spelling::documented(&uri).unwrap_or(uri);
            let asked = Request::get(uri).body(Body::empty()).unwrap();
            assert_eq!(text(templates().oneshot(asked).await.unwrap()).await, wanted, "{path}");
        }
        for path in ["/api/bulk/2.0", "/api/bulk/2.0/contacts/lists/1", "/api/bulk/1.0/syncs"] {
            let asked = Request::get(path).body(Body::empty()).unwrap();
            assert_eq!(templates().oneshot(asked).await.unwrap().status(), 404, "{path}");
        }
    }
}
