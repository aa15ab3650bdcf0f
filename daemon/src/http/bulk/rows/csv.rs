//! Rows as CSV (RFC 4180): a header row, CRLF after each, quotes where they are needed. A cell is the value and nothing
//! else: one that begins with `=`, `+`, `-` or `@` stays as it is, since this is data for programs, and a changed cell
//! would come back changed. Who opens it as a spreadsheet must read it as text.

use std::io;
use std::mem::replace;

use csv::{Terminator, Writer, WriterBuilder};

use super::Form;

/// The table that is being written.
pub(in crate::http::bulk) struct Csv(Writer<Vec<u8>>);

impl Csv {
    /// With a header row of these names.
    pub(in crate::http::bulk) fn new(names: &[String]) -> io::Result<Self> {
        let mut writer = writer();
        writer.write_record(names)?;
        Ok(Self(writer))
    }
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

impl Form for Csv {
    fn row(&mut self, row: &[String]) -> io::Result<()> {
        Ok(self.0.write_record(row)?)
    }

    fn end(&mut self) {}

    fn written(&self) -> usize {
        self.0.get_ref().len()
    }

    fn take(&mut self) -> io::Result<Vec<u8>> {
        replace(&mut self.0, writer()).into_inner().map_err(|error| error.into_error())
    }
}

/// A whole small table as text.
pub(in crate::http) fn table(names: &[String], rows: &[Vec<String>]) -> io::Result<String> {
    let mut table = Csv::new(names)?;
    for row in rows {
        table.row(row)?;
    }
    Ok(String::from_utf8_lossy(&table.take()?).into_owned())
}
