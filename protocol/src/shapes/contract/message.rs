//! `MessageRepresentation` and `DeviceRepresentation`. Their pages list names without types (REFERENCE B2), so what
//! is not surely a GUID is text, and all but the row's own members may be null.

use super::field::{CREATED, Field, UPDATED, field};
use super::{Contract, Form, REPRESENTATIONS};

const TENANT_ID: Field = field("tenantId", "TenantId", Form::Guid, "The tenant it belongs to.");
const CYAN_ID: Field = field("cyanId", "CyanId", Form::Long, "The row number that this server gave it.");

/// A message: a command to the server.
pub static MESSAGE: Contract = Contract {
    name: "MessageRepresentation",
    namespace: REPRESENTATIONS,
    about: "A message: a command that is created and submitted for processing.",
    fields: &[
        field("messageId", "MessageId", Form::Guid, "The message; given by the server when all zeros."),
        TENANT_ID,
        field("messageTypeId", "MessageTypeId", Form::Guid, "The type of the message; unused here.")
            .or_null(),
        field(
            "messageTypeLookupKey",
            "MessageTypeLookupKey",
            Form::Text,
            "The type of the message: `PutData` or `PutDataDelete`.",
        ),
        field("userId", "UserId", Form::Guid, "The user who sends.").or_null(),
        field("userGroupId", "UserGroupId", Form::Guid, "The group of the user.").or_null(),
        field("deviceId", "DeviceId", Form::Guid, "The device that sends.").or_null(),
        field("deviceGroupId", "DeviceGroupId", Form::Guid, "The group of the device.").or_null(),
        field("applicationId", "ApplicationId", Form::Guid, "The application that sends.").or_null(),
        field("applicationVersionId", "ApplicationVersionId", Form::Guid, "The version of the application.")
            .or_null(),
        field(
            "senderSessionId",
            "SenderSessionId",
            Form::Text,
            "The sender's session; with the sequence it makes a repeated message one.",
        ),
        field(
            "senderSessionSequence",
            "SenderSessionSequence",
            Form::Long,
            "The number of the message in the session.",
        )
        .or_null(),
        field(
            "senderCorrelationId",
            "SenderCorrelationId",
            Form::Text,
            "The sender's own key; kept as sent.",
        ),
        field("senderGroup", "SenderGroup", Form::Text, "The sender's own grouping; kept as sent."),
        field("senderNote", "SenderNote", Form::Text, "A note of the sender; kept as sent."),
        field("body", "Body", Form::Text, "The body of the message, as JSON text."),
        field(
            "storeEncryptedPassword",
            "StoreEncryptedPassword",
            Form::Bool,
            "Of the original server; no password is ever stored here.",
        ),
        field(
            "storeHashedPassword",
            "StoreHashedPassword",
            Form::Bool,
            "Of the original server; no password is ever stored here.",
        ),
        CYAN_ID,
        field("resubmitCount", "ResubmitCount", Form::Int, "How often the message was submitted again."),
        CREATED,
        UPDATED,
    ],
};

/// A registered device.
pub static DEVICE: Contract = Contract {
    name: "DeviceRepresentation",
    namespace: REPRESENTATIONS,
    about: "A registered device.",
    fields: &[
        field("deviceId", "DeviceId", Form::Guid, "The device; given by the server."),
        TENANT_ID,
        field("deviceGroupId", "DeviceGroupId", Form::Guid, "The group of the device.").or_null(),
        field("name", "Name", Form::Text, "The device's name, unique in the tenant."),
        field("description", "Description", Form::Text, "What the device is."),
        CYAN_ID,
        CREATED,
        UPDATED,
    ],
};
