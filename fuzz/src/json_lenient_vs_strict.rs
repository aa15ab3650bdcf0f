//! Whatever a strict reader of JSON accepts, ours reads as the same value, and says where else it is broken.

use quire_protocol::shapes::json::{parse, parse_text};
use serde_json::Value;

use super::assert_short;

/// Reads the input strictly and leniently.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(strict) = serde_json::from_str::<Value>(text) else {
        if let Err(error) = parse_text(text) {
            assert_short(&error.to_string());
        }
        return;
    };
    let written = strict.to_string();
    assert_eq!(parse(data).map(|value| value.to_string()).as_ref(), Ok(&written), "{text}");
    assert_eq!(parse_text(text).map(|value| value.to_string()).as_ref(), Ok(&written), "{text}");
    // What only a lenient reader takes stands before it and after it.
    for around in [format!("/**/{text}"), format!("{text}//"), format!(" [{text},]")] {
        let read = parse_text(&around).map(|value| value.to_string());
        let list = format!("[{written}]");
        let same = read.as_ref() == Ok(&written) || read == Ok(list);
        assert!(same, "{around}: {read:?}");
    }
}
