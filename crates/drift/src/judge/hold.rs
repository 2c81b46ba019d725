//! What untrustworthy data spoils, and so which verdicts wait.

use plumbline_plan::{Metric, Plan, Scope, StageIndex};
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use super::Judge;

/// Verdicts made of this data cannot be trusted now. They read `DataUnhealthy`; their episodes stand still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What is spoilt.
    pub spoils: Spoils,
    /// Where; empty = everywhere.
    pub scope: Scope,
    /// Why, for a person.
    pub why: String,
}

/// Kinds of facts that cannot be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoils {
    /// Entries into these stages, first and last.
    pub stages: Option<(StageIndex, StageIndex)>,
    /// Statements of spend.
    pub spend: bool,
    /// Entries into this stage between the first and the last, which nobody records: what begins or ends there. What
    /// lies across it is judged from end to end.
    pub end: Option<StageIndex>,
}

impl Spoils {
    /// All of a plan's stages.
    pub fn funnel(plan: &Plan) -> Spoils {
        Spoils { stages: Some((plan.first(), plan.last())), ..Spoils::default() }
    }

    /// Statements of spend.
    pub const SPEND: Spoils = Spoils { stages: None, spend: true, end: None };

    /// A stage that nobody records.
    pub fn end(stage: StageIndex) -> Spoils {
        Spoils { end: Some(stage), ..Spoils::default() }
    }

    /// Whether a metric is made of them.
    pub fn touches(&self, metric: Metric) -> bool {
        let ends = |from: StageIndex, to: StageIndex| self.end.is_some_and(|end| end == from || end == to);
        let stages = |from: StageIndex, to: StageIndex| {
            self.stages.is_some_and(|(first, last)| from <= last && first <= to)
        };
        match metric {
            Metric::Cac => self.spend || self.stages.is_some(),
            Metric::Spend => self.spend,
            Metric::Volume { stage } => stages(stage, stage) || ends(stage, stage),
            Metric::Conversion { from, to }
            | Metric::Velocity { from, to }
            | Metric::Handoff { from, to, .. } => stages(from, to) || ends(from, to),
        }
    }
}

impl Hold {
    /// Whether a target's verdict in a scope is made of it.
    pub fn covers(&self, metric: Metric, scope: &Scope) -> bool {
        self.spoils.touches(metric) && overlap(&self.scope, scope)
    }
}

/// Two scopes share facts unless they ask for different values of one dimension.
fn overlap(a: &Scope, b: &Scope) -> bool {
    a.0.iter().all(|(dimension, value)| b.0.iter().all(|(d, v)| d != dimension || v == value))
}

impl Judge {
    /// Facts of the days before `day` are lost or spoilt for good: the evidence of the targets made of them
    /// starts anew with the cohorts and days from `day` on, so that nothing is held against a scope that only
    /// its data did. A drift that was found before stands: its cohorts are older than the loss.
    pub fn restart(&mut self, spoils: Spoils, scope: &Scope, day: Day) {
        let hold = Hold { spoils, scope: scope.clone(), why: String::new() };
        for (index, target) in self.plan.targets.iter().enumerate() {
            for scoped in target.scopes.iter().filter(|s| hold.covers(target.metric, &s.scope)) {
                let key = (plumbline_plan::TargetIndex(index as u16), self.plan.scope_label(&scoped.scope));
                let track = self.tracks.entry(key).or_default();
                if track.latch().is_none() {
                    track.restart = track.restart.max(Some(day));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_plan::DimensionIndex;
    use plumbline_units::Name;

    fn scope(pairs: &[(u8, &str)]) -> Scope {
        Scope(pairs.iter().map(|(d, v)| (DimensionIndex(*d), Name::new(v).unwrap())).collect())
    }

    #[test]
    fn a_hold_covers_what_is_made_of_the_facts_it_spoils_where_it_spoils_them() {
        let stage = StageIndex;
        let of = |first, last| Spoils { stages: Some((stage(first), stage(last))), ..Spoils::default() };
        let whole = Metric::Conversion { from: stage(0), to: stage(4) };
        let late = Metric::Conversion { from: stage(3), to: stage(4) };
        let leads = Metric::Volume { stage: stage(0) };
        let (all, smb, mid) = (scope(&[]), scope(&[(0, "smb")]), scope(&[(0, "mid")]));
        let search = scope(&[(1, "search")]);
        for (spoils, held, metric, judged, covered) in [
            (of(0, 4), &all, whole, &smb, true),
            (of(0, 0), &all, whole, &smb, true),
            (of(0, 0), &all, late, &smb, false),
            (of(4, 4), &all, leads, &smb, false),
            (of(4, 4), &all, Metric::Cac, &smb, true),
            (of(0, 4), &all, Metric::Spend, &smb, false),
            (Spoils::SPEND, &all, Metric::Spend, &all, true),
            (Spoils::SPEND, &all, whole, &all, false),
            (of(0, 4), &smb, leads, &smb, true),
            (of(0, 4), &smb, leads, &mid, false),
            (of(0, 4), &smb, leads, &all, true),
            (of(0, 4), &smb, leads, &search, true),
            (Spoils::end(stage(3)), &all, late, &smb, true),
            (Spoils::end(stage(3)), &all, whole, &smb, false),
            (Spoils::end(stage(3)), &all, Metric::Cac, &smb, false),
            (Spoils::end(stage(3)), &all, Metric::Volume { stage: stage(3) }, &smb, true),
        ] {
            let hold = Hold { spoils, scope: held.clone(), why: String::new() };
            assert_eq!(hold.covers(metric, judged), covered, "{hold:?} {metric:?} {judged:?}");
        }
    }
}
