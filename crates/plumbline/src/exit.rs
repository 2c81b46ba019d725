//! How a command ends: the exit codes of `plumbline --help`.

use std::fmt;
use std::process::ExitCode;

/// A command that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Answer {
    /// Done, or yes.
    Yes,
    /// What was asked does not hold; the output says why.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> ExitCode {
        ExitCode::from(match answer {
            Answer::Yes => 0,
            Answer::No => 1,
        })
    }
}

/// A command that could not run to its end, sorted by what its user must mend.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    error: anyhow::Error,
}

/// What must be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The arguments, beyond what their parser can check.
    Arguments,
    /// The configuration or the plan.
    Configuration,
    /// An input file.
    Input,
    /// The broker, or the way to it.
    Broker,
    /// Plumbline itself, or the machine under it.
    Internal,
}

/// What every command returns.
pub(crate) type Outcome<T = Answer> = Result<T, Failure>;

impl Failure {
    /// The process's exit code.
    pub(crate) fn code(&self) -> u8 {
        match self.kind {
            Kind::Arguments => 2,
            Kind::Configuration => 3,
            Kind::Input => 4,
            Kind::Broker => 5,
            Kind::Internal => 6,
        }
    }

    /// Whether the reader of our standard output went away, as `head` does: no failure of anybody.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl Kind {
    /// A failure of this kind.
    pub(crate) fn failure(self, error: impl Into<anyhow::Error>) -> Failure {
        Failure { kind: self, error: error.into() }
    }

    /// A failure of this kind with nothing beneath it.
    pub(crate) fn says(self, message: impl fmt::Display) -> Failure {
        self.failure(anyhow::Error::msg(message.to_string()))
    }
}

/// Sorts an error at the place that knows whose it is.
pub(crate) trait OrFail<T> {
    /// This error as a failure of `kind`.
    fn or_fail(self, kind: Kind) -> Outcome<T>;
    /// As [`OrFail::or_fail`], saying first what was attempted.
    fn or_fail_with(self, kind: Kind, attempt: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T, E: Into<anyhow::Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, kind: Kind) -> Outcome<T> {
        self.map_err(|e| kind.failure(e))
    }

    fn or_fail_with(self, kind: Kind, attempt: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|e| kind.failure(e.into().context(attempt())))
    }
}
