//! Queries: every value is what it says it is or refused with a status of 400 and few words; nothing is lost.

use axum::http::Uri;
use quire_daemon::http::fuzzing::query;

/// Characters of one message: what is wrong, and a part of what was sent.
const SHORT: usize = 1024;

/// Reads the input as a request target.
pub fn check(data: &[u8]) {
    let Ok(uri) = std::str::from_utf8(data).unwrap_or_default().parse::<Uri>() else { return };
    match query(&uri) {
        Ok(((user, page, date), rest)) => {
            assert!(user.is_none_or(|user| user.len() == 36 && user.to_ascii_lowercase() == user));
            assert!(page.is_none_or(|page| (1..=100).contains(&page)));
            assert!(date.is_none_or(|ticks| ticks.unsigned_abs() < 1 << 62));
            assert!(rest.len() <= data.len());
        }
        Err(error) => {
            assert_eq!(error.status, 400);
            assert!(error.message.chars().count() <= SHORT, "{}", error.message);
            let states = error.model_state.iter().flat_map(|(_, messages)| messages);
            assert!(states.clone().count() <= 3 && states.clone().all(|state| state.len() <= 4 * SHORT));
        }
    }
}
