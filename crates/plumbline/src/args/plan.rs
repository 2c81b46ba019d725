//! Arguments of `plumbline plan …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use plumbline_units::{Day, Name, Timestamp, Zone};

use super::ConfigArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Check a plan: mistakes with line and mend, what is judged where, the plan's arithmetic.
    Check(PlanCheckArgs),
    /// Put the configured plans into the log: a running service takes a new revision when it reads it.
    Apply(PlanApplyArgs),
    /// Rates, lags, seasons and over-dispersion from history, as a part of a plan.
    Fit(PlanFitArgs),
    /// A whole first plan from history, for a person to finish: owners, tolerances, names.
    Draft(PlanDraftArgs),
}

/// The history plans are made from.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Files of canonical JSON lines, or one exported log: plain, gzip or zstd; not standard input, which
    /// cannot be read twice.
    #[arg(long = "events", value_name = "FILE", num_args = 1.., required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The first day used [default: the first with an entry].
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<Day>,
    /// The last day used [default: the last that is complete, late events considered].
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<Day>,
    /// What was received later is not used [default: now].
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// The workspace whose events are used.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: Name,
}

#[derive(Debug, Args)]
pub(crate) struct PlanFitArgs {
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    /// The plan that says stages, dimensions, zone and currency; without it they are read off the events.
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: Option<PathBuf>,
    /// Fit each declared value of these dimensions too [default: those the plan's targets judge].
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',', requires = "plan")]
    pub(crate) each: Vec<Name>,
    /// Write the whole plan there, with the fitted numbers in place of the former ones.
    #[arg(long, value_name = "FILE", requires = "plan")]
    pub(crate) into: Option<PathBuf>,
    /// With --into: replace the values of volume, spend and CAC targets by the fitted ones, too.
    #[arg(long, requires = "into")]
    pub(crate) values: bool,
    /// The numbers as one JSON object instead of a part of a plan.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanApplyArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// One JSON object per plan.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanCheckArgs {
    /// The plan; `-` is standard input.
    #[arg(value_name = "PLAN.toml")]
    pub(crate) file: PathBuf,
    /// Say what the plan can see at the volumes in these events, and what of them it does not know: canonical JSON
    /// lines (plain, gzip or zstd) or one exported log.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) events: Vec<PathBuf>,
    /// Events later than this (default: now) plus one day are rejected.
    #[arg(long, value_name = "TIME", requires = "events")]
    pub(crate) until: Option<Timestamp>,
    /// The workspace of the events.
    #[arg(long, default_value = "default", requires = "events")]
    pub(crate) workspace: Name,
    /// One JSON object with the diagnostics.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanDraftArgs {
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    /// The zone that cuts time into days, as in `Europe/Berlin`.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: Zone,
    /// The plan's name.
    #[arg(long, value_name = "NAME", default_value = "draft")]
    pub(crate) name: Name,
    /// Where the plan goes; `-` is standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}
