//! One row of an upload at a time, in bounded memory: JSON objects and records of CSV.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::limits::{MAX_COLUMNS, MAX_HEADER, MAX_VALUES};

/// A row of JSON: an object of so many members and values at most.
pub(super) struct Row;

impl<'de> DeserializeSeed<'de> for Row {
    type Value = Map<String, Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, row: D) -> Result<Self::Value, D::Error> {
        row.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        let left = Cell::new(MAX_VALUES);
        let row = object(members, &left)?;
        match row.len() > MAX_COLUMNS {
            true => Err(A::Error::custom(format_args!("a row has at most {MAX_COLUMNS} members"))),
            false => Ok(row),
        }
    }
}

/// Any value; `left` is how many more a row may have.
struct Bounded<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, value: D) -> Result<Value, D::Error> {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            None => return Err(D::Error::custom(format_args!("a row has at most {MAX_VALUES} values"))),
        }
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Bounded(self.0))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        object(members, self.0).map(Value::Object)
    }
}

fn object<'de, A: MapAccess<'de>>(
    mut members: A,
    left: &Cell<usize>,
) -> Result<Map<String, Value>, A::Error> {
    let mut object = Map::new();
    while let Some(name) = members.next_key::<String>()? {
        object.insert(name, members.next_value_seed(Bounded(left))?);
    }
    Ok(object)
}

/// Records of CSV (RFC 4180), each of a bounded number of fields.
pub(super) struct Records<'a> {
    reader: csv_core::Reader,
    rest: &'a [u8],
    text: Vec<u8>,
    /// Where fields end in `text`; one more than there may be, to know when there are too many.
    ends: Vec<usize>,
    names: Vec<String>,
    /// Records that were read.
    pub count: u64,
}

impl<'a> Records<'a> {
    /// Reads the header row.
    ///
    /// # Errors
    /// In words: it is longer than may be, or no text.
    pub fn new(csv: &'a [u8]) -> Result<Records<'a>, String> {
        let ends = vec![0; MAX_COLUMNS + 1];
        let mut records = Records {
            reader: csv_core::Reader::new(),
            rest: csv,
            text: vec![0; 4096],
            ends,
            names: Vec::new(),
            count: 0,
        };
        let names = records.fields()?.unwrap_or_default();
        if names.iter().map(String::len).sum::<usize>() > MAX_HEADER {
            return Err(format!("The header row has at most {MAX_HEADER} bytes."));
        }
        records.names = names;
        records.count = 0;
        Ok(records)
    }

    /// The next record by the names of the header row.
    ///
    /// # Errors
    /// In words: it has another number of fields, or is no text.
    pub fn next(&mut self) -> Result<Option<Map<String, Value>>, String> {
        let Some(fields) = self.fields()? else { return Ok(None) };
        if fields.len() != self.names.len() {
            return Err(format!("It has {} fields and not {}.", fields.len(), self.names.len()));
        }
        let named = self.names.iter().cloned().zip(fields.into_iter().map(Value::String));
        Ok(Some(named.collect()))
    }

    fn fields(&mut self) -> Result<Option<Vec<String>>, String> {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
        let (mut length, mut fields) = (0, 0);
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(self.rest, &mut self.text[length..], &mut self.ends[fields..]);
            self.rest = self.rest.get(read..).unwrap_or_default();
            (length, fields) = (length + written, fields + ended);
            match result {
                // An empty rest is how the end is told.
                InputEmpty => {}
                OutputFull => self.text.resize(self.text.len() * 2, 0),
                OutputEndsFull => return Err(format!("A row has at most {MAX_COLUMNS} fields.")),
                Record => break,
                End => return Ok(None),
            }
        }
        self.count += 1;
        if fields > MAX_COLUMNS {
            return Err(format!("A row has at most {MAX_COLUMNS} fields."));
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let texts = starts.zip(&self.ends).take(fields).map(|(from, to)| {
            let text = self.text.get(from..*to).unwrap_or_default();
            std::str::from_utf8(text).map(str::to_owned).map_err(|_| "It is not in UTF-8.".to_owned())
        });
        texts.collect::<Result<_, _>>().map(Some)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
        Row.deserialize(&mut serde_json::Deserializer::from_str(text))
    }

    #[test]
    fn a_row_is_what_serde_json_reads() {
        for text in [r#"{"a":1,"b":[true,null,-2,1.5,{"c":"é\n"}],"d":18446744073709551615}"#, "{}"] {
            assert_eq!(row(text).unwrap(), serde_json::from_str::<Map<_, _>>(text).unwrap());
        }
        for bad in ["[1]", "1", "{\"a\"}"] {
            assert!(row(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rows_are_bounded() {
        let values = |count: usize| format!("{{\"a\":[{}]}}", vec!["0"; count].join(","));
        assert!(row(&values(MAX_VALUES - 1)).is_ok());
        assert!(row(&values(MAX_VALUES)).is_err());
        let members = |count: usize| {
            let all: Vec<String> = (0..count).map(|i| format!("\"{i}\":0")).collect();
            format!("{{{}}}", all.join(","))
        };
        assert!(row(&members(MAX_COLUMNS)).is_ok());
        assert!(row(&members(MAX_COLUMNS + 1)).is_err());
    }

    #[test]
    fn records_are_read_and_bounded() {
        let mut records = Records::new(b"a,\"b,c\"\r\n1,\"x\"\"y\nz\"\n,\n").unwrap();
        let told = |row: Option<Map<String, Value>>| Value::from(row.unwrap()).to_string();
        assert_eq!(told(records.next().unwrap()), r#"{"a":"1","b,c":"x\"y\nz"}"#);
        assert_eq!(told(records.next().unwrap()), r#"{"a":"","b,c":""}"#);
        assert_eq!(records.next().unwrap(), None);
        assert_eq!(records.count, 2);
        let wide = |count: usize| vec!["a"; count].join(",").into_bytes();
        assert!(Records::new(&wide(MAX_COLUMNS)).is_ok());
        assert!(Records::new(&wide(MAX_COLUMNS + 1)).is_err());
        assert!(Records::new(&vec![b','; 1 << 20]).is_err());
        assert!(Records::new(&vec![b'x'; MAX_HEADER + 1]).is_err());
        let odd = [b"a\n".as_slice(), &wide(MAX_COLUMNS + 9)].concat();
        assert!(Records::new(&odd).unwrap().next().is_err());
        assert!(Records::new(b"a,b\n1\n").unwrap().next().is_err());
        assert!(Records::new(b"a\n\xff\n").unwrap().next().is_err());
        assert_eq!(Records::new(b"").unwrap().next().unwrap(), None);
    }
}
