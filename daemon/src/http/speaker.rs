//! For which account a request speaks whose body cannot say: by `accountId` in its query, which is an extension, else by
//! the user name of its Basic credentials, which name an account and prove nothing (contract 1).

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use data_encoding::BASE64;
use quire_protocol::shapes::error::HttpError;

/// The query parameter's name.
pub(super) const ACCOUNT: &str = "accountId";

/// The account that is named, if one is; 0 names none.
///
/// # Errors
/// 400 when `accountId` is no number of 32 bits.
pub(super) fn account(headers: &HeaderMap, uri: &Uri) -> Result<Option<i64>, HttpError> {
    let Some(text) = parameter(uri, ACCOUNT).filter(|text| !text.is_empty()) else {
        return Ok(basic_account(headers));
    };
    let number: i32 = text.trim().parse().map_err(|_| {
        HttpError::invalid_member(ACCOUNT, "", "The value is not valid for Nullable`1 of System.Int32.")
    })?;
    Ok(Some(i64::from(number)).filter(|number| *number != 0))
}

/// The first parameter of that name in any letter case, as Web API finds it (REFERENCE D2).
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    pairs.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn basic_account(headers: &HeaderMap) -> Option<i64> {
    let told = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = told.split_once(' ')?;
    let decoded = BASE64.decode(credentials.trim().as_bytes()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, _) = text.split_once(':')?;
    let number: i32 = user.parse().ok()?;
    (scheme.eq_ignore_ascii_case("basic") && number > 0).then(|| i64::from(number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(authorization: &str, target: &str) -> Result<Option<i64>, u16> {
        let headers = [(AUTHORIZATION, authorization.parse().unwrap())].into_iter().collect();
        account(&headers, &target.parse().unwrap()).map_err(|error| error.status)
    }

    fn basic(user: &str) -> String {
        format!("basic {}", BASE64.encode(user.as_bytes()))
    }

    #[test]
    fn the_query_names_it_before_the_user_name() {
        assert_eq!(of(&basic("3:secret"), "/x"), Ok(Some(3)));
        assert_eq!(of(&basic("3:secret"), "/x?accountId="), Ok(Some(3)));
        assert_eq!(of(&basic("3:secret"), "/x?ACCOUNTID=4&accountId=5"), Ok(Some(4)));
        assert_eq!(of(&basic("3:secret"), "/x?accountId=0"), Ok(None));
        for bad in ["x", "4294967296", "1.5"] {
            assert_eq!(of("", &format!("/x?accountId={bad}")), Err(400), "{bad}");
        }
    }

    #[test]
    fn what_is_no_number_names_none() {
        let others =
            [basic("name:secret"), basic("3"), basic("-3:"), basic("site\\3:"), basic("99999999999:")];
        for other in others.iter().map(String::as_str).chain(["", "Basic", "Basic ?", "Bearer Mzo="]) {
            assert_eq!(of(other, "/x"), Ok(None), "{other}");
        }
    }
}
