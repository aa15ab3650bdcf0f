//! What is in the service's files: as it is, or encrypted where the store is (`crate::sealed`).
//!
//! An encrypted file begins with [`SEALED`], which no other does: those begin with a bracket or a small number. Its key is
//! a row of the store, encrypted or not: a file that was written before `encrypt` was changed can be read, and is written
//! anew at the next start.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::sealed::{SealedReader, SealedWriter, Secret};

const SEALED: &[u8; 8] = b"QUIREF1\n";

/// How files are written.
#[derive(Clone)]
pub(super) struct Cover {
    pub key: Secret,
    pub is_on: bool,
}

/// A file that is read.
pub(super) enum Contents {
    Plain(File),
    Sealed(Box<SealedReader<Behind>>),
}

/// A file that is written.
pub(super) enum Sink {
    Plain(BufWriter<File>),
    Sealed(Box<SealedWriter<BufWriter<File>>>),
}

impl Contents {
    /// Opens a file.
    pub fn open(path: &Path, cover: &Cover) -> io::Result<Contents> {
        let mut file = File::open(path)?;
        if !is_sealed(&mut file)? {
            file.seek(SeekFrom::Start(0))?;
            return Ok(Contents::Plain(file));
        }
        Ok(Contents::Sealed(Box::new(SealedReader::new(Behind(file), &cover.key, &name(path))?)))
    }

    /// Whether the file is as it is to be.
    pub fn is_covered_as(&self, cover: &Cover) -> bool {
        matches!(self, Contents::Sealed(_)) == cover.is_on
    }
}

/// Reads the mark, and leaves the file behind it.
fn is_sealed(file: &mut File) -> io::Result<bool> {
    let mut mark = [0; SEALED.len()];
    match file.read_exact(&mut mark) {
        Ok(()) => Ok(&mark == SEALED),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file behind its mark.
pub(super) struct Behind(File);

impl Read for Behind {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Seek for Behind {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Sink {
    /// Begins a file that is to have the name of `path`.
    pub fn new(mut file: File, path: &Path, cover: &Cover) -> io::Result<Sink> {
        if !cover.is_on {
            return Ok(Sink::Plain(BufWriter::new(file)));
        }
        file.write_all(SEALED)?;
        Ok(Sink::Sealed(Box::new(SealedWriter::new(BufWriter::new(file), &cover.key, &name(path)))))
    }

    /// Writes what is left, and puts all of it on the disk.
    pub fn finish(self) -> io::Result<()> {
        let out = match self {
            Sink::Plain(out) => out,
            Sink::Sealed(sealed) => sealed.finish()?,
        };
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// A file under another's name is not that file.
fn name(path: &Path) -> Vec<u8> {
    path.file_name().unwrap_or_default().as_encoded_bytes().to_vec()
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(out) => out.write(bytes),
            Sink::Sealed(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Plain(out) => out.flush(),
            Sink::Sealed(out) => out.flush(),
        }
    }
}

impl Read for Contents {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Contents::Plain(from) => from.read(out),
            Contents::Sealed(from) => from.read(out),
        }
    }
}

impl Seek for Contents {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Contents::Plain(from) => from.seek(to),
            Contents::Sealed(from) => from.seek(to),
        }
    }
}
