//! Dates as the Bulk shapes show them.

use crate::shapes::date::utc_text;

/// Digits of the fraction of a second in every date of the Bulk shapes.
const DIGITS: usize = 7;

/// A UTC instant, in milliseconds since 1970, with exactly seven digits of a second (REFERENCE A3):
/// `2015-09-25T18:08:32.3480000Z`. Instants outside the years 1 to 9999 become the nearest inside.
#[must_use]
pub fn stamp(ms_since_1970: i64) -> String {
    let text = utc_text(ms_since_1970);
    let text = text.trim_end_matches('Z');
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{fraction:0<DIGITS$}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stamp_has_seven_digits() {
        for (ms, text) in [
            (1_443_204_512_348, "2015-09-25T18:08:32.3480000Z"),
            (1_443_204_512_300, "2015-09-25T18:08:32.3000000Z"),
            (1_443_204_512_003, "2015-09-25T18:08:32.0030000Z"),
            (0, "1970-01-01T00:00:00.0000000Z"),
            (-1, "1969-12-31T23:59:59.9990000Z"),
            (i64::MIN, "0001-01-01T00:00:00.0000000Z"),
            (i64::MAX, "9999-12-31T23:59:59.9990000Z"),
        ] {
            assert_eq!(stamp(ms), text);
        }
    }
}
