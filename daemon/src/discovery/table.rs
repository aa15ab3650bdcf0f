//! The instances that are present, within a budget, and when each may be reported again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Sighting;

/// Instances kept. More than any home or office has; a flood of forged ones ends here.
const MAX_INSTANCES: usize = 256;

/// New or changed instances reported within one [`WINDOW`], so that a flood makes no flood of dials.
const MAX_NEWS: usize = 64;

/// The time [`MAX_NEWS`] is counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// The least time between two reports of an unchanged instance, so that a dialer that failed hears of
/// it again.
pub(super) const REPEAT: Duration = Duration::from_secs(10);

/// Who is present. Pure: it is told the time.
#[derive(Debug)]
pub(super) struct Table {
    present: HashMap<String, Present>,
    window: Instant,
    news: usize,
    /// Whether a new one was left out since the network was last asked.
    missed: bool,
}

#[derive(Debug)]
struct Present {
    sighting: Sighting,
    reported: Instant,
}

impl Table {
    pub(super) fn new(now: Instant) -> Self {
        Self { present: HashMap::new(), window: now, news: 0, missed: false }
    }

    /// Notes that an instance is there, and says whether to report it now: when it is new or changed
    /// and the budget allows. Beyond the budget a new one is not kept, and [`Table::should_ask`] tells
    /// when to ask for it again; a changed one is reported when it is due.
    pub(super) fn seen(&mut self, name: String, sighting: Sighting, now: Instant) -> Option<Sighting> {
        let full = self.present.len() >= MAX_INSTANCES;
        match self.present.get_mut(&name) {
            Some(known) if known.sighting == sighting => return None,
            Some(known) => known.sighting = sighting.clone(),
            None if full => return None,
            None => {}
        }
        if !self.allows_news(now) {
            self.missed = true;
            return None;
        }
        self.present.insert(name, Present { sighting: sighting.clone(), reported: now });
        Some(sighting)
    }

    /// Forgets an instance.
    pub(super) fn gone(&mut self, name: &str) {
        self.present.remove(name);
    }

    /// Forgets all instances, but not what was spent of the budget.
    pub(super) fn clear(&mut self) {
        self.present.clear();
    }

    /// The instances that were last reported [`REPEAT`] ago or longer. They count as reported.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Sighting> {
        let is_due = |present: &&mut Present| now.saturating_duration_since(present.reported) >= REPEAT;
        let due = self.present.values_mut().filter(is_due);
        due.map(|present| {
            present.reported = now;
            present.sighting.clone()
        })
        .collect()
    }

    /// Whether the network should be asked again, because some were left out and the budget is
    /// renewed by now. True once.
    pub(super) fn should_ask(&mut self, now: Instant) -> bool {
        let renewed = now.saturating_duration_since(self.window) >= WINDOW;
        renewed && std::mem::take(&mut self.missed)
    }

    fn allows_news(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.window) >= WINDOW {
            self.window = now;
            self.news = 0;
        }
        if self.news >= MAX_NEWS {
            return false;
        }
        self.news += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tag;
    use super::*;

    fn sighting(port: u16) -> Sighting {
        let tag = Tag::parse(&[b'0'; 32]).unwrap();
        Sighting { addresses: vec![([192, 0, 2, 1], port).into()], tag, pairing: false }
    }

    #[test]
    fn an_instance_is_reported_when_new_when_changed_and_then_every_ten_seconds() {
        let start = Instant::now();
        let mut table = Table::new(start);
        assert_eq!(table.seen("a".into(), sighting(1), start), Some(sighting(1)));
        assert_eq!(table.seen("a".into(), sighting(1), start), None);
        assert_eq!(table.seen("a".into(), sighting(2), start), Some(sighting(2)));
        assert!(table.due(start + REPEAT / 2).is_empty());
        assert_eq!(table.due(start + REPEAT), [sighting(2)]);
        assert!(table.due(start + REPEAT).is_empty());
        assert_eq!(table.due(start + 2 * REPEAT), [sighting(2)]);
        table.gone("a");
        assert!(table.due(start + 3 * REPEAT).is_empty());
    }

    #[test]
    fn a_flood_is_reported_sixty_four_times_a_minute() {
        let start = Instant::now();
        let mut table = Table::new(start);
        let mut reports = |from: usize, now| {
            (from..from + 10_000).filter(|n| table.seen(n.to_string(), sighting(1), now).is_some()).count()
        };
        assert_eq!(reports(0, start), MAX_NEWS);
        assert_eq!(reports(10_000, start + WINDOW / 2), 0);
        assert_eq!(reports(20_000, start + WINDOW), MAX_NEWS);
    }

    #[test]
    fn starting_anew_does_not_renew_the_budget() {
        let start = Instant::now();
        let mut table = Table::new(start);
        for n in 0..MAX_NEWS {
            table.seen(n.to_string(), sighting(1), start);
        }
        table.clear();
        assert!(table.due(start + REPEAT).is_empty());
        assert!(!table.should_ask(start + WINDOW));
        assert_eq!(table.seen("a".into(), sighting(1), start + REPEAT), None);
        assert!(!table.should_ask(start + REPEAT));
        assert!(table.should_ask(start + WINDOW));
        assert!(!table.should_ask(start + WINDOW));
        assert!(table.seen("a".into(), sighting(1), start + WINDOW).is_some());
    }

    #[test]
    fn no_more_than_the_budget_is_kept() {
        let start = Instant::now();
        let mut table = Table::new(start);
        for minute in 0..20_u32 {
            for n in 0..1000 {
                table.seen(format!("{minute}-{n}"), sighting(1), start + minute * WINDOW);
            }
        }
        assert_eq!(table.present.len(), MAX_INSTANCES);
        table.gone("0-0");
        assert!(table.seen("real".into(), sighting(1), start + 21 * WINDOW).is_some());
    }

    #[test]
    fn a_change_beyond_the_budget_is_told_when_due() {
        let start = Instant::now();
        let mut table = Table::new(start);
        for port in 1..=MAX_NEWS {
            assert!(table.seen("a".into(), sighting(u16::try_from(port).unwrap()), start).is_some());
        }
        assert_eq!(table.seen("a".into(), sighting(9999), start), None);
        assert_eq!(table.due(start + REPEAT), [sighting(9999)]);
    }
}
