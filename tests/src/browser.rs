//! A real Chromium without a window, and a small server that gives it pages and takes what they report.

use crate::wait::eventually;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a page may take to report, on a machine that does much else.
const REPORT_WITHIN: Duration = Duration::from_secs(120);

/// The longest report that is taken.
const MAX_REPORT: u64 = 1 << 20;

/// Names that mean this machine to the browser, and to nobody else.
const NAMES: &str = "MAP evil.test 127.0.0.1, MAP rebind.test 127.0.0.1, MAP granted.test 127.0.0.1";

/// Why there is no browser here, if there is none.
pub fn missing() -> Option<String> {
    let found =
        Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("chromium --version ended with {status}")),
        Err(error) => Some(format!("no chromium (Debian: chromium): {error}")),
    }
}

/// A browser that shows one page; ends when dropped.
pub struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page.
    ///
    /// # Panics
    /// When the browser does not start.
    pub fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().expect("a folder for the browser");
        let mut command = command(&profile);
        command.arg("--remote-debugging-port=0").arg(url).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("chromium starts");
        Self { child, _profile: profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a page looks like after its scripts have run: its document as text.
///
/// # Panics
/// When the browser does not start.
pub fn dump(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder for the browser");
    let output = command(&profile).args(["--virtual-time-budget=4000", "--dump-dom", url]).output();
    String::from_utf8_lossy(&output.expect("chromium runs").stdout).into_owned()
}

fn command(profile: &tempfile::TempDir) -> Command {
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--host-resolver-rules={NAMES}"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .env("HOME", profile.path());
    command
}

/// A web server of somebody else.
pub struct Site {
    port: u16,
    page: Arc<Mutex<String>>,
    report: Arc<Mutex<Option<Value>>>,
}

impl Site {
    /// Starts one on a free port; each path gives the page, and `POST /report` takes JSON.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let site = Self { port, page: Arc::default(), report: Arc::default() };
        let (page, report) = (Arc::clone(&site.page), Arc::clone(&site.report));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (page, report) = (Arc::clone(&page), Arc::clone(&report));
                std::thread::spawn(move || serve(stream, &page, &report));
            }
        });
        site
    }

    /// Its origin under a name of [`Browser`]'s.
    pub fn origin(&self, name: &str) -> String {
        format!("http://{name}:{}", self.port)
    }

    /// Shows a page under a name, and waits for its report.
    ///
    /// # Panics
    /// When no report comes in time.
    pub fn visit(&self, name: &str, page: String) -> Value {
        *self.page.lock().expect("the page") = page;
        *self.report.lock().expect("the report") = None;
        let _browser = Browser::open(&format!("{}/", self.origin(name)));
        eventually("the page to report", REPORT_WITHIN, || self.report.lock().expect("the report").take())
    }
}

fn serve(stream: TcpStream, page: &Mutex<String>, report: &Mutex<Option<Value>>) {
    let mut reader = BufReader::new(stream);
    let Some((line, length)) = head(&mut reader) else { return };
    let mut body = Vec::new();
    let _ = reader.by_ref().take(length.min(MAX_REPORT)).read_to_end(&mut body);
    let mut told = String::new();
    if line.starts_with("POST /report") {
        *report.lock().expect("the report") = serde_json::from_slice(&body).ok();
    } else if line.starts_with("GET / ") {
        told = page.lock().expect("the page").clone();
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{told}",
        told.len()
    );
    let _ = reader.get_mut().write_all(answer.as_bytes());
}

fn head(reader: &mut BufReader<TcpStream>) -> Option<(String, u64)> {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            return Some((first, length));
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
}
