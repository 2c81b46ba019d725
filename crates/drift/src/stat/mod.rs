//! The cohort e-detector: a cohort-scan e-Shiryaev–Roberts statistic over censored Bernoulli tables.
//!
//! Tick t uses only facts with event day ≤ t, so every number here is a pure function of (counts as of t,
//! plan, t). Sources: Shin, Ramdas and Rinaldo, *E-detectors* (NEJSDS 2023), for the e-SR procedure and its
//! guarantee; Shekhar and Ramdas (arXiv 2309.09111) for mixtures over effects; Biswas and Kalbfleisch (2008)
//! for risk-adjusted sequential charts of time-to-event outcomes.

mod assess;
mod build;
mod counts;
mod evidence;
mod grid;
mod label;
pub(crate) mod lag;
mod model;
mod observed;
mod pace;
mod pair;
mod project;
mod projection;
mod recover;
mod scan;
mod series;
mod timing;
mod velocity;

pub use evidence::{
    CostProjection, Evidence, Interval, Onset, PairProjection, Projection, SpendReading, TableEvidence,
    TableId, Window,
};
pub use label::{Label, Labelled};
pub use model::{Model, Models};
pub(crate) use observed::censored_rate;
pub use series::{AgeSeries, HOURS_KEPT, PairSeries, ScopeSeries, StageEntries};

/// ln of the reversed detector's threshold: recovery is shown once [`Model::recovering`] reaches it.
pub const RECOVERY_LOG_THRESHOLD: f64 = 4.499_809_670_330_265;
