//! `quire backup` and `quire restore`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::client::Client;
use super::progress::Progress;
use super::user::prompt;
use super::{Failure, output};
use crate::backup::file::{self, NewBackup};
use crate::backup::{BackupError, restore};
use crate::config::Loader;
use crate::daemon;
use crate::folder::Folder;
use crate::store::protection::Protection;

/// Guesses at a shorter one are cheap, however dear each is made.
const MIN_PASSPHRASE: usize = 8;

/// Where the passphrase comes from.
pub(super) fn passphrase(file: Option<&Path>, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    let passphrase = match file {
        Some(path) => prompt::from_file(path)?,
        None => prompt::passphrase(is_new)?,
    };
    if is_new && passphrase.chars().count() < MIN_PASSPHRASE {
        return Err(Failure::Said(format!("a passphrase has at least {MIN_PASSPHRASE} characters")));
    }
    Ok(passphrase)
}

/// Has the running daemon say all it keeps, and writes it encrypted.
pub(super) fn backup(client: &Client, to: &Path, passphrase: &str) -> Result<(), Failure> {
    let mut new = NewBackup::create(to, passphrase)?;
    let progress = Progress::start("backed up", None);
    client.download("/v1/backup", &mut |bytes| {
        new.write_all(bytes)?;
        progress.add(bytes.len() as u64);
        Ok(())
    })?;
    new.keep()?;
    progress.end();
    Ok(output::line(format_args!("{}", to.display()))?)
}

/// What `quire restore` was told.
pub(super) struct Restore {
    pub from: PathBuf,
    pub replace: bool,
    pub passphrase_file: Option<PathBuf>,
}

/// Puts a backup into the data folder that a daemon would use.
pub(super) fn restore(loader: &Loader, told: &Restore) -> Result<(), Failure> {
    let config = loader.load()?;
    let folder = &config.data_dir;
    if restore::is_occupied(folder) && !told.replace {
        return Err(Failure::Said(format!(
            "{} has a store already; --replace puts the backup in its place and keeps the old one aside",
            folder.display()
        )));
    }
    let passphrase = passphrase(told.passphrase_file.as_deref(), false)?;
    let mut rows = file::open(&told.from, &passphrase)?;
    let length = rows.length();
    let verified = with_progress("verified", length, |add| restore::verify(&mut rows, &told.from, add))?;
    // Nothing was touched until here.
    let folder = Folder::open(folder).map_err(BackupError::from)?;
    let encrypt = Some(config.encrypt.unwrap_or(verified.encrypted));
    let protection = Protection { encrypt, ..daemon::protection(folder.path(), &config) };
    let put = |add: &dyn Fn(u64)| restore::put(&mut rows, &told.from, &folder, &protection, add);
    let aside = with_progress("restored", length, put)?;
    let rows = verified.rows;
    output::line(format_args!("{rows} rows restored to {}", folder.path().display()))?;
    if let Some(aside) = aside {
        output::line(format_args!("the old store is kept as {}", aside.display()))?;
    }
    Ok(())
}

fn with_progress<T>(
    what: &'static str,
    length: u64,
    work: impl FnOnce(&dyn Fn(u64)) -> Result<T, BackupError>,
) -> Result<T, BackupError> {
    let progress = Progress::start(what, Some(length));
    let done = work(&|bytes| progress.add(bytes))?;
    progress.end();
    Ok(done)
}
