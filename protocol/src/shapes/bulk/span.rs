//! Durations as definitions have them.

use std::fmt::{Display, Formatter, Write as _};

use serde::{Deserialize, Serialize};
use thiserror::Error;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The letters of the days of a duration in their order, each with its seconds. A month counts as 30 days and a year
/// as 365, as .NET reads durations.
const DAYS: [(u8, u64); 4] = [(b'Y', 365 * DAY), (b'M', 30 * DAY), (b'W', 7 * DAY), (b'D', DAY)];
/// The same for what follows `T`.
const TIMES: [(u8, u64); 3] = [(b'H', HOUR), (b'M', MINUTE), (b'S', 1)];
/// Bytes of a duration's text: every part with more digits than it can need.
const MAX_TEXT: usize = 100;

/// An ISO 8601 duration of whole seconds, at most [`Span::LONGEST`]: `PT12H`, `P7D`, `P1DT6H`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    seconds: u64,
    /// How it was written, unless that is how it is shown.
    sent: Option<Box<str>>,
}

/// A text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("Must be an ISO 8601 duration in whole seconds, such as PT12H")]
pub struct NotASpan;

impl Span {
    /// A thousand years: with an instant that .NET can hold it stays far within an `i64` of milliseconds.
    pub const LONGEST: Span = Span::of(1000 * 365 * DAY);
    /// The shortest time that data is kept (REFERENCE A2): `PT1H`.
    pub const LEAST_RETENTION: Span = Span::of(HOUR);
    /// The longest time that data is kept: `P14D`.
    pub const MOST_RETENTION: Span = Span::of(14 * DAY);
    /// How long data of an import is kept when nothing else is said: `P7D`.
    pub const IMPORT_RETENTION: Span = Span::of(7 * DAY);
    /// How long data of an export is kept when nothing else is said: `PT12H`.
    pub const EXPORT_RETENTION: Span = Span::of(12 * HOUR);
    /// The shortest time after which a definition is deleted: `PT1H`.
    pub const LEAST_AUTO_DELETE: Span = Span::of(HOUR);

    const fn of(seconds: u64) -> Span {
        Span { seconds, sent: None }
    }

    /// Reads `PnYnMnWnDTnHnMnS`, each part at most once and in this order, and at least one of them.
    ///
    /// # Errors
    /// [`NotASpan`] for any other text, for parts of a second and for what is longer than [`Span::LONGEST`].
    pub fn parse(text: &str) -> Result<Span, NotASpan> {
        let bytes = text.as_bytes();
        let seconds = (bytes.len() <= MAX_TEXT).then(|| seconds(bytes)).flatten();
        let mut span = Span::of(seconds.filter(|seconds| *seconds <= Span::LONGEST.seconds).ok_or(NotASpan)?);
        if span.canonical() != text {
            span.sent = Some(text.into());
        }
        Ok(span)
    }

    /// How many seconds it has.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// How many milliseconds it has.
    #[must_use]
    pub fn milliseconds(&self) -> i64 {
        i64::try_from(self.seconds).unwrap_or(i64::MAX).saturating_mul(1000)
    }

    /// As it was written, else as [`Display`] shows it.
    #[must_use]
    pub fn text(&self) -> String {
        self.sent.as_deref().map_or_else(|| self.canonical(), str::to_owned)
    }

    fn canonical(&self) -> String {
        let mut text = String::from("P");
        let (days, rest) = (self.seconds / DAY, self.seconds % DAY);
        let mut part = |number: u64, unit: char| {
            if number > 0 {
                let _ = write!(text, "{number}{unit}");
            }
        };
        part(days, 'D');
        if rest > 0 || days == 0 {
            text.push('T');
        }
        let mut part = |number: u64, unit: char| {
            if number > 0 || (unit == 'S' && self.seconds == 0) {
                let _ = write!(text, "{number}{unit}");
            }
        };
        part(rest / HOUR, 'H');
        part(rest % HOUR / MINUTE, 'M');
        part(rest % MINUTE, 'S');
        text
    }
}

impl Display for Span {
    /// In days, hours, minutes and seconds: `P1DT6H`, whatever it was written as.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl TryFrom<String> for Span {
    type Error = NotASpan;

    fn try_from(text: String) -> Result<Span, NotASpan> {
        Span::parse(&text)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.text()
    }
}

fn seconds(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"P")?;
    let time = text.iter().position(|byte| *byte == b'T');
    let (days, times) = match time {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &[][..]),
    };
    let is_empty = if time.is_some() { times.is_empty() } else { days.is_empty() };
    (!is_empty).then_some(())?;
    parts(days, &DAYS)?.checked_add(parts(times, &TIMES)?)
}

/// The seconds of numbers, each with its letter, in the order of the letters.
fn parts(mut text: &[u8], mut units: &[(u8, u64)]) -> Option<u64> {
    let mut sum = 0_u64;
    while !text.is_empty() {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = text.split_at(digits);
        let (letter, rest) = rest.split_first()?;
        let unit = units.iter().position(|(unit, _)| unit == letter)?;
        let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        sum = sum.checked_add(number.checked_mul(units.get(unit)?.1)?)?;
        (text, units) = (rest, units.get(unit + 1..)?);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, shown, seconds) in [
            ("PT12H", "PT12H", 12 * HOUR),
            ("P7D", "P7D", 7 * DAY),
            ("P1W", "P7D", 7 * DAY),
            ("P1DT6H", "P1DT6H", DAY + 6 * HOUR),
            ("PT3600S", "PT1H", HOUR),
            ("PT90M", "PT1H30M", 90 * MINUTE),
            ("P1M", "P30D", 30 * DAY),
            ("P1Y", "P365D", 365 * DAY),
            ("P1Y2M3DT4H5M6S", "P428DT4H5M6S", 428 * DAY + 4 * HOUR + 5 * MINUTE + 6),
            ("PT0S", "PT0S", 0),
            ("P0D", "PT0S", 0),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!(
                (span.seconds(), span.to_string().as_str(), span.text().as_str()),
                (seconds, shown, text)
            );
            assert_eq!(serde_json::to_string(&span).unwrap(), format!("\"{text}\""));
        }
        assert_eq!(Span::EXPORT_RETENTION.to_string(), "PT12H");
        assert_eq!(Span::parse("PT12H"), Ok(Span::EXPORT_RETENTION));
        for (bound, text) in [(Span::LEAST_RETENTION, "PT1H"), (Span::MOST_RETENTION, "P14D")] {
            assert_eq!(bound.to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "12H",
            "P12H",
            "PT1D",
            "P-1D",
            "-P1D",
            "PT1.5H",
            "PT0.5S",
            "P1D1D",
            "PT1S1H",
            "pt1h",
            "P1",
            "PD",
            " PT1H",
            "P1001Y",
            "P99999999999999999999D",
            "P18446744073709551615D",
            "PT1HT1H",
        ] {
            assert_eq!(Span::parse(text), Err(NotASpan), "{text}");
        }
    }

    proptest! {
        #[test]
        fn spans_come_back(seconds in 0..Span::LONGEST.seconds) {
            let span = Span::of(seconds);
            prop_assert_eq!(Span::parse(&span.to_string()), Ok(span));
        }

        #[test]
        fn random_text_never_panics(text in "[PTYMWDHS0-9]{0,12}|.*") {
            if let Ok(span) = Span::parse(&text) {
                prop_assert_eq!(span.text(), text);
                let again: Span = serde_json::from_str(&serde_json::to_string(&span).unwrap()).unwrap();
                prop_assert_eq!(again, span);
            }
        }
    }
}
