//! Discovery between real hosts: network namespaces made by `scripts/netns-lab`.
//!
//! Every host runs a copy of this test program ([`node`]) that prints what it sees. Without root or
//! namespaces the stories are skipped, and say so.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "discovery/hostile.rs"]
mod hostile;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use quire_daemon::discovery::{self, Advert, DiscoveryState};

/// Tells a copy of this program which node it is.
const NODE: &str = "QUIRE_DISCOVERY_NODE";

/// Tells a copy of this program to hold the port of multicast DNS.
const HOLD: &str = "QUIRE_DISCOVERY_HOLD";

/// Tells a copy of this program to flood its network.
const FLOOD: &str = "QUIRE_DISCOVERY_FLOOD";

/// What discovery promises after a network came back, and more than it needs at the start.
const PROMISED: Duration = Duration::from_secs(10);

/// Every node knows the keys of the nodes 1 to 9.
fn key(node: u8) -> [u8; 32] {
    [node; 32]
}

/// One node: runs discovery, prints `saw NODE ADDRESSES pairing=BOOL Tag(..)` and `state ..`, and
/// takes the words `pairing`, `state` and `stop`, or the end of its input. Does nothing when it is not asked for.
#[test]
fn node() {
    let Ok(me) = std::env::var(NODE).map(|me| me.parse::<u8>().unwrap()) else { return };
    let advert = Advert { port: 4000 + u16::from(me), public: key(me), pairing: false };
    let (discovery, mut sightings) = discovery::start(advert);
    std::thread::spawn(move || {
        while let Some(sighting) = sightings.blocking_recv() {
            let who = (1..=9).find(|node| sighting.tag.matches(&key(*node))).unwrap_or(0);
            let at: Vec<String> = sighting.addresses.iter().map(ToString::to_string).collect();
            println!("\nsaw {who} {} pairing={} {:?}", at.join(","), sighting.pairing, sighting.tag);
        }
    });
    for word in std::io::stdin().lines().map_while(Result::ok) {
        match word.as_str() {
            "pairing" => discovery.set_pairing(true),
            "state" => println!("\nstate {}", said(&discovery.state())),
            _ => break,
        }
    }
    let started = Instant::now();
    discovery.shutdown();
    println!("\nstopped {:?}", started.elapsed());
}

fn said(state: &DiscoveryState) -> String {
    match state {
        DiscoveryState::Working => "working".into(),
        DiscoveryState::Unavailable(why) => format!("unavailable: {why}"),
    }
}

/// The network of one story; removed when the story ends, well or not.
struct Lab(String);

impl Lab {
    /// A lab with this many hosts, or nothing when none can be made here.
    fn up(story: &str, hosts: u8) -> Option<Self> {
        let name = format!("{}{}", &story[..1], std::process::id() % 1_000_000);
        let check = script(&name, &["check"]);
        if !check.status.success() {
            let why = String::from_utf8_lossy(&check.stderr).into_owned();
            eprintln!("SKIPPED: {story} because {}", why.trim());
            return None;
        }
        let up = script(&name, &["up", &hosts.to_string()]);
        assert!(up.status.success(), "{up:?}");
        Some(Self(name))
    }

    fn run(&self, arguments: &[&str]) {
        let output = script(&self.0, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    fn node(&self, host: u8, me: u8) -> Node {
        self.start(host, "node", (NODE, me))
    }

    /// Runs one test of this program on a host, with one variable set.
    fn start(&self, host: u8, test: &str, (variable, me): (&str, u8)) -> Node {
        let program = std::env::current_exe().unwrap();
        let mut child = command(&self.0)
            .args(["exec", &host.to_string()])
            .arg(program)
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(variable, me.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (says, said) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| says.send((Instant::now(), line)))
        });
        Node { words: child.stdin.take(), child, said, me }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        script(&self.0, &["down"]);
    }
}

fn command(lab: &str) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/netns-lab");
    let mut command = Command::new(script);
    command.env("QUIRE_LAB", lab);
    command
}

fn script(lab: &str, arguments: &[&str]) -> Output {
    command(lab).args(arguments).output().unwrap()
}

/// A running copy of this program.
struct Node {
    words: Option<ChildStdin>,
    child: Child,
    said: Receiver<(Instant, String)>,
    me: u8,
}

impl Node {
    fn tell(&mut self, word: &str) {
        writeln!(self.words.as_mut().unwrap(), "{word}").unwrap();
    }

    /// Waits for a line said after `since` that has all the parts.
    fn says(&self, since: Instant, parts: &[&str]) -> String {
        self.says_within(PROMISED, since, parts).unwrap_or_else(|heard| {
            panic!("node {} did not say {parts:?} within {PROMISED:?}, but {heard:#?}", self.me)
        })
    }

    fn says_within(&self, limit: Duration, since: Instant, parts: &[&str]) -> Result<String, Vec<String>> {
        let mut heard = Vec::new();
        loop {
            let left = (since + limit).saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok((at, line)) if at >= since && parts.iter().all(|part| line.contains(part)) => {
                    eprintln!("node {}: {line} after {:?}", self.me, at - since);
                    return Ok(line);
                }
                Ok((at, line)) if at >= since => heard.push(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(heard),
            }
        }
    }

    /// Waits for a line with a tag that is not known yet. Instances that were cut off without a
    /// farewell are reported for some time beside the new ones.
    fn says_new_tag(&self, since: Instant, part: &str, known: &mut Vec<String>) {
        loop {
            let tag = tag(&self.says(since, &[part]));
            if !known.contains(&tag) {
                return known.push(tag);
            }
        }
    }

    /// Waits until it says this of its state.
    fn comes_to(&mut self, since: Instant, state: &str) {
        while since.elapsed() < PROMISED {
            let asked = Instant::now();
            self.tell("state");
            let line = self.says(asked, &["state"]);
            if line.contains(state) {
                return;
            }
            // Asks five times a second; the deadline is above.
            let _ = self.says_within(Duration::from_millis(200), asked, &["never said"]);
        }
        panic!("node {} did not come to {state} within {PROMISED:?}", self.me);
    }

    fn stop(mut self) -> Duration {
        let started = Instant::now();
        self.tell("stop");
        self.says(started, &["stopped"]);
        self.child.wait().unwrap();
        started.elapsed()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.words = None;
        let _ = self.child.wait();
    }
}

/// The last word of a line: the tag.
fn tag(line: &str) -> String {
    line.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn two_hosts_find_each_other_and_again_after_the_link_was_down() {
    let Some(lab) = Lab::up("hosts", 2) else { return };
    // Without loopback host 2 has no network at all while its cable is out, which its state tells.
    lab.run(&["exec", "2", "ip", "link", "set", "lo", "down"]);
    let start = Instant::now();
    let (mut one, mut two) = (lab.node(1, 1), lab.node(2, 2));
    let seen = one.says(start, &["saw 2"]);
    assert!(seen.contains("10.77.0.2:4002") && seen.contains("pairing=false"), "{seen}");
    assert!(!seen.contains("127.0.0.1") && !seen.contains("[::1]"), "{seen}");
    let of_one = tag(&two.says(start, &["saw 1", "10.77.0.1:4001"]));

    let now = Instant::now();
    one.tell("pairing");
    two.says(now, &["saw 1", "pairing=true", &of_one]);
    one.comes_to(now, "working");

    let now = Instant::now();
    lab.run(&["cut", "2"]);
    two.comes_to(now, "no network interface is up");
    let healed = Instant::now();
    lab.run(&["heal", "2"]);
    two.says(healed, &["saw 1", "pairing=true", &of_one]);
    let mut tags_of_two = vec![tag(&seen)];
    one.says_new_tag(healed, "saw 2", &mut tags_of_two);
    two.comes_to(healed, "working");

    // Out and in again between two looks: only the kernel's count of link changes tells.
    let flapped = Instant::now();
    lab.run(&["cut", "2"]);
    lab.run(&["heal", "2"]);
    one.says_new_tag(flapped, "saw 2", &mut tags_of_two);

    // The interface itself goes down and comes back with another address.
    lab.run(&["exec", "1", "ip", "addr", "flush", "dev", "eth0"]);
    lab.run(&["exec", "1", "ip", "link", "set", "eth0", "down"]);
    lab.run(&["exec", "1", "ip", "link", "set", "eth0", "up"]);
    let changed = Instant::now();
    lab.run(&["exec", "1", "ip", "addr", "add", "10.77.0.101/24", "dev", "eth0"]);
    two.says(changed, &["saw 1", "10.77.0.101:4001"]);
    one.says(changed, &["saw 2", "10.77.0.2:4002"]);
    assert!(one.stop() < Duration::from_secs(2));
}

#[test]
fn two_daemons_of_one_host_find_each_other() {
    let Some(lab) = Lab::up("same", 1) else { return };
    let start = Instant::now();
    let (one, two) = (lab.node(1, 1), lab.node(1, 2));
    one.says(start, &["saw 2", "10.77.0.1:4002"]);
    two.says(start, &["saw 1", "10.77.0.1:4001"]);
}

#[test]
fn two_daemons_find_each_other_where_there_is_only_loopback() {
    let Some(lab) = Lab::up("loopback", 1) else { return };
    lab.run(&["exec", "1", "ip", "link", "del", "eth0"]);
    let start = Instant::now();
    let (mut one, two) = (lab.node(1, 1), lab.node(1, 2));
    one.says(start, &["saw 2", "127.0.0.1:4002"]);
    two.says(start, &["saw 1", "127.0.0.1:4001"]);
    one.comes_to(start, "working");
}

/// Holds the port of multicast DNS for itself until its input ends. Does nothing when not asked for.
#[test]
fn hold() {
    if std::env::var_os(HOLD).is_none() {
        return;
    }
    let _v4 = UdpSocket::bind("0.0.0.0:5353").unwrap();
    println!("\nholding");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn where_multicast_is_blocked_the_state_says_so_until_it_works() {
    let Some(lab) = Lab::up("blocked", 1) else { return };
    // Only version 4 is left, so that holding one port blocks everything.
    lab.run(&["exec", "1", "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
    let start = Instant::now();
    let holder = lab.start(1, "hold", (HOLD, 1));
    holder.says(start, &["holding"]);
    let mut one = lab.node(1, 1);
    one.comes_to(Instant::now(), "no multicast comes back");
    drop(holder);
    one.comes_to(Instant::now(), "working");
}

/// Forged instances per packet and packets of the flood.
const FORGED: (u32, u32) = (4, 5_000);

/// Floods host 3's network with forged instances. Does nothing when it is not asked for.
#[test]
fn flood() {
    if std::env::var_os(FLOOD).is_none() {
        return;
    }
    let socket = UdpSocket::bind("10.77.0.3:5353").unwrap();
    socket.set_multicast_ttl_v4(255).unwrap();
    for packet in 0..FORGED.1 {
        let numbers = (packet * FORGED.0)..((packet + 1) * FORGED.0);
        // A full queue is what a flood is about.
        let _ = socket.send_to(&forged(numbers), "224.0.0.251:5353");
        std::thread::yield_now();
    }
}

/// A response that announces these instances.
fn forged(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let count = u16::try_from(numbers.len()).unwrap();
    let mut packet = vec![0, 0, 0x84, 0, 0, 0];
    packet.extend((4 * count).to_be_bytes());
    packet.extend([0; 4]);
    for number in numbers {
        let (instance, host) = (format!("f{number}._quire._tcp.local"), format!("h{number}.local"));
        let tag = format!("\x03v=1\x22t={number:032x}");
        let server = [&[0, 0, 0, 0, 0x30, 0x39][..], &name(&host)].concat();
        record(&mut packet, "_quire._tcp.local", 12, &name(&instance));
        record(&mut packet, &instance, 33, &server);
        record(&mut packet, &instance, 16, tag.as_bytes());
        record(&mut packet, &host, 1, &[10, 77, 0, 3]);
    }
    packet
}

fn name(dotted: &str) -> Vec<u8> {
    let labels = dotted
        .split('.')
        .flat_map(|label| std::iter::once(u8::try_from(label.len()).unwrap()).chain(label.bytes()));
    labels.chain([0]).collect()
}

fn record(packet: &mut Vec<u8>, of: &str, kind: u16, data: &[u8]) {
    packet.extend(name(of));
    packet.extend(kind.to_be_bytes());
    packet.extend(1_u16.to_be_bytes());
    packet.extend(120_u32.to_be_bytes());
    packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    packet.extend(data);
}

/// The budgets of a flood are counted in minutes, so this story takes one or two and is told when asked for.
#[test]
fn a_flood_stays_within_the_budget_and_the_peer_is_found_after_it() {
    if std::env::var_os("QUIRE_LONG").is_none() {
        eprintln!(
            "SKIPPED: the flood of forged peers, because it takes two minutes; set QUIRE_LONG=1 to run it"
        );
        return;
    }
    let Some(lab) = Lab::up("flood", 3) else { return };
    let start = Instant::now();
    let (one, two) = (lab.node(1, 1), lab.node(2, 2));
    one.says(start, &["saw 2"]);
    two.says(start, &["saw 1"]);
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let flood = Instant::now();
    lab.run(&["exec", "3", "env", &format!("{FLOOD}=1"), program, "--exact", "flood"]);
    eprintln!("flooded for {:?}", flood.elapsed());
    let heard = one.says_within(Duration::from_secs(20), flood, &["never said"]).unwrap_err();
    let forged: HashSet<&str> =
        heard.iter().filter(|line| line.contains("saw 0")).map(|l| l.as_str()).collect();
    assert!(!forged.is_empty() && forged.len() <= 64, "{} forged ones", forged.len());
    let status = std::fs::read_to_string(format!("/proc/{}/status", one.child.id())).unwrap();
    eprintln!("{}", status.lines().filter(|line| line.starts_with("Vm")).collect::<Vec<_>>().join("\n"));
    let again = one.says_within(Duration::from_secs(90), Instant::now(), &["saw 2"]);
    assert!(again.is_ok(), "{again:?}");
}
