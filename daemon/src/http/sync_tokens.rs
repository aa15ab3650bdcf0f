//! `api/syncTokens` and `api/sync`: windows of a tenant's changes, asked for and paged.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use quire_protocol::shapes::contract::{Members, SYNC_PAGE, SYNC_TOKEN};
use quire_protocol::shapes::error::HttpError;
use serde_json::{Value, json};

use super::failure::shape_work;
use super::granted::Granted;
use super::query::Pairs;
use super::router::Services;
use super::{tenant, web};
use crate::engine::TokenPut;

/// The action's parameter.
const PARAMETER: &str = "syncTokenRepresentation";

/// Nodes of a page when nobody says.
const PAGE: usize = 1000;

/// Nodes of a page at most: 20,000 of half a kilobyte are 10 MB in memory, written once.
pub(super) const MAX_PAGE: usize = 20_000;

/// Bytes of a token that is sent: it is kept for ever on every device, and an anchor of a thousand logs takes 50 KB.
const MAX_TOKEN: usize = 256 * 1024;

fn text<'a>(token: &'a Members, name: &str) -> &'a str {
    token.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `POST /api/syncTokens`.
pub(super) async fn create(
    State(services): State<Services>,
    granted: Granted,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let told = web::read(&headers, &body, &SYNC_TOKEN, PARAMETER).map_err(web::refused)?;
    if body.len() > MAX_TOKEN {
        let why = format!("The token is longer than {MAX_TOKEN} bytes.");
        return Err(web::refused(HttpError::invalid_member(PARAMETER, "", why)));
    }
    let put = TokenPut {
        space: tenant::of_body(&headers, &told.members),
        sent: told.members,
        fresh: tenant::fresh(),
        now: tenant::now(),
        short: services.about.short_anchors,
    };
    let token = granted.put_token(put).await.map_err(|error| super::failure::shape_refusal(&error))?;
    let id = text(&token, "syncTokenId");
    let tenant = text(&token, "tenantId");
    let answer = web::one(web::wanted(&headers), StatusCode::CREATED, &SYNC_TOKEN, &token);
    let path = format!("/api/sync?syncTokenId={id}&tenantId={tenant}&pageSize={PAGE}&pageNumber=1");
    Ok(web::created(answer, &headers, &path))
}

/// `GET /api/syncTokens`: the last one.
pub(super) async fn last(granted: Granted, headers: HeaderMap, uri: Uri) -> Result<Response, Response> {
    let (user, application, tenant) = asked(&headers, &uri).map_err(web::refused)?;
    let found = shape_work(move || {
        let tenants = tenant.map_or_else(|| granted.tenants(), |tenant| vec![tenant]);
        for tenant in tenants {
            if let Some(token) = granted.last_token(&tenant, &user, &application)? {
                return Ok(Some(token));
            }
        }
        Ok(None)
    });
    let token = found.await?.ok_or_else(|| web::refused(no_token()))?;
    Ok(web::one(web::wanted(&headers), StatusCode::OK, &SYNC_TOKEN, &token))
}

type Asked = (String, String, Option<quire_protocol::id::Space>);

fn asked(headers: &HeaderMap, uri: &Uri) -> Result<Asked, HttpError> {
    let mut query = Pairs::of(uri)?;
    let missing = |name: &str| HttpError::invalid_member(name, "", "A value is required.");
    let user = query.guid("userId")?.ok_or_else(|| missing("userId"))?;
    let application = query.guid("applicationId")?.ok_or_else(|| missing("applicationId"))?;
    let tenant = query.guid("tenantId")?.and_then(|guid| tenant::space_of(&guid));
    Ok((user, application, tenant.or_else(|| tenant::of_head(headers))))
}

/// `GET /api/sync`: a page of a token's window.
pub(super) async fn page(granted: Granted, headers: HeaderMap, uri: Uri) -> Result<Response, Response> {
    let asked = Page::of(&headers, &uri).map_err(web::refused)?;
    let (size, number) = (asked.size, asked.number);
    let first = size.saturating_mul(number - 1);
    let wanted = web::wanted(&headers);
    let found = shape_work(move || {
        let Some(page) = granted.window_page(asked.tenant.as_ref(), &asked.token, first, size)? else {
            return Ok(None);
        };
        let mut members = Members::new();
        let own = [
            ("pageSize", json!(size)),
            ("pageNumber", json!(number)),
            ("recordCount", json!(page.nodes.len())),
            ("totalCount", json!(page.total)),
            ("data", page.nodes.into_iter().map(Value::Object).collect()),
            ("deletedNodeIds", page.removed.into()),
        ];
        members.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Ok(Some(web::whole(wanted, &SYNC_PAGE, members)))
    });
    found.await?.ok_or_else(|| web::refused(no_token()))
}

struct Page {
    token: String,
    size: usize,
    number: usize,
    tenant: Option<quire_protocol::id::Space>,
}

impl Page {
    fn of(headers: &HeaderMap, uri: &Uri) -> Result<Page, HttpError> {
        let mut query = Pairs::of(uri)?;
        let token = query.guid("syncTokenId")?;
        let token =
            token.ok_or_else(|| HttpError::invalid_member("syncTokenId", "", "A value is required."))?;
        let size = query.number("pageSize", 1, MAX_PAGE)?.unwrap_or(PAGE);
        let number = query.number("pageNumber", 1, usize::MAX)?.unwrap_or(1);
        let tenant = query.guid("tenantId")?.and_then(|guid| tenant::space_of(&guid));
        Ok(Page { token, size, number, tenant: tenant.or_else(|| tenant::of_head(headers)) })
    }
}

fn no_token() -> HttpError {
    HttpError::new(404, "There is no such sync token.")
}
