//! The data folder: ours alone, locked by one daemon, and the file in it that says the daemon is ready.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::file_error::FileError;

const LOCK: &str = "lock";
const READY: &str = "ready.json";
const READY_NEW: &str = "ready.json.new";
const TOKEN: &str = "api-token";
/// The store within the folder.
const STORE: &str = "quire.redb";
/// What only a daemon that has started leaves behind.
const LEFT_BY_USE: [&str; 2] = ["boot-token", "quire.journal"];
/// What is kept for good, each a file or folder of ours alone; the token has rules of its own.
const CONTENTS: [&str; 5] = [STORE, "quire.journal", "boot-token", "key", "bulk"];
/// Owner only: everything in it is private.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const GROUP_AND_OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Seven short members; anything longer was not written by a daemon.
const MAX_READY_BYTES: u64 = 64 * 1024;
/// A process number has at most ten digits.
const MAX_LOCK_BYTES: u64 = 32;

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another daemon has it.
    #[error("the data folder {} is in use by {}; stop that daemon or use another --data-dir", .path.display(), holder(.pid))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other daemon, where it has said.
        pid: Option<u32>,
    },
    /// Somebody else could read or change what is in it.
    #[error("the data folder {} {reason}", .path.display())]
    Unsafe {
        /// The folder.
        path: PathBuf,
        /// Who could, and what to do.
        reason: String,
    },
    /// Something in it, or the system.
    #[error(transparent)]
    File(#[from] FileError),
    /// `ready.json` holds something else.
    #[error("{} does not describe a daemon: {source}", .path.display())]
    Ready {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another daemon".to_owned(), |pid| format!("the daemon with process id {pid}"))
}

/// A data folder that this process holds the lock of, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Option<File>,
}

impl Folder {
    /// Makes the folder where it is missing, makes sure that it is only ours, and takes its lock. What a
    /// killed daemon left behind (`ready.json`) is removed.
    ///
    /// # Errors
    /// When it is another's, writable by others, held by another daemon, or the system refuses.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        refuse_foreign_link(path)?;
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .map_err(|source| io("make the data folder", path, source))?;
        make_private(path)?;
        let lock = lock(path)?;
        CONTENTS.iter().try_for_each(|name| make_private_file(&path.join(name)))?;
        refuse_emptied(path)?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        remove(&folder.path.join(READY))?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes all that is kept in it; the lock stays until this process ends.
    ///
    /// # Errors
    /// When the system refuses: what could not be removed is named.
    pub fn destroy(&self) -> Result<(), FolderError> {
        for name in CONTENTS.iter().chain(&[TOKEN, "tls"]) {
            let path = self.path.join(name);
            match path.symlink_metadata() {
                Ok(about) if about.is_dir() => {
                    std::fs::remove_dir_all(&path).map_err(|source| io("remove", &path, source))?;
                }
                _ => remove(&path)?,
            }
        }
        sync_folder(&self.path).map_err(|source| io("write", &self.path, source))
    }

    /// Where the API token is kept.
    pub fn token_file(&self) -> PathBuf {
        token_file(&self.path)
    }
}

/// Where the API token of a data folder is kept.
pub fn token_file(data: &Path) -> PathBuf {
    data.join(TOKEN)
}

fn refuse_foreign_link(path: &Path) -> Result<(), FolderError> {
    match path.symlink_metadata() {
        Ok(about) if about.is_symlink() && !is_ours(&about) => Err(FolderError::Unsafe {
            path: path.to_owned(),
            reason: format!("is a symbolic link of user {}, who could point it elsewhere", about.uid()),
        }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io("look at", path, source)),
    }
}

fn is_ours(about: &Metadata) -> bool {
    about.uid() == rustix::process::geteuid().as_raw()
}

/// Own folders are tightened; one that others could already have put files into is refused unless empty.
fn make_private(path: &Path) -> Result<(), FolderError> {
    let about = path.metadata().map_err(|source| io("look at", path, source))?;
    let unsafe_because = |reason: String| FolderError::Unsafe { path: path.to_owned(), reason };
    if !is_ours(&about) {
        return Err(unsafe_because(format!(
            "belongs to user {}, who could read and change what is in it; use a folder of your own",
            about.uid()
        )));
    }
    let mode = about.mode() & 0o7777;
    if mode & GROUP_AND_OTHERS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
        .map_err(|source| io("restrict", path, source))?;
    if mode & WRITABLE_BY_OTHERS != 0 && !is_empty(path)? {
        // Put back: only the owner can say whether what is in it can be trusted.
        let _ = std::fs::set_permissions(path, Permissions::from_mode(mode));
        return Err(unsafe_because(format!(
            "is writable by others (mode {mode:03o}) and not empty; look at what is in it, then `chmod 700` it"
        )));
    }
    tracing::warn!(folder = %path.display(), "the data folder was open to others (mode {mode:03o}); it is 700 now");
    Ok(())
}

/// What is kept is a file or folder of ours that nobody else can read. Others cannot have changed it: the folder was
/// looked at before.
fn make_private_file(path: &Path) -> Result<(), FolderError> {
    let about = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        about => about.map_err(|source| io("look at", path, source))?,
    };
    let unsafe_because = |reason: String| FolderError::from(FileError::unusable(path, reason));
    if about.is_symlink() {
        return Err(unsafe_because("is a symbolic link; put the file itself in its place".into()));
    }
    if !about.is_file() && !about.is_dir() {
        return Err(unsafe_because("is no regular file; remove it".into()));
    }
    if !is_ours(&about) {
        return Err(unsafe_because(format!("belongs to user {}; make it your own", about.uid())));
    }
    let mode = about.mode() & 0o777;
    if mode & GROUP_AND_OTHERS != 0 {
        let to = if about.is_dir() { FOLDER_MODE } else { FILE_MODE };
        std::fs::set_permissions(path, Permissions::from_mode(to))
            .map_err(|source| io("restrict", path, source))?;
        tracing::warn!(file = %path.display(), "it was open to others (mode {mode:03o}); it is {to:03o} now");
    }
    Ok(())
}

/// An empty store where an installation was is the trace of a mishap, and no new store. Where none was, it is what a first
/// start left that did not come to its end.
fn refuse_emptied(folder: &Path) -> Result<(), FolderError> {
    let path = folder.join(STORE);
    let was_used = LEFT_BY_USE.iter().any(|name| folder.join(name).exists());
    match path.metadata() {
        Ok(about) if about.is_file() && about.len() == 0 && was_used => {
            let reason = "is empty; put the store back, or remove this file to begin a new one";
            Err(FileError::unusable(&path, reason).into())
        }
        _ => Ok(()),
    }
}

fn is_empty(path: &Path) -> Result<bool, FolderError> {
    let mut entries = path.read_dir().map_err(|source| io("list", path, source))?;
    Ok(entries.next().is_none())
}

/// The system drops the lock with the process, so that of a killed daemon is never in the way.
fn lock(folder: &Path) -> Result<Option<File>, FolderError> {
    let path = folder.join(LOCK);
    let mut file = open_private(&path)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(FolderError::Locked { path: folder.to_owned(), pid: read_pid(&mut file) });
        }
        Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            tracing::warn!(folder = %folder.display(), "this file system has no locks: never start two daemons on it");
            return Ok(None);
        }
        Err(error) => return Err(io("lock", &path, error.into())),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(|source| io("write", &path, source))?;
    Ok(Some(file))
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_LOCK_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn open_private(path: &Path) -> Result<File, FolderError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)
        .map_err(|source| io("open", path, source))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> FolderError {
    FileError::io(action, path, source).into()
}

/// What `ready.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// The daemon's process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// This device's id.
    pub device_id: String,
    /// This device's name.
    pub name: String,
    /// Where apps call, as `http://ADDRESS:PORT`.
    pub api: String,
    /// Where peers call, as `ADDRESS:PORT`.
    pub peer: String,
    /// The file that holds the API token.
    pub token_file: PathBuf,
}

/// Removes `ready.json` when dropped.
#[derive(Debug)]
pub struct ReadyFile {
    path: PathBuf,
}

/// Says that both sockets accept: writes `ready.json` whole or not at all, and tells systemd if it asked.
///
/// # Errors
/// When the file cannot be written.
pub fn write_ready(folder: &Folder, ready: &Ready) -> Result<ReadyFile, FolderError> {
    let path = folder.path.join(READY);
    let new = folder.path.join(READY_NEW);
    remove(&new)?;
    let bytes =
        serde_json::to_vec(ready).map_err(|source| FolderError::Ready { path: path.clone(), source })?;
    let write = |file: &mut File| {
        file.write_all(&bytes)?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write(&mut open_private(&new)?).map_err(|source| io("write", &new, source))?;
    std::fs::rename(&new, &path).map_err(|source| io("write", &path, source))?;
    sync_folder(&folder.path).map_err(|source| io("write", &folder.path, source))?;
    tell_systemd(State::Ready);
    Ok(ReadyFile { path })
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        tell_systemd(State::Stopping);
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, "a ready file stays behind");
        }
    }
}

/// What the ready file of a data folder says; none when there is none. Whether that daemon still lives is
/// another question: [`is_alive`].
///
/// # Errors
/// When it cannot be read or holds something else.
pub fn read_ready(folder: &Path) -> Result<Option<Ready>, FolderError> {
    let path = folder.join(READY);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(io("read", &path, source)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_READY_BYTES).read_to_end(&mut bytes).map_err(|source| io("read", &path, source))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|source| FolderError::Ready { path, source })
}

/// Whether a process of this number exists, of whatever user.
pub fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

fn remove(path: &Path) -> Result<(), FolderError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path, error)),
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

enum State {
    Ready,
    Stopping,
}

#[cfg(feature = "server")]
fn tell_systemd(state: State) {
    let state = match state {
        State::Ready => sd_notify::NotifyState::Ready,
        State::Stopping => sd_notify::NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

#[cfg(not(feature = "server"))]
fn tell_systemd(state: State) {
    // An embedded engine has no service manager.
    match state {
        State::Ready | State::Stopping => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn a_ready() -> Ready {
        Ready {
            pid: 7,
            version: "0.1.0".into(),
            device_id: "d".into(),
            name: "n".into(),
            api: "http://127.0.0.1:7470".into(),
            peer: "[::]:7471".into(),
            token_file: "/t".into(),
        }
    }

    #[test]
    fn a_new_folder_and_its_files_are_private() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("lock")), 0o600);
        let _ready = write_ready(&folder, &a_ready()).unwrap();
        assert_eq!(mode(&path.join("ready.json")), 0o600);
    }

    #[test]
    fn readable_by_others_is_tightened() {
        let base = tempfile::tempdir().unwrap();
        set_mode(base.path(), 0o755);
        std::fs::write(base.path().join("something"), b"x").unwrap();
        Folder::open(base.path()).unwrap();
        assert_eq!(mode(base.path()), 0o700);
    }

    #[test]
    fn writable_by_others_is_refused_unless_empty() {
        let base = tempfile::tempdir().unwrap();
        set_mode(base.path(), 0o777);
        drop(Folder::open(base.path()).unwrap());
        assert_eq!(mode(base.path()), 0o700);
        set_mode(base.path(), 0o770);
        let text = Folder::open(base.path()).unwrap_err().to_string();
        assert!(text.contains("writable by others") && text.contains("chmod 700"), "{text}");
        assert_eq!(mode(base.path()), 0o770);
    }

    #[test]
    fn a_second_opening_names_the_first() {
        let base = tempfile::tempdir().unwrap();
        let first = Folder::open(base.path()).unwrap();
        let error = Folder::open(base.path()).unwrap_err();
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        drop(first);
        Folder::open(base.path()).unwrap();
    }

    #[test]
    fn what_a_killed_daemon_left_is_not_in_the_way() {
        let base = tempfile::tempdir().unwrap();
        set_mode(base.path(), 0o700);
        std::fs::write(base.path().join("lock"), b"999999\n").unwrap();
        std::fs::write(base.path().join("ready.json"), b"{}").unwrap();
        Folder::open(base.path()).unwrap();
        assert_eq!(read_ready(base.path()).unwrap(), None);
    }

    #[test]
    fn a_link_of_ours_is_followed_and_the_lock_is_not_a_link() {
        let base = tempfile::tempdir().unwrap();
        let real = base.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, base.path().join("link")).unwrap();
        drop(Folder::open(&base.path().join("link")).unwrap());
        std::fs::remove_file(real.join("lock")).unwrap();
        std::os::unix::fs::symlink("/dev/null", real.join("lock")).unwrap();
        assert!(matches!(Folder::open(&real), Err(FolderError::File(FileError::Io { .. }))));
    }

    #[test]
    fn a_link_or_folder_of_another_user_is_refused() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root can make a link of another user");
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let (real, link) = (base.path().join("real"), base.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        assert!(Folder::open(&link).unwrap_err().to_string().contains("65534"));
        std::os::unix::fs::lchown(&real, Some(65534), None).unwrap();
        assert!(Folder::open(&real).unwrap_err().to_string().contains("65534"));
    }

    #[test]
    fn ready_has_the_documented_members_and_goes_with_its_guard() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::open(base.path()).unwrap();
        let guard = write_ready(&folder, &a_ready()).unwrap();
        let text = std::fs::read_to_string(base.path().join("ready.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let members: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["pid", "version", "deviceId", "name", "api", "peer", "tokenFile"]);
        assert_eq!(read_ready(base.path()).unwrap(), Some(a_ready()));
        drop(guard);
        assert_eq!(read_ready(base.path()).unwrap(), None);
    }

    #[test]
    fn processes_live_and_die() {
        assert!(is_alive(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
        assert!(!is_alive(0) && !is_alive(u32::MAX));
    }
}
