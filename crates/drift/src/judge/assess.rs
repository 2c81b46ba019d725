//! The numbers of an alert, put together when one is due.

use plumbline_plan::{Metric, Plan, Scope, StageIndex, Target, TargetIndex};
use plumbline_units::{Day, Timestamp};

use super::causes::{self, Causes};
use super::coincident;
use super::cost::MeanDeal;
use super::episode::RuledOut;
use super::facts::{Facts, Leaf};
use super::handoff;
use super::measure::{Measured, entries, planned};
use super::names;
use super::series::Layout;
use super::verdict::{
    Assessment, Effect, EvidenceNumbers, MEASURED_DAYS, Part, PartKind, Planned, SoFar, Verdict,
};
use super::why::{Factor, product_parts};
use crate::stat::{
    Evidence, Interval, Label, Model, Models, PairProjection, Projection, ScopeSeries, TableId, Window,
};

/// Coverage of all intervals shown.
const LEVEL: f64 = 0.9;

/// One target in one scope at one tick, with all that can be asked about it.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) models: &'a Models,
    pub(crate) layout: &'a Layout,
    pub(crate) facts: &'a dyn Facts,
    pub(crate) index: TargetIndex,
    pub(crate) target: &'a Target,
    pub(crate) scope: &'a Scope,
    pub(crate) model: &'a Model,
    pub(crate) leaves: &'a [Leaf],
    pub(crate) series: &'a ScopeSeries,
    pub(crate) deals: &'a MeanDeal,
}

/// Since when, and by which table.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) since: Day,
    pub(crate) leading: Option<TableId>,
    /// The transition that the drift is named by, where one leads.
    pub(crate) named: Option<(u8, u8)>,
    pub(crate) label: Option<Label>,
}

impl Case<'_> {
    /// All numbers. `by_cac` explains the gap of CAC instead of the target's own (patterns do).
    pub(crate) fn assess(
        &self,
        at: Timestamp,
        verdict: Verdict,
        measured: &Measured,
        by_cac: bool,
    ) -> Assessment {
        let day = self.series.last_day;
        let evidence = measured.evidence.as_ref();
        let frame = Frame {
            since: evidence.map_or(day.plus(1 - MEASURED_DAYS), |e| e.onset.estimate),
            leading: evidence.map(|e| e.leading),
            named: evidence.and_then(Evidence::transition),
            label: measured.label,
        };
        let own = self.display(self.model, frame).or_else(|| measured.projection.clone());
        let (cac, cac_plan) = self.cac(own.as_ref(), frame);
        let conversion = own.as_ref().and_then(|p| match self.target.metric {
            Metric::Conversion { .. } => Some(p.value),
            _ => p.conversion,
        });
        let plan = planned(self.target, self.model);
        let explained = if by_cac { cac.as_ref().or(own.as_ref()) } else { own.as_ref() };
        let mut why = explained.map_or_else(Vec::new, |p| self.product(p));
        let drift = self.effect(own.as_ref(), &plan, frame);
        let handed_over = drift.transition;
        let causes = drift
            .transition
            .map_or_else(Causes::default, |pair| causes::of_transition(self, pair, frame.since));
        why.extend(causes.parts);
        Assessment {
            day,
            at,
            verdict,
            plan,
            so_far: self.so_far(&drift, own.as_ref(), frame),
            drift,
            projected: own.as_ref().map(|p| p.value),
            conversion,
            cac: cac.as_ref().map(|p| p.value),
            cac_plan,
            onset: evidence.map(|e| e.onset),
            evidence: evidence.map(|e| self.evidence(e)),
            why,
            ruled_out: mix_ruled_out(&causes.mix_ruled_out).into_iter().collect(),
            coincident: evidence.map_or_else(Vec::new, |e| coincident::near(self, e.onset)),
            handoff: evidence
                .zip(handed_over)
                .and_then(|(e, pair)| handoff::split(self, pair, e.onset.estimate)),
            in_reports: self.in_reports(frame),
            cost: self.cost(own.as_ref(), cac_plan, frame),
        }
    }

    pub(crate) fn display(&self, model: &Model, frame: Frame) -> Option<Projection> {
        let leading = frame.leading?;
        model.project(self.series, &Window::Display { onset: frame.since, leading, named: frame.named })
    }

    fn evidence(&self, evidence: &Evidence) -> EvidenceNumbers {
        EvidenceNumbers {
            log_e: evidence.log_e,
            threshold: libm::exp(evidence.log_threshold),
            false_alarms_per_year: self
                .target
                .false_alarms_per_year
                .unwrap_or(self.plan.false_alarms_per_year),
            critical_weight: evidence.critical_weight,
        }
    }

    /// The projection and plan of CAC: the target's own, or that of the plan's CAC target in the same scope.
    pub(crate) fn cac(&self, own: Option<&Projection>, frame: Frame) -> (Option<Projection>, Option<f64>) {
        match self.target.metric {
            Metric::Cac => (own.cloned(), Some(self.model.plan_value())),
            Metric::Conversion { from, to } if from.0 == 0 && to == self.last() => {
                match self.sibling(|m| m == Metric::Cac) {
                    Some(model) => (self.display(model, frame), Some(model.plan_value())),
                    None => (None, None),
                }
            }
            _ => (None, None),
        }
    }

    /// The model of a target of another metric in the same scope.
    pub(crate) fn sibling(&self, wanted: impl Fn(Metric) -> bool) -> Option<&Model> {
        let index =
            self.plan.targets.iter().position(|t| {
                wanted(t.metric) && t.scopes.iter().any(|scoped| scoped.scope == *self.scope)
            })?;
        let scoped = self.plan.targets[index].scopes.iter().position(|s| s.scope == *self.scope)?;
        self.models.get(TargetIndex(u16::try_from(index).ok()?), scoped)
    }

    pub(crate) fn last(&self) -> StageIndex {
        self.plan.last()
    }

    /// The exact parts of the projection's gap.
    fn product(&self, projection: &Projection) -> Vec<Part> {
        let is_cac = projection.cost_per_lead.is_some();
        let sign = if is_cac { -1.0 } else { 1.0 };
        let mut factors = Vec::new();
        if let Some(cost) = &projection.cost_per_lead {
            let ratio = cost.cost.times(1.0 / cost.plan);
            factors.push(Factor::estimated(names::COST_PER_LEAD.to_string(), ratio, 1.0));
        }
        for pair in &projection.pairs {
            let name = names::transition(self.plan, StageIndex(pair.from), StageIndex(pair.to));
            factors.push(Factor::estimated(name, pair.rate.times(1.0 / pair.plan), sign));
        }
        // A target whose stated value is not the product of its transitions starts with a gap of the plan's own.
        let explained: f64 = factors.iter().map(Factor::log).sum();
        let rest = super::why::ln(projection.value.value / projection.plan) - explained;
        if rest.abs() > 1e-6 && !factors.is_empty() {
            let part = "stated value against the transitions".to_string();
            factors.push(Factor { part, ratio: libm::exp(rest), ends: None, sign: 1.0 });
        }
        product_parts(if is_cac { "cac" } else { self.target.metric.word() }, &factors)
    }

    /// The effect that leads: the alarmed transition, or the largest part, or the target itself.
    fn effect(&self, own: Option<&Projection>, plan: &Planned, frame: Frame) -> Effect {
        let metric = self.target.metric.word();
        let label = frame.label.map_or(metric, Label::word).to_string();
        let whole = |own: Option<&Projection>| {
            let value =
                own.map_or(Interval { value: plan.value, low: plan.value, high: plan.value }, |p| p.value);
            relative(value, plan.value)
        };
        let transition = |pair: &PairProjection| {
            let (from, to) = (StageIndex(pair.from), StageIndex(pair.to));
            Effect {
                of: names::transition(self.plan, from, to),
                transition: Some((from, to)),
                relative: relative(pair.rate, pair.plan),
                level: LEVEL,
                label: label.clone(),
            }
        };
        if let Some(own) = own {
            let named = own.pairs.iter().find(|pair| frame.named == Some((pair.from, pair.to)));
            if let Some(pair) = named {
                return transition(pair);
            }
            let largest =
                self.product(own).into_iter().find(|p| matches!(p.kind, PartKind::Transition { .. }));
            let named = |pair: &&PairProjection| {
                let name = names::transition(self.plan, StageIndex(pair.from), StageIndex(pair.to));
                largest.as_ref().is_some_and(|part| part.part == name)
            };
            let by_money = matches!(frame.leading, Some(TableId::LeadsPerMoney));
            if let Some(pair) = own.pairs.iter().find(named).filter(|_| !by_money) {
                return transition(pair);
            }
            if let Some(cost) = &own.cost_per_lead {
                return Effect {
                    of: names::COST_PER_LEAD.to_string(),
                    transition: None,
                    relative: relative(cost.cost, cost.plan),
                    level: LEVEL,
                    label,
                };
            }
        }
        Effect { of: metric.to_string(), transition: None, relative: whole(own), level: LEVEL, label }
    }

    fn so_far(&self, drift: &Effect, own: Option<&Projection>, frame: Frame) -> Option<SoFar> {
        let own = own?;
        if let Some((from, to)) = drift.transition {
            let pair = own.pairs.iter().find(|p| (p.from, p.to) == (from.0, to.0))?;
            return Some(SoFar {
                entered: pair.entered,
                entered_what: names::stage(self.plan, from).to_string(),
                since: pair.since,
                expected_by_now: pair.expected,
                actual: pair.converted as f64,
            });
        }
        if let Some(cost) = &own.cost_per_lead {
            let expected = if cost.plan > 0.0 { cost.spend / cost.plan } else { 0.0 };
            return Some(SoFar {
                entered: cost.leads,
                entered_what: names::stage(self.plan, StageIndex(0)).to_string(),
                since: cost.since,
                expected_by_now: expected.max(0.0),
                actual: cost.leads as f64,
            });
        }
        if matches!(self.target.metric, Metric::Velocity { .. }) {
            return None;
        }
        let days = self.days(frame.since);
        Some(SoFar {
            entered: u64::from(days),
            entered_what: "days".to_string(),
            since: frame.since,
            expected_by_now: own.plan * f64::from(days),
            actual: match self.target.metric {
                Metric::Volume { stage } => entries(self.series, stage.0, frame.since) as f64,
                _ => self.spend(frame.since),
            },
        })
    }

    /// Days from `since` to the tick, both counted.
    pub(crate) fn days(&self, since: Day) -> u32 {
        u32::try_from(self.series.last_day.since(since.max(self.series.first_day)) + 1).unwrap_or(0).max(1)
    }

    pub(crate) fn spend(&self, since: Day) -> f64 {
        let from = self.series.from_day(since).min(self.series.spend.len());
        self.series.spend[from..].iter().sum::<i64>() as f64 / 1e6
    }

    /// The planned conversion between two stages in this scope.
    pub(crate) fn plan_conversion(&self, from: StageIndex, to: StageIndex) -> f64 {
        self.plan.conversion(from, to, self.scope).as_f64()
    }

    /// First-stage entries since the onset over the planned, where a volume target says what is planned.
    pub(crate) fn volume_since(&self, since: Day) -> Option<f64> {
        let model = self.sibling(|m| m == Metric::Volume { stage: StageIndex(0) })?;
        let projection = model.project(self.series, &Window::SinceOnset(since))?;
        (projection.plan > 0.0).then(|| projection.value.value / projection.plan)
    }
}

/// The interval as a relative difference to `plan`.
pub(crate) fn relative(interval: Interval, plan: f64) -> Interval {
    let part = |x: f64| if plan == 0.0 { 0.0 } else { x / plan - 1.0 };
    Interval { value: part(interval.value), low: part(interval.low), high: part(interval.high) }
}

/// The mix is not the cause where no dimension's changed notably.
fn mix_ruled_out(dimensions: &[String]) -> Option<RuledOut> {
    let (last, rest) = dimensions.split_last()?;
    let all = if rest.is_empty() { last.clone() } else { format!("{} and {last}", rest.join(", ")) };
    Some(RuledOut { what: "mix".to_string(), detail: format!("mix of {all} as before") })
}
