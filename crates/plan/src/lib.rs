//! The plan: model, parsing with diagnostics, checks, calendar.

mod access;
mod arithmetic;
mod check;
mod diagnostic;
mod display;
mod model;
mod read;
mod report;
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

#[cfg(test)]
mod tests;
