//! One comparison of a filter.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::like::Like;
use crate::shapes::bulk::compare::{Number, Operator};
use crate::shapes::bulk::field::DataType;
use crate::shapes::bulk::text::text_of;
use crate::shapes::date::DateText;

#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) key: String,
    pub(super) data_type: DataType,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Compare(Operator, Operand),
    Like(Like),
}

/// A value of a filter, read once in each way.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    text: String,
    number: Option<Number>,
    /// In ticks.
    date: Option<i64>,
}

impl Test {
    pub(super) fn compare(operator: Operator, value: &str) -> Test {
        let (number, date) = (Number::read(value), date(value));
        Test::Compare(operator, Operand { text: value.to_owned(), number, date })
    }

    /// `None` for a pattern that is too long.
    pub(super) fn like(pattern: &str) -> Option<Test> {
        Like::parse(pattern).map(Test::Like)
    }
}

impl Term {
    pub(super) fn holds(&self, record: &Map<String, Value>) -> bool {
        let value = record.get(&self.key).unwrap_or(&Value::Null);
        match &self.test {
            Test::Like(pattern) => pattern.matches(&text_of(value)),
            Test::Compare(operator, operand) => match self.compare(value, operand) {
                Some(ordering) => operator.holds(ordering),
                None => *operator == Operator::NotEqual,
            },
        }
    }

    /// `None` for two values that differ and have no order.
    fn compare(&self, value: &Value, operand: &Operand) -> Option<Ordering> {
        let text = text_of(value);
        let is_number = self.data_type == DataType::Number;
        let is_date = self.data_type == DataType::Date;
        if is_number || value.is_number() {
            if let (Some(number), Some(other)) = (Number::read(&text), operand.number) {
                return Some(number.cmp(&other));
            }
        } else if is_date && let (Some(date), Some(other)) = (date(&text), operand.date) {
            return Some(date.cmp(&other));
        }
        let ordering = folded(&text).cmp(folded(&operand.text));
        (ordering.is_eq() || !(is_number || is_date)).then_some(ordering)
    }
}

fn date(text: &str) -> Option<i64> {
    DateText::parse(text.trim()).ok().map(|date| date.ticks)
}

/// The characters of a text without letter case, made one by one: values can be long.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}
