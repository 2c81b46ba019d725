//! How the targets stood at the end of each week, and what had been told by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbline_drift::judge::TargetStatus;
use plumbline_engine::alert::Alert;
use plumbline_engine::{TrendPoint, WorkspaceState};
use plumbline_plan::Plan;
use plumbline_units::{Day, Timestamp, Zone};

use super::week::Week;
use crate::commands::backtest::ledger::Ledger;
use crate::commands::backtest::machine::Machine;

/// Weeks kept where none is asked for: the last whole one and the one under way.
const WEEKS: usize = 2;

/// A target in a scope as of a day that was closed: a later revision of the plan may know it no more.
#[derive(Clone, Debug)]
pub(super) struct Stood {
    pub(super) status: TargetStatus,
    /// The plan that it was judged by.
    pub(super) plan: Arc<Plan>,
    /// Its last days, oldest first.
    line: Vec<TrendPoint>,
}

impl Stood {
    fn of(status: &TargetStatus, workspace: &WorkspaceState) -> Stood {
        Stood {
            status: status.clone(),
            plan: Arc::clone(workspace.judge().plan()),
            line: workspace.trend(&status.name, &status.scope_label).collect(),
        }
    }

    /// Where it was heading at the end of a day, with its 90% interval, or what was measured.
    pub(super) fn on(&self, day: Day) -> Option<[f64; 3]> {
        let point = self.line.iter().find(|point| point.day == day)?;
        point.value.map(|value| value.map(f64::from))
    }

    fn is_of(&self, status: &TargetStatus) -> bool {
        self.status.name == status.name && self.status.scope_label == status.scope_label
    }
}

/// A workspace as of the last day closed in a week.
pub(super) struct Standing {
    pub(super) day: Day,
    /// The plan in force then.
    pub(super) plan: Arc<Plan>,
    pub(super) targets: Vec<Stood>,
}

/// What is kept of a run for the review.
pub(super) struct Weeks {
    wanted: Option<Week>,
    /// Without a wanted week the newest two.
    kept: BTreeMap<Week, Standing>,
    /// The last day closed, and the sum of all targets' last days: whether any has moved on since.
    seen: Option<(Day, i64)>,
    /// What was told before the weeks kept.
    ledger: Ledger,
    /// What was told in them, or later.
    said: Vec<Alert>,
}

impl Weeks {
    pub(super) fn new(wanted: Option<Week>) -> Weeks {
        Weeks { wanted, kept: BTreeMap::new(), seen: None, ledger: Ledger::default(), said: Vec::new() }
    }

    /// The week of the last day closed.
    pub(super) fn newest(&self) -> Option<Week> {
        self.seen.map(|(day, _)| Week::of(day))
    }

    /// Takes note of what was told and of days that were closed; whether the wanted week is over for every target.
    pub(super) fn look(&mut self, machine: &mut Machine<'_>) -> bool {
        self.said.append(&mut machine.said());
        let Some(workspace) = machine.workspace() else { return false };
        let days = || workspace.judge().statuses().map(|status| status.day);
        let (Some(first), Some(last)) = (days().min(), days().max()) else { return false };
        let sum = days().map(|day| i64::from(day.since(Day::default()))).sum();
        if self.seen == Some((last, sum)) {
            return false;
        }
        self.seen = Some((last, sum));
        self.keep(workspace, last);
        self.settle(workspace.plan().zone);
        self.wanted.is_some_and(|wanted| first > wanted.last())
    }

    fn keep(&mut self, workspace: &WorkspaceState, last: Day) {
        let newest = Week::of(last);
        // A target that waits for its spend closes a week's last day when others are in the next one.
        for (week, standing) in self.kept.iter_mut().filter(|(week, _)| **week < newest) {
            for status in workspace.judge().statuses().filter(|status| week.holds(status.day)) {
                let stood = standing.targets.iter_mut().find(|stood| stood.is_of(status));
                if let Some(stood) = stood.filter(|stood| stood.status.day < status.day) {
                    *stood = Stood::of(status, workspace);
                }
            }
        }
        if self.wanted.is_none_or(|wanted| wanted == newest) {
            let targets = workspace.judge().statuses().map(|status| Stood::of(status, workspace)).collect();
            let plan = Arc::clone(workspace.judge().plan());
            self.kept.insert(newest, Standing { day: last, plan, targets });
        }
        if self.kept.len() > WEEKS {
            self.kept.pop_first();
        }
    }

    /// Reduces to episodes what was told before the weeks kept.
    fn settle(&mut self, zone: Zone) {
        let oldest = self.wanted.or(self.kept.keys().next().copied());
        let start = oldest.map_or(Timestamp::MIN, |week| zone.start_of(week.first()));
        for alert in self.said.extract_if(.., |alert| alert.detected_at <= start) {
            self.ledger.take(&alert, zone);
        }
    }

    /// The day and the targets of a week, and what had been told by its end.
    pub(super) fn take(mut self, week: Week) -> Option<(Standing, Ledger)> {
        let standing = self.kept.remove(&week)?;
        let zone = standing.plan.zone;
        // Of days that were closed together with those of later weeks nothing is known but the last.
        let over = self.seen.is_some_and(|(day, _)| week.last() < day);
        let end = zone.start_of(if over { standing.day.plus(1) } else { week.last().plus(1) });
        for alert in self.said.iter().filter(|alert| alert.detected_at <= end) {
            self.ledger.take(alert, zone);
        }
        Some((standing, self.ledger))
    }

    /// The newest week that is over, or has its last day closed.
    pub(super) fn whole(&self) -> Option<Week> {
        let newest = self.newest()?;
        let whole = self.kept.get(&newest).is_some_and(|standing| standing.day == newest.last());
        Some(if whole { newest } else { newest.before() })
    }
}
