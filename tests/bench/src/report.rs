//! The table, and its place in a document.

use std::fmt::Write;

use crate::failure::{Failure, Outcome};
use crate::figure::{ALL, About, Figure, Figures, Reference};
use crate::limits::Limits;
use crate::statistics::Spread;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

const HEAD: &str = "\
| measure | Quire | limit of this machine | × limit | SQLite + REST, same run | × SQLite | best rival, published | demanded | |
|---|---|---|---|---|---|---|---|---|
";

/// What is known after a run.
pub struct Report<'a> {
    /// The daemon's figures.
    pub quire: &'a Figures,
    /// The baseline's.
    pub baseline: &'a Figures,
    /// The machine's.
    pub limits: &'a Limits,
}

impl Report<'_> {
    /// The table in markdown: a row for each figure whose measure ran.
    pub fn table(&self) -> String {
        let subjects = [self.quire, self.baseline];
        let ran = ALL.iter().filter(|figure| subjects.iter().any(|subject| subject.get(**figure).is_some()));
        let rows = ran.map(|figure| self.row(*figure));
        rows.fold(HEAD.to_owned(), |table, row| table + &row)
    }

    /// Why some figures are missing.
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for (name, figures) in [("Quire", self.quire), ("SQLite + REST", self.baseline)] {
            for figure in ALL {
                if let Some(Err(reason)) = figures.get(figure) {
                    let _ = writeln!(text, "- {name}, {}: {reason}", figure.about().title);
                }
            }
        }
        if text.is_empty() { text } else { format!("\nNot measured:\n\n{text}") }
    }

    /// How many demands are met, and how many there are.
    pub fn verdict(&self) -> (usize, usize) {
        let demanded = ALL.iter().filter(|figure| self.quire.get(**figure).is_some());
        let demanded: Vec<_> = demanded.filter(|figure| figure.about().allowed().is_some()).collect();
        (demanded.iter().filter(|figure| self.passes(***figure) == Some(true)).count(), demanded.len())
    }

    fn passes(&self, figure: Figure) -> Option<bool> {
        match self.quire.get(figure)? {
            Ok(spread) => figure.about().passes(spread.median),
            Err(_) => Some(false),
        }
    }

    fn row(&self, figure: Figure) -> String {
        let about = figure.about();
        let limits = self.limits_of(figure);
        let ratios = limits.iter().filter_map(|(_, value)| self.ratio(figure, &about, *value).map(short));
        let cells = [
            format!("{}, {}", about.title, about.unit),
            cell(self.quire.get(figure)),
            joined(limits.iter().map(|(name, value)| format!("{} ({name})", short(*value)))),
            joined(ratios),
            cell(self.baseline.get(figure)),
            self.baseline_of(figure)
                .and_then(|value| self.ratio(figure, &about, value))
                .map_or_else(dash, short),
            about.rival.map_or_else(dash, |(name, value)| format!("{} ({name})", short(value))),
            demand(&about),
            self.passes(figure)
                .map_or_else(dash, |passes| if passes { "pass" } else { "**fail**" }.to_owned()),
        ];
        format!("| {} |\n", cells.join(" | "))
    }

    /// The machine's, then what the measure took beside the subject.
    fn limits_of(&self, figure: Figure) -> Vec<Reference> {
        figure.limit(self.limits).into_iter().chain(self.quire.beside(figure).iter().copied()).collect()
    }

    /// How many times worse than another's figure; nothing beside a nought.
    fn ratio(&self, figure: Figure, about: &About, other: f64) -> Option<f64> {
        let ours = self.quire.get(figure)?.as_ref().ok()?.median;
        let ratio = if about.more_is_better { other / ours } else { ours / other };
        Some(ratio).filter(|ratio| ratio.is_finite())
    }

    fn baseline_of(&self, figure: Figure) -> Option<f64> {
        Some(self.baseline.get(figure)?.as_ref().ok()?.median)
    }
}

fn demand(about: &About) -> String {
    let side = if about.more_is_better { "≥" } else { "≤" };
    about.allowed().map_or_else(dash, |allowed| format!("{side} {}", short(allowed)))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { dash() } else { parts.join("; ") }
}

fn dash() -> String {
    "–".to_owned()
}

fn cell(figure: Option<&Result<Spread, String>>) -> String {
    match figure {
        None => dash(),
        Some(Err(_)) => "not measured".to_owned(),
        Some(Ok(spread)) if spread.low == spread.high => short(spread.median),
        Some(Ok(spread)) => {
            format!("{} ({}–{})", short(spread.median), short(spread.low), short(spread.high))
        }
    }
}

/// Three digits or so: more would pretend a precision that a loaded machine does not have.
fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || size >= 100.0 {
        return grouped(value);
    }
    format!("{value:.*}", if size >= 10.0 { 1 } else { 2 })
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Puts `text` between the two marker comments of `document`.
pub fn replace(document: &str, text: &str) -> Outcome<String> {
    let missing = || Failure::Unusable(format!("the document has no {BEGIN} … {END}"));
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{replace, short};

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.123, 12.34, 123.4, 7658.0, 1234567.0].map(short),
            ["0", "0.12", "12.3", "123", "7,658", "1,234,567"]
        );
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = "a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n";
        let replaced = replace(document, "new\n").unwrap();
        assert_eq!(replaced, "a\n<!-- bench:begin -->\n\nnew\n\n<!-- bench:end -->\nb\n");
        assert_eq!(replace(&replaced, "new").unwrap(), replaced);
        assert!(replace("nothing", "new").is_err());
    }
}
