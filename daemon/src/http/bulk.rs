//! The Bulk shapes (contract 6, REFERENCE A) over HTTP: requests become calls of the service, its results and refusals
//! become answers. What a definition or a sync means is none of its business.

pub mod overrides;
pub mod sentence;

#[cfg(test)]
mod testing {
    //! What the tests of this folder share.

    use axum::response::Response;
    use http_body_util::BodyExt;

    /// The body of an answer.
    #[allow(clippy::unwrap_used)]
    pub async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
