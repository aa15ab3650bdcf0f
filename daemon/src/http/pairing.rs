//! `/v1/pairing/…`: making an invitation is the inviter's consent, accepting one the acceptor's.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use quire_protocol::id::Space;
use quire_protocol::identity::Rights;
use serde_json::{Map, Value, json};

use super::input::{bad, object, optional_object, refuse_unknown};
use super::network::{AcceptError, is_address};
use super::peers;
use super::problem::Problem;
use super::router::Services;

/// Longest code or URI that is looked at: a URI with all addresses of a machine is far shorter.
const MAX_CODE: usize = 4 * 1024;

/// Spaces in one invitation: more than anybody lists by hand.
const MAX_SPACES: usize = 256;

type Created = (StatusCode, Json<Value>);

/// `POST /v1/pairing/invitations`.
pub(super) async fn invite(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Created, Problem> {
    let spaces = shared(&optional_object(&headers, &body, &["spaces"])?)?;
    let made = services.network.invite(spaces).await;
    let made = made.map_err(|why| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()))?;
    Ok((
        StatusCode::CREATED,
        Json(json!({
            "code": made.code,
            "uri": made.uri,
            "expiresInSeconds": made.expires_in_seconds,
        })),
    ))
}

/// `POST /v1/pairing/accept`.
pub(super) async fn accept(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Created, Problem> {
    let (code, address) = invitation(&object(&headers, &body, &["code", "address"])?)?;
    let accepted = services.network.accept(code, address).await.map_err(refused)?;
    let mut told = peers::one(&accepted.peer);
    told["granted"] = peers::grants(accepted.granted.as_deref());
    Ok((StatusCode::CREATED, Json(told)))
}

fn refused(error: AcceptError) -> Problem {
    let status = match &error {
        AcceptError::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
        AcceptError::NotAccepted => StatusCode::FORBIDDEN,
        AcceptError::Unreachable(_) => StatusCode::BAD_GATEWAY,
        AcceptError::AlreadyHolds(_) => StatusCode::CONFLICT,
        AcceptError::Code(_) => StatusCode::BAD_REQUEST,
    };
    let problem = Problem::new(status, error.to_string());
    match error {
        AcceptError::AlreadyHolds(space) => problem.with("space", space.as_str()),
        AcceptError::Engine(cause) => cause.into(),
        _ => problem,
    }
}

/// Code and address of an invitation to accept.
fn invitation(members: &Map<String, Value>) -> Result<(String, Option<String>), Problem> {
    let code = match members.get("code") {
        Some(Value::String(code)) if !code.trim().is_empty() && code.len() <= MAX_CODE => code.clone(),
        _ => return Err(bad("`code` must be the code or the URI of an invitation")),
    };
    match members.get("address") {
        None | Some(Value::Null) => Ok((code, None)),
        Some(Value::String(address)) if is_address(address) => Ok((code, Some(address.clone()))),
        Some(_) => Err(bad("`address` must be HOST:PORT, where the inviting device accepts peers")),
    }
}

/// What an invitation shares; `None`: everything. A null would be a mistake that shares everything, and is refused.
fn shared(members: &Map<String, Value>) -> Result<Option<Vec<(Space, Rights)>>, Problem> {
    let Some(told) = members.get("spaces") else { return Ok(None) };
    let list = told.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_SPACES);
    let Some(list) = list else {
        return Err(bad(format!(
            "`spaces` must be a list of 1 to {MAX_SPACES} {{\"space\",\"rights\"}}; leave it out to share everything"
        )));
    };
    let mut spaces: Vec<(Space, Rights)> = Vec::with_capacity(list.len());
    for one in list {
        let (space, rights) = grant(one)?;
        if spaces.iter().any(|(other, _)| *other == space) {
            return Err(bad(format!("`spaces` names {space} more than once")));
        }
        spaces.push((space, rights));
    }
    Ok(Some(spaces))
}

fn grant(told: &Value) -> Result<(Space, Rights), Problem> {
    let Value::Object(members) = told else { return Err(bad("each of `spaces` must be a JSON object")) };
    refuse_unknown("member of a space", members.keys().map(String::as_str), &["space", "rights"])?;
    let space = members.get("space").and_then(Value::as_str).and_then(Space::parse);
    let space =
        space.ok_or_else(|| bad("`space` must name a space, such as `account:3` or `tenant:GUID`"))?;
    let rights = members.get("rights").and_then(rights);
    let rights =
        rights.ok_or_else(|| bad("`rights` must be `rw` or some of `read`, `write`, `invite`, `admin`"))?;
    Ok((space, rights))
}

/// Rights as one text or as a list of words.
fn rights(told: &Value) -> Option<Rights> {
    match told {
        Value::String(text) => Rights::parse(text),
        Value::Array(words) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            Rights::parse(&words?.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn rights_are_words_in_a_text_or_a_list() {
        let both = Rights::READ.or(Rights::WRITE);
        for told in [json!("rw"), json!("read,write"), json!(["read", "write"]), json!(["rw"])] {
            assert_eq!(rights(&told), Some(both), "{told}");
        }
        assert_eq!(rights(&json!(["read"])), Some(Rights::READ));
        assert_eq!(rights(&json!("write")), Some(both), "who may write may read");
        for bad in [json!(""), json!([]), json!("all"), json!(3), json!(null), json!(["read", 1])] {
            assert_eq!(rights(&bad), None, "{bad}");
        }
    }

    #[test]
    fn only_a_missing_list_shares_everything() {
        assert_eq!(shared(&Map::new()).unwrap(), None);
        let one = json!({ "spaces": [{ "space": "account:3", "rights": "read" }] });
        assert_eq!(shared(&members(one)).unwrap(), Some(vec![(Space::account(3), Rights::READ)]));
        for bad in [
            json!(null),
            json!([]),
            json!("all"),
            json!({}),
            json!([5]),
            json!([{ "space": "account:3" }]),
            json!([{ "rights": "rw" }]),
            json!([{ "space": "account:03", "rights": "rw" }]),
            json!([{ "space": "account:3", "rights": "rw", "for": "ever" }]),
            json!([{ "space": "account:3", "rights": "r" }, { "space": "account:3", "rights": "rw" }]),
        ] {
            let problem = shared(&members(json!({ "spaces": bad }))).unwrap_err();
            assert_eq!(problem.status, StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn an_invitation_has_a_code_and_perhaps_an_address() {
        let of = |value| invitation(&members(value));
        assert_eq!(of(json!({ "code": "c", "address": null })).unwrap(), ("c".into(), None));
        let at = of(json!({ "code": "c", "address": "[::1]:7471" })).unwrap();
        assert_eq!(at.1.as_deref(), Some("[::1]:7471"));
        for bad in [
            json!({}),
            json!({ "code": 5 }),
            json!({ "code": " " }),
            json!({ "code": "x".repeat(MAX_CODE + 1) }),
            json!({ "code": "c", "address": [] }),
            json!({ "code": "c", "address": "desk" }),
        ] {
            assert_eq!(of(bad).unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn each_refusal_has_its_status() {
        let told = [
            (AcceptError::NotAccepted, 403),
            (AcceptError::Unreachable("nobody there".into()), 502),
            (AcceptError::AlreadyHolds(Space::account(3)), 409),
            (AcceptError::Code("no code".into()), 400),
        ];
        for (error, status) in told {
            assert_eq!(refused(error).status.as_u16(), status);
        }
        assert_eq!(refused(AcceptError::AlreadyHolds(Space::account(3))).members["space"], "account:3");
    }
}
