//! The arguments of the service.

use clap::{Args, ValueEnum};

use super::ConfigArgs;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Which stages this process runs.
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) stages: Stages,
    /// Where to start when the consumer groups have no committed offsets although the log is not empty, or when
    /// retention has removed a part of the log that is needed.
    #[arg(long, value_enum)]
    pub(crate) reset_from: Option<Reset>,
    /// Print the configuration in force, secrets left out, and end.
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// A decision where committed offsets or the log's beginning are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reset {
    /// Read the inputs again (duplicates are folded once) and publish every alert again.
    Earliest,
    /// Go on from the newest checkpoint; what retention has removed behind it is lost. Intake is not touched.
    Checkpoint,
    /// Skip what is on the inputs, replay the log silently, then speak.
    Latest,
}

/// Which stages a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stages {
    /// Both, in one process.
    All,
    /// Inputs into the log.
    Intake,
    /// The log into alerts and aggregates.
    Engine,
}
