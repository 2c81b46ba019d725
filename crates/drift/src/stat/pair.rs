//! The censored Bernoulli table: of the journeys that entered one stage, how many have reached another by now.
//!
//! A cohort of n entries, k of them converted by the tick, is planned to show q = p·F(age). Against a rate p₁
//! its log likelihood ratio is
//! `ℓ = [k·ln(p₁/p₀) + (n−k)·ln((1−p₁F)/(1−p₀F))] / φ`, with `φ = 1 + (n−1)·ρ·F(1−p)/(1−pF)`
//! where history shows over-dispersion ρ (a beta-binomial's variance; quasi-likelihood, Wedderburn 1974).
//! Open journeys count as what they are: not converted yet (Biswas and Kalbfleisch 2008).

use plumbline_plan::{Season, quarter_week};
use plumbline_units::Day;

use super::lag::Curve;
use super::series::{HOURS_KEPT, ScopeSeries, at};

/// Nothing converts with certainty: 1 − q is never less.
pub(crate) const LEAST_MISS: f64 = 1e-9;

/// Factors on a pair's rate by the day of entry.
#[derive(Clone, Debug)]
pub(crate) struct PairSeason {
    /// Monday first.
    pub(crate) weekday: [f64; 7],
    /// By week of the fiscal quarter that many days after entry; none where all are alike.
    pub(crate) quarters: Vec<(i32, [f64; 13])>,
    /// Month and day on which the fiscal year starts.
    pub(crate) fiscal_year_start: (u32, u32),
}

impl PairSeason {
    /// A plan's season.
    pub(crate) fn of(season: &Season, fiscal_year_start: (u32, u32)) -> PairSeason {
        let quarters = if season.is_quarter_flat() { Vec::new() } else { vec![(0, season.quarter_week)] };
        PairSeason { weekday: season.weekday, quarters, fiscal_year_start }
    }

    pub(super) fn is_weekday_flat(&self) -> bool {
        self.weekday.iter().all(|factor| *factor == 1.0)
    }

    pub(super) fn is_flat(&self) -> bool {
        self.quarters.is_empty() && self.is_weekday_flat()
    }

    /// The factor of a day of entry.
    pub(super) fn factor(&self, day: Day) -> f64 {
        self.quarters.iter().fold(self.weekday[day.weekday()], |product, (later, quarter)| {
            product * quarter[quarter_week(day.plus(*later), self.fiscal_year_start)]
        })
    }

    /// No day's factor is higher.
    pub(super) fn highest(&self) -> f64 {
        let most = |factors: &[f64]| factors.iter().fold(0.0_f64, |most, factor| most.max(*factor));
        self.quarters.iter().fold(most(&self.weekday), |product, (_, quarter)| product * most(quarter))
    }
}

/// One pair of stages with its planned rate and lag.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The stage entered.
    pub(crate) from: u8,
    /// The stage reached.
    pub(crate) to: u8,
    /// Planned share p.
    pub(crate) rate: f64,
    /// Standard error of p relative to p, where it was estimated.
    pub(crate) error: f64,
    /// Over-dispersion ρ.
    pub(crate) dispersion: f64,
    /// When the conversions come.
    pub(crate) curve: Curve,
    /// Of a hand-off, which one: only conversions in time count.
    pub(crate) in_time: Option<u8>,
    /// Factors on p by the day of entry.
    pub(crate) season: PairSeason,
}

/// A cohort of a pair as of the tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cohort {
    /// Position in the series.
    pub(crate) index: usize,
    /// Entries n.
    pub(crate) entered: f64,
    /// Conversions k.
    pub(crate) converted: f64,
    /// F at the cohort's age, times the factor of its day of entry.
    pub(crate) matured: f64,
    /// Whether that looked at the hours of entry.
    pub(super) by_hour: bool,
}

impl Pair {
    /// The pair that follows this one with `next`.
    pub(crate) fn then(&self, next: &Pair) -> Pair {
        Pair {
            from: self.from,
            to: next.to,
            rate: self.rate * next.rate,
            error: (self.error * self.error + next.error * next.error).sqrt(),
            dispersion: self.dispersion.max(next.dispersion),
            in_time: None,
            ..self.followed_by(next)
        }
    }

    /// The same pair with every journey taking `slower` times as long.
    pub(crate) fn slowed(&self, slower: f64) -> Pair {
        Pair { curve: self.curve.scaled(slower), ..self.clone() }
    }

    /// Lag and season of this pair followed by `next`, whose season acts on the day its stage is entered.
    fn followed_by(&self, next: &Pair) -> Pair {
        let mut season = self.season.clone();
        // Weeks change slowly: the usual day of entry stands for all.
        let delay = self.curve.median().min(1e4) as i32;
        let later = next.season.quarters.iter().map(|(days, quarter)| (days + delay, *quarter));
        season.quarters.extend(later);
        let curve = if next.season.is_weekday_flat() {
            self.curve.then(&next.curve)
        } else {
            let (curve, ends) = self.curve.then_seasonal(&next.curve, &next.season.weekday);
            season.weekday.iter_mut().zip(ends).for_each(|(factor, end)| *factor *= end);
            curve
        };
        Pair { curve, season, ..self.clone() }
    }

    /// Two over the conversions that the plan was fitted to, by the error of its rate: of n entries it is
    /// p·√((1−p)/(n·p)), so that n·p = (1−p)/ε² with ε relative to p. 0 where the rate is a promise. Two, because a
    /// fitted lag errs in its shape as well as in its pace, and the shape's error looks like a change of pace.
    pub(crate) fn lag_doubt(&self) -> f64 {
        2.0 * self.error * self.error / (1.0 - self.rate).max(LEAST_MISS)
    }

    /// The factor on p of a day of entry.
    pub(crate) fn factor(&self, day: Day) -> f64 {
        self.season.factor(day)
    }

    /// φ of a cohort.
    pub(crate) fn spread(&self, entered: f64, matured: f64) -> f64 {
        if self.dispersion <= 0.0 {
            return 1.0;
        }
        let open = (1.0 - self.rate * matured).max(LEAST_MISS);
        1.0 + (entered - 1.0).max(0.0) * self.dispersion * matured * (1.0 - self.rate) / open
    }

    /// F of the cohort at position `index` by its hours of entry, where they are kept and matter.
    pub(super) fn by_hour(&self, series: &ScopeSeries, index: usize) -> Option<f64> {
        let age = series.len() - 1 - index;
        let hours = if age < HOURS_KEPT { series.hours(self.from, index) } else { None };
        self.curve.by_hour(age, hours?)
    }

    /// F of the cohort at position `index`, times its season's factor, and whether that looked at its hours of entry:
    /// where they are kept.
    fn share(&self, series: &ScopeSeries, index: usize, flat: bool) -> (f64, bool) {
        let age = series.len() - 1 - index;
        let by_hour = self.by_hour(series, index);
        let share = by_hour.unwrap_or_else(|| match &self.curve {
            Curve::Hourly { .. } => self.curve.by_day(0, age),
            Curve::Daily(_) => self.curve.by_day(weekday(series.first_day, index), age),
        });
        let share = if flat { share } else { share * self.season.factor(series.day(index)) };
        (share, by_hour.is_some())
    }

    /// F of the cohort at position `index`, times its season's factor.
    pub(crate) fn matured(&self, series: &ScopeSeries, index: usize) -> f64 {
        self.share(series, index, self.season.is_flat()).0
    }

    /// Its conversions by day of entry, if they are kept.
    pub(super) fn conversions<'a>(&self, series: &'a ScopeSeries) -> Option<&'a [u32]> {
        match self.in_time {
            Some(handoff) => series.in_time.get(usize::from(handoff)).map(Vec::as_slice),
            None => series.converted(self.from, self.to),
        }
    }

    /// The cohorts with entries, from position `first` on, oldest first.
    pub(crate) fn cohorts<'a>(
        &'a self,
        series: &'a ScopeSeries,
        first: usize,
    ) -> impl Iterator<Item = Cohort> + 'a {
        let converted = self.conversions(series);
        let (entered, flat) = (series.entered(self.from), self.season.is_flat());
        (first..series.len()).filter_map(move |index| {
            let (n, k) = (at(entered, index), at(converted?, index));
            (n > 0).then(|| {
                let (matured, by_hour) = self.share(series, index, flat);
                Cohort { index, entered: f64::from(n), converted: f64::from(k.min(n)), matured, by_hour }
            })
        })
    }
}

/// The weekday of a position.
pub(super) fn weekday(first: Day, index: usize) -> usize {
    (first.weekday() + index) % 7
}
