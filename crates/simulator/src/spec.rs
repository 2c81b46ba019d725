//! What to simulate.

use plumbline_units::{Currency, Day, Name, Zone};

use crate::ScenarioKind;

/// The stages of the simulated funnel, first to last.
pub const STAGES: [&str; 5] = ["lead", "mql", "sql", "opportunity", "won"];

/// When leads arrive during a day.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalProfile {
    /// 8 to 18 o'clock with a dip at lunch, little before and after.
    BusinessHours,
    /// At any time alike.
    Uniform,
    /// Weights of the 24 hours of the local day.
    Hours([f64; 24]),
}

impl ArrivalProfile {
    /// Share of a day's arrivals by local hour; sums to 1.
    pub fn shares(&self) -> [f64; 24] {
        let weights = match self {
            ArrivalProfile::BusinessHours => {
                let mut w = [0.01; 24];
                w[7..20].copy_from_slice(&[0.3, 0.8, 1.0, 1.1, 1.0, 0.6, 0.7, 1.0, 1.1, 1.0, 0.8, 0.3, 0.15]);
                w
            }
            ArrivalProfile::Uniform => [1.0; 24],
            ArrivalProfile::Hours(weights) => *weights,
        };
        let sum: f64 = weights.iter().sum();
        weights.map(|w| w / sum)
    }
}

/// A log-normal lag.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct LagSpec {
    /// Half have converted by then, in days.
    pub median_days: f64,
    /// Standard deviation of the logarithm of the lag.
    pub sigma: f64,
}

/// A declared segment and its share of the leads.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Segment {
    /// The attribute's value.
    pub name: String,
    /// Share of all leads; the shares of all segments are normalised.
    pub share: f64,
}

/// A channel, its share of the leads, and the ad account it is paid through.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Channel {
    /// The attribute's value.
    pub name: String,
    /// Share of all leads; the shares of all channels are normalised.
    pub share: f64,
    /// The source of its spend statements; `None` = costs nothing.
    pub account: Option<String>,
}

/// A company to simulate. `Spec::default()` is a steady one; change fields, then [`Spec::check`].
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The story.
    pub kind: ScenarioKind,
    /// First day on which leads arrive.
    pub start: Day,
    /// Days on which leads arrive.
    pub days: u32,
    /// Whether the stream goes on after the last day until every lead has met its fate. Otherwise it ends with
    /// the last day, as a recording would.
    pub drain: bool,
    /// First day of the change; where absent, the first Monday after 120 days, or after half of them if fewer.
    pub onset: Option<Day>,
    /// The segment in which the change happens; `None` = all.
    pub onset_segment: Option<String>,
    /// The channel that causes a lead-quality trap: it brings all the extra leads and spend and all the loss of
    /// conversion, so that the whole still changes by the stated factors. `None`, or a channel too small or not
    /// paid for = all channels alike.
    pub onset_channel: Option<String>,
    /// Mean leads per day over all segments, weekdays averaged.
    pub leads_per_day: f64,
    /// The declared segments.
    pub segments: Vec<Segment>,
    /// The channels.
    pub channels: Vec<Channel>,
    /// Share of the leads at each stage but the last that ever reach the next.
    pub rates: [f64; 4],
    /// Lag of each transition.
    pub lags: [LagSpec; 4],
    /// Spend per lead in whole units of the currency.
    pub spend_per_lead: f64,
    /// Mean amount of a deal in whole units of the currency.
    pub mean_deal: f64,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Zone of the business hours, days and statements.
    pub zone: Zone,
    /// Arrivals by hour.
    pub arrival: ArrivalProfile,
    /// Arrivals on a Saturday or Sunday relative to a working day.
    pub weekend_arrivals: f64,
    /// Probability that a transition falling on a weekend waits for Monday morning.
    pub weekend_backlog: f64,
    /// Intra-day correlation ρ of conversions: the rate of each transition, segment and day of entry is drawn
    /// from a Beta distribution with the planned mean and variance ρ·p(1−p).
    pub overdispersion: f64,
    /// Share of messages that arrive late: by 12 hours on average, at most five days.
    pub late_share: f64,
    /// Share of messages delivered twice.
    pub duplicate_share: f64,
    /// Share of opportunities whose amount, and of statements whose spend, is corrected later.
    pub correction_share: f64,
    /// Share of leads created a second time under another id and merged within days.
    pub merge_share: f64,
    /// The source that falls silent in [`ScenarioKind::SilentSource`].
    pub silent_source: String,
    /// The tenant.
    pub workspace: Name,
    /// Seed of everything random.
    pub seed: u64,
}

/// The source of lead and opportunity events.
pub(crate) const CRM: &str = "hubspot";

impl Default for Spec {
    fn default() -> Spec {
        let channel = |name: &str, share, account: Option<&str>| Channel {
            name: name.to_owned(),
            share,
            account: account.map(str::to_owned),
        };
        let lag = |median_days, sigma| LagSpec { median_days, sigma };
        Spec {
            kind: ScenarioKind::Steady,
            start: Day::from_ymd(2026, 1, 1).expect("the first of January exists"),
            days: 365,
            drain: false,
            onset: None,
            onset_segment: None,
            onset_channel: Some("paid_social".to_owned()),
            leads_per_day: 30.0,
            segments: vec![Segment { name: "smb".to_owned(), share: 1.0 }],
            channels: vec![
                channel("paid_social", 0.4, Some("linkedin_ads")),
                channel("search", 0.4, Some("google_ads")),
                channel("organic", 0.2, None),
            ],
            rates: [0.5, 0.4, 0.5, 0.4],
            lags: [lag(1.5, 0.9), lag(4.0, 0.8), lag(5.0, 0.8), lag(14.0, 1.15)],
            spend_per_lead: 100.0,
            mean_deal: 12_000.0,
            currency: "EUR".parse().expect("EUR is a currency code"),
            zone: "Europe/Berlin".parse().expect("Europe/Berlin is a zone"),
            arrival: ArrivalProfile::BusinessHours,
            weekend_arrivals: 0.25,
            weekend_backlog: 0.8,
            overdispersion: 0.0,
            late_share: 0.02,
            duplicate_share: 0.01,
            correction_share: 0.02,
            merge_share: 0.005,
            silent_source: CRM.to_owned(),
            workspace: Name::new("default").expect("`default` is a name"),
            seed: 1,
        }
    }
}

/// Why something cannot be simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// Not a scenario's name.
    #[error(
        "`{0}` is not a scenario: steady, lead-quality-trap, ramp, season, slow-cycle, silent-source, stopped-type, \
         import-burst or renamed-value"
    )]
    UnknownScenario(String),
    /// A number outside its range.
    #[error("{field} is {value}; it must lie in {range}")]
    OutOfRange {
        /// The field of [`Spec`].
        field: &'static str,
        /// What it holds.
        value: f64,
        /// What it may hold.
        range: &'static str,
    },
    /// A list without entries.
    #[error("{0} is empty; name at least one")]
    Empty(&'static str),
    /// A name that is no attribute value, or not one of the list it refers to.
    #[error("{field} `{value}` is {why}")]
    BadName {
        /// The field of [`Spec`].
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Spec {
    /// The first day of the change, if the scenario has one.
    pub fn onset_day(&self) -> Option<Day> {
        let default = self.start.plus((self.days / 2).min(120) as i32 + 6).week_start();
        self.kind.has_onset().then(|| self.onset.unwrap_or(default))
    }

    /// Leads that end as customers before the onset, as a share.
    pub fn conversion(&self) -> f64 {
        self.rates.iter().product()
    }

    /// Spend per won customer before the onset, in whole units of the currency.
    pub fn cac(&self) -> f64 {
        self.spend_per_lead / self.conversion()
    }

    /// Multipliers of volume and spend by weekday, Monday first; mean 1.
    pub fn weekday_factors(&self) -> [f64; 7] {
        let mut factors = match self.kind {
            ScenarioKind::Season => [1.3, 1.2, 1.1, 0.9, 0.7, 1.0, 1.0],
            _ => [1.0; 7],
        };
        factors[5] *= self.weekend_arrivals;
        factors[6] *= self.weekend_arrivals;
        let mean = factors.iter().sum::<f64>() / 7.0;
        factors.map(|f| f / mean)
    }

    /// Shares of the segments, normalised.
    pub(crate) fn segment_shares(&self) -> Vec<f64> {
        normalised(self.segments.iter().map(|s| s.share))
    }

    /// Shares of the channels among leads, normalised.
    pub(crate) fn channel_shares(&self) -> Vec<f64> {
        normalised(self.channels.iter().map(|c| c.share))
    }

    /// Shares of the channels in the spend: those paid for, by their leads.
    pub(crate) fn spend_shares(&self) -> Vec<f64> {
        normalised(self.channels.iter().map(|c| if c.account.is_some() { c.share } else { 0.0 }))
    }

    /// Whether the numbers can be simulated. [`generate`](crate::generate) takes what passes.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.segments.is_empty() {
            return Err(SpecError::Empty("segments"));
        }
        if self.channels.is_empty() {
            return Err(SpecError::Empty("channels"));
        }
        let within = |field, value: f64, low: f64, high: f64, range| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(SpecError::OutOfRange { field, value, range })
            }
        };
        within("days", f64::from(self.days), 1.0, 20_000.0, "1 to 20,000")?;
        within("leads_per_day", self.leads_per_day, 0.0, 1e6, "0 to 1,000,000")?;
        within("spend_per_lead", self.spend_per_lead, 0.0, 1e6, "0 to 1,000,000")?;
        within("mean_deal", self.mean_deal, 0.0, 1e9, "0 to one billion")?;
        within("weekend_arrivals", self.weekend_arrivals, 0.0, 10.0, "0 to 10")?;
        within("overdispersion", self.overdispersion, 0.0, 0.5, "0 to 0.5")?;
        let shares = [
            ("weekend_backlog", self.weekend_backlog),
            ("late_share", self.late_share),
            ("duplicate_share", self.duplicate_share),
            ("correction_share", self.correction_share),
            ("merge_share", self.merge_share),
        ];
        for (field, value) in shares.into_iter().chain(self.rates.map(|rate| ("rates", rate))) {
            within(field, value, 0.0, 1.0, "0 to 1")?;
        }
        for share in self.segments.iter().map(|s| s.share).chain(self.channels.iter().map(|c| c.share)) {
            within("share", share, 1e-6, 1e6, "0.000001 to 1,000,000")?;
        }
        for lag in self.lags {
            within("lag median", lag.median_days, 1e-3, 1e3, "0.001 to 1,000 days")?;
            within("lag sigma", lag.sigma, 1e-3, 3.0, "0.001 to 3")?;
        }
        for hour in self.arrival.shares() {
            within("arrival hours", hour, 0.0, 1.0, "weights of at least 0, not all 0")?;
        }
        self.check_names()
    }

    fn check_names(&self) -> Result<(), SpecError> {
        let segments: Vec<&str> = self.segments.iter().map(|s| s.name.as_str()).collect();
        let channels: Vec<&str> = self.channels.iter().map(|c| c.name.as_str()).collect();
        for (field, names) in [("segment", &segments), ("channel", &channels)] {
            for (at, name) in names.iter().enumerate() {
                let bad = |why| Err(SpecError::BadName { field, value: (*name).to_owned(), why });
                if Name::new(name).is_err() || name.contains(['"', '\\']) {
                    return bad("not a plain name");
                }
                if names[..at].contains(name) {
                    return bad("named twice");
                }
            }
        }
        if let Some(value) = self.onset_segment.clone().filter(|s| !segments.contains(&s.as_str())) {
            return Err(SpecError::BadName { field: "onset_segment", value, why: "not one of the segments" });
        }
        Ok(())
    }
}

fn normalised(weights: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let sum: f64 = weights.clone().sum();
    weights.map(|w| if sum > 0.0 { w / sum } else { 0.0 }).collect()
}
