//! `quire demo`: the main job as a story, told by two real daemons on this machine. What they are is in
//! `demo/host.rs`, what an app sends them in `demo/app.rs`.

mod app;
mod host;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Failure, conflicts, output, peers};
use crate::escape::Escaped;
use app::{App, Member};
use host::{Folders, Host, Network};

/// Nothing here takes more than a second or two; this is for machines that are very busy.
const WITHIN: Duration = Duration::from_secs(30);
/// How long mDNS gets before it counts as missing.
const DISCOVERY_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks at something that is about to happen: well below what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Between two attempts to pair while the other is not yet found.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// Starts another program as the second daemon, for trials under another clock or version.
const SECOND_PROGRAM: &str = "QUIRE_DEMO_SECOND_EXE";
/// The apps of the story; each daemon hands its cursors to one of them.
const DESK_APP: u32 = 1;
const PHONE_APP: u32 = 2;
const SECOND_PHONE_APP: u32 = 3;

/// Tells the story; with `once` it ends there, else both daemons run on until Ctrl-C.
pub(super) fn run(once: bool) -> Result<(), Failure> {
    let interrupted = host::interruption()?;
    let story = Story { started: Instant::now(), interrupted };
    let folders = Folders::new()?;
    let mut told = Cast::start(&story, &folders);
    let result = match &mut told {
        Ok(cast) => cast.play(&story).and_then(|()| if once { Ok(()) } else { cast.stay(&story) }),
        Err(_) => Ok(()),
    };
    match (told, result) {
        (Ok(cast), Ok(())) => cast.stop(&story, once),
        (Ok(cast), Err(failure)) => {
            let logs = cast.logs();
            drop(cast);
            Err(Failure::Said(format!("the demo failed: {failure}{logs}")))
        }
        (Err(failure), _) => Err(Failure::Said(format!("the demo failed: {failure}"))),
    }
}

/// Tells steps with the time they took, and stops at Ctrl-C.
struct Story {
    started: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Story {
    fn chapter(&self, text: &str) -> Result<(), Failure> {
        Ok(output::line(format_args!("\n{:7.2} s  {text}", self.started.elapsed().as_secs_f64()))?)
    }

    fn tell(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        Ok(output::line(format_args!("           {}", Escaped(text)))?)
    }

    /// Looks until there is something, and says how long that took.
    fn wait<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<(T, Duration), Failure> {
        let began = Instant::now();
        loop {
            self.go_on()?;
            if let Some(found) = look()? {
                return Ok((found, began.elapsed()));
            }
            if began.elapsed() > within {
                return Err(Failure::Said(format!("{what}: not within {} s", within.as_secs())));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Failure::Said("interrupted".to_owned()));
        }
        Ok(())
    }
}

/// The two daemons.
struct Cast {
    desk: Host,
    phone: Host,
}

impl Cast {
    fn start(story: &Story, folders: &Folders) -> Result<Self, Failure> {
        story.chapter("Two daemons start, each with a data folder of its own.")?;
        let own = std::env::current_exe()?;
        let second = std::env::var_os(SECOND_PROGRAM).map_or_else(|| own.clone(), PathBuf::from);
        let mut desk = Host::new("desk", own, folders, Arc::clone(&story.interrupted))?;
        let mut phone = Host::new("phone", second, folders, Arc::clone(&story.interrupted))?;
        desk.start(&Network::Discovery)?;
        phone.start(&Network::Discovery)?;
        let mut cast = Self { desk, phone };
        if let Err(failure) = cast.wait_ready(story) {
            return Err(Failure::Said(format!("{failure}{}", cast.logs())));
        }
        Ok(cast)
    }

    /// Waits for those that were just started.
    fn wait_ready(&mut self, story: &Story) -> Result<(), Failure> {
        for host in [&mut self.desk, &mut self.phone] {
            if host.ready().is_ok() {
                continue;
            }
            let what = format!("{} becomes ready", host.name());
            story.wait(&what, WITHIN, || host.look_ready())?;
            let (ready, took) = (host.ready()?, millis(host.age()));
            story.tell(format!(
                "{:5}  apps at {}, peers at {}, ready after {took}",
                host.name(),
                ready.api,
                ready.peer,
            ))?;
        }
        Ok(())
    }

    fn play(&mut self, story: &Story) -> Result<(), Failure> {
        self.pair(story)?;
        self.send_sample(story)?;
        let mut desk_app = App::new(DESK_APP);
        let mut phone_app = App::new(PHONE_APP);
        let marking = self.send_live(story, &mut desk_app, &mut phone_app)?;
        self.cut(story)?;
        let edits = self.edit_apart(story, &marking, &mut desk_app, &mut phone_app)?;
        self.reconnect(story)?;
        self.show_merge(story, &marking, &edits)?;
        story.chapter("All of it held.")
    }

    fn pair(&self, story: &Story) -> Result<(), Failure> {
        story.chapter("They find each other by mDNS and pair.")?;
        let invitation = self.desk.client()?.post("/v1/pairing/invitations", &json!({}))?;
        let code = text(&invitation, "code")?;
        story.tell(format!("desk   shows the invitation {code}"))?;
        if let Err(reason) = self.pair_found(story, &code)? {
            story.tell("multicast is missing here: phone did not find desk by mDNS")?;
            story.tell(format!("       ({reason})"))?;
            let invitation = self.desk.client()?.post("/v1/pairing/invitations", &json!({}))?;
            let uri = text(&invitation, "uri")?;
            self.accept(&uri, WITHIN)?;
            story.tell(format!("phone  paired by the invitation's own address: {uri}"))?;
        }
        let took = self.wait_connected(story)?;
        story.tell(format!("both   are connected after another {}", millis(took)))
    }

    /// Accepts the bare code until discovery is given up; the inner error is why.
    fn pair_found(&self, story: &Story, code: &str) -> Result<Result<(), String>, Failure> {
        let began = Instant::now();
        loop {
            let left = DISCOVERY_WITHIN.saturating_sub(began.elapsed());
            let refused = match self.accept(code, left.max(TRY_EVERY)) {
                Ok(()) => {
                    story.tell(format!(
                        "phone  found desk by mDNS and accepted after {}",
                        millis(began.elapsed())
                    ))?;
                    return Ok(Ok(()));
                }
                Err(failure) => failure,
            };
            story.go_on()?;
            if began.elapsed() + TRY_EVERY >= DISCOVERY_WITHIN {
                return Ok(Err(refused.to_string()));
            }
            std::thread::sleep(TRY_EVERY);
        }
    }

    fn accept(&self, code: &str, within: Duration) -> Result<(), Failure> {
        self.phone.client()?.within(within).post("/v1/pairing/accept", &json!({ "code": code }))?;
        Ok(())
    }

    fn wait_connected(&self, story: &Story) -> Result<Duration, Failure> {
        let ((), took) = story.wait("both are connected", WITHIN, || {
            Ok((is_connected(&self.desk)? && is_connected(&self.phone)?).then_some(()))
        })?;
        Ok(took)
    }

    fn send_sample(&self, story: &Story) -> Result<(), Failure> {
        story.chapter("An app on desk posts the documented sample; an app on phone receives it.")?;
        let sample = app::sample()?;
        let marking = app::last_marking(&sample)?;
        let mut sender = App::new(DESK_APP);
        let began = Instant::now();
        sender.post(&self.desk.client()?, &sample)?;
        story.tell(format!("desk   took it (on disk) in {}", millis(began.elapsed())))?;
        let (arrived, _) = story.wait("the sample arrives at phone", WITHIN, || {
            // An app without a cursor is sent everything, so that each look is a new one.
            let items = App::new(SECOND_PHONE_APP).receive(&self.phone.client()?)?;
            Ok(items.into_iter().find(|item| item["syncGuid"] == marking["syncGuid"]))
        })?;
        story.tell(format!("phone  hands it to another app {} later", millis(began.elapsed())))?;
        for member in ["note", "color", "content", "bookID", "SyncIsRemoved"] {
            expect(member, &arrived[member], &marking[member])?;
        }
        story.tell("       complete, and removed, as the sample says")
    }

    fn send_live(&self, story: &Story, desk_app: &mut App, phone_app: &mut App) -> Result<Value, Failure> {
        story.chapter("The app on desk makes a live marking.")?;
        let marking = app::live_marking();
        let guid = text(&marking, "syncGuid")?;
        let began = Instant::now();
        desk_app.send(&self.desk.client()?, &marking)?;
        let acknowledged = began.elapsed();
        let began = Instant::now();
        let (arrived, _) = story.wait("the live marking arrives at phone", WITHIN, || {
            app::marking(&self.phone.client()?, &guid)
        })?;
        story.tell(format!("desk   took it (on disk) in {}", millis(acknowledged)))?;
        story.tell(format!("phone  shows it {} after that", millis(began.elapsed())))?;
        for member in ["note", "color", "content", "SyncIsRemoved"] {
            expect(member, &arrived[member], &marking[member])?;
        }
        let items = phone_app.receive(&self.phone.client()?)?;
        let held = items.into_iter().find(|item| item["syncGuid"] == marking["syncGuid"]);
        let held =
            held.ok_or_else(|| Failure::Said("the app on phone was not sent the live marking".to_owned()))?;
        story.tell(format!(
            "phone  its app received the note {:?}",
            held["note"].as_str().unwrap_or_default()
        ))?;
        Ok(held)
    }

    /// New ports and no discovery: what each remembers of the other leads nowhere.
    fn cut(&mut self, story: &Story) -> Result<(), Failure> {
        story.chapter("They are cut off: both restart at new addresses, without discovery.")?;
        for host in [&mut self.desk, &mut self.phone] {
            host.stop()?;
            host.start(&Network::Alone)?;
        }
        self.wait_ready(story)?;
        if is_connected(&self.desk)? || is_connected(&self.phone)? {
            return Err(Failure::Said("they are still connected".to_owned()));
        }
        story.tell("both   still have the marking, neither can reach the other")
    }

    fn edit_apart(
        &self,
        story: &Story,
        held: &Value,
        desk_app: &mut App,
        phone_app: &mut App,
    ) -> Result<Edits, Failure> {
        story.chapter("The same marking is edited on both.")?;
        let edits = Edits::new();
        let (mut on_desk, mut on_phone) = (held.clone(), held.clone());
        on_desk["note"] = edits.note.clone();
        on_desk["type"] = edits.desk_type.clone();
        on_phone["color"] = edits.color.clone();
        on_phone["type"] = edits.phone_type.clone();
        // `id` is a row number of the daemon that gave it.
        app::forget(&mut on_desk, "id");
        desk_app.send(&self.desk.client()?, &on_desk)?;
        phone_app.send(&self.phone.client()?, &on_phone)?;
        story.tell(format!("desk   note = {}, type = {}", edits.note, edits.desk_type))?;
        story.tell(format!("phone  color = {}, type = {}", edits.color, edits.phone_type))?;
        self.expect_apart(held, &edits)?;
        Ok(edits)
    }

    fn expect_apart(&self, held: &Value, edits: &Edits) -> Result<(), Failure> {
        let guid = text(held, "syncGuid")?;
        let missing = || Failure::Said("the marking is gone".to_owned());
        let desk = app::marking(&self.desk.client()?, &guid)?.ok_or_else(missing)?;
        let phone = app::marking(&self.phone.client()?, &guid)?.ok_or_else(missing)?;
        expect("note on desk", &desk["note"], &edits.note)?;
        expect("color on desk", &desk["color"], &held["color"])?;
        expect("note on phone", &phone["note"], &held["note"])?;
        expect("color on phone", &phone["color"], &edits.color)
    }

    fn reconnect(&mut self, story: &Story) -> Result<(), Failure> {
        let address = self.desk.peer_address()?;
        story.chapter(&format!("They are connected again: phone restarts with --connect {address}."))?;
        self.phone.stop()?;
        self.phone.start(&Network::Connect(address))?;
        self.wait_ready(story)?;
        let took = self.wait_connected(story)?;
        story.tell(format!("both   are connected after {}", millis(took)))
    }

    fn show_merge(&self, story: &Story, held: &Value, edits: &Edits) -> Result<(), Failure> {
        story.chapter("Both edits are on both, and where they differ one value holds everywhere.")?;
        let guid = text(held, "syncGuid")?;
        let (merged, took) = story.wait("the edits of both are on both", WITHIN, || {
            let desk = app::marking(&self.desk.client()?, &guid)?;
            let phone = app::marking(&self.phone.client()?, &guid)?;
            Ok(desk
                .zip(phone)
                .filter(|(desk, phone)| edits.hold(desk) && edits.hold(phone))
                .and_then(|(desk, phone)| (desk["type"] == phone["type"]).then_some(desk)))
        })?;
        story.tell(format!(
            "both   note = {}, color = {} after {}",
            merged["note"],
            merged["color"],
            millis(took)
        ))?;
        let winner = &merged["type"];
        let loser = edits.loser(winner)?;
        story.tell(format!("both   type = {winner}"))?;
        for host in [&self.desk, &self.phone] {
            let what = format!("{} lists the conflict", host.name());
            story.wait(&what, WITHIN, || {
                let answer = host.client()?.get("/v1/conflicts")?;
                Ok(conflicts::list(&answer)
                    .iter()
                    .any(|one| is_conflict(one, &guid, winner, loser))
                    .then_some(()))
            })?;
            story.tell(format!("{:5}  lists type = {loser} as a conflict", host.name()))?;
        }
        Ok(())
    }

    fn stay(&mut self, story: &Story) -> Result<(), Failure> {
        story.chapter("Both run on until Ctrl-C:")?;
        for host in [&self.desk, &self.phone] {
            let ready = host.ready()?;
            story.tell(format!("{:5}  apps at {}, peers at {}", host.name(), ready.api, ready.peer))?;
            story.tell(format!("       quire status --data-dir {}", host.folder().display()))?;
        }
        while story.go_on().is_ok() {
            for host in [&mut self.desk, &mut self.phone] {
                host.expect_running()?;
            }
            std::thread::sleep(TRY_EVERY / 5);
        }
        Ok(())
    }

    fn stop(mut self, story: &Story, once: bool) -> Result<(), Failure> {
        for host in [&mut self.desk, &mut self.phone] {
            host.stop()?;
        }
        // Ctrl-C in the middle is a failure of --once, and the way to end of the other.
        if once { story.go_on() } else { Ok(()) }
    }

    fn logs(&self) -> String {
        [&self.desk, &self.phone].map(Host::log).concat()
    }
}

/// What is changed on each side while they are apart.
struct Edits {
    note: Member,
    color: Member,
    desk_type: Member,
    phone_type: Member,
}

impl Edits {
    fn new() -> Self {
        Self {
            note: json!("edited on the desk"),
            color: json!("green"),
            desk_type: json!(2),
            phone_type: json!(3),
        }
    }

    fn hold(&self, marking: &Value) -> bool {
        marking["note"] == self.note && marking["color"] == self.color
    }

    fn loser(&self, winner: &Value) -> Result<&Value, Failure> {
        match winner {
            _ if *winner == self.desk_type => Ok(&self.phone_type),
            _ if *winner == self.phone_type => Ok(&self.desk_type),
            other => Err(Failure::Said(format!("type is {other}, which nobody wrote"))),
        }
    }
}

fn is_conflict(conflict: &Value, guid: &str, winner: &Value, loser: &Value) -> bool {
    let others = conflict["others"].as_array().map(Vec::as_slice).unwrap_or_default();
    conflict["item"].as_str().is_some_and(|item| item.eq_ignore_ascii_case(guid))
        && conflict["member"] == "type"
        && conflict["value"] == *winner
        && others.iter().any(|other| other.get("value").unwrap_or(other) == loser)
}

fn is_connected(host: &Host) -> Result<bool, Failure> {
    let answer = host.client()?.get("/v1/peers")?;
    Ok(peers::list(&answer).iter().any(|peer| peer["connected"] == true))
}

fn text(value: &Value, member: &str) -> Result<String, Failure> {
    let text = value[member].as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Said(format!("an answer has no `{member}`")))
}

fn expect(what: &str, found: &Value, wanted: &Value) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::Said(format!("{what} is {found} instead of {wanted}")))
}

fn millis(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_recognised() {
        let edits = Edits::new();
        let found =
            json!({"item": "AB", "member": "type", "value": 3, "others": [{"value": 2, "device": "d"}]});
        let loser = edits.loser(&json!(3)).unwrap();
        assert!(is_conflict(&found, "ab", &json!(3), loser));
        assert!(!is_conflict(&found, "ab", loser, &json!(3)));
        assert!(!is_conflict(&found, "cd", &json!(3), loser));
        edits.loser(&json!(1)).unwrap_err();
    }

    #[test]
    fn waiting_ends_with_the_thing_the_deadline_or_ctrl_c() {
        let story = Story { started: Instant::now(), interrupted: Arc::default() };
        let mut looks = 0;
        let (found, _) = story
            .wait("x", WITHIN, || {
                looks += 1;
                Ok((looks == 3).then_some(7))
            })
            .unwrap();
        assert_eq!(found, 7);
        let late = story.wait("x happens", Duration::ZERO, || Ok(None::<()>)).unwrap_err();
        assert!(late.to_string().contains("x happens: not within"), "{late}");
        story.interrupted.store(true, Ordering::Relaxed);
        story.wait("x", WITHIN, || Ok(None::<()>)).unwrap_err();
    }
}
