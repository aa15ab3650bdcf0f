//! `api/messages` and `api/messageBodies`: commands of field apps, and examples of what they hold.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use quire_protocol::id::Space;
use quire_protocol::node::{NodeKey, guid};
use quire_protocol::shapes::contract::{Contract, MESSAGE, Members, PUT_DATA, PUT_DATA_DELETE};
use quire_protocol::shapes::date::DateText;
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::{json, xml};
use serde_json::{Map, Value};

use super::failure::{shape_refusal, shape_work};
use super::granted::Granted;
use super::query::Pairs;
use super::{nodes, tenant, web};
use crate::engine::{MessageAction, MessagePut, NodeName};

/// The action's parameter.
const PARAMETER: &str = "messageRepresentation";

/// What the two known types are called.
const DELETE: &str = "PutDataDelete";
const PUT: &str = "PutData";

/// Messages of one answer at most: as many as are kept.
const MAX_MESSAGES: usize = 1000;

/// The documented example, verbatim.
static EXAMPLE: LazyLock<Members> = LazyLock::new(|| {
    let read: Result<Members, _> = serde_json::from_str(include_str!("samples/put-data-delete.json"));
    read.unwrap_or_default()
});

/// The documented example, for help pages.
pub(super) fn documented() -> &'static Members {
    &EXAMPLE
}

/// `GET /api/messageBodies/putDataDelete`.
pub(super) async fn delete_example(headers: HeaderMap) -> Response {
    web::one(web::wanted(&headers), StatusCode::OK, &PUT_DATA_DELETE, &EXAMPLE)
}

/// `GET /api/messageBodies/putData`.
pub(super) async fn put_example(headers: HeaderMap) -> Response {
    web::one(web::wanted(&headers), StatusCode::OK, &PUT_DATA, &EXAMPLE)
}

/// `POST /api/messages`.
pub(super) async fn create(granted: Granted, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    let told = web::read(&headers, &body, &MESSAGE, PARAMETER).map_err(web::refused)?;
    let space = tenant::of_body(&headers, &told.members);
    let action = action(&space, &told.members).map_err(web::refused)?;
    let put = MessagePut { message: filled(&space, told.members), space, action };
    let message = granted.put_message(put).await.map_err(|error| shape_refusal(&error))?;
    let id = message.get("messageId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = web::one(web::wanted(&headers), StatusCode::CREATED, &MESSAGE, &message);
    Ok(web::created(answer, &headers, &format!("/api/messages?messageMessageId={id}")))
}

/// What a message asks for.
fn action(space: &Space, message: &Members) -> Result<MessageAction, HttpError> {
    let ty = message.get("messageTypeLookupKey").and_then(Value::as_str).unwrap_or_default();
    let of = |node: &Map<String, Value>| {
        guid(node, "tenantId").and_then(tenant::space_of).unwrap_or_else(|| space.clone())
    };
    if ty.eq_ignore_ascii_case(DELETE) {
        let (body, _) = body_of(&PUT_DATA_DELETE, message)?;
        let ids = list(&body, "nodeIds").filter_map(Value::as_str);
        let mut all: Vec<_> = ids.map(|id| (space.clone(), NodeName::Guid(id.to_owned()))).collect();
        all.extend(
            list(&body, "nodes")
                .filter_map(Value::as_object)
                .filter_map(|node| Some((of(node), name(node)?))),
        );
        Ok(MessageAction::Remove(all))
    } else if ty.eq_ignore_ascii_case(PUT) {
        let (body, textual) = body_of(&PUT_DATA, message)?;
        let all = list(&body, "nodes").filter_map(Value::as_object);
        Ok(MessageAction::Put(all.map(|node| nodes::put_of(of(node), node.clone(), textual)).collect()))
    } else {
        let ty: String = ty.chars().take(SHOWN).collect();
        let why = format!("The message type '{ty}' is not known; known are {PUT} and {DELETE}.");
        Err(HttpError::invalid_member(PARAMETER, "messageTypeLookupKey", why))
    }
}

/// How much of an unknown type is repeated, in characters.
const SHOWN: usize = 60;

/// The node that a body names: by `nodeId`, else by type and id.
fn name(node: &Map<String, Value>) -> Option<NodeName> {
    let by_guid = guid(node, "nodeId").map(|guid| NodeName::Guid(guid.to_owned()));
    by_guid.or_else(|| NodeKey::of(node, "type", "id").map(NodeName::Key))
}

fn list<'a>(body: &'a Members, name: &str) -> impl Iterator<Item = &'a Value> {
    body.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The text of a message's body as an object; whether it was XML.
fn body_of(contract: &Contract, message: &Members) -> Result<(Members, bool), HttpError> {
    let text = message.get("body").and_then(Value::as_str).unwrap_or_default();
    let key = format!("{PARAMETER}.body");
    if text.trim_start().starts_with('<') {
        let read = xml::read(contract, text).map(|body| (body, true));
        return read.map_err(|error| HttpError::invalid_member(&key, "", error.to_string()));
    }
    let value = json::parse_text(text).map_err(|error| HttpError::invalid_json(&key, &error))?;
    if value.is_null() {
        return Err(HttpError::invalid_member(&key, "", "The message has no body."));
    }
    Ok((web::of_value(contract, value, &key)?, false))
}

/// A message with what the daemon fills in.
fn filled(space: &Space, mut message: Members) -> Members {
    if guid(&message, "messageId").is_none() {
        message.insert("messageId".to_owned(), tenant::fresh().into());
    }
    let now = tenant::now();
    let own = [
        ("tenantId", Value::from(space.tenant_guid().unwrap_or_default())),
        ("createdDateUtc", now.as_str().into()),
        ("updatedDateUtc", now.as_str().into()),
    ];
    message.extend(own.map(|(name, value)| (name.to_owned(), value)));
    message
}

/// `GET /api/messages`: those that say what the query says, always a list.
pub(super) async fn find(granted: Granted, headers: HeaderMap, uri: Uri) -> Result<Response, Response> {
    let (tenant, filter) = Filter::of(&headers, &uri).map_err(web::refused)?;
    let wanted = web::wanted(&headers);
    shape_work(move || {
        let tenants = tenant.map_or_else(|| granted.tenants(), |tenant| vec![tenant]);
        let mut found = Vec::new();
        for space in tenants {
            found.extend(granted.messages(&space)?.into_iter().filter(|message| filter.takes(message)));
        }
        let found: Vec<Members> = found.into_iter().skip(filter.skip).take(filter.limit).collect();
        Ok(web::list(wanted, &MESSAGE, &found))
    })
    .await
}

struct Filter {
    texts: Vec<(&'static str, String)>,
    after: Option<i64>,
    before: Option<i64>,
    skip: usize,
    limit: usize,
}

impl Filter {
    fn of(headers: &HeaderMap, uri: &Uri) -> Result<(Option<Space>, Filter), HttpError> {
        let mut query = Pairs::of(uri)?;
        let tenant = query.guid("tenantId")?.and_then(|guid| tenant::space_of(&guid));
        let mut texts = Vec::new();
        for (name, member) in
            [("senderSessionId", "senderSessionId"), ("senderSessionSequence", "senderSessionSequence")]
        {
            texts.extend(query.take(name).map(|value| (member, value)));
        }
        for (names, member) in
            [(["messageMessageId", "messageId"], "messageId"), (["messageUserId", "userId"], "userId")]
        {
            for name in names {
                texts.extend(query.guid(name)?.map(|value| (member, value)));
            }
        }
        let filter = Filter {
            texts,
            after: query.date("messageCreatedAfterUtc")?,
            before: query.date("messageCreatedBeforeUtc")?,
            skip: query.number("messageSkip", 0, usize::MAX)?.unwrap_or(0),
            limit: query.number("messageLimit", 1, MAX_MESSAGES)?.unwrap_or(MAX_MESSAGES),
        };
        Ok((tenant.or_else(|| tenant::of_head(headers)), filter))
    }

    fn takes(&self, message: &Members) -> bool {
        let says = |(member, wanted): &(&str, String)| match message.get(*member) {
            Some(Value::String(text)) => text == wanted,
            Some(other) => {
                let text = other.to_string();
                text == *wanted
            }
            None => false,
        };
        let at =
            message.get("createdDateUtc").and_then(Value::as_str).and_then(|date| DateText::parse(date).ok());
        let at = at.map_or(0, |date| date.ticks);
        self.texts.iter().all(says)
            && self.after.is_none_or(|after| at >= after)
            && self.before.is_none_or(|before| at < before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_documented_one() {
        assert_eq!(list(&EXAMPLE, "nodeIds").count(), 3);
        assert_eq!(list(&EXAMPLE, "nodes").count(), 3);
    }
}
