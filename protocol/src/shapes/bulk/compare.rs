//! How values are compared in searches and filters: the operators, numbers and text without letter case.

use std::cmp::Ordering;

/// An operator of a search or a filter (REFERENCE A2, A4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `<`
    Less,
}

impl Operator {
    /// Every operator; one that begins with another comes before it.
    pub const ALL: [Operator; 6] = [
        Operator::NotEqual,
        Operator::AtLeast,
        Operator::AtMost,
        Operator::Equal,
        Operator::Greater,
        Operator::Less,
    ];

    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::AtLeast => ">=",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::Less => "<",
        }
    }

    /// The operator that a text begins with, and what follows it.
    #[must_use]
    pub fn leading(text: &str) -> Option<(Operator, &str)> {
        Operator::ALL
            .into_iter()
            .find_map(|operator| text.strip_prefix(operator.symbol()).map(|rest| (operator, rest)))
    }

    /// Whether it holds of two values that compare like this.
    #[must_use]
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Operator::Equal => ordering.is_eq(),
            Operator::NotEqual => ordering.is_ne(),
            Operator::AtLeast => ordering.is_ge(),
            Operator::AtMost => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            Operator::Less => ordering.is_lt(),
        }
    }
}

/// A decimal number. Whole numbers of up to 38 digits keep every digit; others are as near as an `f64` is.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    near: f64,
    /// The number without its fraction: tells whole numbers apart that one `f64` stands for.
    whole: i128,
}

impl Number {
    /// Reads digits with an optional sign, fraction and exponent, and blanks around them; `None` for any other text.
    #[must_use]
    pub fn read(text: &str) -> Option<Number> {
        let text = text.trim();
        let is_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        if !text.bytes().all(is_number) {
            return None;
        }
        // Adding nothing makes one zero of the two.
        let near = text.parse::<f64>().ok().filter(|near| near.is_finite())? + 0.0;
        // A cast of a float to an integer takes the nearest that there is.
        Some(Number { near, whole: text.parse().unwrap_or(near as i128) })
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        self.near.total_cmp(&other.near).then(self.whole.cmp(&other.whole))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

/// The text as it is compared: without letter case.
#[must_use]
pub fn folded(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn operators_are_read_whole() {
        for operator in Operator::ALL {
            let text = format!("{}=x", operator.symbol());
            let expected = match operator {
                Operator::Greater => (Operator::AtLeast, "x"),
                Operator::Less => (Operator::AtMost, "x"),
                other => (other, "=x"),
            };
            assert_eq!(Operator::leading(&text), Some(expected));
        }
        assert_eq!(Operator::leading("!x"), None);
    }

    #[test]
    fn numbers_compare_by_what_they_are() {
        let number = |text| Number::read(text).unwrap();
        assert_eq!(number("5"), number(" 5.0 "));
        assert_eq!(number("-0"), number("0"));
        assert_eq!(number("1e2"), number("100"));
        assert!(number("9") < number("10"));
        assert!(number("0.1") < number("0.2"));
        assert!(number("-2") < number("-1.5"));
        assert!(number("9007199254740992") < number("9007199254740993"));
        for other in ["", "a", "NaN", "inf", "1e999", "0x1", "1 2", "--1", "e"] {
            assert!(Number::read(other).is_none(), "{other}");
        }
    }
}
