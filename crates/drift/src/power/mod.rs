//! What a plan can see: how long a drift of a given size stays unnoticed at a given volume, and what the events
//! show beside the plan.
//!
//! No formula gives the delay of a mixture over onsets, effects and tables, so it is measured: a funnel on plan is
//! simulated straight into the arrays the detector reads, drifts from a day on, and is judged by the very tables
//! of the plan until it would page. Randomness is the caller's ([`Sampler`]): the same draws give the same days.
//!
//! What is simulated: Poisson entries with the weekdays seen, spread evenly over the day; each converts with the
//! planned rate and reaches the next stage after the planned lag. A drift concerns the journeys that enter from
//! its first day on and is spread evenly, in logarithms, over the parts of the metric (each transition, and the
//! cost per lead of CAC). One in the last transition alone takes longer, one in the first alone is seen sooner.
//! Over-dispersion, late events and data trouble are not simulated.

mod notice;
mod observed;
mod world;

pub use notice::{Days, LIMIT_DAYS, Notice, Power, Volume, power};
pub use observed::{CohortRate, PeriodRatio, cohort_rate, cohort_rates, period_ratio};

/// Random numbers, from whoever may have them.
pub trait Sampler {
    /// Uniform on [0, 1).
    fn uniform(&mut self) -> f64;
    /// Standard normal.
    fn normal(&mut self) -> f64;
    /// Poisson of this mean, 0 for none.
    fn poisson(&mut self, mean: f64) -> u32;
}
