//! A store that is taken away from a running daemon (S4): what was acknowledged is read, nothing is confirmed that the
//! next start would not find, and nobody spins.

use quire_tests::app::App;
use quire_tests::process::{Daemon, Options, SYNCHRONIZE};
use quire_tests::sample::{guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Long enough that a loop which never waits shows.
const IDLE: Duration = Duration::from_secs(1);

/// Of a second, in the system's ticks (100 a second): what an idle daemon may use, on a busy machine.
const FEW_TICKS: u64 = 20;

/// What happens to the store, and what the log must say of it.
struct Case {
    what: &'static str,
    strike: fn(&Path),
    mend: fn(&Path),
    says: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        what: "its file is removed",
        strike: |data| {
            std::fs::hard_link(data.join("quire.redb"), kept(data)).unwrap();
            std::fs::remove_file(data.join("quire.redb")).unwrap();
        },
        mend: |data| std::fs::rename(kept(data), data.join("quire.redb")).unwrap(),
        says: "make a backup now",
    },
    Case {
        what: "another file is put in its place",
        strike: |data| {
            std::fs::rename(data.join("quire.redb"), kept(data)).unwrap();
            std::fs::copy(kept(data), data.join("quire.redb")).unwrap();
        },
        mend: |data| std::fs::rename(kept(data), data.join("quire.redb")).unwrap(),
        says: "another file is at",
    },
    Case {
        what: "its folder is closed",
        strike: |data| set_mode(data, 0o000),
        mend: |data| set_mode(data, 0o700),
        says: "make a backup now",
    },
];

fn kept(data: &Path) -> PathBuf {
    data.with_file_name("kept")
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Status and body of a write.
fn write(desk: &Daemon, guid: &str) -> (u16, String) {
    let headers = [("Content-Type", "application/json")];
    let request = App::new(3, 1).request(&[marking(guid)]).to_string();
    let answer = desk.anonymous("POST", SYNCHRONIZE, &headers, Some(request.as_bytes()));
    (answer.status, answer.text())
}

fn refuses_writes_and_goes_on_reading(desk: &Daemon, taken: &str, what: &str, says: &str) {
    for round in 1..=3 {
        let (status, body) = write(desk, &guid());
        assert_eq!(status, 503, "{what}, round {round}: {body}");
        assert!(!body.contains('/'), "{what}: apps are not told where things are: {body}");
        assert_eq!(desk.get("/readyz").status, 503, "{what}, round {round}");
        assert!(desk.marking(taken).is_some(), "{what}, round {round}: reads go on");
    }
    assert_eq!(desk.get("/healthz").status, 200, "{what}");
    assert!(desk.log().contains(says), "{what}: the log does not say {says:?}");
    idles(desk, what);
}

/// Waits for a second in which the process does next to nothing.
fn idles(desk: &Daemon, what: &str) {
    let (mut since, mut used) = (Instant::now(), ticks(desk));
    eventually(&format!("{what}: an idle second"), PATIENCE, || {
        if since.elapsed() < IDLE {
            return None;
        }
        let now = ticks(desk);
        let few = (now - used) <= FEW_TICKS;
        (since, used) = (Instant::now(), now);
        few.then_some(())
    });
}

/// Time on the processor, of the process and for it.
fn ticks(desk: &Daemon) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", desk.pid())).unwrap();
    // The name in parentheses may hold anything; user and system time are the 12th and 13th after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_store_that_is_taken_away_confirms_nothing_and_is_read_on() {
    // Without these a user of number 0 enters every folder.
    let without =
        ["--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search"];
    let drop_rights = Command::new("setpriv").args(without).arg("true").status().is_ok_and(|s| s.success());
    let mut passed = 0;
    for case in &CASES {
        let is_root = rustix::process::geteuid().is_root();
        let options = match is_root && drop_rights {
            true => Options::named("desk").under(&[&["setpriv"], &without[..]].concat()),
            false => Options::named("desk"),
        };
        if is_root && !drop_rights && case.what.contains("folder") {
            eprintln!("SKIPPED: a closed folder was NOT tested, there is no setpriv (Debian: util-linux)");
            continue;
        }
        let mut desk = Daemon::start(options);
        let data = desk.data();
        let (first, second, last) = (guid(), guid(), guid());
        assert_eq!(write(&desk, &first).0, 200);
        // The journal is in use from the second write on.
        assert_eq!(write(&desk, &second).0, 200);
        (case.strike)(&data);
        refuses_writes_and_goes_on_reading(&desk, &first, case.what, case.says);
        (case.mend)(&data);
        let is_ready = || (desk.get("/readyz").status == 200).then_some(());
        eventually(&format!("{}, and back: to be usable", case.what), PATIENCE, is_ready);
        assert_eq!(write(&desk, &last).0, 200, "{}", case.what);
        desk.kill9();
        desk.restart();
        for guid in [&first, &second, &last] {
            assert!(desk.marking(guid).is_some(), "{}: {guid} was acknowledged", case.what);
        }
        passed += 1;
    }
    eprintln!("inputs passed: stores taken away {passed} of {}", CASES.len());
}

#[test]
fn a_journal_that_is_removed_is_made_anew() {
    let mut desk = Daemon::named("desk");
    let mut taken: Vec<String> = (0..3).map(|_| guid()).collect();
    taken.iter().for_each(|guid| assert_eq!(write(&desk, guid).0, 200));
    std::fs::remove_file(desk.data().join("quire.journal")).unwrap();
    taken.extend((0..3).map(|_| guid()));
    taken[3..].iter().for_each(|guid| assert_eq!(write(&desk, guid).0, 200));
    assert!(desk.log().contains("the store's journal was removed"));
    assert!(desk.data().join("quire.journal").exists());
    desk.kill9();
    desk.restart();
    taken.iter().for_each(|guid| assert!(desk.marking(guid).is_some(), "{guid} was acknowledged"));
}

/// A file system that made itself read-only, as ext4 does after an error.
struct Failing {
    folder: PathBuf,
    device: String,
}

impl Failing {
    /// In a file of `folder`, mounted at its `data`; none where that may not be done.
    fn mount(folder: &Path) -> Option<Self> {
        let (image, data) = (folder.join("image"), folder.join("data"));
        std::fs::File::create(&image).unwrap().set_len(64 * 1024 * 1024).unwrap();
        std::fs::create_dir_all(&data).unwrap();
        let script = r#"mkfs.ext4 -q -F "$1" && mount -o loop,errors=remount-ro "$1" "$2" && chmod 700 "$2" &&
            rmdir "$2/lost+found" && basename "$(findmnt -no SOURCE "$2")""#;
        let made = Command::new("sh").args(["-c", script, "sh"]).arg(&image).arg(&data).output().ok()?;
        let device = String::from_utf8(made.stdout).ok()?.trim().to_owned();
        let failing = Self { folder: folder.to_owned(), device };
        (made.status.success() && failing.trigger().exists()).then_some(failing)
    }

    fn trigger(&self) -> PathBuf {
        Path::new("/sys/fs/ext4").join(&self.device).join("trigger_fs_error")
    }

    fn mount_again(&self) {
        let script = r#"umount "$2"; e2fsck -fy "$1" >/dev/null; mount -o loop "$1" "$2""#;
        let (image, data) = (self.folder.join("image"), self.folder.join("data"));
        let done = Command::new("sh").args(["-c", script, "sh"]).arg(image).arg(data).output();
        assert!(done.unwrap().status.success());
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.join("data")).output();
    }
}

#[test]
fn a_disk_that_turns_read_only_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(failing) = Failing::mount(folder.path()) else {
        eprintln!("SKIPPED: a disk that turns read-only was NOT tested, this user may not mount one");
        return;
    };
    let mut desk = Daemon::start_in(Options::named("desk"), folder);
    let (first, second, last) = (guid(), guid(), guid());
    assert_eq!(write(&desk, &first).0, 200);
    assert_eq!(write(&desk, &second).0, 200);
    std::fs::write(failing.trigger(), "1").unwrap();
    refuses_writes_and_goes_on_reading(
        &desk,
        &first,
        "a disk that turned read-only",
        "Read-only file system",
    );
    desk.kill9();
    failing.mount_again();
    desk.restart();
    assert_eq!(write(&desk, &last).0, 200);
    for guid in [&first, &second, &last] {
        assert!(desk.marking(guid).is_some(), "{guid} was acknowledged");
    }
    desk.stop();
    drop(failing);
    eprintln!("inputs passed: disks that turn read-only 1 of 1");
}
