//! The measures, each the same for every subject.

pub mod apart;
pub mod bulk;
pub mod crowd;
pub mod exports;
pub mod first_sync;
pub mod idle;
pub mod live;
pub mod nodes;
pub mod start;
pub mod write;

use clap::ValueEnum;

use crate::failure::{Failure, Outcome};
use crate::figure::{Figure, Figures};
use crate::proxy::Link;
use crate::subject::{Kind, Lab, Subject};
use crate::workload::Workload;

/// Repeats of a short measure; the table shows their median and spread.
pub const REPEATS: usize = 3;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// 10,000 in one request, and the disk they take.
    Bulk,
    /// One write or edit a request, and what SIGKILL leaves of them.
    Write,
    /// Start to first read.
    Start,
    /// The first sync of an empty peer.
    FirstSync,
    /// One field until it is readable at the other.
    Live,
    /// Edits while apart.
    Apart,
    /// 64 clients.
    Crowd,
    /// 100,000 markings at rest.
    Idle,
    /// 100,000 nodes of a field app: messages, posts, windows.
    Nodes,
    /// The Bulk shapes: 1,000,000 activities exported and downloaded, 10,000 markings imported.
    Exports,
}

/// The measures that begin with a store of their own.
const APART_FROM_THE_LOADED: [Measure; 4] = [Measure::Crowd, Measure::Idle, Measure::Nodes, Measure::Exports];

/// What is shared by a run's measures.
pub struct Bench<'a> {
    /// Makes subjects.
    pub lab: &'a Lab,
    /// The markings.
    pub workload: &'a Workload,
    /// What was asked for.
    pub chosen: &'a [Measure],
}

/// Two linked subjects, both with all loaded markings.
pub struct Pair {
    /// The one that was loaded.
    pub first: Box<dyn Subject>,
    /// The one that was empty.
    pub second: Box<dyn Subject>,
    /// What connects them.
    pub link: Link,
}

impl Bench<'_> {
    fn wants(&self, measure: Measure) -> bool {
        self.chosen.is_empty() || self.chosen.contains(&measure)
    }

    /// Runs all chosen measures of one subject; one that fails does not stop the others.
    pub fn run(&self, kind: Kind) -> Figures {
        let mut figures = Figures::default();
        let needs_none = |measure| APART_FROM_THE_LOADED.contains(measure);
        if self.chosen.is_empty() || !self.chosen.iter().all(needs_none) {
            match self.load(kind, &mut figures) {
                Ok((one, other)) => {
                    self.alone(one, &mut figures);
                    self.together(kind, other, &mut figures);
                }
                Err(failure) => eprintln!("{kind:?}: no loaded store: {failure}"),
            }
        }
        self.rest(kind, &mut figures);
        figures
    }

    fn load(&self, kind: Kind, figures: &mut Figures) -> Outcome<(Box<dyn Subject>, Box<dyn Subject>)> {
        let (taken, mut loaded) = bulk::measure(self, kind)
            .map_or_else(|failure| (Err(failure), Vec::new()), |(taken, loaded)| (Ok(taken), loaded));
        figures.keep(&[Figure::Bulk, Figure::Disk], taken);
        let missing = || Failure::Unusable("the load failed".to_owned());
        Ok((loaded.pop().ok_or_else(missing)?, loaded.pop().ok_or_else(missing)?))
    }

    fn alone(&self, mut subject: Box<dyn Subject>, figures: &mut Figures) {
        if self.wants(Measure::Start) {
            say(&*subject, "start");
            let expected = [Figure::Start, Figure::StartMemory, Figure::DiskAfterRestart];
            figures.keep(&expected, start::measure(self, &mut *subject));
        }
        if self.wants(Measure::Write) {
            say(&*subject, "write");
            figures.keep(&write::FIGURES, write::measure(self, &mut *subject));
        }
    }

    fn together(&self, kind: Kind, loaded: Box<dyn Subject>, figures: &mut Figures) {
        let wanted = [Measure::FirstSync, Measure::Live, Measure::Apart];
        if !wanted.into_iter().any(|measure| self.wants(measure)) {
            return;
        }
        say(&*loaded, "first sync");
        let (taken, pair) = match first_sync::measure(self, kind, loaded) {
            Ok((taken, pair)) => (Ok(taken), Some(pair)),
            Err(failure) => (Err(failure), None),
        };
        figures.keep(&[Figure::FirstSyncTime, Figure::FirstSyncWire], taken);
        let Some(pair) = pair else {
            let none = || Err(Failure::Unusable("no synced pair".to_owned()));
            figures.keep(&[Figure::LiveTime, Figure::LiveWire], none());
            figures.keep(&apart::FIGURES, none());
            return;
        };
        if self.wants(Measure::Live) {
            say(&*pair.first, "live");
            figures.keep(&[Figure::LiveTime, Figure::LiveWire], live::measure(self, &pair));
        }
        if self.wants(Measure::Apart) {
            say(&*pair.first, "apart");
            figures.keep(&apart::FIGURES, apart::measure(self, &pair));
        }
    }

    fn rest(&self, kind: Kind, figures: &mut Figures) {
        if self.wants(Measure::Crowd) {
            eprintln!("{kind:?}: crowd");
            figures.keep(&[Figure::CrowdWriteRate, Figure::CrowdEditRate], crowd::measure(self, kind));
        }
        if self.wants(Measure::Idle) {
            eprintln!("{kind:?}: idle");
            let expected = [Figure::IdleMemory, Figure::IdleMemoryAfterRestart];
            figures.keep(&expected, idle::measure(self, kind));
        }
        // The baseline keeps markings alone.
        if self.wants(Measure::Nodes) && kind == Kind::Quire {
            eprintln!("{kind:?}: nodes");
            nodes::measure(self, figures);
        }
        if self.wants(Measure::Exports) && kind == Kind::Quire {
            eprintln!("{kind:?}: exports");
            exports::measure(self, figures);
        }
    }
}

fn say(subject: &dyn Subject, measure: &str) {
    eprintln!("{}: {measure}", subject.folder().file_name().unwrap_or_default().to_string_lossy());
}
