//! The plan: model, parsing with diagnostics, checks, calendar.

mod model;

pub use model::{
    Condition, Dependency, Dimension, DimensionIndex, Direction, ExchangeRate, Lag, Metric, Motion, Owner,
    Pattern, Plan, RateAndLag, Scope, ScopedValue, Severity, StageIndex, Strictness, Target, TargetIndex,
    Transition, Value,
};
