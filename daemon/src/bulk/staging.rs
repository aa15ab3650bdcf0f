//! Uploads: JSON or CSV taken apart row by row into a file. Of a large upload one row is in memory beside it.

use std::fmt;
use std::io;

use bytes::Bytes;
use quire_protocol::shapes::bulk::failure::Failure;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{BulkError, Result};
use super::files::NewFile;
use super::limits::MAX_COLUMNS;

/// Rows as they are uploaded.
#[derive(Clone, Debug)]
pub enum Upload {
    /// A JSON array of objects, or one object.
    Json(Bytes),
    /// CSV with a header row (RFC 4180), in UTF-8.
    Csv(Bytes),
}

/// Writes the rows of an upload to `file`; gives how many.
pub(super) fn write_rows(upload: &Upload, file: &mut NewFile) -> Result<u64> {
    match upload {
        Upload::Json(bytes) => json_rows(bytes, file),
        Upload::Csv(bytes) => csv_rows(bytes, file),
    }
}

fn refused(value: impl Into<Value>, constraint: String) -> BulkError {
    BulkError::Invalid(vec![Failure::new("data", &value.into(), constraint)])
}

/// What went wrong while rows were read: their form, or the disk.
struct Rows<'a> {
    file: &'a mut NewFile,
    count: u64,
    failed: Option<io::Error>,
}

fn json_rows(bytes: &[u8], file: &mut NewFile) -> Result<u64> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let mut rows = Rows { file, count: 0, failed: None };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = (&mut reader).deserialize_any(&mut rows).and_then(|()| reader.end());
    match (rows.failed, read) {
        (Some(error), _) => Err(error.into()),
        (None, Err(error)) => Err(refused(rows.count, error.to_string())),
        (None, Ok(())) => Ok(rows.count),
    }
}

impl Rows<'_> {
    fn add(&mut self, row: &Map<String, Value>) -> Result<(), serde_json::Error> {
        let line = serde_json::to_vec(row)?;
        if let Err(error) = self.file.line(&line) {
            self.failed = Some(error);
            return Err(serde_json::Error::custom("the disk failed"));
        }
        self.count += 1;
        Ok(())
    }
}

impl<'de> Visitor<'de> for &mut Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        let row = Map::deserialize(serde::de::value::MapAccessDeserializer::new(members))?;
        self.add(&row).map_err(A::Error::custom)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, row: D) -> Result<(), D::Error> {
        let row = Map::deserialize(row)?;
        self.add(&row).map_err(D::Error::custom)
    }
}

fn csv_rows(bytes: &[u8], file: &mut NewFile) -> Result<u64> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let broken = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        refused(line, error.to_string())
    };
    let names = reader.headers().map_err(broken)?.clone();
    if names.len() > MAX_COLUMNS {
        return Err(refused(names.len(), format!("At most {MAX_COLUMNS} columns.")));
    }
    let mut rows = Rows { file, count: 0, failed: None };
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let named = names.iter().zip(&record);
        let row = named.map(|(name, value)| (name.trim_start_matches('\u{feff}').to_owned(), value.into()));
        let added = rows.add(&row.collect());
        match (rows.failed.take(), added) {
            (Some(error), _) => return Err(error.into()),
            (None, Err(error)) => return Err(refused(rows.count, error.to_string())),
            (None, Ok(())) => {}
        }
    }
    Ok(rows.count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::files::Files;
    use super::*;

    fn staged(upload: &Upload) -> Result<(u64, String)> {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::within(folder.path());
        let mut file = files.create(files.upload(1)).unwrap();
        let rows = write_rows(upload, &mut file)?;
        file.keep().unwrap();
        Ok((rows, std::fs::read_to_string(files.upload(1)).unwrap()))
    }

    fn json(text: &str) -> Result<(u64, String)> {
        staged(&Upload::Json(Bytes::copy_from_slice(text.as_bytes())))
    }

    #[test]
    fn objects_become_lines() {
        let (rows, text) = json("\u{feff} [ {\"a\":\"1\",\"b\":null}, {\"é\":[2]} ] ").unwrap();
        assert_eq!((rows, text.as_str()), (2, "{\"a\":\"1\",\"b\":null}\n{\"é\":[2]}\n"));
        assert_eq!(json("[]").unwrap(), (0, String::new()));
        assert_eq!(json(r#"{"a":1}"#).unwrap(), (1, "{\"a\":1}\n".to_owned()));
    }

    #[test]
    fn what_is_no_list_of_objects_is_refused_with_its_place() {
        for text in ["", "7", "[1]", "[{}", "[{}]x", "[{\"a\":}]", "\"x\"", "[[{}]]", "{\"a\":1}{\"a\":2}"] {
            let Err(BulkError::Invalid(failures)) = json(text) else { panic!("{text}") };
            assert!(failures[0].constraint.contains("line 1"), "{text}: {failures:?}");
        }
        let deep = format!("[{{\"a\":{}{}}}]", "[".repeat(10_000), "]".repeat(10_000));
        assert!(matches!(json(&deep), Err(BulkError::Invalid(_))));
    }

    #[test]
    fn csv_has_a_header_row() {
        let text = "\u{feff}a,b c\r\n\"1,\"\"x\"\"\",\r\né,\"two\nlines\"\r\n";
        let (rows, lines) = staged(&Upload::Csv(Bytes::from_static(text.as_bytes()))).unwrap();
        assert_eq!(rows, 2);
        assert_eq!(lines, "{\"a\":\"1,\\\"x\\\"\",\"b c\":\"\"}\n{\"a\":\"é\",\"b c\":\"two\\nlines\"}\n");
        for bad in ["a,b\n1\n", "a\n\u{0}x\"\",\"y\n"] {
            let refused = staged(&Upload::Csv(Bytes::from_static(bad.as_bytes())));
            assert!(matches!(refused, Err(BulkError::Invalid(_))), "{bad}");
        }
        let bad = Upload::Csv(Bytes::from_static(b"a\n\xff\n"));
        assert!(matches!(staged(&bad), Err(BulkError::Invalid(_))));
        assert_eq!(staged(&Upload::Csv(Bytes::new())).unwrap().0, 0);
    }
}
