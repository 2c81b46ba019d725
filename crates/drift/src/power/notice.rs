//! How long a drift stays unnoticed.

use plumbline_plan::{Metric, Plan, ScopedValue, Target};
use plumbline_units::{Day, Tolerance};

use super::Sampler;
use super::world::{Mechanism, World};
use crate::stat::{Model, Window};

/// Days after its onset for which a drift is followed.
pub const LIMIT_DAYS: u32 = 365;
/// Days on plan before it: as many as a scan reaches back at least.
const WARM_UP: usize = 180;
/// A drift is looked for daily at first, then at steps of a twentieth of its age.
const STEP: usize = 20;
/// Days of a trailing spend window.
const SPEND_DAYS: f64 = 7.0;

/// Days from the onset, which counts 1, to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Days {
    /// So many.
    Within(u32),
    /// Not within [`LIMIT_DAYS`].
    Beyond,
}

/// How soon a drift of one size is noticed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Notice {
    /// The drift, as a factor on the metric.
    pub factor: f64,
    /// In half of the runs.
    pub median: Days,
    /// In nine of ten.
    pub p90: Days,
}

/// What one target can see in one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// A drift as far out as the warn bound.
    pub warn: Option<Notice>,
    /// As far as the critical bound; without one, twice as far as the warn bound.
    pub critical: Option<Notice>,
    /// Runs that were followed.
    pub runs: u32,
    /// Pages of those runs on plan, per year: each is false.
    pub false_pages_per_year: f64,
}

/// What comes into a scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Mean entries into the first stage of the target's path by weekday, Monday first.
    pub entries: [f64; 7],
    /// By stage of the funnel: whether the events tell of it.
    pub recorded: Vec<bool>,
}

impl Volume {
    /// Mean entries a day.
    pub fn per_day(&self) -> f64 {
        self.entries.iter().sum::<f64>() / 7.0
    }
}

/// Measures what `target` can see in a scope at a volume. `seeds` makes one source of random numbers per run.
/// `None` for hand-offs and velocity, which are not simulated.
pub fn power<S: Sampler>(
    plan: &Plan,
    target: &Target,
    scoped: &ScopedValue,
    model: &Model,
    volume: &Volume,
    seeds: impl Iterator<Item = S>,
) -> Option<Power> {
    let bound = |tolerance: Tolerance| bad_side(target.metric, tolerance);
    let warn = bound(target.warn);
    let critical = target.critical.and_then(bound).or(warn.map(|factor| factor * factor));
    if target.metric == Metric::Spend {
        let seen = |factor: f64| measured(factor, warn.unwrap_or(1.0));
        return Some(Power {
            warn: warn.map(seen),
            critical: critical.map(seen),
            runs: 0,
            false_pages_per_year: 0.0,
        });
    }
    let on_plan = mechanism(plan, target, scoped, model, volume.entries)?;
    let first_day = monday(plan.effective_from);
    let mut found: [Vec<Days>; 2] = [Vec::new(), Vec::new()];
    let (mut runs, mut pages) = (0u32, 0u32);
    for mut draw in seeds {
        runs += 1;
        let mut world = World::new(&volume.recorded, &on_plan, first_day, WARM_UP + LIMIT_DAYS as usize);
        let mut paged = false;
        for day in 0..WARM_UP {
            world.pass(&on_plan, &mut draw);
            // On plan every page is false; from one on the run is left alone, as an episode would stand.
            if !paged && day % 2 == 1 && pages_at(model, &world) {
                paged = true;
                pages += 1;
            }
        }
        if paged {
            continue;
        }
        for (factor, found) in [warn, critical].into_iter().zip(&mut found) {
            let Some(factor) = factor else { continue };
            let drifted = drifted(target.metric, &on_plan, factor);
            found.push(follow(model, world.clone(), &drifted, &mut draw));
        }
    }
    let years = f64::from(runs) * WARM_UP as f64 / 365.25;
    let [at_warn, at_critical] = found;
    Some(Power {
        warn: warn.and_then(|factor| notice(factor, at_warn)),
        critical: critical.and_then(|factor| notice(factor, at_critical)),
        runs,
        false_pages_per_year: f64::from(pages) / years.max(1e-9),
    })
}

/// The edge of a tolerance on the side on which the metric is bad, as a factor; else the other side's.
fn bad_side(metric: Metric, tolerance: Tolerance) -> Option<f64> {
    let (below, above) = (tolerance.below().map(|edge| 1.0 - edge), tolerance.above().map(|edge| 1.0 + edge));
    match metric {
        Metric::Conversion { .. } | Metric::Handoff { .. } | Metric::Volume { .. } => below.or(above),
        Metric::Cac | Metric::Spend | Metric::Velocity { .. } => above.or(below),
    }
}

/// The plan's funnel under a target; `None` where its metric is not simulated.
fn mechanism(
    plan: &Plan,
    target: &Target,
    scoped: &ScopedValue,
    model: &Model,
    entries: [f64; 7],
) -> Option<Mechanism> {
    let path = match target.metric {
        Metric::Conversion { from, to } => (from, to),
        Metric::Cac => (plan.first(), plan.last()),
        Metric::Volume { stage } => (stage, stage),
        Metric::Spend | Metric::Velocity { .. } | Metric::Handoff { .. } => return None,
    };
    let mut on_plan = Mechanism::new(plan, &scoped.scope, path);
    on_plan.entries = match model.planned_volume() {
        Some(by_weekday) => by_weekday,
        None => entries,
    };
    if let Some(per_lead) = model.planned_cost_per_lead() {
        on_plan.spend = std::array::from_fn(|w| (entries[w] * per_lead[w] * 1e6).clamp(0.0, 9e17) as i64);
    }
    Some(on_plan)
}

/// A drift of the whole metric by `factor`, spread evenly over its parts.
fn drifted(metric: Metric, on_plan: &Mechanism, factor: f64) -> Mechanism {
    let steps = on_plan.steps.len() as f64;
    match metric {
        Metric::Conversion { .. } => on_plan.changed(libm::pow(factor, 1.0 / steps), 1.0, 1.0),
        Metric::Cac => {
            let part = libm::pow(factor, 1.0 / (steps + 1.0));
            on_plan.changed(1.0 / part, 1.0, part)
        }
        Metric::Volume { .. } | Metric::Spend | Metric::Velocity { .. } | Metric::Handoff { .. } => {
            on_plan.changed(1.0, factor, 1.0)
        }
    }
}

/// Whether a target would open an episode: the plan is refuted, and the projection lies outside its tolerance.
fn pages_at(model: &Model, world: &World) -> bool {
    let Some(evidence) = model.assess(&world.series, None) else { return false };
    if !evidence.rejects() {
        return false;
    }
    let projected = model.project(&world.series, &Window::SinceOnset(evidence.onset.estimate));
    projected.is_some_and(|p| model.outside_warn(p.value.value).is_some())
}

fn follow(model: &Model, mut world: World, drifted: &Mechanism, draw: &mut dyn Sampler) -> Days {
    let mut next = 1;
    for age in 1..=LIMIT_DAYS as usize {
        world.pass(drifted, draw);
        if age < next {
            continue;
        }
        if pages_at(model, &world) {
            return Days::Within(age as u32);
        }
        next = age + (age / STEP).max(1);
    }
    Days::Beyond
}

/// Trailing spend is measured: after k days at `factor` the window stands at 1 + k/7·(factor − 1).
fn measured(factor: f64, warn: f64) -> Notice {
    let outside = |k: f64| {
        let level = 1.0 + k / SPEND_DAYS * (factor - 1.0);
        if warn >= 1.0 { level > warn } else { level < warn }
    };
    let first = (1..=7u32).find(|k| outside(f64::from(*k)));
    // Exactly at the bound it is not outside it; the least more is, on the seventh day.
    let days = Days::Within(first.unwrap_or(SPEND_DAYS as u32));
    Notice { factor, median: days, p90: days }
}

fn notice(factor: f64, mut days: Vec<Days>) -> Option<Notice> {
    days.sort_unstable();
    let at = |share: f64| days.get(((days.len() as f64 * share).ceil() as usize).max(1) - 1).copied();
    Some(Notice { factor, median: at(0.5)?, p90: at(0.9)? })
}

/// The first Monday on or after `day`.
fn monday(day: Day) -> Day {
    day.plus(((7 - day.weekday()) % 7) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spend_is_outside_once_enough_of_its_seven_days_are() {
        // factor, warn bound → days
        for (factor, warn, days) in
            [(1.5, 1.25, 4), (2.0, 1.25, 2), (1.25, 1.25, 7), (0.5, 0.75, 4), (1.3, 1.25, 6)]
        {
            assert_eq!(measured(factor, warn).median, Days::Within(days), "×{factor}");
        }
    }

    #[test]
    fn quantiles_take_runs_that_saw_nothing_as_the_longest() {
        let within = |n: u32| Days::Within(n);
        for (days, median, p90) in [
            (vec![within(3), within(1), within(2)], within(2), within(3)),
            (vec![within(9), Days::Beyond, within(4), within(5)], within(5), Days::Beyond),
            (vec![Days::Beyond, Days::Beyond, within(5)], Days::Beyond, Days::Beyond),
        ] {
            let found = notice(0.9, days).unwrap();
            assert_eq!((found.median, found.p90), (median, p90));
        }
        assert_eq!(notice(0.9, vec![]), None);
    }

    #[test]
    fn the_bound_is_that_of_the_bad_side() {
        let tolerance = |text: &str| text.parse::<Tolerance>().unwrap();
        let conversion =
            Metric::Conversion { from: plumbline_plan::StageIndex(0), to: plumbline_plan::StageIndex(1) };
        for (metric, text, factor) in [
            (conversion, "±10%", 0.9),
            (Metric::Cac, "±20%", 1.2),
            (conversion, "+10%", 1.1),
            (Metric::Spend, "+25%", 1.25),
        ] {
            assert!((bad_side(metric, tolerance(text)).unwrap() - factor).abs() < 1e-12, "{text}");
        }
    }
}
