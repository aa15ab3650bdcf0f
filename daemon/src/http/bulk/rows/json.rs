//! Rows as the objects of a JSON envelope; all values are strings (REFERENCE A4).

use std::io;
use std::mem::take;

use serde_json::{Map, Value};

use super::Form;

/// The envelope that is being written.
pub(in crate::http::bulk) struct Json {
    /// Each name as JSON, with its colon.
    keys: Vec<String>,
    out: Vec<u8>,
    begun: bool,
}

impl Json {
    /// With these members before `items`.
    pub(in crate::http::bulk) fn new(names: &[String], members: Map<String, Value>) -> Self {
        let mut head = Value::Object(members).to_string();
        // The object stays open.
        head.pop();
        let comma = if head.len() > 1 { "," } else { "" };
        let keys = names.iter().map(|name| format!("{}:", Value::from(name.as_str()))).collect();
        Self { keys, out: format!("{head}{comma}\"items\":[").into_bytes(), begun: false }
    }
}

impl Form for Json {
    fn row(&mut self, row: &[String]) -> io::Result<()> {
        self.out.extend_from_slice(if self.begun { b",{" } else { b"{" });
        self.begun = true;
        for (at, (key, value)) in self.keys.iter().zip(row).enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(key.as_bytes());
            serde_json::to_writer(&mut self.out, value)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn end(&mut self) {
        self.out.extend_from_slice(b"]}");
    }

    fn written(&self) -> usize {
        self.out.len()
    }

    fn take(&mut self) -> io::Result<Vec<u8>> {
        Ok(take(&mut self.out))
    }
}
