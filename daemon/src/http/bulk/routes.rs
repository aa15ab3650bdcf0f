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
