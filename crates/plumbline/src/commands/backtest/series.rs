//! How targets stood from tick to tick.

use std::collections::BTreeMap;

use plumbline_drift::judge::{Planned, TargetStatus};
use plumbline_drift::stat::Interval;
use plumbline_units::Day;

/// Targets in scopes whose days are kept; further ones are left out, which the report says.
pub(crate) const MAX_LINES: usize = 60;
/// Days kept per line: when it is full, every other one is dropped.
const MAX_POINTS: usize = 1_200;

/// One target in one scope at the end of one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) day: Day,
    /// Where it is heading, or what was measured.
    pub(crate) value: Option<Interval>,
    pub(crate) log_e: Option<f64>,
}

/// One target in one scope over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineOf {
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) scope: String,
    pub(crate) plan: Option<Planned>,
    pub(crate) threshold: f64,
    pub(crate) points: Vec<Point>,
    /// Closed days between kept points; grows as the line is thinned.
    stride: i32,
    closed: Day,
}

/// The lines of a run.
#[derive(Debug, Default)]
pub(crate) struct Series {
    kept: bool,
    span: Option<(Day, Day)>,
    lines: BTreeMap<(u16, String), LineOf>,
    left_out: usize,
}

impl Series {
    /// Keeps the points as well, not only the span of days.
    pub(crate) fn kept() -> Series {
        Series { kept: true, ..Series::default() }
    }

    /// Takes what has changed since the last look.
    pub(crate) fn look<'s>(&mut self, statuses: impl Iterator<Item = &'s TargetStatus>) {
        let mut count = 0usize;
        for status in statuses {
            count += 1;
            let (first, last) = self.span.unwrap_or((status.day, status.day));
            self.span = Some((first.min(status.day), last.max(status.day)));
            if self.kept {
                self.keep(status);
            }
        }
        self.left_out = if self.kept { self.left_out.max(count.saturating_sub(self.lines.len())) } else { 0 };
    }

    fn keep(&mut self, status: &TargetStatus) {
        let key = (status.target.0, status.scope_label.clone());
        let full = self.lines.len() >= MAX_LINES;
        let line = match self.lines.entry(key) {
            std::collections::btree_map::Entry::Occupied(line) => line.into_mut(),
            std::collections::btree_map::Entry::Vacant(_) if full => return,
            std::collections::btree_map::Entry::Vacant(place) => place.insert(LineOf {
                name: status.name.clone(),
                metric: status.metric.clone(),
                scope: status.scope_label.clone(),
                plan: status.plan,
                threshold: status.threshold,
                points: Vec::new(),
                stride: 1,
                closed: status.day.plus(-1),
            }),
        };
        if status.day > line.closed {
            line.closed = status.day;
            line.plan = status.plan.or(line.plan);
            line.threshold = status.threshold;
            line.push(status);
        }
    }

    /// The first and the last day closed.
    pub(crate) fn span(&self) -> Option<(Day, Day)> {
        self.span
    }

    /// The lines in the order of the plan.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &LineOf> {
        self.lines.values()
    }

    /// How many targets in scopes have no line.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }
}

impl LineOf {
    fn push(&mut self, status: &TargetStatus) {
        if self.points.last().is_some_and(|last| status.day.since(last.day) < self.stride) {
            return;
        }
        let point = |at: f64| Interval { value: at, low: at, high: at };
        let value = status.projected.or(status.observed.map(point));
        self.points.push(Point { day: status.day, value, log_e: status.log_e });
        if self.points.len() >= MAX_POINTS {
            let mut place = 0;
            self.points.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride *= 2;
        }
    }
}
