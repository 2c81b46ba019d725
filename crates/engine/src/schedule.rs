//! Which ticks are due: hourly ones as the clock passes them, evidence ticks day by day and target by target
//! as the watermark of what a target is made of passes the day's end.

use plumbline_plan::{Metric, Plan};
use plumbline_units::{Day, Seconds, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use crate::streams::Needs;

/// The next tick of everything in one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// The next hourly tick.
    pub(crate) next_hour: Timestamp,
    /// The next day to close, per target.
    pub(crate) targets: Vec<Day>,
    /// The next day to close, per pattern.
    pub(crate) patterns: Vec<Day>,
}

/// Up to which instant each kind of target may close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    /// Of leads and opportunities.
    pub(crate) funnel: Timestamp,
    /// Of spend.
    pub(crate) spend: Timestamp,
    /// Of both.
    pub(crate) both: Timestamp,
}

impl Watermarks {
    fn of(self, needs: Needs) -> Timestamp {
        match needs {
            Needs::Funnel => self.funnel,
            Needs::Spend => self.spend,
            Needs::Both => self.both,
        }
    }
}

/// What a metric is made of.
pub(crate) const fn needs(metric: Metric) -> Needs {
    match metric {
        Metric::Cac => Needs::Both,
        Metric::Spend => Needs::Spend,
        Metric::Conversion { .. }
        | Metric::Volume { .. }
        | Metric::Velocity { .. }
        | Metric::Handoff { .. } => Needs::Funnel,
    }
}

impl Schedule {
    /// Ticks from `first` on; hourly ones from the hour after `now`.
    pub(crate) fn starting(plan: &Plan, first: Day, now: Timestamp) -> Schedule {
        Schedule {
            next_hour: next_hour(now),
            targets: vec![first; plan.targets.len()],
            patterns: vec![first; plan.patterns.len()],
        }
    }

    /// The same days for a plan with other targets: known names keep their place, new ones join at the
    /// latest day closed so far, so that nothing is judged retroactively.
    pub(crate) fn for_plan(&self, before: &Plan, after: &Plan) -> Schedule {
        let newest = self.targets.iter().copied().max();
        let place = |known: Option<Day>| known.or(newest).unwrap_or_default();
        let target = |name| before.targets.iter().position(|t| t.name == name).map(|i| self.targets[i]);
        let pattern = |name| before.patterns.iter().position(|p| p.name == name).map(|i| self.patterns[i]);
        Schedule {
            next_hour: self.next_hour,
            targets: after.targets.iter().map(|t| place(target(t.name.clone()))).collect(),
            patterns: after.patterns.iter().map(|p| place(pattern(p.name.clone()))).collect(),
        }
    }

    /// The earliest day on which some target may close, if any may.
    pub(crate) fn due_day(&self, plan: &Plan, watermarks: Watermarks) -> Option<Day> {
        let due = |(target, day): (&plumbline_plan::Target, &Day)| {
            (ends(plan.zone, *day) <= watermarks.of(needs(target.metric))).then_some(*day)
        };
        plan.targets.iter().zip(&self.targets).filter_map(due).min()
    }

    /// Whether `target` may close `day` now.
    pub(crate) fn target_due(&self, plan: &Plan, target: usize, day: Day, watermarks: Watermarks) -> bool {
        self.targets[target] == day
            && ends(plan.zone, day) <= watermarks.of(needs(plan.targets[target].metric))
    }

    /// Whether `pattern` may close `day`: it has not yet, and all its members have.
    pub(crate) fn pattern_due(&self, plan: &Plan, pattern: usize, day: Day) -> bool {
        let members = &plan.patterns[pattern].all;
        self.patterns[pattern] <= day && members.iter().all(|m| self.targets[usize::from(m.target.0)] > day)
    }
}

/// The instant at which `day` ends.
pub(crate) fn ends(zone: Zone, day: Day) -> Timestamp {
    zone.start_of(day.plus(1))
}

/// The first full hour after `at`.
pub(crate) fn next_hour(at: Timestamp) -> Timestamp {
    let hour = Seconds::HOUR.0 * 1000;
    Timestamp::clamped((at.millis().div_euclid(hour) + 1) * hour)
}
