//! A door for the fuzz target `query_params` (`fuzz/shell`). Not an interface: it changes with the reader.

use axum::http::Uri;
use quire_protocol::shapes::error::HttpError;

use super::query::Pairs;

/// What is read of a query: the GUID `userId`, the number `page` from 1 to 100, the date `date` in ticks.
pub type Read = (Option<String>, Option<usize>, Option<i64>);

/// Reads a query as the documented shapes do; gives what nobody asked for as well.
///
/// # Errors
/// What the caller is answered.
pub fn query(uri: &Uri) -> Result<(Read, Vec<(String, String)>), HttpError> {
    let mut pairs = Pairs::of(uri)?;
    let read = (pairs.guid("userId")?, pairs.number("page", 1, 100)?, pairs.date("date")?);
    Ok((read, pairs.rest()))
}
