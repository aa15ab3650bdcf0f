//! `quire restore --replace` that ends at any call that changes the folder: the old store is there, or the restored one.

use quire_tests::app::App;
use quire_tests::process::{Daemon, Options, binary, quire};
use quire_tests::sample::{guid, marking};
use std::path::Path;
use std::process::{Command, Output};

/// Everything by which names and what is behind them come to the disk.
const CALLS: &str = "link,linkat,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync";

/// More calls than a restoring makes.
const MOST: usize = 200;

const PASSPHRASE: &str = "a passphrase of a test";

fn restore(under: &[String], from: &Path, passphrase: &Path, data: &Path) -> Output {
    let mut command = match under.split_first() {
        Some((first, more)) => {
            let mut command = Command::new(first);
            command.args(more).arg(binary());
            command
        }
        None => Command::new(binary()),
    };
    command.args(["restore", "--replace", "--passphrase-file"]).arg(passphrase);
    command.arg("--data-dir").arg(data).arg(from);
    command.output().expect("the program runs")
}

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
    let (mut old, mut new) = (0, 0);
    for call in 1..MOST {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        copy(&desk.data(), &data);
        let trace = format!("--inject={CALLS}:signal=KILL:when={call}");
        let under = ["strace", "-f", "-qq", "-o", "/dev/null", trace.as_str()].map(str::to_owned);
        let output = restore(&under, &backup, &passphrase, &data);
        let was_whole = output.status.success();
        let after = Daemon::start_in(Options::named("desk"), home);
        assert!(after.marking(&early).is_some(), "call {call}: in both");
        let aside = data.join("quire.redb.before-restore-1");
        if after.marking(&late).is_some() {
            old += 1;
            assert!(!was_whole, "it said that it was done");
            assert!(!aside.exists(), "call {call}: the old store has one name");
        } else {
            new += 1;
            assert!(aside.exists(), "call {call}: the old store is kept aside");
        }
        assert!(!data.join("quire.redb.new").exists(), "call {call}");
        if was_whole {
            assert!(old > 2 && new > 1, "cut before and after the new one took its place: {old}, {new}");
            eprintln!("inputs passed: ends of a restoring {call} of {call}: {old} old, {new} restored");
            return;
        }
    }
    panic!("it never came to its end");
}
