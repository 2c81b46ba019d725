//! Rates, lags, seasons and over-dispersion from history.
//!
//! # Lag
//! The cohort × age table is censored at the last complete day. Journeys that never convert stay in the risk set
//! (a cure model: an open journey counts as a conversion still to come with the chance p(1−F)/(1−p+p(1−F));
//! Sy and Taylor 2000), hence F is not biased short by young cohorts. The hazards among those who convert are
//! Kaplan–Meier's, shrunk: one table for all weekdays of entry where a χ² test does not tell them apart, else
//! seven that lean on a model of waiting ([`waiting`]) as far as the data say they follow it (empirical Bayes).
//! Beyond the ages that a quarter of the entries have reached, a log-normal fitted to the whole goes on.
//!
//! # Rate
//! The censored Bernoulli likelihood given F; its interval from the observed information, widened by φ.

mod cohorts;
mod dispersion;
mod homogeneity;
mod level;
mod season;
mod table;
mod tail;
mod transition;
mod waiting;

pub use cohorts::Cohorts;
pub use dispersion::Dispersion;
pub use level::{Level, fit_level};
pub use transition::{FittedLag, FittedRate, Refusal, fit_lag, fit_rate, lag_differs, planned_shares};

/// Days of history that show the weeks of a quarter: eight quarters.
pub const QUARTER_DAYS: usize = 728;
