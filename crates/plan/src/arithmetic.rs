//! The plan's own sums: what it promises in one place against what follows from its other promises.

use plumbline_units::{Micros, Share};

use crate::display::{money, money_per_day, per_day, percent};
use crate::model::{Metric, Plan, Scope, StageIndex, TargetIndex, Value};

/// Sums further apart than this contradict each other; nearer ones were rounded.
const SLACK: f64 = 0.01;

/// One sum of the plan in one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct ArithmeticLine {
    /// Where.
    pub scope: Scope,
    /// The target whose stated value the sum should give.
    pub target: TargetIndex,
    /// Both sides in numbers.
    pub sum: Sum,
}

/// Both sides of a sum.
#[derive(Clone, Debug, PartialEq)]
pub enum Sum {
    /// Spend a day = volume a day × conversion × CAC.
    Spend {
        /// Planned spend a day.
        stated: Micros,
        /// The stage whose volume is planned.
        stage: StageIndex,
        /// Journeys a day that reach it, in millionths.
        volume: Micros,
        /// Share of them that reach the last stage.
        conversion: Share,
        /// Spend per won customer.
        cac: Micros,
        /// The product of the three.
        product: Micros,
    },
    /// Conversion = product of the transitions.
    Conversion {
        /// Planned conversion.
        stated: Share,
        /// The transitions it runs through.
        parts: Vec<Share>,
        /// Their product.
        product: Share,
    },
    /// Volume or spend of the whole ≥ sum of its declared parts; what is missing is unplanned.
    Whole {
        /// Planned for the whole, a day.
        stated: Micros,
        /// The target that plans the parts.
        parts: TargetIndex,
        /// Their sum.
        sum: Micros,
    },
}

impl ArithmeticLine {
    /// How far the sum lies above the stated value, relative to it.
    pub fn gap(&self) -> f64 {
        let (stated, sum) = match &self.sum {
            Sum::Spend { stated, product, .. } => (stated.units(), product.units()),
            Sum::Conversion { stated, product, .. } => (stated.as_f64(), product.as_f64()),
            Sum::Whole { stated, sum, .. } => (stated.units(), sum.units()),
        };
        sum / stated - 1.0
    }

    /// Whether both sides agree within one percent.
    pub fn agrees(&self) -> bool {
        match self.sum {
            Sum::Whole { .. } => self.gap() <= SLACK,
            _ => self.gap().abs() <= SLACK,
        }
    }
}

impl Plan {
    /// All sums the plan's targets allow, in the order of the targets and their scopes.
    pub fn arithmetic(&self) -> Vec<ArithmeticLine> {
        let mut lines = Vec::new();
        for (i, target) in self.targets.iter().enumerate() {
            let index = TargetIndex(i as u16);
            for scoped in &target.scopes {
                let scope = &scoped.scope;
                let mut push = |sum| lines.push(ArithmeticLine { scope: scope.clone(), target: index, sum });
                match (target.metric, scoped.value) {
                    (Metric::Conversion { from, to }, Value::Share(stated)) => {
                        let sum = self.conversion_sum(from, to, scope, stated);
                        // A value that was not stated is the product already.
                        if !matches!(&sum, Sum::Conversion { product, .. } if *product == stated) {
                            push(sum);
                        }
                    }
                    (Metric::Spend, Value::MoneyPerDay(stated)) => {
                        self.spend_sum(scope, stated).map(&mut push);
                        self.whole_sums(index, scope, stated).into_iter().for_each(push);
                    }
                    (Metric::Volume { .. }, Value::PerDay(stated)) => {
                        self.whole_sums(index, scope, stated).into_iter().for_each(push);
                    }
                    _ => {}
                }
            }
        }
        lines
    }

    fn conversion_sum(&self, from: StageIndex, to: StageIndex, scope: &Scope, stated: Share) -> Sum {
        let parts = (from.0..to.0).map(|s| self.rate_and_lag(usize::from(s), scope).conversion).collect();
        Sum::Conversion { stated, parts, product: self.conversion(from, to, scope) }
    }

    fn spend_sum(&self, scope: &Scope, stated: Micros) -> Option<Sum> {
        let cac = self.value_where(scope, |metric| metric == Metric::Cac)?;
        let (stage, volume) = (0..=self.last().0).map(StageIndex).find_map(|stage| {
            Some((stage, self.value_where(scope, |metric| metric == Metric::Volume { stage })?))
        })?;
        let (Value::Money(cac), Value::PerDay(volume)) = (cac, volume) else { return None };
        let to = self.last();
        let conversion =
            match self.value_where(scope, |metric| metric == Metric::Conversion { from: stage, to }) {
                Some(Value::Share(stated)) => stated,
                _ => self.conversion(stage, to, scope),
            };
        let product = micros(volume.units() * conversion.as_f64() * cac.units());
        Some(Sum::Spend { stated, stage, volume, conversion, cac, product })
    }

    /// The planned value of the first target with such a metric in exactly this scope.
    fn value_where(&self, scope: &Scope, wanted: impl Fn(Metric) -> bool) -> Option<Value> {
        let targets = self.targets.iter().filter(|target| wanted(target.metric));
        targets.flat_map(|target| &target.scopes).find(|s| s.scope == *scope).map(|s| s.value)
    }

    /// Sums over targets of the same metric that split exactly this scope by declared values.
    fn whole_sums(&self, whole: TargetIndex, scope: &Scope, stated: Micros) -> Vec<Sum> {
        let metric = self.target(whole).metric;
        let splits = |parts: &&(TargetIndex, &crate::Target)| {
            parts.0 != whole
                && parts.1.metric == metric
                && !parts.1.each.is_empty()
                && parts.1.scopes.iter().all(|part| {
                    part.scope.implies(scope) && part.scope.0.len() == scope.0.len() + parts.1.each.len()
                })
        };
        let targets = self.targets.iter().enumerate().map(|(i, target)| (TargetIndex(i as u16), target));
        let targets: Vec<_> = targets.collect();
        let sum_of = |target: &crate::Target| {
            target.scopes.iter().fold(0i64, |sum, part| match part.value {
                Value::PerDay(micros) | Value::MoneyPerDay(micros) => sum.saturating_add(micros.0),
                _ => sum,
            })
        };
        let found = targets.iter().filter(splits);
        found
            .map(|(parts, target)| Sum::Whole { stated, parts: *parts, sum: Micros(sum_of(target)) })
            .collect()
    }

    /// A sum in words and numbers: `12/day × 4.5% × 2500.00 EUR = 1350.00 EUR/day, 12.5% above …`.
    pub fn arithmetic_text(&self, line: &ArithmeticLine) -> String {
        let gap = line.gap().abs();
        let side = if line.gap() > 0.0 { "above" } else { "below" };
        let currency = self.currency;
        let (sum, stated) = match &line.sum {
            Sum::Spend { stated, volume, conversion, cac, product, .. } => (
                format!(
                    "{} × {} × {} = {}",
                    per_day(*volume),
                    percent(conversion.as_f64()),
                    money(*cac, currency),
                    money_per_day(*product, currency)
                ),
                money_per_day(*stated, currency),
            ),
            Sum::Conversion { stated, parts, product } => {
                let parts: Vec<String> = parts.iter().map(|p| percent(p.as_f64())).collect();
                (format!("{} = {}", parts.join(" × "), percent(product.as_f64())), percent(stated.as_f64()))
            }
            Sum::Whole { stated, parts, sum } => {
                let text = |m: Micros| match self.target(line.target).metric {
                    Metric::Spend => money_per_day(m, currency),
                    _ => per_day(m),
                };
                let count = self.target(*parts).scopes.len();
                (
                    format!("the {count} scopes of `{}` sum to {}", self.target(*parts).name, text(*sum)),
                    text(*stated),
                )
            }
        };
        match (line.agrees(), &line.sum) {
            (true, Sum::Whole { .. }) => format!("{sum}, within the planned {stated}"),
            (true, _) => format!("{sum}, as planned"),
            (false, _) => format!("{sum}, {} {side} the {stated} of the plan", percent(gap)),
        }
    }

    /// What would mend a contradiction: each single number that makes the sum right.
    pub(crate) fn arithmetic_mend(&self, line: &ArithmeticLine) -> String {
        let currency = self.currency;
        match &line.sum {
            Sum::Spend { product, volume, conversion, cac, .. } => {
                let factor = 1.0 / (1.0 + line.gap());
                format!(
                    "it adds up with a spend of {}, a CAC of {}, a volume of {} or a conversion of {}",
                    money_per_day(*product, currency),
                    money(micros(cac.units() * factor), currency),
                    per_day(micros(volume.units() * factor)),
                    percent(conversion.as_f64() * factor),
                )
            }
            Sum::Conversion { .. } => {
                "leave `value` out, or correct the transitions: the evidence is gathered against them"
                    .to_owned()
            }
            Sum::Whole { .. } => "raise the whole, or lower its parts".to_owned(),
        }
    }
}

/// The nearest amount; far beyond any budget it stays at the largest one.
fn micros(units: f64) -> Micros {
    let largest = Micros::MAX_AMOUNT.0;
    Micros(((units * 1e6).round() as i64).clamp(-largest, largest))
}
