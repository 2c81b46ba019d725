//! One file per command.

pub(crate) mod generate;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::CommandFactory;
use plumbline_units::Timestamp;

use crate::exit::{Answer, Kind, OrFail, Outcome};

/// Prints completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut crate::args::Cli::command(), "plumbline", &mut std::io::stdout());
    Ok(Answer::Yes)
}

/// The wall clock, which only commands may read.
pub(crate) fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp::clamped(i64::try_from(millis).unwrap_or(i64::MAX))
}
