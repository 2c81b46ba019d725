//! How every target stood over its last days: what a board draws as a line beside today's number.
//!
//! Nothing is decided by it. It is kept with the state so that a restart from a checkpoint does not forget it, and
//! bounded: a plan has at most 10,000 targets in scopes, a line [`DAYS`] points of 24 bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use plumbline_drift::judge::TargetStatus;
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

/// Days kept of each target in each scope; the oldest go.
pub const DAYS: usize = 120;

/// One target in one scope at the end of one day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// The day closed.
    pub day: Day,
    /// Where the target was heading, with its 90% interval, or what was measured; in the plan's unit.
    pub value: Option<[f32; 3]>,
    /// Natural logarithm of the e-value against the plan.
    pub log_e: Option<f32>,
}

/// The lines of a workspace, by target and label of the scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trend {
    lines: BTreeMap<String, BTreeMap<String, VecDeque<TrendPoint>>>,
}

impl Trend {
    /// Takes what was closed with `day`.
    pub(crate) fn take<'s>(&mut self, day: Day, statuses: impl Iterator<Item = &'s TargetStatus>) {
        for status in statuses.filter(|status| status.day == day) {
            let scopes = match self.lines.get_mut(&status.name) {
                Some(scopes) => scopes,
                None => self.lines.entry(status.name.clone()).or_default(),
            };
            let line = match scopes.get_mut(&status.scope_label) {
                Some(line) => line,
                None => scopes.entry(status.scope_label.clone()).or_default(),
            };
            let point = point(status);
            match line.back_mut() {
                Some(last) if last.day >= day => *last = point,
                _ => line.push_back(point),
            }
            if line.len() > DAYS {
                line.pop_front();
            }
        }
    }

    /// Forgets targets and scopes that no status speaks of.
    pub(crate) fn keep_only<'s>(&mut self, statuses: impl Iterator<Item = &'s TargetStatus>) {
        let known: BTreeSet<(&str, &str)> =
            statuses.map(|status| (status.name.as_str(), status.scope_label.as_str())).collect();
        for (name, scopes) in &mut self.lines {
            scopes.retain(|scope, _| known.contains(&(name.as_str(), scope.as_str())));
        }
        self.lines.retain(|_, scopes| !scopes.is_empty());
    }

    /// A line, oldest first.
    pub(crate) fn line(&self, target: &str, scope: &str) -> impl Iterator<Item = TrendPoint> + '_ {
        self.lines.get(target).and_then(|scopes| scopes.get(scope)).into_iter().flatten().copied()
    }
}

fn point(status: &TargetStatus) -> TrendPoint {
    let heading = status.projected.map(|p| [p.value as f32, p.low as f32, p.high as f32]);
    let measured = status.observed.map(|value| [value as f32; 3]);
    // What is counted at once needs no projection.
    let value = match status.metric.as_str() {
        "volume" | "spend" => measured.or(heading),
        _ => heading.or(measured),
    };
    TrendPoint { day: status.day, value, log_e: status.log_e.map(|log_e| log_e as f32) }
}
