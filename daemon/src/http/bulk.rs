//! The Bulk shapes (contract 6, REFERENCE A) over HTTP: requests become calls of the service, its results and refusals
//! become answers. What a definition or a sync means is none of its business.

pub mod access;
mod address;
mod answer;
mod catalogue;
mod content;
mod data;
mod definitions;
pub mod identity;
pub mod overrides;
pub mod paging;
mod refusal;
pub mod routes;
pub mod rows;
pub mod sentence;
mod staging;
mod syncs;

#[cfg(test)]
mod testing {
    //! What the tests of this folder share.
    #![allow(clippy::unwrap_used)]

    use axum::response::Response;
    use http_body_util::BodyExt;
    use serde_json::Value;

    /// The body of an answer.
    pub async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The same as JSON.
    pub async fn json_of(response: Response) -> Value {
        serde_json::from_str(&text(response).await).unwrap()
    }
}
