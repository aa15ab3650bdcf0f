//! Exported data going out.

use axum::Extension;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::bulk::media::Media;

use super::address::{Definition, Number};
use super::paging::{Extent, Window};
use super::refusal::Refusal;
use super::rows::{self, Csv, Form, Json, Pieces};
use super::{answer, sentence};
use crate::bulk::{BulkError, Caller, Data, DataOf};
use crate::http::router::Services;
use crate::http::web;

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

/// `GET …/exports/{id}/data`.
pub(super) async fn of_definition(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Definition(named): Definition,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    read(services, caller, DataOf::Definition(named), &headers, &uri).await
}

/// `GET /syncs/{id}/data`.
pub(super) async fn of_sync(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Number(sync): Number,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    read(services, caller, DataOf::Sync(sync), &headers, &uri).await
}

/// `DELETE …/exports/{id}/data`.
pub(super) async fn delete_of_definition(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Definition(named): Definition,
) -> Result<Response, Refusal> {
    services.bulk.delete_data(&caller, &DataOf::Definition(named)).await?;
    Ok(answer::done())
}

/// `DELETE /syncs/{id}/data`.
pub(super) async fn delete_of_sync(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Number(sync): Number,
) -> Result<Response, Refusal> {
    services.bulk.delete_data(&caller, &DataOf::Sync(sync)).await?;
    Ok(answer::done())
}

async fn read(
    services: Services,
    caller: Caller,
    of: DataOf,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Response, Refusal> {
    let window = Window::of_rows(uri)?;
    let media = Media::wanted(web::accepted(headers).as_deref());
    let data = answer::off_thread(move || services.bulk.data(&caller, &of, window.offset)).await?;
    told(data, window, media)
}

/// The page as an answer that is made while it is sent.
fn told(data: Data, window: Window, media: Media) -> Result<Response, Refusal> {
    let extent = Extent { window, total: data.total };
    let (kind, form): (HeaderValue, Box<dyn Form>) = match media {
        Media::Json => (sentence::JSON, Box::new(Json::new(&data.names, extent.members()))),
        Media::Csv => {
            let table = Csv::new(&data.names).map_err(|error| BulkError::Failed(error.to_string()))?;
            (CSV, Box::new(table))
        }
    };
    let pieces = Pieces::new(data.rows, extent.count(), form);
    Ok(([(CONTENT_TYPE, kind)], rows::body(pieces)).into_response())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::bulk::testing::text;

    fn data(total: u64, offset: u64) -> Data {
        let rows = (offset..total).map(|at| Ok(vec![format!("note {at}"), at.to_string()]));
        Data { total, names: vec!["Note".into(), "At".into()], rows: Box::new(rows) }
    }

    async fn page(query: &str, media: Media, total: u64) -> (String, String) {
        let window = Window::of_rows(&format!("/x?{query}").parse().unwrap()).unwrap();
        let response = told(data(total, window.offset), window, media).unwrap();
        let kind = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        (kind, text(response).await)
    }

    #[tokio::test]
    async fn a_page_says_first_what_it_is_a_page_of() {
        let (kind, told) = page("limit=2&offset=1", Media::Json, 4).await;
        assert_eq!(kind, "application/json; charset=utf-8");
        assert_eq!(
            told,
            r#"{"totalResults":4,"limit":2,"offset":1,"count":2,"hasMore":true,"items":[{"Note":"note 1","At":"1"},{"Note":"note 2","At":"2"}]}"#
        );
        let (_, last) = page("limit=50000&offset=3&totalResults=false", Media::Json, 4).await;
        assert_eq!(
            last,
            r#"{"limit":50000,"offset":3,"count":1,"hasMore":false,"items":[{"Note":"note 3","At":"3"}]}"#
        );
        let (_, beyond) = page("offset=9", Media::Json, 4).await;
        assert!(beyond.ends_with(r#""count":0,"hasMore":false,"items":[]}"#), "{beyond}");
    }

    #[tokio::test]
    async fn as_csv_a_page_has_names_and_rows() {
        let (kind, told) = page("limit=2", Media::Csv, 4).await;
        assert_eq!((&*kind, &*told), ("text/csv; charset=utf-8", "Note,At\r\nnote 0,0\r\nnote 1,1\r\n"));
        assert_eq!(page("", Media::Csv, 0).await.1, "Note,At\r\n");
    }
}
