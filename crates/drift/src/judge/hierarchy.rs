//! Whether the drift of a scope and that of a narrower one inside it are one story.
//!
//! Two targets of one metric, one of them over fewer dimensions, see the same journeys. If the narrower scope makes
//! most of the wider one's gap, the narrower speaks; if the wider one's gap is as large as the narrower's, the drift
//! is everywhere and the wider speaks. Who has spoken first goes on speaking where either could.

use plumbline_plan::{Metric, Scope, TargetIndex};
use plumbline_units::Day;

use super::Judge;
use super::assess::Case;
use super::depend::{EXPLAINS, NO_LONGER};
use super::episode::EpisodeKey;
use super::life::Moment;
use super::measure::{Measured, entries};
use crate::stat::{Model, ScopeSeries, Window};

/// z of a 90% interval: what deviates less may be chance.
const CHANCE: f64 = 1.645;

/// Another target of the same metric, in a scope around or inside this one.
struct Kin {
    index: TargetIndex,
    scoped: usize,
    scope: Scope,
    label: String,
    wider: bool,
}

/// What came of something, and what the plan expected: counts, which add up over scopes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    /// Which transition; the stages' places, or twice the same for the target as a whole.
    what: (u8, u8),
    actual: f64,
    expected: f64,
}

impl Seen {
    fn off(self) -> f64 {
        self.actual - self.expected
    }

    fn relative(self) -> f64 {
        self.off() / self.expected
    }

    fn sure(self) -> f64 {
        self.off().abs() / self.expected.sqrt()
    }
}

/// How a narrower scope's deviation compares with that of the wider one it is part of.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Comparison {
    narrow: Seen,
    wide: Seen,
}

impl Comparison {
    /// Whether the narrower makes enough of the wider one's deviation. Half of it and more is enough where the rest
    /// may be chance.
    fn narrow_explains(self, held: bool) -> bool {
        let part = self.narrow.off() / self.wide.off();
        let rest = self.wide.off() - self.narrow.off();
        let spread = (self.wide.expected - self.narrow.expected).max(0.0).sqrt();
        part >= if held { NO_LONGER } else { EXPLAINS } || part >= NO_LONGER && rest.abs() < CHANCE * spread
    }

    /// Whether the wider one is off by as much, in proportion; or nearly so where the difference may be chance.
    fn alike(self, held: bool) -> bool {
        let ratio = self.wide.relative() / self.narrow.relative();
        let own = self.narrow.off() - self.narrow.expected * self.wide.relative();
        ratio >= if held { NO_LONGER } else { EXPLAINS }
            || ratio >= NO_LONGER && own.abs() < CHANCE * self.narrow.expected.sqrt()
    }
}

impl Judge {
    /// The episode of a wider or narrower scope that tells of the same drift. `before` is what inhibited the target
    /// until now; `opening` says that nobody has heard of it yet.
    pub(crate) fn kin_inhibitor(
        &mut self,
        case: &Case<'_>,
        measured: &Measured,
        before: Option<&EpisodeKey>,
        opening: bool,
        now: Moment<'_>,
    ) -> Option<EpisodeKey> {
        let mut kin = self.kin(case);
        // The narrowest story first.
        kin.sort_by_key(|kin| kin.wider);
        for kin in kin {
            let Some((key, comparison)) = self.compare(case, measured, &kin, now) else { continue };
            let held = before == Some(&key);
            let inhibits = if !kin.wider {
                comparison.narrow_explains(held)
            } else if comparison.narrow_explains(false) {
                // This one is the story, unless the wider one has told it already.
                (opening || held) && !self.is_inhibited(&key)
            } else {
                comparison.alike(held)
            };
            if inhibits {
                return Some(key);
            }
        }
        None
    }

    fn kin(&self, case: &Case<'_>) -> Vec<Kin> {
        let mut all = Vec::new();
        for (target, at) in self.plan.targets.iter().zip(0u16..) {
            if at == case.index.0 || target.metric != case.target.metric {
                continue;
            }
            for (scoped, scope) in target.scopes.iter().map(|s| &s.scope).enumerate() {
                let wider = case.scope.implies(scope);
                if scope != case.scope && (wider || scope.implies(case.scope)) {
                    let label = self.plan.scope_label(scope);
                    all.push(Kin { index: TargetIndex(at), scoped, scope: scope.clone(), label, wider });
                }
            }
        }
        all
    }

    /// The live episode that tells of the other's drift, if that goes the same way, and how the two compare since the
    /// narrower one's onset, where that deviates most surely.
    fn compare(
        &mut self,
        case: &Case<'_>,
        measured: &Measured,
        kin: &Kin,
        now: Moment<'_>,
    ) -> Option<(EpisodeKey, Comparison)> {
        let own_direction =
            self.tracks.get(&(case.index, self.plan.scope_label(case.scope)))?.latch()?.direction;
        let track = *self.tracks.get(&(kin.index, kin.label.clone()))?;
        if track.latch()?.direction != own_direction {
            return None;
        }
        let told = self.standing().told_by(kin.index, &kin.label)?;
        let models = std::sync::Arc::clone(&self.models);
        let model = models.get(kin.index, kin.scoped)?;
        let counts = self.counts(case.facts, &kin.scope, now);
        let since = if kin.wider {
            measured.evidence.as_ref().map(|e| e.onset.estimate)
        } else {
            model.assess(&counts.series, track.restart).map(|e| e.onset.estimate)
        };
        let since = since.unwrap_or(now.day.plus(1 - super::verdict::MEASURED_DAYS));
        let own = seen(case.target.metric, case.model, case.series, since);
        let other = seen(case.target.metric, model, &counts.series, since);
        let (narrow, wide) = if kin.wider { (own, other) } else { (other, own) };
        let narrow = narrow.into_iter().max_by(|a, b| a.sure().total_cmp(&b.sure()))?;
        let wide = wide.into_iter().find(|seen| seen.what == narrow.what)?;
        let together = narrow.off() * wide.off() > 0.0 && narrow.expected > 0.0 && wide.expected > 0.0;
        together.then_some((told, Comparison { narrow, wide }))
    }

    fn is_inhibited(&self, key: &EpisodeKey) -> bool {
        self.episodes.get(key).is_some_and(|episode| episode.inhibited_by.is_some())
    }

    /// Whether following who inhibits whom from `key` on comes to `own`: then nobody would speak.
    pub(crate) fn leads_to(&self, key: &EpisodeKey, own: &EpisodeKey) -> bool {
        leads_to(key, own, self.episodes.len(), |key| self.episodes.get(key)?.inhibited_by.as_ref())
    }
}

/// What came since a day against what was expected.
fn seen(metric: Metric, model: &Model, series: &ScopeSeries, since: Day) -> Vec<Seen> {
    let whole = |actual: f64, expected: f64| vec![Seen { what: (0, 0), actual, expected }];
    if metric == Metric::Spend {
        return model.spend(series).map_or_else(Vec::new, |s| whole(s.spend, s.plan));
    }
    let Some(projection) = model.project(series, &Window::SinceOnset(since)) else { return Vec::new() };
    let mut all: Vec<Seen> = projection
        .pairs
        .iter()
        .map(|p| Seen { what: (p.from, p.to), actual: p.converted as f64, expected: p.expected })
        .collect();
    if let Some(cost) = projection.cost_per_lead.as_ref().filter(|cost| cost.plan > 0.0) {
        all.push(Seen { what: (0, 0), actual: cost.leads as f64, expected: cost.spend / cost.plan });
    }
    if all.is_empty() {
        let days = f64::from(series.last_day.since(since.max(series.first_day)) + 1);
        let weight = match metric {
            Metric::Velocity { from, .. } => entries(series, from.0, since) as f64 / projection.plan,
            _ => days,
        };
        return whole(projection.value.value * weight, projection.plan * weight);
    }
    all
}

/// Whether `next` leads from `from` to `own` in at most so many steps, or round for ever.
fn leads_to<'a, K: Eq>(from: &'a K, own: &K, steps: usize, next: impl Fn(&K) -> Option<&'a K>) -> bool {
    let mut at = Some(from);
    for _ in 0..=steps {
        match at {
            Some(key) if key == own => return true,
            Some(key) => at = next(key),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever explanations are tried in whatever order, one episode at least is explained by none.
        #[test]
        fn somebody_always_speaks(tries in prop::collection::vec((0u8..8, prop::option::of(0u8..8)), 0..60)) {
            let mut by: BTreeMap<u8, Option<u8>> = (0..8).map(|key| (key, None)).collect();
            for (own, other) in tries {
                let guarded = other.filter(|o| !leads_to(o, &own, by.len(), |key| by[key].as_ref()));
                by.insert(own, guarded);
                prop_assert!(by.values().any(Option::is_none));
                for start in by.keys() {
                    let mut at = *start;
                    let steps = (0..9).take_while(|_| by[&at].inspect(|next| at = *next).is_some()).count();
                    prop_assert!(steps < 8, "from {start} it goes round");
                }
            }
        }
    }
}
