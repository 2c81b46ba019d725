//! Whether fewer convert, or the same number later.
//!
//! Beside the detector runs its lag-tolerant twin: the same tables with every lag longer by the tolerance (shorter,
//! where more convert than planned), and the ages of the conversions are asked for their pace. What the twin finds too,
//! or what leaves the pace on plan, may be of conversion. But a twin knows one slower cycle only: whether fewer convert
//! or as many later is decided between the two by the cohorts since the onset (`contest`).

use std::cell::LazyCell;
use std::sync::Arc;

use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Onset, TableId};
use super::grid::Side;
use super::model::{Cac, Kind, Model, Twins};
use super::scan::log_sum;
use super::series::{AgeSeries, ScopeSeries};

/// ln of the odds from which the cohorts decide between fewer and later: twenty to one.
const DECIDED_FROM: f64 = 2.995_732_273_553_991;

/// ln of the odds down to which what was decided stays so; the gap keeps the label from flickering.
const DECIDED_UNTIL: f64 = std::f64::consts::LN_2;

/// Standard errors by which the tolerated pace must lie outside: it is looked at every day of an episode.
const ON_PLAN_ERRORS: f64 = 3.0;

/// What a drift of conversion (or of what it costs) is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Fewer (or more) convert: no tolerable change of the lags explains it.
    Conversion,
    /// The same number converts, slower (or faster).
    Velocity,
    /// Both explain it still.
    ConversionOrVelocity,
}

impl Label {
    /// The stable word of alerts.
    pub const fn word(self) -> &'static str {
        match self {
            Label::Conversion => "conversion",
            Label::Velocity => "velocity",
            Label::ConversionOrVelocity => "conversion or velocity",
        }
    }
}

/// A label with what else the ages say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// What the drift is made of.
    pub label: Label,
    /// The ages exclude a pace beyond the tolerance, in the transitions of the leading table.
    pub on_plan: bool,
}

impl Model {
    /// The pairs whose ages [`Model::label`] reads: the target's transitions.
    pub fn timed_pairs(&self) -> Vec<(u8, u8)> {
        self.twins().map_or(Vec::new(), |twins| twins.timings.iter().map(|t| (t.from, t.to)).collect())
    }

    /// What the drift that `evidence` shows is made of; `before` is what it was said to be until now. `None` where
    /// no lag takes part.
    pub fn label(
        &self,
        series: &ScopeSeries,
        ages: &[AgeSeries],
        restart: Option<Day>,
        evidence: &Evidence,
        before: Option<Label>,
    ) -> Option<Labelled> {
        let twins = self.twins()?;
        let path = match evidence.leading {
            TableId::Pair { from, to } => from..to,
            TableId::WinsPerMoney => 0..u8::MAX,
            _ => return None,
        };
        let side = if self.direction(Side::Down) == evidence.direction { Side::Down } else { Side::Up };
        let first = self.first(series, restart);
        let twin = LazyCell::new(|| self.tolerant(twins, side, series, first));
        let hold = if before == Some(Label::Conversion) { std::f64::consts::LN_10 } else { 0.0 };
        let odds = self.contest(path.clone(), side, series, ages, evidence.onset);
        let decided = |label| if before == Some(label) { DECIDED_UNTIL } else { DECIDED_FROM };
        let on_plan =
            LazyCell::new(|| on_plan(self, twins, path.clone(), side, series, ages, evidence.onset));
        let finds = || twin.is_some_and(|twin| twin >= self.log_threshold - hold);
        let label = if odds <= -decided(Label::Velocity) {
            Label::Velocity
        } else if odds >= decided(Label::Conversion) && (finds() || *on_plan) {
            Label::Conversion
        } else {
            Label::ConversionOrVelocity
        };
        Some(Labelled { label, on_plan: label == Label::Conversion && *on_plan })
    }

    fn twins(&self) -> Option<&Twins> {
        self.rates()?.twins.as_ref()
    }

    /// ln of the twin's evidence on the drift's side, of all tables that a lag takes part in.
    fn tolerant(&self, twins: &Twins, side: Side, series: &ScopeSeries, first: usize) -> Option<f64> {
        let rates = if side == Side::Down { &twins.slow } else { &twins.quick };
        let twin = match &self.kind {
            Kind::Cac(cac) => Some(Cac { rates: Arc::clone(rates), cost_per_lead: cac.cost_per_lead }),
            _ => None,
        };
        let scanned = match &twin {
            Some(twin) => self.money(twin, series, first)?,
            None => self.conversions(rates, series, first)?,
        };
        let lines = scanned.lines.iter().filter(|line| line.table != TableId::LeadsPerMoney);
        let parts = lines.map(|l| if side == Side::Down { l.parts.down } else { l.parts.up });
        Some(log_sum(parts) - libm::log(scanned.tables as f64))
    }
}

/// Whether the transitions of the path are known to be no slower (quicker) than tolerated since the onset.
fn on_plan(
    model: &Model,
    twins: &Twins,
    path: std::ops::Range<u8>,
    side: Side,
    series: &ScopeSeries,
    ages: &[AgeSeries],
    onset: Onset,
) -> bool {
    let first = model.first(series, Some(onset.estimate));
    let edge = libm::log(1.0 + twins.tolerance);
    twins.timings.iter().filter(|t| path.contains(&t.from)).all(|timing| {
        let Some(ages) = ages.iter().find(|a| (a.from, a.to) == (timing.from, timing.to)) else {
            return false;
        };
        let pace = timing.estimate(series, ages, first);
        let towards = if side == Side::Down { pace.log } else { -pace.log };
        towards + ON_PLAN_ERRORS * pace.variance.sqrt() < edge
    })
}
