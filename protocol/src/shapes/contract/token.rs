//! `SyncTokenRepresentation`.

use super::field::{CREATED, UPDATED, field};
use super::{Contract, Form, REPRESENTATIONS};

/// A token for the changes between two anchors (REFERENCE B3).
pub static SYNC_TOKEN: Contract = Contract {
    name: "SyncTokenRepresentation",
    namespace: REPRESENTATIONS,
    about: "A token that can be used to retrieve sync data: the changes between two anchors.",
    fields: &[
        field("syncTokenId", "SyncTokenId", Form::Guid, "The token; given by the server when all zeros."),
        field("tenantId", "TenantId", Form::Guid, "The tenant whose nodes are asked for."),
        field("userId", "UserId", Form::Guid, "The user who asks."),
        field("userGroupId", "UserGroupId", Form::Guid, "The group of the user."),
        field("deviceId", "DeviceId", Form::Guid, "The device that asks."),
        field("deviceGroupId", "DeviceGroupId", Form::Guid, "The group of the device."),
        field("applicationId", "ApplicationId", Form::Guid, "The application that asks."),
        field("applicationVersionId", "ApplicationVersionId", Form::Guid, "The version of the application."),
        field(
            "requestedAnchorHex",
            "RequestedAnchorHex",
            Form::Text,
            "The anchor the client had before; empty or zeros for everything.",
        ),
        field(
            "currentDatabaseAnchorHex",
            "CurrentDatabaseAnchorHex",
            Form::Text,
            "The anchor up to which this token reads; to be kept for the next request.",
        ),
        field("pushToken", "PushToken", Form::Text, "Where the device takes push messages; kept as sent."),
        field("options", "Options", Form::Text, "Options of the application; kept as sent."),
        CREATED,
        UPDATED,
    ],
};
