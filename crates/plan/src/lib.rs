//! The plan: model, parsing with diagnostics, checks, calendar.

mod access;
mod check;
mod diagnostic;
mod model;
mod read;
mod suggest;

pub use access::ValueClass;
pub use diagnostic::{Diagnostic, Level};
pub use model::{
    Condition, Dependency, Dimension, DimensionIndex, Direction, ExchangeRate, Lag, Metric, Motion, Owner,
    Pattern, Plan, RateAndLag, Scope, ScopedValue, Severity, StageIndex, Strictness, Target, TargetIndex,
    Transition, Value,
};
pub use read::Parsed;

#[cfg(test)]
mod tests;
