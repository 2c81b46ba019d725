//! The plan: what a workspace promised itself, read from one TOML file.
//!
//! - [`Plan::parse`] reads the text, finds as many mistakes as it can in one go, and gives each a place and a
//!   mend ([`Diagnostic`]). What it accepts needs no further check: names are indexes, values are typed,
//!   scopes are enumerated, every bound has held.
//! - The methods of [`Plan`] answer what the fold asks per event (without allocating), the detectors per tick
//!   and the alerts per episode.
//! - [`Plan::arithmetic`] does the plan's own sums; [`check_report`] shows the plan as it was understood.
//!
//! It reads no file and no clock, and it does not decide which revision is in force: the log does.

mod access;
mod arithmetic;
mod check;
mod diagnostic;
mod display;
mod model;
mod read;
mod report;
mod season;
mod suggest;

pub use access::ValueClass;
pub use arithmetic::{ArithmeticLine, Sum};
pub use diagnostic::{Diagnostic, Level};
pub use model::{
    Condition, Dependency, Dimension, DimensionIndex, Direction, ExchangeRate, Lag, Metric, Motion, Owner,
    Pattern, Plan, RateAndLag, Scope, ScopedValue, Severity, StageIndex, Strictness, Target, TargetIndex,
    Transition, Value,
};
pub use read::Parsed;
pub use report::check_report;
pub use season::{Season, quarter_week};

#[cfg(test)]
mod tests;
