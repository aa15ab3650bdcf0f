//! The service's files: uploads and exported rows, a line of JSON each.
//!
//! | file | content |
//! |---|---|
//! | `upload-N.rows` | rows as objects, by the names that the client gave |
//! | `export-N.rows` | names of the columns, then rows as arrays of texts |
//! | `export-N.index` | where every [`INDEX_EVERY`]th row begins: 8 bytes each, big-endian |
//!
//! A file under its own name is whole and on the disk: it is written under another (`.part`) before. What no row of the
//! shelf names is removed at the start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::contents::{Contents, Cover, Sink};
use super::limits::INDEX_EVERY;

/// The service's folder within the data folder.
const FOLDER: &str = "bulk";
const PART: &str = ".part";

/// The folder. It is made when the first file is.
#[derive(Clone)]
pub(super) struct Files {
    folder: PathBuf,
    cover: Cover,
}

/// A file that is written; it is gone again unless [`NewFile::keep`] puts it under its name.
pub(super) struct NewFile {
    path: PathBuf,
    /// None once it is kept.
    file: Option<Sink>,
    /// Bytes written.
    pub bytes: u64,
}

impl Files {
    pub fn within(data_folder: &Path, cover: Cover) -> Files {
        Files { folder: data_folder.join(FOLDER), cover }
    }

    pub fn upload(&self, number: u64) -> PathBuf {
        self.folder.join(format!("upload-{number}.rows"))
    }

    pub fn rows(&self, sync: u64) -> PathBuf {
        self.folder.join(format!("export-{sync}.rows"))
    }

    pub fn index(&self, sync: u64) -> PathBuf {
        self.folder.join(format!("export-{sync}.index"))
    }

    /// Begins a file.
    pub fn create(&self, path: PathBuf) -> io::Result<NewFile> {
        if !self.folder.is_dir() {
            DirBuilder::new().mode(0o700).create(&self.folder)?;
            // What is kept in it must not go with it.
            self.folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        let file = Some(Sink::new(options.open(part(&path))?, &path, &self.cover)?);
        Ok(NewFile { file, path, bytes: 0 })
    }

    /// Blocks on the disk.
    pub fn remove_upload(&self, number: u64) {
        remove(&self.upload(number));
    }

    /// Blocks on the disk.
    pub fn remove_export(&self, sync: u64) {
        remove(&self.rows(sync));
        remove(&self.index(sync));
    }

    /// Removes every file whose name `is_known` does not know.
    pub fn sweep(&self, is_known: impl Fn(&Path) -> bool) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            if !is_known(&path) {
                remove(&path);
            }
        }
    }

    /// Opens a file. Blocks on the disk.
    pub fn open(&self, path: &Path) -> io::Result<Contents> {
        Contents::open(path, &self.cover)
    }

    /// Writes a file anew that is encrypted and should not be, or the other way round. Blocks on the disk.
    pub fn cover(&self, path: PathBuf) -> io::Result<()> {
        let mut contents = self.open(&path)?;
        if contents.is_covered_as(&self.cover) {
            return Ok(());
        }
        let mut new = self.create(path)?;
        if let Some(file) = &mut new.file {
            io::copy(&mut contents, file)?;
        }
        new.keep().map(drop)
    }

    /// Opens exported rows at one of them; gives the names of the columns too. Blocks on the disk.
    pub fn open_export(&self, sync: u64, row: u64) -> io::Result<(Vec<String>, BufReader<Contents>)> {
        let mut rows = BufReader::new(self.open(&self.rows(sync))?);
        let mut line = Vec::new();
        read_line(&mut rows, &mut line)?;
        let names = serde_json::from_slice(&line)?;
        if let Some(entry) = (row / INDEX_EVERY).checked_sub(1) {
            let mut index = self.open(&self.index(sync))?;
            index.seek(SeekFrom::Start(entry * 8))?;
            let mut at = [0; 8];
            index.read_exact(&mut at)?;
            rows.seek(SeekFrom::Start(u64::from_be_bytes(at)))?;
        }
        for _ in 0..row % INDEX_EVERY {
            line.clear();
            read_line(&mut rows, &mut line)?;
        }
        Ok((names, rows))
    }
}

impl NewFile {
    /// Writes a line.
    pub fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.raw(line)?;
        self.raw(b"\n")
    }

    /// Writes as it is.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Puts it on the disk under its name.
    pub fn keep(mut self) -> io::Result<u64> {
        let done = self.file.take().map_or(Ok(()), Sink::finish).and_then(|()| {
            fs::rename(part(&self.path), &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        });
        if done.is_err() {
            remove(&part(&self.path));
        }
        done.map(|()| self.bytes)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            remove(&part(&self.path));
        }
    }
}

/// Reads a line without its end; false at the end of the file.
pub(super) fn read_line(from: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    from.read_until(b'\n', line)?;
    Ok(line.pop_if(|last| *last == b'\n').is_some() || !line.is_empty())
}

/// The name of a file while it is written.
fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, "a file of bulk data cannot be removed; it is tried again at the next start");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cover(is_on: bool) -> Cover {
        Cover { key: zeroize::Zeroizing::new([7; 32]), is_on }
    }

    #[test]
    fn rows_are_found_by_their_number_and_parts_do_not_count() {
        for is_on in [false, true] {
            found_by_their_number(is_on);
        }
    }

    #[test]
    fn a_file_follows_what_is_wanted_and_is_never_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let [plain, sealed] = [false, true].map(|is_on| Files::within(folder.path(), cover(is_on)));
        let path = plain.upload(1);
        let read = |files: &Files| {
            let mut text = String::new();
            files.open(&path).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        let mut file = plain.create(path.clone()).unwrap();
        file.line(b"a secret note").unwrap();
        file.keep().unwrap();
        for files in [&sealed, &plain, &sealed] {
            files.cover(path.clone()).unwrap();
            let is_shown = fs::read(&path).unwrap().windows(6).any(|part| part == b"secret");
            assert_eq!(is_shown, !files.cover.is_on);
            assert_eq!((read(&plain), read(&sealed)), (read(files), "a secret note\n".to_owned()));
        }
        fs::rename(&path, plain.upload(2)).unwrap();
        let mut moved = sealed.open(&plain.upload(2)).unwrap();
        assert!(moved.read_to_end(&mut Vec::new()).is_err());
    }

    fn found_by_their_number(is_on: bool) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::within(folder.path(), cover(is_on));
        let (mut rows, mut index) =
            (files.create(files.rows(1)).unwrap(), files.create(files.index(1)).unwrap());
        rows.line(br#"["a"]"#).unwrap();
        let count = INDEX_EVERY * 3 + 5;
        for row in 0..count {
            if row > 0 && row.is_multiple_of(INDEX_EVERY) {
                index.raw(&rows.bytes.to_be_bytes()).unwrap();
            }
            rows.line(format!("[\"{row}\"]").as_bytes()).unwrap();
        }
        assert!(files.open_export(1, 0).is_err(), "not kept yet");
        rows.keep().unwrap();
        index.keep().unwrap();
        for row in [0, 1, INDEX_EVERY - 1, INDEX_EVERY, INDEX_EVERY + 1, count - 1] {
            let (names, mut from) = files.open_export(1, row).unwrap();
            let mut line = Vec::new();
            assert!(read_line(&mut from, &mut line).unwrap());
            assert_eq!((names, line), (vec!["a".to_owned()], format!("[\"{row}\"]").into_bytes()));
        }
        files.create(files.upload(9)).unwrap().line(b"{}").unwrap();
        files.sweep(|path| path == files.rows(1));
        let left: Vec<_> = fs::read_dir(folder.path().join(FOLDER)).unwrap().collect();
        assert_eq!(left.len(), 1);
    }
}
