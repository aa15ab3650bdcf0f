//! A flood of forged instances by multicast DNS (D1), at daemons that are paired: their memory stays within its bound, nobody
//! is led to the own machine, and the real peer is found where it was before.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quire_tests::app::App;
use quire_tests::host::{Lan, inside};
use quire_tests::hostile::witnesses::MOST_MEMORY;
use quire_tests::mdns::{Claim, Host, IN_ONE_PACKET};
use quire_tests::process::{Daemon, Options};
use quire_tests::sample::{guid, marking};
use quire_tests::seed::next;
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::json;

/// Where peers are accepted.
const DOOR: u16 = 7471;

/// A port of the attacked host that nobody should dial by its loopback address.
const WITHIN: u16 = 7999;

/// Instances of the flood, here and when `QUIRE_LONG` is set: those take some minutes, as the attacked host is slow to take
/// them.
const FORGED: [u32; 2] = [20_000, 250_000];

/// Doors of the attacker's. With one alone all that it says of a peer would be the same news.
const TRAPS: usize = 16;

/// Dials that the attacked daemon may make to places that the flood names: the news of a minute (64), each once, and
/// again when what they say is told again, while this test runs.
const MOST_DIALS: usize = 200;

/// Packets that a daemon in that namespace sent to a port over its own loopback interface.
struct Watch {
    namespace: String,
}

impl Watch {
    /// Counts from now on; or says why that cannot be.
    fn begin(namespace: &str) -> Result<Watch, String> {
        let watch = Watch { namespace: namespace.to_owned() };
        for port in [DOOR, WITHIN] {
            watch.iptables(&format!("-A INPUT -i lo -p tcp --syn --dport {port} -j ACCEPT"))?;
        }
        Ok(watch)
    }

    /// Lets nobody in from outside: whoever is to be met is dialed.
    fn close_the_door(&self) {
        self.iptables(&format!("-A INPUT -i eth0 -p tcp --syn --dport {DOOR} -j DROP")).unwrap();
    }

    fn counted(&self) -> Vec<u64> {
        let table = self.iptables("-nvxL INPUT").unwrap();
        let rules = table.lines().filter(|line| line.contains(" lo "));
        rules.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
    }

    fn iptables(&self, arguments: &str) -> Result<String, String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, "iptables", "-w"]).args(arguments.split(' '));
        let output = command.output().map_err(|error| error.to_string())?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }
}

/// The most memory that a daemon had resident so far, in bytes.
fn peak(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn start(lan: &Lan, host: usize, name: &str) -> Daemon {
    let namespace = Some(lan.namespace(host));
    Daemon::start(Options {
        discovery: true,
        peer: format!("[::]:{DOOR}"),
        namespace,
        ..Options::named(name)
    })
}

/// Doors of the attacker's that take everybody and say nothing; each dial is counted.
fn traps(lan: &Lan, dials: &Arc<AtomicUsize>) -> Vec<SocketAddrV4> {
    let address = lan.address(2);
    let open = || inside(&lan.namespace(2), move || TcpListener::bind((address, 0))).unwrap().unwrap();
    let one = |listener: TcpListener| {
        let (port, dialed) = (listener.local_addr().unwrap().port(), dials.clone());
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for socket in listener.incoming().map_while(Result::ok) {
                dialed.fetch_add(1, Ordering::Relaxed);
                held.push(socket);
            }
        });
        SocketAddrV4::new(address, port)
    };
    (0..TRAPS).map(|_| one(open())).collect()
}

/// Every other instance says to be the one with that tag, all of them where nobody should go.
fn claims(count: u32, real: &str, places: &[SocketAddrV4]) -> Vec<Claim> {
    let mut state = 7;
    let one = |number: u32| {
        let other = format!("{:016x}{:016x}", next(&mut state), next(&mut state));
        let tag = if number.is_multiple_of(2) { real.to_owned() } else { other };
        Claim { number, at: places[number as usize / 2 % places.len()], tag }
    };
    (0..count).map(one).collect()
}

#[test]
fn a_flood_of_forged_instances_leads_nobody_astray_and_hides_no_peer() {
    let lan = match Lan::new(3) {
        Ok(lan) => lan,
        Err(reason) => return eprintln!("SKIPPED: the flood by multicast DNS (D1): {reason}"),
    };
    let watch = match Watch::begin(&lan.namespace(0)) {
        Ok(watch) => watch,
        Err(reason) => return eprintln!("SKIPPED: the flood by multicast DNS (D1): iptables: {reason}"),
    };
    let count = FORGED[usize::from(std::env::var_os("QUIRE_LONG").is_some())];
    let (first, mut second) = (start(&lan, 0, "first"), start(&lan, 1, "second"));
    second.accept_by_code(&first.invite(&json!({}))).expect(201);
    first.wait_connected(&second);
    let before = guid();
    App::new(3, 1).sync(&first, &[marking(&before)]);
    eventually("a marking on the other", PATIENCE, || second.marking(&before));

    let (attacker, victim, real) = (lan.address(2), lan.address(0), lan.address(1));
    let host = inside(&lan.namespace(2), move || Host::on(attacker)).unwrap().unwrap();
    let tag = host.tag_of(real, PATIENCE).expect("the tag of the second");
    second.stop();
    watch.close_the_door();
    let dials = Arc::new(AtomicUsize::new(0));
    let mut places = vec![
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, WITHIN),
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, DOOR),
        SocketAddrV4::new(victim, DOOR),
        SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), DOOR),
    ];
    places.extend(traps(&lan, &dials));
    let flood = Instant::now();
    for packet in claims(count, &tag, &places).chunks(IN_ONE_PACKET as usize) {
        host.claim(packet);
    }
    eprintln!("{count} instances in {:?}", flood.elapsed());
    // The real one is back where it was, and cannot come by itself.
    second.restart();
    let back = Instant::now();
    eventually("the real peer dialed where it was", PATIENCE, || {
        first.is_connected_to(&second).then_some(())
    });
    eprintln!("the real peer was met again after {:?}", back.elapsed());
    let after = guid();
    App::new(3, 1).sync(&second, &[marking(&after)]);
    eventually("a marking after the flood", PATIENCE, || first.marking(&after));

    let memory = peak(&first);
    let dials = dials.load(Ordering::Relaxed);
    eprintln!(
        "{} MiB at most, {dials} dials to the attacker, to oneself {:?}",
        memory >> 20,
        watch.counted()
    );
    assert!(memory < MOST_MEMORY, "{memory} bytes");
    assert!(dials <= MOST_DIALS, "{dials} dials");
    assert_eq!(watch.counted(), [0, 0], "dials to the own machine");
    assert!(back.elapsed() < Duration::from_secs(60));
    eprintln!("inputs passed: D1 flood {count} of {count}");
}
