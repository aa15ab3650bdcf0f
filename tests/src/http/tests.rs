//! The client against small servers that say exactly what the test wants.

#![allow(clippy::unwrap_used)]

use super::*;
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Serves the given answers, one for each request, over one connection each group; gives back the heads received.
fn serve(connections: Vec<Vec<&'static [u8]>>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut received = Vec::new();
        for answers in connections {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            for answer in answers {
                received.push(read_request(&mut stream));
                stream.get_mut().write_all(answer).unwrap();
            }
        }
        received
    });
    (address, server)
}

fn read_request(stream: &mut BufReader<TcpStream>) -> String {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let line = read_line(stream).unwrap();
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().unwrap();
        }
        text += &line;
        text.push('\n');
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

#[test]
fn one_connection_carries_several_requests() {
    let (address, server) = serve(vec![vec![
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nETag: \"1\"\r\n\r\n3\r\nsec\r\n3;x=y\r\nond\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ]]);
    let mut client = Client::new(address);
    let first = client.request("GET", "/one", &[], None).unwrap();
    assert_eq!((first.status, first.text().as_str()), (200, "first"));
    let second = client.request("POST", "/two", &[("X-Test", "yes")], Some(b"{}")).unwrap();
    assert_eq!(
        (second.status, second.text().as_str(), second.header("etag")),
        (201, "second", Some("\"1\""))
    );
    assert_eq!(client.request("DELETE", "/three", &[], None).unwrap().status, 204);
    let received = server.join().unwrap();
    assert!(received[0].starts_with(&format!("GET /one HTTP/1.1\nHost: {address}\n")), "{}", received[0]);
    assert!(received[1].contains("Content-Length: 2\nX-Test: yes\n\n{}"), "{}", received[1]);
}

#[test]
fn a_closed_connection_is_replaced_and_a_close_is_obeyed() {
    let (address, server) = serve(vec![
        vec![b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"],
        vec![b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nb"],
        vec![b"HTTP/1.1 200 OK\r\n\r\nuntil the end"],
    ]);
    let mut client = Client::new(address);
    let texts = ["a", "b", "until the end"];
    for text in texts {
        crate::wait::eventually("the server closed", TIMEOUT, || {
            client.connection.as_ref().is_none_or(|kept| !is_open(kept.get_ref())).then_some(())
        });
        assert_eq!(client.request("GET", "/", &[], None).unwrap().text(), text);
    }
    server.join().unwrap();
}

#[test]
fn answers_that_end_early_are_errors() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
        b"SSH-2.0-nonsense\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
    ] {
        let (address, server) = serve(vec![vec![answer]]);
        assert!(Client::new(address).request("GET", "/", &[], None).is_err(), "{answer:?}");
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_says_nothing_runs_into_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Client::new(listener.local_addr().unwrap()).with_timeout(Duration::from_millis(20));
    assert!(client.request("GET", "/", &[], None).is_err());
}

#[test]
fn raw_bytes_go_out_as_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut got = Vec::new();
        let mut stream = listener.accept().unwrap().0;
        stream.read_to_end(&mut got).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        got
    });
    let answer = raw(address, b"\x16\x03\x01", TIMEOUT).unwrap();
    assert_eq!(status_of(&answer), Some(400));
    assert_eq!(server.join().unwrap(), b"\x16\x03\x01");
    assert_eq!(status_of(b"nonsense"), None);
}

#[test]
fn events_are_read_one_by_one() {
    let (address, server) = serve(vec![vec![
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n: hello\n\r\n7\r\n\nid: 1\n\r\n\
          B\r\nevent: edit\r\nB\r\n\ndata: one\n\r\n18\r\ndata: two\n\ndata: three\n\n\r\n0\r\n\r\n",
    ]]);
    let mut stream = EventStream::open(address, "/v1/events", &[], TIMEOUT).unwrap();
    assert_eq!(stream.status(), 200);
    let first = stream.next_event().unwrap();
    assert_eq!(first, Event { id: "1".into(), kind: "edit".into(), data: "one\ntwo".into() });
    let second = stream.next_event().unwrap();
    assert_eq!(second, Event { id: "1".into(), kind: String::new(), data: "three".into() });
    assert!(stream.next_event().is_err());
    server.join().unwrap();
}
