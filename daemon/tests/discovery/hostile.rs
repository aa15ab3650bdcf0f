//! What a hostile host of the network says by multicast DNS (the study's case D1), besides the flood: malformed packets,
//! addresses that lead nowhere good, farewells and claims in another's name.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use super::{Lab, name, record};

/// Tells a copy of this program to send these packets.
const HOSTILE: &str = "QUIRE_DISCOVERY_HOSTILE";

/// The group and port of multicast DNS.
const GROUP: &str = "224.0.0.251:5353";

/// How long the real peers are listened to, so that their own packets can be turned against them.
const LISTENED: Duration = Duration::from_secs(3);

const SERVICE: &str = "_quire._tcp.local";
const POINTER: u16 = 12;
const TEXT: u16 = 16;
const SERVER: u16 = 33;
const ADDRESS: u16 = 1;

/// Sends everything once from host 3. Does nothing when it is not asked for.
#[test]
fn packets() {
    if std::env::var_os(HOSTILE).is_none() {
        return;
    }
    let socket = UdpSocket::bind("0.0.0.0:5353").unwrap();
    socket.set_multicast_ttl_v4(255).unwrap();
    socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::new(10, 77, 0, 3)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut sent = 0;
    let mut say = |packet: &[u8]| {
        let _ = socket.send_to(packet, GROUP);
        sent += 1;
    };
    malformed().iter().for_each(|packet| say(packet));
    claims().iter().for_each(|packet| say(packet));
    // Ask, and turn what the real ones answer into farewells and claims.
    say(&question());
    let (start, mut packet) = (Instant::now(), [0; 9000]);
    while start.elapsed() < LISTENED {
        let Ok((count, from)) = socket.recv_from(&mut packet) else { continue };
        if from.ip() != Ipv4Addr::new(10, 77, 0, 3) && packet[2] & 0x80 != 0 {
            let heard = &packet[..count];
            say(&with_lives(heard, 0));
            say(&with_lives(heard, u32::MAX));
        }
    }
    println!("\nsent {sent}");
}

fn response(count: u16) -> Vec<u8> {
    let mut packet = vec![0, 0, 0x84, 0, 0, 0];
    packet.extend(count.to_be_bytes());
    packet.extend([0; 4]);
    packet
}

fn question() -> Vec<u8> {
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend(name(SERVICE));
    packet.extend([0, 12, 0, 1]);
    packet
}

/// Packets that are none.
fn malformed() -> Vec<Vec<u8>> {
    let one = |of: &[u8], kind: u16, data: &[u8]| {
        let mut packet = response(1);
        packet.extend(of);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 120]);
        packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        packet.extend(data);
        packet
    };
    let service = name(SERVICE);
    let long_label = [&[64][..], &[b'x'; 64], &[0]].concat();
    let whole = one(&service, POINTER, &name(&format!("whole.{SERVICE}")));
    let mut all = vec![
        vec![],
        vec![0xff; 9000],
        vec![0; 12],
        response(0xffff),
        one(&service, TEXT, &[0xff; 9000 - 60]),
        one(&name(&format!("t.{SERVICE}")), TEXT, &[&[255][..], &[b'v'; 255]].concat().repeat(30)),
        one(&long_label, POINTER, &service),
        one(&service, POINTER, &long_label),
        // Names that point at themselves, at each other, and behind the packet.
        one(&[0xc0, 12], POINTER, &[0xc0, 12]),
        one(&[0xc0, 14, 0xc0, 12], POINTER, &[0xc0, 12]),
        one(&[0xff, 0xff], POINTER, &[0xff, 0xff]),
        one(&service, POINTER, &service),
        one(&service, SERVER, &[0; 3]),
        one(&service, ADDRESS, &[1, 2, 3]),
        one(&[&[1, 0xff][..], &service].concat(), POINTER, &[0xc0, 12]),
    ];
    all.extend((0..whole.len()).map(|length| whole[..length].to_vec()));
    all
}

/// Instances at addresses that nobody should dial, with every port that is open here.
fn claims() -> Vec<Vec<u8>> {
    let places = [[127, 0, 0, 1], [224, 0, 0, 251], [255, 255, 255, 255], [0, 0, 0, 0], [10, 77, 0, 1]];
    let ports = [7470_u16, 4001, 0, 5353];
    let each = places.iter().flat_map(|place| ports.iter().map(move |port| (place, port)));
    let claim = |(at, (place, port)): (usize, (&[u8; 4], &u16))| {
        let (instance, host) = (format!("c{at}.{SERVICE}"), format!("ch{at}.local"));
        let text = format!("\x03v=1\x22t={at:032x}");
        let mut packet = response(4);
        record(&mut packet, SERVICE, POINTER, &name(&instance));
        let server = [&[0, 0, 0, 0][..], &port.to_be_bytes(), &name(&host)].concat();
        record(&mut packet, &instance, SERVER, &server);
        record(&mut packet, &instance, TEXT, text.as_bytes());
        record(&mut packet, &host, ADDRESS, place);
        packet
    };
    each.enumerate().map(claim).collect()
}

/// A response of somebody's with other times to live: 0 is a farewell.
fn with_lives(packet: &[u8], seconds: u32) -> Vec<u8> {
    let mut out = packet.to_vec();
    let number = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let (mut at, records) = (12, number(6) + number(8) + number(10));
    for _ in 0..number(4) {
        at = after_name(packet, at) + 4;
    }
    for _ in 0..records {
        at = after_name(packet, at);
        if at + 10 > packet.len() {
            break;
        }
        out[at + 4..at + 8].copy_from_slice(&seconds.to_be_bytes());
        at += 10 + number(at + 8);
    }
    out
}

fn after_name(packet: &[u8], mut at: usize) -> usize {
    while let Some(length) = packet.get(at).copied() {
        match length {
            0 => return at + 1,
            0xc0.. => return at + 2,
            _ => at += usize::from(length) + 1,
        }
    }
    at
}

#[test]
fn what_a_hostile_host_says_leads_nobody_astray() {
    let Some(lab) = Lab::up("misled", 3) else { return };
    let start = Instant::now();
    let (mut one, two) = (lab.node(1, 1), lab.node(2, 2));
    one.says(start, &["saw 2"]);
    two.says(start, &["saw 1"]);
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let hostile = Instant::now();
    lab.run(&["exec", "3", "env", &format!("{HOSTILE}=1"), program, "--exact", "hostile::packets"]);
    // Everybody is told again after ten seconds at the latest, and lives.
    let heard = one.says_within(Duration::from_secs(12), hostile, &["never said"]).unwrap_err();
    let claimed: Vec<&String> = heard.iter().filter(|line| line.contains("saw 0")).collect();
    for line in &claimed {
        let own_door = line.contains("10.77.0.1:4001");
        let nowhere = ["127.0.0.1", "224.", "255.", " 0.0.0.0", ":0 "].iter().any(|bad| line.contains(bad));
        assert!(!own_door && !nowhere, "{line}");
    }
    assert!(heard.iter().any(|line| line.contains("saw 2") && line.contains("10.77.0.2:4002")), "{heard:?}");
    one.comes_to(Instant::now(), "working");
    eprintln!("inputs passed: D1 {} malformed and {} claims", malformed().len(), claims().len());
}

#[test]
fn two_hosts_with_link_local_addresses_alone_find_each_other() {
    let Some(lab) = Lab::up("zone", 2) else { return };
    for host in ["1", "2"] {
        lab.run(&["exec", host, "ip", "-4", "addr", "flush", "dev", "eth0"]);
    }
    let start = Instant::now();
    let (one, two) = (lab.node(1, 1), lab.node(2, 2));
    let seen = one.says(start, &["saw 2", "[fe80::"]);
    assert!(seen.contains('%'), "with its interface: {seen}");
    two.says(start, &["saw 1", "[fe80::"]);
}
