//! One target in one scope: its tables, grid and threshold, and what can be asked of them.

use plumbline_plan::{Direction, Plan, TargetIndex};
use plumbline_units::Day;

use super::{Evidence, Projection, ScopeSeries, SpendReading, TableId, Window};

/// The models of every target and scope of a plan; scopes with equal rates and lags share their tables.
#[derive(Clone, Debug)]
pub struct Models {
    targets: Vec<Vec<Option<Model>>>,
}

impl Models {
    /// Builds all tables. Targets that are not judged (velocity, hand-off) have no model.
    pub fn new(plan: &Plan) -> Models {
        Models { targets: plan.targets.iter().map(|t| t.scopes.iter().map(|_| None).collect()).collect() }
    }

    /// The model of the `scoped`-th of a target's scopes, if that target is judged.
    pub fn get(&self, target: TargetIndex, scoped: usize) -> Option<&Model> {
        self.targets.get(usize::from(target.0))?.get(scoped)?.as_ref()
    }
}

/// One target in one scope.
#[derive(Clone, Debug)]
pub struct Model {}

impl Model {
    /// The evidence as of the series' last day. Onset candidates start at `restart` (the day the last drift had
    /// recovered), at the plan's first day or where the window begins, whichever is latest. `None` where nothing
    /// has entered yet, and for `spend`.
    pub fn assess(&self, series: &ScopeSeries, restart: Option<Day>) -> Option<Evidence> {
        let _ = (series, restart);
        None
    }

    /// Where the metric will end up; `None` for `spend`, without any entries, or without any spend for `cac`.
    pub fn project(&self, series: &ScopeSeries, window: &Window) -> Option<Projection> {
        let _ = (series, window);
        None
    }

    /// ln of the detector reversed on the paged table: evidence, since `since` (the day the episode opened),
    /// that the table is no longer off plan in `direction` (of the target's metric). Shown once it reaches
    /// [`super::RECOVERY_LOG_THRESHOLD`].
    pub fn recovering(&self, series: &ScopeSeries, paged: TableId, direction: Direction, since: Day) -> f64 {
        let _ = (series, paged, direction, since);
        f64::MIN
    }

    /// The trailing seven days of a `spend` target; `None` for other metrics and while there are fewer days.
    pub fn spend(&self, series: &ScopeSeries) -> Option<SpendReading> {
        let _ = series;
        None
    }

    /// Which side of the warn bound a value of the metric lies beyond, if any.
    pub fn outside_warn(&self, value: f64) -> Option<Direction> {
        let _ = value;
        None
    }

    /// Which side of the critical bound a value of the metric lies beyond, if any.
    pub fn outside_critical(&self, value: f64) -> Option<Direction> {
        let _ = value;
        None
    }

    /// Whether the projection's interval excludes the critical bounds: only then is a quiet target "on plan".
    pub fn excludes_critical(&self, projection: &Projection) -> bool {
        let _ = projection;
        false
    }

    /// The planned value: a share, units of currency per customer, journeys or units of currency per day.
    pub fn plan_value(&self) -> f64 {
        0.0
    }
}
