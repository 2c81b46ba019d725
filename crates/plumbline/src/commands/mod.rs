//! One file per command.

pub(crate) mod ack;
pub(crate) mod aggregates;
pub(crate) mod backtest;
pub(crate) mod columns;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod log;
pub(crate) mod plan;
pub(crate) mod review;
pub(crate) mod run;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::CommandFactory;
use plumbline_plan::{Parsed, Plan};
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

/// Reads and parses a plan; its mistakes are one failure with all their diagnostics, its warnings go to standard error.
pub(crate) fn load_plan(path: &Path) -> Outcome<(Plan, String)> {
    let text = std::fs::read_to_string(path)
        .or_fail_with(Kind::Configuration, || format!("cannot read {}", path.display()))?;
    let Parsed { plan, warnings } =
        parse_plan(&path.display().to_string(), &text).map_err(|why| Kind::Configuration.says(why))?;
    for warning in warnings {
        eprintln!("{warning}");
    }
    Ok((plan, text))
}

/// Parses a plan's text; all its mistakes in words where it has any.
pub(crate) fn parse_plan(name: &str, text: &str) -> Result<Parsed, String> {
    Plan::parse(name, text).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        format!("the plan cannot be used\n{}", lines.join("\n"))
    })
}

/// The runtime of commands that listen.
pub(crate) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_fail_with(Kind::Internal, || "starting the runtime".to_owned())
}

/// Completes on Ctrl-C or SIGTERM.
pub(crate) async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
