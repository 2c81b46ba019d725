//! From the statistics to what decides: one target in one scope at one tick.

use plumbline_plan::{Direction, Metric, Plan, Target};
use plumbline_units::Day;

use super::close::Counts;
use super::facts::Facts;
use super::names;
use super::series::ages;
use super::track::{Latch, Reading, Recovery, Track};
use super::verdict::{MEASURED_DAYS, Planned, Unit, Verdict};
use crate::stat::{
    Evidence, Interval, Label, Model, Projection, RECOVERY_LOG_THRESHOLD, ScopeSeries, TableEvidence,
    TableId, Window,
};

/// A drift is withdrawn, and a measured one ends, once it is back inside this part of its tolerance; the gap keeps
/// it from flickering.
const BACK_INSIDE: f64 = 0.8;

/// Standard deviations by which a projection lies clearly on one side of the warn bound: few entries lie on either by
/// chance. A drift is withdrawn when clearly back inside, and not over while clearly outside.
const CLEAR: f64 = 1.0;

/// Days by which a change after the onset is told.
const LATELY: i32 = 28;

/// What a tick found for one target in one scope.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) reading: Reading,
    /// `None` for measured targets and before the first entry.
    pub(crate) evidence: Option<Evidence>,
    /// Where the target is heading: since the onset while the evidence is up, else over the trailing days.
    pub(crate) projection: Option<Projection>,
    /// Over the trailing [`MEASURED_DAYS`], per day, where the metric can be seen at once.
    pub(crate) observed: Option<f64>,
    /// Whether fewer convert or all take longer, while conversion or CAC is off plan.
    pub(crate) label: Option<Label>,
    /// Whether the cycle times are known to be on plan.
    pub(crate) on_pace: bool,
}

impl Measured {
    /// A reading of which nothing more is known.
    fn only(reading: Reading) -> Measured {
        Measured { reading, evidence: None, projection: None, observed: None, label: None, on_pace: false }
    }

    /// Where the target is heading, in the plan's unit.
    pub(crate) fn heading(&self) -> Option<Interval> {
        self.projection.as_ref().map(|p| p.value)
    }
}

/// What the plan says of the target, in the unit of its metric.
pub(crate) fn planned(target: &Target, model: &Model) -> Planned {
    let value = model.plan_value();
    Planned {
        value,
        lower: target.warn.below().map(|edge| value * (1.0 - edge)),
        upper: target.warn.above().map(|edge| value * (1.0 + edge)),
        unit: unit(target.metric),
    }
}

pub(crate) fn unit(metric: Metric) -> Unit {
    match metric {
        Metric::Conversion { .. } | Metric::Handoff { .. } => Unit::Share,
        Metric::Cac => Unit::Money,
        Metric::Volume { .. } => Unit::PerDay,
        Metric::Spend => Unit::MoneyPerDay,
        Metric::Velocity { .. } => Unit::Duration,
    }
}

/// Reads the tick that ends the series' last day.
pub(crate) fn measure(
    plan: &Plan,
    target: &Target,
    model: &Model,
    series: &ScopeSeries,
    track: &Track,
) -> Measured {
    match target.metric {
        Metric::Spend => by_measuring(target, model, series, track),
        _ => by_evidence(plan, target, model, series, track, false),
    }
}

/// Reads anew the tick that opened an episode: what it told stands down to a tenth of the threshold, so how bad it
/// was is asked down to there as well.
pub(crate) fn measure_opening(
    plan: &Plan,
    target: &Target,
    model: &Model,
    series: &ScopeSeries,
    restart: Option<Day>,
) -> Measured {
    let track = Track { restart, ..Track::default() };
    match target.metric {
        Metric::Spend => by_measuring(target, model, series, &track),
        _ => by_evidence(plan, target, model, series, &track, true),
    }
}

fn by_evidence(
    plan: &Plan,
    target: &Target,
    model: &Model,
    series: &ScopeSeries,
    track: &Track,
    opening: bool,
) -> Measured {
    let observed = observed(target.metric, series);
    let latch = track.latch();
    let drifted = latch.is_some() || track.withdrawn.is_some();
    let dated = opening || drifted;
    let standing = latch.map(|l| l.direction);
    let Some(evidence) = model.assess_if(series, track.restart, standing, dated) else {
        return Measured { observed, ..Measured::only(nothing_yet()) };
    };
    let suspicious = latch.is_some() || evidence.watches();
    let since_onset =
        if suspicious { model.project(series, &Window::SinceOnset(evidence.onset.estimate)) } else { None };
    // What does not refute the plan opens nothing.
    let decides = since_onset.as_ref().filter(|_| dated || evidence.rejects());
    let whole = decides.map(|p| model.heading(p, &evidence));
    let outside = whole.and_then(|whole| model.outside_warn(whole.value * model.plan_value()));
    let mut outside = (outside, whole.zip(outside).map_or(0.0, |(whole, way)| beyond(target, way, whole)));
    // The days since an onset long ago hide a change of late, after a drift that stands or was withdrawn.
    let lately = drifted.then(|| lately(model, series, evidence.onset.estimate)).flatten();
    if let Some((way, lately)) =
        lately.and_then(|l| Some((model.outside_warn(l.value * model.plan_value())?, l)))
    {
        let sureness = beyond(target, way, lately) - 1.0;
        if latch.is_none() && sureness > outside.1 {
            outside = (Some(way), sureness);
        }
    }
    let (outside, sureness) = outside;
    let trailing = || model.project(series, &Window::Trailing { not_before: track.restart });
    let quiet = if latch.is_none() { trailing() } else { None };
    let excludes_critical = quiet.as_ref().is_some_and(|p| model.excludes_critical(p));
    // Only what speaks for the bad side weighs: the posterior is that of the evidence's own direction.
    let same_side = outside.or(latch.map(|l| l.direction)).is_some_and(|d| d == evidence.direction);
    let reading = Reading {
        log_e: evidence.log_e,
        rejects: evidence.rejects(),
        // Where little converts, the e-value only counts the days on which a change of pace may have begun.
        watches: evidence.watches()
            && !(matches!(target.metric, Metric::Velocity { .. }) && evidence.needed.is_some()),
        outside,
        sureness,
        inside: latch.zip(whole).is_some_and(|(latch, whole)| {
            let back = |i: Interval| back_inside(target, latch.direction, i.value);
            let clear = beyond(target, latch.direction, whole) >= CLEAR;
            back(whole) && clear && lately.is_none_or(back)
        }),
        critical_lately: latch
            .zip(lately)
            .map_or(0.0, |(latch, lately)| model.beyond_critical(lately, latch.direction)),
        critical_weight: if same_side { evidence.critical_weight } else { 0.0 },
        excludes_critical,
        needed: evidence.needed,
        leading: Some(evidence.leading),
        leading_name: names::table(plan, evidence.leading),
        recovery: latch.map_or(Recovery::No, |l| recovery(target, model, series, &evidence, l)),
    };
    Measured {
        reading,
        evidence: Some(evidence),
        projection: since_onset.or(quiet),
        observed,
        label: None,
        on_pace: false,
    }
}

/// Where the metric is heading over its plan by the entries of the last [`LATELY`] days alone, each part as it
/// stands; `None` while the onset is no older, and for metrics that are not a product.
fn lately(model: &Model, series: &ScopeSeries, onset: Day) -> Option<Interval> {
    let since = series.last_day.plus(1 - LATELY);
    let projection = (onset < since).then(|| model.project(series, &Window::SinceOnset(since))).flatten()?;
    projection.conversion.map(|_| projection.relative())
}

/// A drift has recovered once the funnel as a whole says so, none of the parts that refute the plan by themselves
/// speaks against it, and the entries since lead inside the warn bound.
fn recovery(
    target: &Target,
    model: &Model,
    series: &ScopeSeries,
    evidence: &Evidence,
    latch: &Latch,
) -> Recovery {
    let refutes = |t: &&TableEvidence| {
        let log = if latch.direction == Direction::Below { t.log_below } else { t.log_above };
        t.table.is_part() && log >= evidence.log_threshold
    };
    let days = (evidence.onset.estimate, latch.since);
    let (log, day) = match latch.table {
        None => return Recovery::No,
        Some(TableId::Velocity { .. }) => {
            (model.cycle_recovering(series, latch.direction, latch.since), series.last_day)
        }
        Some(_) => {
            let refuting: Vec<TableId> = evidence.tables.iter().filter(refutes).map(|t| t.table).collect();
            model.recovering(series, latch.direction, days, &refuting)
        }
    };
    if log < RECOVERY_LOG_THRESHOLD - std::f64::consts::LN_10 {
        Recovery::No
    } else if log < RECOVERY_LOG_THRESHOLD || !whole_again(target, model, series, latch.direction, day) {
        Recovery::Under
    } else {
        Recovery::Done
    }
}

/// Whether the entries since `day` do not lead clearly outside the warn bound: a part that has not refuted the plan by
/// itself may still be off, and the others drown it. Metrics that are no product have no parts.
fn whole_again(target: &Target, model: &Model, series: &ScopeSeries, direction: Direction, day: Day) -> bool {
    let Some(projection) = model.project(series, &Window::SinceOnset(day)) else { return true };
    let outside = model.outside_warn(projection.value.value) == Some(direction);
    projection.conversion.is_none() || !outside || beyond(target, direction, projection.relative()) < CLEAR
}

/// Spend is not sampled: what the trailing days show is so. Hysteresis keeps it from flickering at the bound.
fn by_measuring(target: &Target, model: &Model, series: &ScopeSeries, track: &Track) -> Measured {
    let Some(seen) = model.spend(series) else {
        let missing = (MEASURED_DAYS as u64).saturating_sub(series.len() as u64);
        let reading = Reading { needed: Some(missing.max(1)), ..nothing_yet() };
        return Measured::only(reading);
    };
    let value = model.plan_value() * seen.ratio();
    let outside = model.outside_warn(value);
    let critical = model.outside_critical(value).is_some();
    let latch = track.latch();
    let back = latch.is_some_and(|l| back_inside(target, l.direction, seen.ratio()));
    let nearly = latch.is_some_and(|l| outside != Some(l.direction));
    let point = Interval { value, low: value, high: value };
    let reading = Reading {
        log_e: 0.0,
        rejects: outside.is_some(),
        watches: false,
        outside,
        sureness: f64::INFINITY,
        inside: false,
        critical_weight: if critical { 1.0 } else { 0.0 },
        critical_lately: 0.0,
        excludes_critical: !critical,
        needed: None,
        leading: None,
        leading_name: String::new(),
        recovery: if back {
            Recovery::Done
        } else if nearly {
            Recovery::Under
        } else {
            Recovery::No
        },
    };
    let days = f64::from(MEASURED_DAYS);
    let projection = Projection {
        plan: model.plan_value(),
        value: point,
        conversion: None,
        pairs: Vec::new(),
        cost_per_lead: None,
    };
    Measured {
        reading,
        evidence: None,
        projection: Some(projection),
        observed: Some(seen.spend / days),
        label: None,
        on_pace: false,
    }
}

pub(crate) fn back_inside(target: &Target, direction: Direction, ratio: f64) -> bool {
    let edge = match direction {
        Direction::Below => target.warn.below(),
        Direction::Above => target.warn.above(),
    };
    let gone = match direction {
        Direction::Below => 1.0 - ratio,
        Direction::Above => ratio - 1.0,
    };
    edge.is_none_or(|edge| gone <= BACK_INSIDE * edge)
}

/// By how many standard deviations of its logarithm a relative value lies beyond the warn bound.
fn beyond(target: &Target, outside: Direction, relative: Interval) -> f64 {
    let edge = match outside {
        Direction::Below => target.warn.below().map(|edge| 1.0 - edge),
        Direction::Above => target.warn.above().map(|edge| 1.0 + edge),
    };
    edge.map_or(0.0, |edge| libm::log(relative.value / edge).abs() / relative.log_deviation().max(1e-9))
}

fn nothing_yet() -> Reading {
    Reading {
        log_e: 0.0,
        rejects: false,
        watches: false,
        outside: None,
        sureness: 0.0,
        inside: false,
        critical_weight: 0.0,
        critical_lately: 0.0,
        excludes_critical: false,
        needed: Some(1),
        leading: None,
        leading_name: String::new(),
        recovery: Recovery::No,
    }
}

/// The mean of the trailing days of what can be seen at once.
fn observed(metric: Metric, series: &ScopeSeries) -> Option<f64> {
    let Metric::Volume { stage } = metric else { return None };
    let days = series.len().min(MEASURED_DAYS as usize);
    let total: u64 = (series.len() - days..series.len()).map(|i| u64::from(series.reached(stage.0, i))).sum();
    (days > 0).then(|| total as f64 / days as f64)
}

/// Names what a drift that stands, or would, looks like by this tick alone; `said` is what it is called.
pub(crate) fn labelled(
    measured: Measured,
    model: &Model,
    facts: &dyn Facts,
    counts: &Counts,
    track: &Track,
    said: Option<Label>,
) -> Measured {
    let latch = track.latch();
    let Some(evidence) = measured.evidence.as_ref().filter(|e| latch.is_some() || e.rejects()) else {
        return measured;
    };
    if latch.is_some_and(|latch| latch.direction != evidence.direction) {
        return Measured { label: said, ..measured };
    }
    let series = &counts.series;
    let pairs = model.timed_pairs().into_iter();
    let ages: Vec<_> =
        pairs.map(|pair| ages(facts, &counts.leaves, pair, series.first_day, series.last_day)).collect();
    match model.label(series, &ages, track.restart, evidence, said) {
        Some(found) => Measured { label: Some(found.label), on_pace: found.on_plan, ..measured },
        None => Measured { label: said, ..measured },
    }
}

impl Measured {
    /// With the name that holds, whatever this tick alone looks like.
    pub(crate) fn called(self, label: Option<Label>) -> Measured {
        Measured { on_pace: self.on_pace && self.label == label, label, ..self }
    }
}

/// Days whose entries make the present volume.
const PRESENT_DAYS: usize = 28;
/// Nobody waits longer for evidence: ten years.
const MAX_WAIT: u64 = 3_650;

/// The verdict with the day at which the present volume will have brought what is missing.
pub(crate) fn dated(verdict: Verdict, metric: Metric, series: &ScopeSeries) -> Verdict {
    let Verdict::NotEnoughEvidence { needed, .. } = verdict else { return verdict };
    let stage = match metric {
        Metric::Conversion { from, .. } | Metric::Velocity { from, .. } | Metric::Handoff { from, .. } => {
            from.0
        }
        Metric::Volume { stage } => stage.0,
        Metric::Cac | Metric::Spend => 0,
    };
    let days = series.len().min(PRESENT_DAYS);
    let entered: u64 = (series.len() - days..series.len()).map(|i| u64::from(series.reached(stage, i))).sum();
    let wait = match metric {
        // What a measured target waits for are days.
        Metric::Spend => Some(needed),
        _ => needed
            .saturating_mul(days as u64)
            .checked_add(entered.saturating_sub(1))
            .and_then(|n| n.checked_div(entered)),
    };
    let by = wait.filter(|days| *days <= MAX_WAIT).and_then(|days| i32::try_from(days).ok());
    Verdict::NotEnoughEvidence { needed, by: by.map(|days| series.last_day.plus(days)) }
}

/// The first-stage entries from `since` on, inferred ones included.
pub(crate) fn entries(series: &ScopeSeries, stage: u8, since: Day) -> u64 {
    (series.from_day(since)..series.len()).map(|i| u64::from(series.reached(stage, i))).sum()
}
