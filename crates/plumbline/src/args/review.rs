//! The arguments of `plumbline review`.

use std::path::PathBuf;

use clap::Args;
use plumbline_units::Name;

use super::{EventFiles, Order};
use crate::commands::review::Week;

#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// The plan to judge by; not needed, and refused, for an exported log.
    #[arg(long, value_name = "PLAN.toml")]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) events: EventFiles,
    /// The order in which events are taken.
    #[arg(long, value_enum, default_value = "received")]
    pub(crate) order: Order,
    /// The workspace reviewed.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: Name,
    /// Take [engine] and [limits] from this configuration instead of the defaults.
    #[arg(long, short, value_name = "plumbline.toml")]
    pub(crate) config: Option<PathBuf>,
    /// The week under review (ISO 8601: 2026-W47); without it the last one that has been judged to its Sunday.
    #[arg(long, value_name = "YEAR-Wnn")]
    pub(crate) week: Option<Week>,
    /// Where to; a name that ends in .html gets a self-contained page, everything else Markdown.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}
