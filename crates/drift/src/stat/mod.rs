//! The cohort e-detector: a cohort-scan e-Shiryaev–Roberts statistic over censored Bernoulli tables.
//!
//! Tick t uses only facts with event day ≤ t, so every number here is a pure function of (counts as of t,
//! plan, t).
//!
//! **Tables.** A table pairs two stages: of the n entries of a day, k have reached the other stage by the tick,
//! where the plan expects q = p·F(age). Open entries are censored, not lost, so a cohort speaks from its first
//! day on: against a rate r·p its log likelihood ratio is `[k·ln r + (n−k)·ln((1−r·p·F)/(1−p·F))]/φ`. A target
//! over S stages has the S−1 transitions and the S−2 pairs first→each. Money is an exposure: leads and wins per
//! money are Poisson tables, `[N·ln r + (1−r)·μ]/φ`. φ is the variance of a beta-binomial (or of daily counts)
//! over that of its null, a quasi-likelihood (Wedderburn 1974).
//!
//! **e-SR.** With A(τ, r) the sum of a table's log likelihood ratios of the entry days from τ on,
//! `M = Σ_j w_j Σ_τ Σ_r v_r·exp A_j(τ, r)`: Shiryaev–Roberts over onsets, a mixture over effects r and tables j.
//! While all tables are on plan each exp A is a product of likelihood ratios with mean at most 1, so
//! M(t) − #(onset days so far) is a supermartingale and the mean time until M ≥ c is at least c days, whatever
//! the volume, its ramps and seasons (entries are conditioned on). c = 365/budget. This is a theorem for φ = 1
//! and p, F right or conservative; with φ > 1 and facts that are taken back it is measured.
//!
//! **Weights.** Tables share alike. Of the effects three quarters go to the side that the plan bounds, and within a side
//! the milder ones have more: they gather more slowly, so that each waits as long, by what is lost meanwhile, for
//! sharing M with the others. The theorem holds whatever the weights.
//!
//! **Strictness.** The null "on plan" is refuted by any true loss in the end. A true −10% of one transition, on
//! the warn bound, is paged about 8 times a year at 200 entries a day and some 20 times above 500, since it lies
//! outside half of the time. Against the null on the bound itself (`strict`) no page inside the tolerance is
//! guaranteed, at the price of some days: about 2 at 2000 entries a day, 4 at 500, 5 at 200, 23 at 30. It is the
//! default above 500 entries a day; `half-strict` lies between (2 to 4 pages a year at 200).
//!
//! **Onset.** τ̂ maximises Σ_r exp A(τ, r) on the leading table, over weaker effects than the detector's as well, with
//! the highest weights around it. The lower end moves back by the p90 of the lag upstream: entries into a later stage
//! still hold journeys from before the onset, and without it the interval covers the truth in 23 to 85% of runs.
//!
//! **Estimated plans.** Where the plan states the error of a fitted rate, that error is integrated out of the
//! likelihood ratios (Laplace's approximation): the cohorts before an onset go on telling where the plan lies.
//!
//! **Fewer or later.** The cohorts since the onset are asked whether another share converts or as many at another
//! time, by the likelihood of their conversions by age; a label needs odds of twenty to one.
//!
//! **Where it is heading.** Per transition the maximum a posteriori of a censored Bernoulli rate; a page asks it
//! of the target as a whole, averaged over which transitions have moved. What is withdrawn opens again only when
//! the whole lies outside by one standard deviation for every withdrawal.
//!
//! **Recovery.** The same statistic reversed: "every part as far off as it was" against the plan, over the entries
//! since the page.
//!
//! Sources: Shin, Ramdas and Rinaldo, *E-detectors* (NEJSDS 2023), for the e-SR procedure and its guarantee;
//! Shekhar and Ramdas (arXiv 2309.09111) for mixtures over effects; Biswas and Kalbfleisch (2008) for
//! risk-adjusted sequential charts of time-to-event outcomes; Hoeting, Madigan, Raftery and Volinsky (1999) for
//! Bayesian model averaging.

mod assess;
mod build;
mod contest;
mod counts;
mod evidence;
mod fast;
mod gate;
mod grid;
mod label;
pub(crate) mod lag;
mod maximum;
mod model;
mod observed;
mod onset;
mod pace;
mod pair;
mod project;
mod projection;
mod recover;
mod scan;
mod series;
mod table;
mod timing;
mod velocity;
mod walk;

pub use evidence::{
    CostProjection, Evidence, Interval, Onset, PairProjection, Projection, SpendReading, TableEvidence,
    TableId, Window,
};
pub use label::{Label, Labelled};
pub use model::{Model, Models};
pub(crate) use observed::censored_rate;
pub use series::{AgeSeries, HOURS_KEPT, PairSeries, ScopeSeries, StageEntries};

/// ln 200, the reversed detector's threshold: recovery is shown once [`Model::recovering`] reaches it. A drift that
/// stands for another d days exactly as it was read is thereby declared over in error with a probability of at most
/// d/200.
pub const RECOVERY_LOG_THRESHOLD: f64 = 5.298_317_366_548_036;
