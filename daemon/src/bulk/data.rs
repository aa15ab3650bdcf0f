//! Exported rows, read from their file as they are sent.

use std::io::{self, BufReader};

use super::contents::Contents;
use super::files::{Files, read_line};

/// Exported data, to be streamed.
pub struct Data {
    /// Rows there are in all.
    pub total: u64,
    /// Names of the columns, in the order of the definition.
    pub names: Vec<String>,
    /// Rows from the offset on; each has a value for each name. Blocks on the disk: not for a runtime's thread.
    pub rows: Box<dyn Iterator<Item = io::Result<Vec<String>>> + Send>,
}

struct Lines {
    from: BufReader<Contents>,
    line: Vec<u8>,
}

impl Iterator for Lines {
    type Item = io::Result<Vec<String>>;

    fn next(&mut self) -> Option<Self::Item> {
        match read_line(&mut self.from, &mut self.line) {
            Ok(false) => None,
            Ok(true) => Some(serde_json::from_slice(&self.line).map_err(io::Error::from)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// The rows of a sync from one on. Blocks on the disk.
pub(super) fn open(files: &Files, sync: u64, total: u64, offset: u64) -> io::Result<Data> {
    let first = if offset < total { offset } else { 0 };
    let (names, from) = files.open_export(sync, first)?;
    let rows: Box<dyn Iterator<Item = _> + Send> = if offset < total {
        Box::new(Lines { from, line: Vec::new() })
    } else {
        Box::new(std::iter::empty())
    };
    Ok(Data { total, names, rows })
}
