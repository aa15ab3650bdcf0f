//! `quire serve`: configuration, daemon, signals.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::Failure;
use crate::config::{Config, Loader};
use crate::{daemon, logging};

/// The contract gives 5 s from the signal to the end; what is left covers the process itself.
const STOP_WITHIN: Duration = Duration::from_millis(4_700);

/// A thread for blocking work that is not needed goes after this long, and gives back what a large request took.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Runs the daemon until a signal ends it.
pub(super) fn run(loader: Loader) -> Result<(), Failure> {
    let config = loader.load()?;
    super::private();
    logging::start(config.log_format, config.log);
    for remark in config.remarks() {
        tracing::warn!("{remark}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .build()?;
    let done = runtime.block_on(run_until_told(config));
    // A task that still works on something nobody waits for must not hold up the end.
    runtime.shutdown_background();
    done
}

async fn run_until_told(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let (stop, stopped) = watch::channel(false);
    let daemon = daemon::run(config, stopped);
    tokio::pin!(daemon);
    tokio::select! {
        done = &mut daemon => return Ok(done?),
        () = signals.next() => tracing::info!("stopping"),
    }
    stop.send_replace(true);
    tokio::select! {
        done = &mut daemon => Ok(done?),
        () = signals.next() => Err(Failure::Said("stopped at once, by a second signal".to_owned())),
        () = tokio::time::sleep(STOP_WITHIN) => {
            Err(Failure::Said("did not stop in time; what was acknowledged is on disk".to_owned()))
        }
    }
}

/// SIGTERM and Ctrl-C, which mean the same; and SIGXFSZ, which means nothing: a file that must not grow is then an error
/// of whoever writes it and not the end of the process. (SIGPIPE is ignored by Rust itself.)
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    _file_size: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let file_size = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _file_size: signal(file_size)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
