//! `quire restore --replace` that ends at any call that changes the folder: the old store is there, or the restored one.

use quire_tests::app::App;
use quire_tests::process::{Daemon, Options, binary, quire};
use quire_tests::sample::{guid, marking};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything by which names, and what is behind them, come to the disk. Each kind is counted by itself.
const CALLS: [&str; 5] =
    ["link,linkat", "rename,renameat,renameat2", "unlink,unlinkat", "fsync", "fdatasync"];

/// More calls of a kind than a restoring makes.
const MOST: usize = 200;

const PASSPHRASE: &str = "a passphrase of a test";

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.unwrap().success());
}

#[test]
fn a_restoring_that_is_cut_off_leaves_the_old_store_or_the_new_one() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("SKIPPED: a restoring that is cut off was NOT tested, there is no strace");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (passphrase, backup) = (folder.path().join("passphrase"), folder.path().join("backup"));
    std::fs::write(&passphrase, PASSPHRASE).unwrap();
    let mut desk = Daemon::named("desk");
    let (early, late) = (guid(), guid());
    App::new(3, 1).sync(&desk, &[marking(&early)]);
    let mut make = quire(["backup", "--passphrase-file"]);
    make.arg(&passphrase).arg("--data-dir").arg(desk.data()).arg(&backup);
    assert!(make.output().unwrap().status.success());
    App::new(3, 2).sync(&desk, &[marking(&late)]);
    // With its journal, which holds the late one.
    desk.kill9();
    let folder = Restoring { backup, passphrase, data: desk.data(), early, late };
    let mut ends = Vec::new();
    for calls in CALLS {
        let one_kind = (1..MOST).map(|count| folder.end_at(calls, count));
        ends.extend(one_kind.take_while(|end| *end != End::Whole));
    }
    let count = |wanted| ends.iter().filter(|end| **end == wanted).count();
    let (old, new) = (count(End::Old), count(End::New));
    assert!(old > 3 && new > 1, "cut before and after the new one took its place: {old}, {new}");
    eprintln!("inputs passed: ends of a restoring {0} of {0}: {old} old, {new} restored", ends.len());
}

/// What is there after a restoring that ended early, or did not.
#[derive(PartialEq, Eq)]
enum End {
    Old,
    New,
    Whole,
}

struct Restoring {
    backup: PathBuf,
    passphrase: PathBuf,
    data: PathBuf,
    early: String,
    late: String,
}

impl Restoring {
    /// Kills a restoring when it is about to make a call for the so-manieth time, and starts a daemon on what is left.
    fn end_at(&self, calls: &str, count: usize) -> End {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        copy(&self.data, &data);
        let mut restore = Command::new("strace");
        restore
            .args(["-f", "-qq", "-o", "/dev/null"])
            .arg(format!("--inject={calls}:signal=KILL:when={count}"));
        restore.arg(binary()).args(["restore", "--replace", "--passphrase-file"]).arg(&self.passphrase);
        let is_whole =
            restore.arg("--data-dir").arg(&data).arg(&self.backup).output().unwrap().status.success();
        let after = Daemon::start_in(Options::named("desk"), home);
        let what = format!("{calls}, {count}");
        assert!(after.marking(&self.early).is_some(), "{what}: in both");
        assert!(!data.join("quire.redb.new").exists(), "{what}");
        let is_aside = data.join("quire.redb.before-restore-1").exists();
        let is_old = after.marking(&self.late).is_some();
        assert_eq!(is_aside, !is_old, "{what}: the old store is there once, in its place or aside");
        assert!(!(is_old && is_whole), "{what}: it said that it was done");
        match (is_whole, is_old) {
            (true, _) => End::Whole,
            (_, true) => End::Old,
            (_, false) => End::New,
        }
    }
}
