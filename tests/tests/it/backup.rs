//! `quire backup` and `quire restore` (S14).

use quire_tests::app::App;
use quire_tests::process::{Daemon, Options, quire};
use quire_tests::sample::{With, guid, marking};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

const PASSPHRASE: &str = "a passphrase of many words";

/// A folder for backups, with files of passphrases.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        std::fs::write(folder.path().join("wrong"), "another passphrase\n").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, command: &str, file: &Path, data: &Path, more: &[&str]) -> Output {
        let passphrase = self.path("passphrase");
        let mut quire = quire([command]);
        quire.arg(file).arg("--data-dir").arg(data);
        if !more.contains(&"--passphrase-file") {
            quire.arg("--passphrase-file").arg(passphrase);
        }
        quire.args(more).output().expect("the program runs")
    }

    fn backup(&self, name: &str, desk: &Daemon) -> PathBuf {
        let file = self.path(name);
        done(&self.run("backup", &file, &desk.data(), &[]));
        file
    }
}

fn done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Exit code 1, and words.
fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words), "{said:?} does not say {words:?}");
}

/// A daemon on what was restored.
fn restored(desk: &Desk, file: &Path, options: Options) -> Daemon {
    let folder = tempfile::tempdir().unwrap();
    done(&desk.run("restore", file, &folder.path().join("data"), &[]));
    Daemon::start_in(options, folder)
}

fn log_of(daemon: &Daemon, write: &str) -> Vec<String> {
    App::new(3, 77).sync(daemon, &[marking(write)]);
    daemon.clock("account:3").unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_backup_made_while_writing_is_one_moment_and_comes_back_as_a_new_installation() {
    let (desk, mut source, phone) = (Desk::new(), Daemon::named("desk"), Daemon::named("phone"));
    source.pair_with(&phone);
    let secret = format!("canary {}", guid());
    let first = guid();
    App::new(3, 1).sync(&source, &[marking(&first).with("note", secret.as_str())]);
    let (stop, written) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let file = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut app = App::new(3, 2);
            while !stop.load(Ordering::Relaxed) {
                let guid = guid();
                app.sync(&source, &[marking(&guid)]);
                written.lock().unwrap().push(guid);
            }
        });
        quire_tests::wait::eventually("some writes", quire_tests::wait::PATIENCE, || {
            (written.lock().unwrap().len() > 20).then_some(())
        });
        let before = written.lock().unwrap().clone();
        let file = desk.backup("all", &source);
        stop.store(true, Ordering::Relaxed);
        (file, before)
    });
    let (file, before) = file;
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
    assert!(!bytes.windows(6).any(|part| part == b"canary"));
    let logs = log_of(&source, &guid());
    let id = source.device_id().to_owned();
    source.stop();

    let again = restored(&desk, &file, Options::named("desk"));
    assert_eq!(again.device_id(), id, "the same device");
    assert_eq!(again.marking(&first).unwrap()["note"], Value::from(secret.as_str()));
    // Writing was in order, so one moment is all up to one of them.
    let here: Vec<bool> = written.lock().unwrap().iter().map(|guid| again.marking(guid).is_some()).collect();
    let count = here.iter().filter(|here| **here).count();
    assert!(here[..count].iter().all(|here| *here), "one moment: {here:?}");
    assert!(count >= before.len(), "all that was acknowledged before: {count} of {}", before.len());
    assert!(again.peer(&phone).is_some(), "still paired");
    let after = log_of(&again, &guid());
    assert!(after.iter().any(|log| !logs.contains(log)), "it writes a log of its own: {after:?}");
}

#[test]
fn what_cannot_be_restored_is_refused_before_anything_changes() {
    let (desk, mut source) = (Desk::new(), Daemon::named("desk"));
    App::new(3, 1).sync(&source, &[marking(&guid())]);
    let file = desk.backup("all", &source);
    let whole = std::fs::read(&file).unwrap();
    refused(&desk.run("backup", &file, &source.data(), &[]), "exists already");
    refused(&desk.run("restore", &file, &source.data(), &[]), "--replace");
    refused(&desk.run("restore", &file, &source.data(), &["--replace"]), "in use by");
    source.stop();
    let state = || {
        let mut files: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(source.data())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = state();
    let mut edited = whole.clone();
    edited[whole.len() - 20] ^= 1;
    let cases: [(&str, Option<&[u8]>, &str); 6] = [
        ("cut", Some(&whole[..whole.len() - 1]), ""),
        ("cut in its head", Some(&whole[..20]), "is no backup"),
        ("edited at its end", Some(&edited), "damaged"),
        ("empty", Some(b""), "is no backup"),
        ("something else", Some(b"QUIREDB1, but not encrypted at all, which it must be"), "is no backup"),
        ("nothing", None, "cannot read"),
    ];
    for (what, bytes, words) in &cases {
        let bad = desk.path(what);
        if let Some(bytes) = bytes {
            std::fs::write(&bad, bytes).unwrap();
        }
        refused(&desk.run("restore", &bad, &source.data(), &["--replace"]), words);
        assert_eq!(state(), before, "{what}");
        let new = desk.path("new");
        refused(&desk.run("restore", &bad, &new, &[]), words);
        assert!(!new.exists(), "{what}: not even a folder is made");
    }
    let wrong = desk.path("wrong");
    let wrong = ["--replace", "--passphrase-file", wrong.to_str().unwrap()];
    refused(&desk.run("restore", &file, &source.data(), &wrong), "passphrase is wrong");
    refused(&desk.run("restore", desk.0.path(), &source.data(), &["--replace"]), "no regular file");
    assert_eq!(state(), before);
    eprintln!("inputs passed: backups that cannot be restored {0} of {0}", cases.len() + 2);
}

#[test]
fn a_replaced_store_is_kept_aside_and_can_be_put_back() {
    let (desk, mut source) = (Desk::new(), Daemon::named("desk"));
    let (early, late) = (guid(), guid());
    App::new(3, 1).sync(&source, &[marking(&early)]);
    let file = desk.backup("early", &source);
    App::new(3, 2).sync(&source, &[marking(&late)]);
    source.kill9();
    for round in 1..=2 {
        done(&desk.run("restore", &file, &source.data(), &["--replace"]));
        source.restart();
        assert!(source.marking(&early).is_some() && source.marking(&late).is_none(), "round {round}");
        source.kill9();
    }
    for name in ["quire.redb", "quire.journal"] {
        let _ = std::fs::remove_file(source.data().join(name));
        let aside = source.data().join(format!("{name}.before-restore-1"));
        if aside.exists() {
            std::fs::rename(aside, source.data().join(name)).unwrap();
        }
    }
    source.restart();
    assert!(source.marking(&early).is_some() && source.marking(&late).is_some(), "the first one, whole");
    assert!(source.data().join("quire.redb.before-restore-2").exists());
}

#[test]
fn a_short_passphrase_and_a_missing_daemon_are_said() {
    let (desk, mut source) = (Desk::new(), Daemon::named("desk"));
    let short = desk.path("short");
    std::fs::write(&short, "1234567\n").unwrap();
    let told = ["--passphrase-file", short.to_str().unwrap()];
    refused(&desk.run("backup", &desk.path("x"), &source.data(), &told), "at least 8");
    source.stop();
    assert_eq!(desk.run("backup", &desk.path("x"), &source.data(), &[]).status.code(), Some(3));
    assert!(!desk.path("x").exists() && !desk.path("x.part").exists());
}
