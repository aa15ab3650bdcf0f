//! The figures, each with the best rival's and the bound it has to keep.

use std::collections::BTreeMap;

use crate::failure::Outcome;
use crate::limits::Limits;
use crate::statistics::Spread;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // `about` says what each is.
pub enum Figure {
    WriteRate,
    WriteP50,
    WriteP99,
    EditRate,
    EditP50,
    EditP99,
    KilledWritesLost,
    Bulk,
    FirstSyncTime,
    FirstSyncWire,
    LiveTime,
    LiveWire,
    ApartTime,
    ApartWire,
    ApartLost,
    ApartDropped,
    Start,
    StartMemory,
    Disk,
    DiskAfterRestart,
    CrowdWriteRate,
    CrowdEditRate,
    IdleMemory,
    IdleMemoryAfterRestart,
    NodeLoadRate,
    NodeLoadMemory,
    NodeWriteRate,
    NodeWriteP50,
    NodeWriteP99,
    NodeEditRate,
    NodeEditP50,
    NodeEditP99,
    WindowFirst,
    WindowPageRate,
    WindowNodeRate,
    WindowByteRate,
    SmallPageRate,
    SmallWindowP50,
    ActivityLoadRate,
    ActivityRest,
    ExportMemory,
    ExportRate,
    DownloadMemory,
    DownloadJsonRate,
    DownloadCsvRate,
    ImportRate,
}

/// What is good enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Not worse than twice the best rival's.
    TwiceTheRival,
    /// At most this.
    AtMost(f64),
    /// Nobody published a figure, and nothing is demanded.
    Open,
}

/// What a figure is.
pub struct About {
    /// In words.
    pub title: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Whether a greater value is the better one.
    pub more_is_better: bool,
    /// The best rival and its value.
    pub rival: Option<(&'static str, f64)>,
    /// What is demanded.
    pub bound: Bound,
}

/// Every figure, in the table's order.
pub const ALL: [Figure; 46] = [
    Figure::WriteRate,
    Figure::WriteP50,
    Figure::WriteP99,
    Figure::EditRate,
    Figure::EditP50,
    Figure::EditP99,
    Figure::KilledWritesLost,
    Figure::Bulk,
    Figure::FirstSyncTime,
    Figure::FirstSyncWire,
    Figure::LiveTime,
    Figure::LiveWire,
    Figure::ApartTime,
    Figure::ApartWire,
    Figure::ApartLost,
    Figure::ApartDropped,
    Figure::Start,
    Figure::StartMemory,
    Figure::Disk,
    Figure::DiskAfterRestart,
    Figure::CrowdWriteRate,
    Figure::CrowdEditRate,
    Figure::IdleMemory,
    Figure::IdleMemoryAfterRestart,
    Figure::NodeLoadRate,
    Figure::NodeLoadMemory,
    Figure::NodeWriteRate,
    Figure::NodeWriteP50,
    Figure::NodeWriteP99,
    Figure::NodeEditRate,
    Figure::NodeEditP50,
    Figure::NodeEditP99,
    Figure::WindowFirst,
    Figure::WindowPageRate,
    Figure::WindowNodeRate,
    Figure::WindowByteRate,
    Figure::SmallPageRate,
    Figure::SmallWindowP50,
    Figure::ActivityLoadRate,
    Figure::ActivityRest,
    Figure::ExportMemory,
    Figure::ExportRate,
    Figure::DownloadMemory,
    Figure::DownloadJsonRate,
    Figure::DownloadCsvRate,
    Figure::ImportRate,
];

impl Figure {
    /// Its title, unit, best rival and bound. The rivals' figures are those of the comparison in
    /// `docs/performance.md`.
    pub fn about(self) -> About {
        match self {
            Self::WriteRate => {
                more("one new marking a request", "ops/s").against("iroh-docs, not fsynced", 7_658.0)
            }
            Self::WriteP50 => {
                less("one new marking a request, p50", "µs").against("iroh-docs, not fsynced", 109.0)
            }
            Self::WriteP99 => less("one new marking a request, p99", "µs"),
            Self::EditRate => {
                more("one edited field a request", "ops/s").against("iroh-docs, not fsynced", 7_658.0)
            }
            Self::EditP50 => {
                less("one edited field a request, p50", "µs").against("iroh-docs, not fsynced", 109.0)
            }
            Self::EditP99 => less("one edited field a request, p99", "µs"),
            Self::KilledWritesLost => less("acknowledged writes lost by SIGKILL", "writes").at_most(0.0),
            Self::Bulk => less("10,000 in one request", "s").against("SQLite + REST", 0.7),
            Self::FirstSyncTime => less("first sync of an empty peer", "s").against("SQLite + REST", 1.1),
            Self::FirstSyncWire => less("first sync of an empty peer, wire", "MB").against("samod", 2.8),
            Self::LiveTime => {
                less("one field, until readable at the other, p50", "ms").against("Yjs, samod", 0.8)
            }
            Self::LiveWire => less("one field, wire", "bytes").against("Yjs", 142.0),
            Self::ApartTime => {
                less("apart, 1,000 + 1,000 edits, until equal", "s").against("SQLite + REST", 0.3)
            }
            Self::ApartWire => less("apart, wire", "KB").against("Yjs", 174.0),
            Self::ApartLost => less("apart, edits lost", "edits").at_most(0.0),
            Self::ApartDropped => less("apart, same-field losers not to be found", "of 100").at_most(0.0),
            Self::Start => less("start to first read", "ms").against("iroh-docs", 19.0),
            Self::StartMemory => less("resident memory after it", "MB").against("SQLite + REST", 6.0),
            Self::Disk => less("disk, 10,000 markings, after loading", "MB").against("samod", 2.6),
            Self::DiskAfterRestart => {
                less("disk, 10,000 markings, after a restart", "MB").against("samod", 2.6)
            }
            Self::CrowdWriteRate => more("64 clients, one new marking a request", "ops/s"),
            Self::CrowdEditRate => more("64 clients, one edited field a request", "ops/s"),
            Self::IdleMemory => {
                less("100,000 markings, resident memory 10 s after loading", "MB").at_most(60.0)
            }
            Self::IdleMemoryAfterRestart => {
                less("100,000 markings, 10 s after a restart", "MB").at_most(60.0)
            }
            _ => self.about_nodes(),
        }
    }

    /// Nobody published a rival's, and nothing is demanded.
    fn about_nodes(self) -> About {
        match self {
            Self::NodeLoadRate => more("nodes, 100,000 by `PutData` messages of 500", "nodes/s"),
            Self::NodeLoadMemory => less("nodes, resident memory after it", "MB"),
            Self::NodeWriteRate => more("nodes, one new one a request", "ops/s"),
            Self::NodeWriteP50 => less("nodes, one new one a request, p50", "µs"),
            Self::NodeWriteP99 => less("nodes, one new one a request, p99", "µs"),
            Self::NodeEditRate => more("nodes, one changed property a request", "ops/s"),
            Self::NodeEditP50 => less("nodes, one changed property a request, p50", "µs"),
            Self::NodeEditP99 => less("nodes, one changed property a request, p99", "µs"),
            Self::WindowFirst => less("window of 100,000 nodes, token and first page of 1,000", "ms"),
            Self::WindowPageRate => more("window of 100,000 nodes, further pages of 1,000", "pages/s"),
            Self::WindowNodeRate => more("window of 100,000 nodes, further pages", "nodes/s"),
            Self::WindowByteRate => more("window of 100,000 nodes, further pages", "MB/s"),
            Self::SmallPageRate => more("window of 100,000 nodes, one page of 100 again and again", "ops/s"),
            Self::SmallWindowP50 => less("window of 10 changed nodes, token and page, p50", "µs"),
            _ => self.about_exports(),
        }
    }

    /// Nobody published a rival's. What an export may take of memory is demanded.
    fn about_exports(self) -> About {
        match self {
            Self::ActivityLoadRate => {
                more("1,000,000 reading activities by requests of 10,000", "activities/s")
            }
            Self::ActivityRest => less("1,000,000 activities, resident memory 10 s after loading", "MB"),
            Self::ExportMemory => less("export of them, greatest memory above that", "MB").at_most(150.0),
            Self::ExportRate => more("export of them", "rows/s"),
            Self::DownloadMemory => {
                less("download of it, greatest memory above that of rest", "MB").at_most(150.0)
            }
            Self::DownloadJsonRate => more("download of it in pages of 50,000, JSON", "rows/s"),
            Self::DownloadCsvRate => more("download of it in pages of 50,000, CSV", "rows/s"),
            _ => more("import of 10,000 markings, staging included", "rows/s"),
        }
    }

    /// The machine's own figure for the same work, with what it is made of.
    pub fn limit(self, limits: &Limits) -> Option<Reference> {
        let durable = "axum + append + fdatasync";
        Some(match self {
            Self::WriteRate | Self::EditRate => (durable, 1e6 / limits.durable.mean),
            Self::WriteP50 | Self::EditP50 => (durable, limits.durable.p50),
            Self::WriteP99 | Self::EditP99 => (durable, limits.durable.p99),
            Self::Bulk => ("write + fdatasync", limits.write_input_s),
            Self::FirstSyncTime => {
                ("zstd -3 + write + fdatasync", limits.compress_input_s + limits.write_input_s)
            }
            Self::FirstSyncWire | Self::Disk | Self::DiskAfterRestart => ("zstd -3", limits.compressed_mb),
            Self::LiveTime => ("2 × that, after a rest", 2.0 * limits.durable_rested.p50 / 1e3),
            _ => return None,
        })
    }
}

fn more(title: &'static str, unit: &'static str) -> About {
    About { title, unit, more_is_better: true, rival: None, bound: Bound::Open }
}

fn less(title: &'static str, unit: &'static str) -> About {
    About { more_is_better: false, ..more(title, unit) }
}

impl About {
    fn against(self, rival: &'static str, value: f64) -> Self {
        Self { rival: Some((rival, value)), bound: Bound::TwiceTheRival, ..self }
    }

    fn at_most(self, bound: f64) -> Self {
        Self { bound: Bound::AtMost(bound), ..self }
    }

    /// The worst value that is still good enough.
    pub fn allowed(&self) -> Option<f64> {
        match (self.bound, self.rival) {
            (Bound::AtMost(bound), _) => Some(bound),
            (Bound::TwiceTheRival, Some((_, value))) if self.more_is_better => Some(value / 2.0),
            (Bound::TwiceTheRival, Some((_, value))) => Some(value * 2.0),
            _ => None,
        }
    }

    /// Whether a value is good enough; nothing to say where nothing is demanded.
    pub fn passes(&self, value: f64) -> Option<bool> {
        let allowed = self.allowed()?;
        Some(if self.more_is_better { value >= allowed } else { value <= allowed })
    }
}

/// What was measured of one subject: a spread, or why there is none.
#[derive(Default)]
pub struct Figures {
    taken: BTreeMap<Figure, Result<Spread, String>>,
    beside: BTreeMap<Figure, Vec<Reference>>,
}

/// The figures one measure yields.
pub type Taken = Vec<(Figure, Spread)>;

/// What the same work took without the subject, and what it was made of.
pub type Reference = (&'static str, f64);

/// References that a measure takes itself, because they repeat what the subject said.
pub type Beside = Vec<(Figure, Reference)>;

impl Figures {
    /// Keeps references, in this order.
    pub fn keep_beside(&mut self, beside: Beside) {
        for (figure, reference) in beside {
            self.beside.entry(figure).or_default().push(reference);
        }
    }

    /// The references that were taken beside a figure.
    pub fn beside(&self, figure: Figure) -> &[Reference] {
        self.beside.get(&figure).map(Vec::as_slice).unwrap_or_default()
    }

    /// Keeps what a measure yielded, or for each figure it should have yielded the reason why not.
    pub fn keep(&mut self, expected: &[Figure], outcome: Outcome<Taken>) {
        match outcome {
            Ok(taken) => self.taken.extend(taken.into_iter().map(|(figure, spread)| (figure, Ok(spread)))),
            Err(failure) => {
                self.taken.extend(expected.iter().map(|figure| (*figure, Err(failure.to_string()))))
            }
        }
    }

    /// One figure, if its measure ran.
    pub fn get(&self, figure: Figure) -> Option<&Result<Spread, String>> {
        self.taken.get(&figure)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Figure};

    #[test]
    fn every_figure_is_in_the_table_once() {
        let mut seen = ALL.to_vec();
        seen.dedup();
        assert_eq!(seen.len(), ALL.len());
        assert!(ALL.is_sorted());
    }

    #[test]
    fn twice_the_rival_depends_on_the_direction() {
        assert_eq!(Figure::WriteRate.about().passes(3_828.0), Some(false));
        assert_eq!(Figure::WriteRate.about().passes(3_829.0), Some(true));
        assert_eq!(Figure::LiveWire.about().passes(285.0), Some(false));
        assert_eq!(Figure::ApartLost.about().passes(0.0), Some(true));
        assert_eq!(Figure::CrowdEditRate.about().passes(1.0), None);
    }
}
