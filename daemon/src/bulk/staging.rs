//! Uploads: JSON or CSV taken apart row by row into a file. Of a large upload one row is in memory beside it.

use std::fmt;
use std::io;

use bytes::Bytes;
use quire_protocol::shapes::bulk::failure::Failure;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::{BulkError, Result};
use super::files::NewFile;
use super::limits::MAX_STAGED;
use super::rows::{Records, Row};

/// Rows as they are uploaded.
#[derive(Clone, Debug)]
pub enum Upload {
    /// A JSON array of objects, or one object.
    Json(Bytes),
    /// CSV with a header row (RFC 4180), in UTF-8.
    Csv(Bytes),
}

/// How much is written between two looks at whether there is room for more.
const LOOK_EVERY: u64 = 1024 * 1024;

/// Takes room for so many bytes in all, or says that there is none.
pub(super) type Room<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// Writes the rows of an upload to `file`, within what may be stored; gives how many.
pub(super) fn write_rows(upload: &Upload, file: &mut NewFile, room: Room<'_>) -> Result<u64> {
    let mut rows = Rows { file, room, count: 0, looked: 0, failed: None };
    match upload {
        Upload::Json(bytes) => json_rows(bytes, &mut rows)?,
        Upload::Csv(bytes) => csv_rows(bytes, &mut rows)?,
    }
    Ok(rows.count)
}

fn refused(value: impl Into<Value>, constraint: String) -> BulkError {
    BulkError::Invalid(vec![Failure::new("data", &value.into(), constraint)])
}

/// Rows on their way into the file.
struct Rows<'a> {
    file: &'a mut NewFile,
    room: Room<'a>,
    count: u64,
    /// Bytes at which it is looked again whether there is room.
    looked: u64,
    /// What went wrong that is not the upload's fault.
    failed: Option<BulkError>,
}

impl Rows<'_> {
    fn add(&mut self, row: &Map<String, Value>) -> Result<()> {
        let line = serde_json::to_vec(row).map_err(io::Error::from)?;
        self.file.line(&line)?;
        self.count += 1;
        if self.file.bytes > MAX_STAGED {
            return Err(BulkError::Full);
        }
        if self.file.bytes >= self.looked {
            self.looked = self.file.bytes + LOOK_EVERY;
            (self.room)(self.file.bytes)?;
        }
        Ok(())
    }

    /// The same within a reader of JSON, which has errors of its own.
    fn add_read<E: serde::de::Error>(&mut self, row: &Map<String, Value>) -> Result<(), E> {
        self.add(row).map_err(|error| {
            self.failed = Some(error);
            E::custom("the row cannot be kept")
        })
    }
}

fn json_rows(bytes: &[u8], rows: &mut Rows<'_>) -> Result<()> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = (&mut reader).deserialize_any(&mut *rows).and_then(|()| reader.end());
    match (rows.failed.take(), read) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(refused(rows.count, error.to_string())),
        (None, Ok(())) => Ok(()),
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
        let row = Row.visit_map(members)?;
        self.add_read(&row)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, row: D) -> Result<(), D::Error> {
        let row = Row.deserialize(row)?;
        self.add_read(&row)
    }
}

fn csv_rows(bytes: &[u8], rows: &mut Rows<'_>) -> Result<()> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let mut records = Records::new(bytes).map_err(|why| refused(0, why))?;
    loop {
        match records.next() {
            Ok(Some(row)) => rows.add(&row)?,
            Ok(None) => return Ok(()),
            Err(why) => return Err(refused(records.count, format!("Row {}: {why}", records.count))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::contents::Cover;
    use super::super::files::Files;
    use super::*;

    fn cover() -> Cover {
        Cover { key: zeroize::Zeroizing::new([7; 32]), is_on: false }
    }

    fn staged(upload: &Upload) -> Result<(u64, String)> {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::within(folder.path(), cover());
        let mut file = files.create(files.upload(1)).unwrap();
        let rows = write_rows(upload, &mut file, &mut |_| Ok(()))?;
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
    fn an_upload_ends_where_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::within(folder.path(), cover());
        let mut file = files.create(files.upload(1)).unwrap();
        let csv = format!("{}\n{}", "n".repeat(60_000), "1\n".repeat(100_000));
        let mut room = |bytes| if bytes > 4 << 20 { Err(BulkError::Full) } else { Ok(()) };
        let full = write_rows(&Upload::Csv(Bytes::from(csv)), &mut file, &mut room);
        assert!(matches!(full, Err(BulkError::Full)));
        assert!(file.bytes < 6 << 20, "{}", file.bytes);
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
