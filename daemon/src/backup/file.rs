//! A backup as a file: a head that says how the passphrase becomes the key, and the stream of rows, encrypted.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 4 | version of the format: 1 |
//! | 4, 4, 4 | Argon2id: memory in KiB, passes, lanes |
//! | 16 | its salt |
//! | the rest | [`super::rows`], encrypted as [`crate::sealed`] has it; the head is bound to every chunk |
//!
//! Numbers are big-endian. So a file that was cut or edited anywhere, head included, does not open.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::BackupError;
use crate::file_error::FileError;
use crate::random;
use crate::sealed::{KEY, SealedReader, SealedWriter, Secret};

/// What a backup begins with.
pub const MAGIC: &[u8; 8] = b"QUIREBAK";
const VERSION: u32 = 1;
const SALT: usize = 16;
const HEAD: usize = MAGIC.len() + 4 * 4 + SALT;
const MODE: u32 = 0o600;

/// Argon2id as it is written: 64 MiB and three passes, some 0.2 s, for a passphrase that guards everything for ever.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// The most that is done for a file that somebody else may have written: some seconds, and 512 MiB.
const MAX_MEMORY_KIB: u32 = 512 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// A backup that is written. Unless [`keep`](Self::keep) gives it its name, nothing of it stays.
pub struct NewBackup {
    path: PathBuf,
    part: PathBuf,
    to: Option<SealedWriter<BufWriter<File>>>,
}

/// The stream of rows of a backup.
pub type Rows = SealedReader<File>;

impl NewBackup {
    /// Begins a file that is not there yet.
    ///
    /// # Errors
    /// When it is, or cannot be made.
    pub fn create(path: &Path, passphrase: &str) -> Result<NewBackup, BackupError> {
        NewBackup::with_head(path, passphrase, &head([MEMORY_KIB, PASSES, LANES], &random::bytes()))
    }

    fn with_head(path: &Path, passphrase: &str, head: &[u8; HEAD]) -> Result<NewBackup, BackupError> {
        if path.symlink_metadata().is_ok() {
            let reason = "exists already; give another name, or remove it";
            return Err(FileError::unusable(path, reason).into());
        }
        let key = derive(head, passphrase).map_err(|source| io(path, "write")(source))?;
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let begin = || {
            match std::fs::remove_file(&part) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&part)?;
            file.write_all(head)?;
            Ok(SealedWriter::new(BufWriter::new(file), &key, head))
        };
        let to = begin().map_err(io(&part, "write"))?;
        Ok(NewBackup { path: path.to_owned(), part, to: Some(to) })
    }

    /// Gives it its name once all of it is on the disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn keep(mut self) -> Result<(), BackupError> {
        let done = self.to.take().map_or(Ok(()), |to| {
            let file = to.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            // Never over a file that came meanwhile.
            std::fs::hard_link(&self.part, &self.path).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                _ => std::fs::rename(&self.part, &self.path),
            })?;
            File::open(folder_of(&self.path))?.sync_all()
        });
        done.map_err(io(&self.path, "write"))
    }
}

impl Write for NewBackup {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.as_mut().map_or(Ok(0), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for NewBackup {
    fn drop(&mut self) {
        // After `keep` it is the other name of a file that has its own, or gone.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// Opens a backup.
///
/// # Errors
/// When it is none, is from a newer version, or the passphrase is wrong.
pub fn open(path: &Path, passphrase: &str) -> Result<Rows, BackupError> {
    let unusable = |reason: &str| BackupError::from(FileError::unusable(path, reason));
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut file = opened.map_err(io(path, "read"))?;
    if !file.metadata().map_err(io(path, "read"))?.is_file() {
        return Err(unusable("is no regular file"));
    }
    let mut head = [0; HEAD];
    if file.read_exact(&mut head).is_err() || head[..MAGIC.len()] != MAGIC[..] {
        return Err(unusable("is no backup of Quire"));
    }
    if number(&head, 0) != VERSION {
        return Err(unusable("was written by a newer Quire; update"));
    }
    let key = derive(&head, passphrase).map_err(|_| unusable("is damaged"))?;
    let mut rows = SealedReader::new(file, &key, &head).map_err(|_| unusable("is damaged: it was cut"))?;
    // The first chunk tells a wrong passphrase before anything else is done.
    rows.read_exact(&mut [0])
        .map_err(|_| unusable("does not open: the passphrase is wrong, or it is damaged"))?;
    io::Seek::rewind(&mut rows).map_err(io(path, "read"))?;
    Ok(rows)
}

fn head([memory, passes, lanes]: [u32; 3], salt: &[u8; SALT]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let numbers = [VERSION, memory, passes, lanes].map(u32::to_be_bytes).concat();
    head[..MAGIC.len()].copy_from_slice(MAGIC);
    head[MAGIC.len()..HEAD - SALT].copy_from_slice(&numbers);
    head[HEAD - SALT..].copy_from_slice(salt);
    head
}

/// One of the four numbers of a head.
fn number(head: &[u8; HEAD], place: usize) -> u32 {
    let at = MAGIC.len() + 4 * place;
    u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

fn derive(head: &[u8; HEAD], passphrase: &str) -> io::Result<Secret> {
    let (memory, passes, lanes) = (number(head, 1), number(head, 2), number(head, 3));
    if memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
        return Err(ErrorKind::InvalidData.into());
    }
    let params = Params::new(memory, passes, lanes, Some(KEY)).map_err(|_| ErrorKind::InvalidData)?;
    let mut key: Secret = Zeroizing::new([0; KEY]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &head[HEAD - SALT..], &mut key[..])
        .map_err(|_| ErrorKind::InvalidData)?;
    Ok(key)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| FileError::io(action, &path, source).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::restore;
    use super::super::rows::Encoder;
    use super::*;
    use crate::replica::meta_key;
    use crate::store::rows::{FORMAT, meta};

    /// The least that Argon2id takes: each case derives a key.
    const QUICK: [u32; 3] = [8, 1, 1];
    const PASSPHRASE: &str = "correct horse";

    fn small(folder: &Path) -> PathBuf {
        let path = folder.join("small");
        let mut new = NewBackup::with_head(&path, PASSPHRASE, &head(QUICK, &[7; SALT])).unwrap();
        let (mut out, mut encoder) = (Encoder::begin(false), Encoder::default());
        let rows = [(meta::CHANNEL_KEY, vec![1; 32]), (meta::DEVICE_SEED, vec![2; 32])];
        let format = (meta::FORMAT, FORMAT.to_be_bytes().to_vec());
        for (name, value) in rows.into_iter().chain([format]) {
            encoder.row(&meta_key(name), &value, &mut out);
        }
        encoder.row(b"n1", b"a note", &mut out);
        encoder.end(&mut out);
        new.write_all(&out).unwrap();
        new.keep().unwrap();
        path
    }

    fn verify(path: &Path, passphrase: &str) -> Result<restore::Contents, BackupError> {
        restore::verify(&mut open(path, passphrase)?, path, &|_| ())
    }

    #[test]
    fn a_small_backup_opens_and_with_any_byte_changed_or_missing_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = small(folder.path());
        assert_eq!(verify(&path, PASSPHRASE).unwrap(), restore::Contents { rows: 4, encrypted: false });
        let whole = std::fs::read(&path).unwrap();
        let other = folder.path().join("other");
        let mut passed = 0;
        let mut refused = |bytes: &[u8], what: &str| {
            std::fs::write(&other, bytes).unwrap();
            assert!(verify(&other, PASSPHRASE).is_err(), "{what}");
            passed += 1;
        };
        for at in 0..whole.len() {
            for bit in [0x01, 0x80] {
                let mut edited = whole.clone();
                edited[at] ^= bit;
                refused(&edited, &format!("byte {at} changed by {bit:#x}"));
            }
            refused(&whole[..at], &format!("cut to {at}"));
        }
        refused(&[&whole[..], &[0]].concat(), "a byte behind it");
        eprintln!("inputs passed: edited and cut backups {passed} of {passed}");
    }

    #[test]
    fn a_wrong_passphrase_and_dear_parameters_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = small(folder.path());
        for wrong in ["", "correct horsf", "correct horse ", "Correct horse"] {
            assert!(verify(&path, wrong).unwrap_err().to_string().contains("passphrase is wrong"), "{wrong}");
        }
        for [memory, passes, lanes] in [[u32::MAX, 1, 1], [8, u32::MAX, 1], [8, 1, u32::MAX], [0, 0, 0]] {
            let mut bytes = head([memory, passes, lanes], &[7; SALT]).to_vec();
            bytes.extend_from_slice(&[0; 100]);
            std::fs::write(&path, bytes).unwrap();
            assert!(open(&path, PASSPHRASE).is_err(), "{memory} {passes} {lanes}");
        }
    }

    #[test]
    fn one_that_is_given_up_leaves_nothing_and_none_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = small(folder.path());
        assert!(NewBackup::create(&path, PASSPHRASE).is_err(), "it is there already");
        let given_up =
            NewBackup::with_head(&folder.path().join("new"), "x", &head(QUICK, &[1; SALT])).unwrap();
        drop(given_up);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
