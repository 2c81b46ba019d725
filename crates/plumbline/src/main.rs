//! The `plumbline` command: arguments, wiring, exit codes. Everything is decided in the crates below it.

mod args;
mod commands;
mod config;
mod exit;
mod input;
mod progress;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command, LogFormat};
use exit::Outcome;
use progress::Progress;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.log_format);
    match run(cli) {
        Ok(answer) => answer.into(),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("plumbline: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Outcome {
    let progress = Progress::new(cli.quiet);
    match cli.command {
        Command::Generate(args) => commands::generate::run(&args, progress),
        Command::Completions(args) => commands::completions(args.shell),
        _ => Err(exit::Kind::Internal.says("this build has no such command yet")),
    }
}

/// Logs go to standard error; `PLUMBLINE_LOG` says which.
fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_env("PLUMBLINE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
}
