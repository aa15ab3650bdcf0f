//! Damage that no value's tag shows: a bit of a page of redb's tree can hide rows without any error.
//!
//! redb keeps a checksum of every page in the page above it, and looks at them when it is told to: all of them, when a
//! file is opened that is not too long for that. A longer one is looked through while it is used.

use std::path::Path;

use redb::{ReadableTable as _, ReadableTableMetadata as _};

use super::keys::{ABOUT_VALUES, describe};
use super::{Reader, Result, StoreError, guarded};

/// Longest file that is checked when it is opened. The check reads all of it: measured at some 100,000 markings (67 MB)
/// it adds 20 to 100 ms, on a busy machine.
const QUICK: u64 = 64 * 1024 * 1024;

/// Rows between two looks whether to go on: some milliseconds.
const STEP: u64 = 1_000;

/// Whether a file is checked when it is opened.
pub(super) fn is_quick(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.len() <= QUICK) || !path.exists()
}

impl Reader {
    /// Looks at every row: whether its value is whole, whether it is found by its key, and whether there are as many as
    /// were put. Gives how many; none when `go_on` ended it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] at the first thing that is wrong.
    pub fn look_through(&self, go_on: &dyn Fn() -> bool) -> Result<Option<u64>> {
        guarded(|| {
            let (mut count, mut before) = (0, Vec::new());
            for row in self.table.iter()? {
                let (key, rests) = row?;
                let key = key.value();
                if key.first() != Some(&ABOUT_VALUES) {
                    self.seal.open(key, rests.value())?;
                }
                let found = self.table.get(key)?.is_some_and(|found| found.value() == rests.value());
                if !found || (count > 0 && key <= before.as_slice()) {
                    return Err(StoreError::Damaged(format!("{} (it is not found)", describe(key))));
                }
                before.clear();
                before.extend_from_slice(key);
                count += 1;
                if count % STEP == 0 && !go_on() {
                    return Ok(None);
                }
            }
            let put = self.table.len()?;
            if count == put { Ok(Some(count)) } else { Err(hidden(count, put)) }
        })
    }
}

fn hidden(count: u64, put: u64) -> StoreError {
    StoreError::Damaged(format!("(one of {put}, of which {count} are found)"))
}
