//! The `plumbline` command: arguments, wiring, exit codes. Everything is decided in the crates below it.

/// As the standard macro, but nobody reading standard error is no reason to panic.
macro_rules! eprintln {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        _ = writeln!(std::io::stderr(), $($said)*);
    }};
}

/// As above, without the line's end.
macro_rules! eprint {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        _ = write!(std::io::stderr(), $($said)*);
    }};
}

mod args;
mod commands;
mod config;
mod exit;
mod input;
mod logs;
mod progress;
mod reload;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, LogCommand, PlanCommand};
use exit::Outcome;
use progress::Progress;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The demo's screen is for its story; the embedded broker's grumbling is not part of it.
    let level = match cli.command {
        Command::Demo(_) => "error",
        Command::Run(_) => "info",
        _ => "warn",
    };
    logs::to_stderr(cli.log_format, level);
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
        Command::Demo(args) => commands::demo::run(&args, progress),
        Command::Run(args) => commands::run::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Backtest(args) => commands::backtest::run(&args, progress),
        Command::Review(args) => commands::review::run(&args, progress),
        Command::Aggregates(args) => commands::aggregates::run(&args, progress),
        Command::Generate(args) => commands::generate::run(&args, progress),
        Command::Plan(PlanCommand::Check(args)) => commands::plan::check(&args, progress),
        Command::Plan(PlanCommand::Apply(args)) => commands::plan::apply(&args),
        Command::Plan(PlanCommand::Fit(args)) => commands::plan::fit::run(&args, progress),
        Command::Plan(PlanCommand::Draft(args)) => commands::plan::draft::run(&args, progress),
        Command::Ack(args) => commands::ack::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Log(LogCommand::Export(args)) => commands::log::export(&args),
        Command::Completions(args) => commands::completions(args.shell),
    }
}
