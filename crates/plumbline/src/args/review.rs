//! The arguments of `plumbline review`.

use std::path::PathBuf;

use clap::Args;

use super::JudgedArgs;
use crate::commands::review::Week;

#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    pub(crate) judged: JudgedArgs,
    /// The week under review (ISO 8601: 2026-W47); without it the last one that has been judged to its Sunday.
    #[arg(long, value_name = "YEAR-Wnn")]
    pub(crate) week: Option<Week>,
    /// Where to; a name that ends in .html gets a self-contained page, everything else Markdown.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}
