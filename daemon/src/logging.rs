//! Log lines on stderr. What arrives from outside is escaped and cut, so that one event is one line and no
//! value can forge another.

use std::fmt::{Debug, Write as _};
use std::io::{IsTerminal as _, Write};
use std::sync::OnceLock;

use tracing::Level;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;
use crate::escape::{Escaped, is_unsafe};

/// Enough for any message of ours; a longer value is somebody else's text.
const MAX_VALUE_CHARS: usize = 256;
/// Our crates. Others speak only of trouble, since they do not know what is private.
const OURS: &str = "quire";

/// The filter of this process, once there is one.
static FILTER: OnceLock<Handle<Targets, Registry>> = OnceLock::new();

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(format: LogFormat, level: Level) {
    let (filter, handle) = tracing_subscriber::reload::Layer::new(targets(level));
    let layer = match format {
        LogFormat::Text => text(std::io::stderr, colours()).with_filter(filter).boxed(),
        LogFormat::Json => json(std::io::stderr).with_filter(filter).boxed(),
    };
    if tracing_subscriber::registry().with(layer).try_init().is_ok() {
        // Nobody else has set it, since only one subscriber can be the process's.
        let _ = FILTER.set(handle);
    }
}

/// From now on, lines of this level and the more important ones. Does nothing before [`start`].
pub fn set_level(level: Level) {
    if let Some(filter) = FILTER.get() {
        // Fails only when the subscriber is gone, at the very end.
        let _ = filter.reload(targets(level));
    }
}

fn targets(level: Level) -> Targets {
    let others = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new().with_default(others).with_target(OURS, level)
}

/// See <https://no-color.org>.
fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stderr().is_terminal()
}

fn text<W>(writer: W, colours: bool) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    layer()
        .fmt_fields(debug_fn(write_field).delimited(" "))
        .with_ansi(colours)
        .log_internal_errors(false)
        .with_writer(writer)
        .boxed()
}

fn json<W>(writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    layer().json().flatten_event(true).log_internal_errors(false).with_writer(EscapedJson(writer)).boxed()
}

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let mut shown = Cut { text: String::new(), left: MAX_VALUE_CHARS };
    // Stops with an error where the text is full; what it has is what is shown.
    let full = write!(shown, "{value:?}").is_err();
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    write!(writer, "{}{}", Escaped(&shown.text), if full { "…" } else { "" })
}

/// Takes no more than it shows, however long the value.
struct Cut {
    text: String,
    left: usize,
}

impl std::fmt::Write for Cut {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        for character in more.chars() {
            self.left = self.left.checked_sub(1).ok_or(std::fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

/// JSON already escapes the controls that it must; this does the others, which a terminal also obeys.
struct EscapedJson<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for EscapedJson<W> {
    type Writer = JsonWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        JsonWriter(self.0.make_writer())
    }
}

struct JsonWriter<W>(W);

impl<W: Write> Write for JsonWriter<W> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut shown = String::with_capacity(line.len());
        for character in String::from_utf8_lossy(line).chars() {
            match character {
                '\n' => shown.push('\n'),
                // All of them lie in the basic plane, so that four digits do.
                _ if is_unsafe(character) => {
                    let _ = write!(shown, "\\u{:04x}", u32::from(character));
                }
                _ => shown.push(character),
            }
        }
        self.0.write_all(shown.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(make: fn(Sink) -> Box<dyn Layer<Registry> + Send + Sync>, event: impl FnOnce()) -> String {
        let sink = Sink::default();
        let subscriber = tracing_subscriber::registry().with(make(sink.clone()));
        tracing::subscriber::with_default(subscriber, event);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    fn as_text(sink: Sink) -> Box<dyn Layer<Registry> + Send + Sync> {
        text(move || sink.clone(), false)
    }

    fn as_json(sink: Sink) -> Box<dyn Layer<Registry> + Send + Sync> {
        json(move || sink.clone())
    }

    #[test]
    fn a_value_cannot_forge_a_line() {
        let hostile = "x\n2026-01-01 ERROR forged \u{1b}[31m\u{202e}";
        let line = logged(as_text, || tracing::info!(name = %hostile, n = 3, "seen {hostile}"));
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}'), "{line}");
        assert!(line.contains(r"name=x\n2026") && line.contains("n=3"), "{line}");
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "y".repeat(1 << 20);
        let line = logged(as_text, || tracing::info!(name = %long, "seen"));
        assert!(line.len() < 400 && line.contains('…'), "{} bytes", line.len());
    }

    #[test]
    fn json_lines_are_json_and_harmless() {
        let hostile = "a\u{9b}31m\u{202e}\n{\"level\":\"ERROR\"}";
        let line = logged(as_json, || tracing::warn!(name = %hostile, "seen"));
        assert!(!line.contains('\u{9b}') && !line.contains('\u{202e}'), "{line}");
        let value: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(value["name"], hostile);
        assert_eq!((value["level"].as_str(), line.matches('\n').count()), (Some("WARN"), 1));
    }

    #[test]
    fn others_speak_only_of_trouble() {
        let targets = targets(Level::TRACE);
        assert!(targets.would_enable("quire_daemon::engine", &Level::TRACE));
        assert!(targets.would_enable("mdns_sd", &Level::WARN));
        assert!(!targets.would_enable("mdns_sd", &Level::INFO));
    }
}
