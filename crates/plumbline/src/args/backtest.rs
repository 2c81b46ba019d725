//! The arguments of `plumbline backtest`, and what else judges files of events.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plumbline_units::Name;

use super::EventFiles;

/// What is judged, and by what.
#[derive(Debug, Args)]
pub(crate) struct JudgedArgs {
    /// The plan to judge by; not needed, and refused, for an exported log.
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) events: EventFiles,
    /// The order in which events are taken.
    #[arg(long, value_enum, default_value = "received")]
    pub(crate) order: Order,
    /// The workspace the plan is for.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: Name,
    /// Take [engine] and [limits] from this configuration instead of the defaults.
    #[arg(long, short, value_name = "plumbline.toml")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) judged: JudgedArgs,
    /// Judge the run by what really happened: false pages a year before the onset, delay after it, whether onset
    /// interval and cause are right. As `plumbline generate --truth` writes it, or by hand:
    /// {"onset": "2026-03-04", "scopes": [{"segment": "smb"}], "expected": [{"name": "lead-to-won",
    /// "direction": "below", "cause": "mql>sql"}]}. Exit code 1 if an expected alert never came.
    #[arg(long, value_name = "TRUTH.json")]
    pub(crate) truth: Option<PathBuf>,
    /// Run a variant of the plan beside it, in the same pass, and print the comparison instead of the alerts:
    /// `lead-to-won.warn=-5%`, `lead>mql.conversion=0.45`, `budget=2`. Several assignments of one variant are
    /// separated by `,` or `;`; several variants repeat the flag. A target has warn, critical, value, values.X,
    /// budget (false_alarms_per_year) and strict.
    #[arg(long, value_name = "PLACE=VALUE,…")]
    pub(crate) what_if: Vec<String>,
    /// Write a self-contained page: the funnel against the plan, values and evidence over time, the episodes.
    #[arg(long, value_name = "REPORT.html")]
    pub(crate) report: Option<PathBuf>,
    /// Print alert records as JSON lines even where standard output is a terminal, which else shows screens;
    /// judgement and comparison as one JSON line each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The order in which events are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// By received_at where the file has it, else occurred_at; ties as they stand.
    Received,
    /// As the lines stand, file after file.
    File,
}
