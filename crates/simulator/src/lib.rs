//! Synthetic CRM and ad accounts with a known onset of drift.
//!
//! A [`Spec`] says how a company's funnel works (arrivals by hour and weekday, conversion rates, log-normal
//! lags, a weekend back-log, late and duplicated messages, corrections, merges) and which of nine stories
//! ([`ScenarioKind`]) it tells. From it come
//! - the events, in the order they would arrive ([`generate`]),
//! - what really happened, for judging an alarm ([`truth`]),
//! - a plan whose null hypothesis is exactly the mechanism before the onset ([`plan_toml`]).
//!
//! # Mechanism
//! Leads arrive as an inhomogeneous Poisson process. A lead that enters a stage converts with the stage's rate;
//! if it does, it reaches the next stage after a log-normal lag. A transition that would fall on a Saturday or
//! Sunday waits, with probability [`Spec::weekend_backlog`], for Monday between 8 and 12. Whatever changes at
//! the onset changes for leads *created* from the onset day on; leads already in process keep their old fate.
//!
//! Every day draws from a generator of its own, seeded by the seed and the day: two specs that differ only from
//! the onset on give the same events before it.
//!
//! # What this crate does not do
//! Events before [`Spec::start`] do not exist: the funnel starts empty. Channels do not differ in their rates
//! before the onset. No seasonality of rates or lags is simulated.

mod calendar;
mod effect;
mod generate;
mod lags;
mod plan;
mod render;
mod scenario;
mod spec;
mod truth;

pub use generate::{Generated, generate};
pub use lags::{LagTables, lag_tables};
pub use plan::plan_toml;
pub use scenario::ScenarioKind;
pub use spec::{ArrivalProfile, Channel, LagSpec, STAGES, Segment, Spec, SpecError};
pub use truth::{Expected, Silence, TransitionTruth, Truth, Yardstick, truth};
