//! The argument tree. Flags override the environment, which overrides the file, which overrides defaults.

mod backtest;
mod review;
mod run;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use plumbline_simulator::{ScenarioKind, Segment};
use plumbline_units::{Day, Name, Timestamp};

pub(crate) use backtest::{BacktestArgs, JudgedArgs, Order};

use crate::commands::generate::parse_segment;
pub(crate) use review::ReviewArgs;
pub(crate) use run::{Reset, RunArgs, Stages};

mod plan;

pub(crate) use plan::{HistoryArgs, PlanApplyArgs, PlanCheckArgs, PlanCommand, PlanDraftArgs, PlanFitArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the answer is no: a check failed, an alert did not come as it must (demo, backtest --truth)
  2  the arguments are wrong
  3  the configuration or the plan cannot be used
  4  an input cannot be read
  5  the broker refused or cannot be reached
  6  an error inside Plumbline

Results go to standard output; progress, summaries and logs go to standard error.
PLUMBLINE_LOG sets what is logged (for example PLUMBLINE_LOG=info,plumbline_pipeline=debug); without it warnings, and
of `run` what it does, too.";

/// Streaming drift detection for sales-and-marketing plans.
#[derive(Debug, Parser)]
#[command(name = "plumbline", version, after_long_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Show no progress bars.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// How logs are written to standard error.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a drifting funnel through an embedded broker and watch it being caught: no configuration needed.
    Demo(DemoArgs),
    /// Run the service: events in from Kafka, alerts out.
    Run(RunArgs),
    /// Check topics, retention, access rights, clock, plan and a transaction before a start.
    Doctor(DoctorArgs),
    /// Judge files of events as the service would have: one alert record per line on standard output.
    Backtest(BacktestArgs),
    /// Write the review of a week: targets against plan, episodes, what was done and what moved, what is at risk.
    Review(ReviewArgs),
    /// Count the funnel of files of events by scope and period of entry.
    Aggregates(AggregatesArgs),
    /// Write a synthetic history with a known onset of drift, its plan and its truth.
    Generate(GenerateArgs),
    /// Look at plans.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Show one alert on one screen.
    Explain(ExplainArgs),
    /// Say for one of the owning functions that an alert is known.
    Ack(AckArgs),
    /// Look at the event log.
    #[command(subcommand)]
    Log(LogCommand),
    /// Print shell completions.
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End by itself; exit code 0 only if the alert opened after the onset and nothing paged before it.
    #[arg(long)]
    pub(crate) once: bool,
    /// Play this plan instead of the built-in story (needs --events).
    #[arg(long, value_name = "PLAN.toml", requires = "events")]
    pub(crate) plan: Option<PathBuf>,
    /// Play these events (canonical JSON lines; plain, gzip or zstd).
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "plan")]
    pub(crate) events: Vec<PathBuf>,
    /// Where the status board, /metrics, /healthz and /readyz listen meanwhile; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub(crate) listen: SocketAddr,
    /// The seed of the built-in story.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Print each alert as the JSON record on the alerts topic instead of the screens.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The configuration file and what overrides it.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file.
    #[arg(long, short, value_name = "plumbline.toml", env = "PLUMBLINE_CONFIG")]
    pub(crate) config: PathBuf,
    /// Overrides `plan`.
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: Option<PathBuf>,
    /// Overrides `bootstrap.servers`.
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) brokers: Option<String>,
    /// Overrides `http.listen`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Create the topics that are missing.
    #[arg(long)]
    pub(crate) create_topics: bool,
    /// One JSON object per check.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Files of canonical events.
#[derive(Debug, Args)]
pub(crate) struct EventFiles {
    /// Files of canonical JSON lines: plain, gzip or zstd; `-` is standard input.
    #[arg(long = "events", value_name = "FILE", num_args = 1.., required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Events later than this (default: now) plus one day are rejected.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct AggregatesArgs {
    /// The plan that says stages, dimensions, zone and currency.
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) events: EventFiles,
    /// The period of entry.
    #[arg(long, value_enum)]
    pub(crate) by: Period,
    /// One line per combination of values of these dimensions; without it, one for everything.
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) each: Vec<Name>,
    /// The workspace to count.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: Name,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A period of calendar days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Period {
    /// `2018-01-31`.
    Day,
    /// The week's Monday: `2018-01-29`.
    Week,
    /// `2018-01`.
    Month,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// steady, lead-quality-trap, ramp, season, slow-cycle, silent-source, stopped-type, import-burst or
    /// renamed-value.
    #[arg(long, default_value = "lead-quality-trap")]
    pub(crate) scenario: ScenarioKind,
    /// The first day.
    #[arg(long, default_value = "2026-01-05")]
    pub(crate) start: Day,
    /// On how many days leads arrive.
    #[arg(long, default_value_t = 180)]
    pub(crate) days: u32,
    /// Go on after the last day until every lead has met its fate.
    #[arg(long)]
    pub(crate) drain: bool,
    /// The first day of the drift [default: day 120, or half of the days if fewer].
    #[arg(long)]
    pub(crate) onset: Option<Day>,
    /// Leads a day, all segments together.
    #[arg(long, default_value_t = 30.0)]
    pub(crate) leads_per_day: f64,
    /// Segments with their shares of the leads [default: smb].
    #[arg(long, value_name = "NAME=SHARE,…", value_delimiter = ',', value_parser = parse_segment)]
    pub(crate) segments: Vec<Segment>,
    /// Share of messages that arrive twice.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub(crate) duplicates: f64,
    /// Share of messages that arrive late, by at most five days.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    pub(crate) late: f64,
    /// Share of amounts and statements that are corrected afterwards.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02)]
    pub(crate) corrections: f64,
    /// Share of leads that are created twice and merged.
    #[arg(long, value_name = "SHARE", default_value_t = 0.005)]
    pub(crate) merges: f64,
    /// Share of weekend transitions that wait for Monday.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8)]
    pub(crate) weekend_backlog: f64,
    /// Intra-day correlation of conversions.
    #[arg(long, value_name = "RHO", default_value_t = 0.0)]
    pub(crate) overdispersion: f64,
    /// The workspace the events are for.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: Name,
    /// The same seed makes the same history.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the events go: canonical JSON lines, compressed by the name's end (.gz, .zst); `-` is standard
    /// output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Where to write what really happened, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
    /// Where to write the plan whose promise the history keeps until the onset.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The alert's id, or its first characters.
    #[arg(value_name = "ALERT_ID")]
    pub(crate) alert: String,
    /// A backtest's output; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "config", required_unless_present = "config")]
    pub(crate) alerts: Option<PathBuf>,
    /// Read the alerts topic of this configuration.
    #[arg(long, short, value_name = "plumbline.toml")]
    pub(crate) config: Option<PathBuf>,
    /// The record as it stands instead of the screen.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AckArgs {
    /// The alert's id, or its first characters.
    #[arg(value_name = "ALERT_ID")]
    pub(crate) alert: String,
    /// The function that knows: one of the alert's owners. An alert is acknowledged when each of them has spoken.
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) function: String,
    /// What it does about it; stands in every later alert of the episode, so name no person.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    /// Until when that holds; the alert is open again after.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print the records of a log partition as JSON lines, which `backtest` takes as they are, or write all partitions.
    ///
    /// A workspace lives in one partition of the log, beside others. Without a choice it is the partition of the
    /// configured workspace; where several are configured, or none, one of the flags must choose.
    Export(LogExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LogExportArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) part: LogPart,
    /// Where to; compressed by the name's end (.gz, .zst); `-` is standard output. With --all the folder.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}

/// Which part of the log.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct LogPart {
    /// The partition that holds this workspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<Name>,
    /// This partition.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) partition: Option<i32>,
    /// Every partition, one file each: partition-0.jsonl.zst and so on in the folder named by --output.
    #[arg(long, requires = "output")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}
