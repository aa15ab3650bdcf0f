//! Nodes, and what carries them: message bodies and the pages of a sync.

use super::field::{CREATED, Field, UPDATED, field};
use super::{Contract, Form, MESSAGING, REPRESENTATIONS};

const NODE_ID: Field = field("nodeId", "NodeId", Form::Guid, "The node's GUID.");
const TYPE: Field = field("type", "Type", Form::Text, "What kind of node it is; with `id` the business key.");
const ID: Field = field("id", "Id", Form::Text, "Which node of its type it is.");
const PARENT_TYPE: Field = field("parentType", "ParentType", Form::Text, "The type of the parent node.");
const PARENT_ID: Field = field("parentId", "ParentId", Form::Text, "The id of the parent node.");
const TITLE: Field = field("title", "Title", Form::Text, "What people call the node.");
const PROPS: Field = field("props", "Props", Form::AnyMap, "Further properties by name.");
const REFS: Field =
    field("refs", "Refs", Form::Map(&NODE_REF), "References to other nodes, by the name of the reference.");
const NODES: Field =
    field("nodes", "Nodes", Form::List(&NODE), "Nodes by `nodeId`, else by `type` and `id`.");

/// A node.
pub static NODE: Contract = Contract {
    name: "NodeRepresentation",
    namespace: REPRESENTATIONS,
    about: "A node: one object of a tenant, with its place in the tree, its properties and its references.",
    fields: &[
        field("tenantId", "TenantId", Form::Guid, "The tenant that owns the node."),
        NODE_ID,
        TYPE,
        ID,
        PARENT_TYPE,
        PARENT_ID,
        TITLE,
        PROPS,
        REFS,
        field("cyanId", "CyanId", Form::Long, "The row number that this server gave the node."),
        field("subjectToCleanup", "SubjectToCleanup", Form::Bool, "Whether retention may remove the node."),
        CREATED,
        UPDATED,
    ],
};

/// Where a reference of a node points.
pub static NODE_REF: Contract = Contract {
    name: "NodeRefRepresentation",
    namespace: REPRESENTATIONS,
    about: "Where a reference points.",
    fields: &[
        field("type", "Type", Form::Text, "The type of the node that is meant."),
        field("id", "Id", Form::Text, "The id of the node that is meant."),
    ],
};

/// The body of a `PutDataDelete` message.
pub static PUT_DATA_DELETE: Contract = Contract {
    name: "PutDataDeleteMessageBody",
    namespace: MESSAGING,
    about: "Which nodes to delete.",
    fields: &[field("nodeIds", "NodeIds", Form::Guids, "Nodes by their `nodeId`."), NODES],
};

/// The body of a `PutData` message.
pub static PUT_DATA: Contract = Contract {
    name: "PutDataMessageBody",
    namespace: MESSAGING,
    about: "Which nodes to create or change.",
    fields: &[NODES],
};

/// A node in the pages of a sync (REFERENCE B2): only what clients show.
pub static SYNC_NODE: Contract = Contract {
    name: "SyncNodeRepresentation",
    namespace: REPRESENTATIONS,
    about: "A node as a sync brings it.",
    fields: &[NODE_ID, TYPE, ID, PARENT_TYPE, PARENT_ID, TITLE, PROPS, REFS],
};

/// One page of a sync (REFERENCE B2). Clients that do not know `deletedNodeIds` ignore it.
pub static SYNC_PAGE: Contract = Contract {
    name: "SyncRepresentation",
    namespace: REPRESENTATIONS,
    about: "One page of the data of a sync token.",
    fields: &[
        field("pageSize", "PageSize", Form::Int, "How many nodes a page has at most."),
        field("pageNumber", "PageNumber", Form::Int, "Which page this is, from 1."),
        field("recordCount", "RecordCount", Form::Int, "How many nodes this page has."),
        field("totalCount", "TotalCount", Form::Int, "How many nodes all pages have."),
        field("data", "Data", Form::List(&SYNC_NODE), "The nodes of this page."),
        field("deletedNodeIds", "DeletedNodeIds", Form::Guids, "The nodes that were deleted in this window."),
    ],
};
