//! What people see: aligned tables on stdout, messages on stderr, foreign text escaped, a closed pipe quiet.

use std::io::{Result, Write};

use serde_json::Value;

use crate::escape::Escaped;

/// Between two columns.
const GAP: &str = "  ";
/// A longer cell is cut: a table is to be read, `--json` has everything.
const MAX_CELL_CHARS: usize = 60;

/// Says on stderr why a command failed.
pub(super) fn complain(message: &str) {
    // Nobody left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "quire: {}", Lines(message));
}

/// Says on stderr what is good to know beside the result.
pub(super) fn remark(message: &str) {
    // Nobody left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "{}", Lines(message));
}

/// Messages of our own may have several lines; each is escaped for itself.
struct Lines<'a>(&'a str);

impl std::fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, line) in self.0.lines().enumerate() {
            let start = if number == 0 { "" } else { "\n" };
            write!(f, "{start}{}", Escaped(line))?;
        }
        Ok(())
    }
}

/// One line on stdout.
pub(super) fn line(text: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A text of our own, as it stands.
pub(super) fn document(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The answer as it came, indented.
pub(super) fn json(value: &Value) -> Result<()> {
    line(format_args!("{value:#}"))
}

/// A heading and rows, aligned.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let heading = heading.iter().map(|cell| (*cell).to_owned()).collect();
    aligned(std::iter::once(&heading).chain(rows))
}

/// Rows without a heading, aligned.
pub(super) fn aligned<'a>(rows: impl Iterator<Item = &'a Vec<String>>) -> Result<()> {
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let mut widths = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(cells.join(GAP).trim_end())?;
    }
    Ok(())
}

fn shown(cell: &str) -> String {
    let whole = Escaped(cell).to_string();
    if whole.chars().count() <= MAX_CELL_CHARS {
        return whole;
    }
    whole.chars().take(MAX_CELL_CHARS - 1).chain(['…']).collect()
}

/// A JSON value as a cell: text without quotes, nothing for null.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_escaped_and_cut() {
        assert_eq!(shown("a\u{1b}[2J\nb"), r"a\u{1b}[2J\nb");
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), MAX_CELL_CHARS);
    }

    #[test]
    fn values_read_like_words() {
        let cells: Vec<_> =
            [json!(null), json!(true), json!("t"), json!(1), json!([1])].iter().map(cell).collect();
        assert_eq!(cells, ["", "yes", "t", "1", "[1]"]);
    }
}
