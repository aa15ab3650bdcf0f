//! The one table of endpoints: a file for each group. `router` joins handlers to them; OpenAPI, help pages, and answers for
//! what is not served read them here.

pub mod bulk;
pub mod conflicts;
pub mod dashboard;
pub mod health;
pub mod help;
pub mod markings;
pub mod messages;
pub mod nodes;
pub mod peers;
pub mod spaces;
pub mod synchronization;
pub mod tenant_nodes;
pub mod tokens;

use super::endpoint::{Endpoint, Group};

/// Every group, in the order in which they are shown.
pub const GROUPS: &[&Group] = &[
    &synchronization::GROUP,
    &tokens::GROUP,
    &nodes::GROUP,
    &messages::GROUP,
    &bulk::objects::GROUP,
    &bulk::exports::GROUP,
    &bulk::imports::GROUP,
    &bulk::syncs::GROUP,
    &spaces::GROUP,
    &markings::GROUP,
    &tenant_nodes::GROUP,
    &conflicts::GROUP,
    &peers::GROUP,
    &dashboard::GROUP,
    &health::GROUP,
    &help::GROUP,
];

/// Every endpoint.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    GROUPS.iter().flat_map(|group| group.endpoints.iter().copied())
}
