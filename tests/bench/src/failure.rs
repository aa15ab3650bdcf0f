//! Why a figure could not be taken.

use std::io;

/// What went wrong, while doing what. The benchmark goes on with the next measure.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A server answered with another status than success.
    #[error("{what}: answered {status}: {body}")]
    Refused {
        /// The request.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// Something awaited did not happen.
    #[error("{what}: not within {seconds} s")]
    Late {
        /// What was awaited.
        what: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// An answer, a file or a situation that no figure can be taken from.
    #[error("{0}")]
    Unusable(String),
}

/// A figure, or why there is none.
pub type Outcome<T> = Result<T, Failure>;

/// Says what was being done when a system call failed.
pub trait Context<T> {
    /// Turns a system error into a [`Failure`] that names `what`.
    fn while_doing(self, what: &str) -> Outcome<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn while_doing(self, what: &str) -> Outcome<T> {
        self.map_err(|source| Failure::System { what: what.to_owned(), source })
    }
}

/// A [`Failure::Unusable`] with the error's own words.
pub fn unusable(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::Unusable(format!("{what}: {why}"))
}
