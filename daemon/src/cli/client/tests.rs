use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::json;

use super::*;

/// Answers one request with fixed bytes, in pieces, and gives back what it was sent.
fn server(pieces: Vec<&'static [u8]>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let got = read_request(&stream);
        for piece in pieces {
            (&stream).write_all(piece).unwrap();
        }
        got
    });
    (address, thread)
}

fn read_request(stream: &TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let (mut got, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
        got.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    [got.into_bytes(), body].concat()
}

fn client(address: SocketAddr) -> Client {
    Client { folder: "/data".into(), address, token: "t0ken".into(), deadline: ANSWER_WITHIN, cancel: None }
}

#[test]
fn a_request_says_who_asks_and_the_answer_is_json() {
    let (address, server) = server(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\"", b":1}"]);
    let answer = client(address).post("/v1/x", &json!({"b": 2})).unwrap();
    assert_eq!(answer, json!({"a": 1}));
    let request = String::from_utf8(server.join().unwrap()).unwrap();
    assert!(request.starts_with("POST /v1/x HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("Host: {address}\r\n")), "{request}");
    assert!(request.contains("Authorization: Bearer t0ken\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"b\":2}"), "{request}");
}

#[test]
fn bodies_come_in_three_ways() {
    let ways: [Vec<&'static [u8]>; 4] = [
        vec![
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2",
            b";x=y\r\n2]\r\n0\r\n\r\n",
        ],
        vec![b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\n[1,2]"],
        vec![b"HTTP/1.0 200 OK\r\n\r\n[1", b",2]"],
        vec![b"HTTP/1.1 200 OK\r\n\r\n[1,2]"],
    ];
    for pieces in ways {
        let (address, server) = server(pieces);
        assert_eq!(client(address).get("/").unwrap(), json!([1, 2]));
        server.join().unwrap();
    }
    let (address, _server) = server(vec![b"HTTP/1.1 204 No Content\r\n\r\n"]);
    assert_eq!(client(address).get("/").unwrap(), Value::Null);
}

#[test]
fn a_refusal_is_told_in_the_daemons_words() {
    let bodies: [(&'static [u8], &str); 3] = [
        (
            b"HTTP/1.1 409 Conflict\r\nContent-Length: 33\r\n\r\n{\"title\":\"t\",\"detail\":\"in use\"}  ",
            "in use",
        ),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 18\r\n\r\n{\"Message\":\"what\"}", "what"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", "no reason"),
    ];
    for (bytes, words) in bodies {
        let (address, _server) = server(vec![bytes]);
        let error = client(address).get("/").unwrap_err();
        assert!(matches!(&error, ClientError::Refused { detail, .. } if detail.contains(words)), "{error}");
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    let cases: [&'static [u8]; 7] = [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{bad",
    ];
    for bytes in cases {
        let (address, _server) = server(vec![bytes]);
        let error = client(address).get("/").unwrap_err();
        assert!(matches!(error, ClientError::Io { .. }), "{error}");
    }
}

#[test]
fn silence_has_a_deadline_and_can_be_cut_short() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = client(listener.local_addr().unwrap());
    let error = silent.within(Duration::from_millis(50)).get("/").unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    let error = silent.until(Arc::new(AtomicBool::new(true))).get("/").unwrap_err();
    assert!(error.to_string().contains("interrupted"), "{error}");
}

#[test]
fn nobody_there_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = client(listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(nobody.get("/"), Err(ClientError::NoDaemon { .. })));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Client::of_folder(folder.path()), Err(ClientError::NoDaemon { .. })));
}
