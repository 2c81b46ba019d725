//! What of one revision's decisions goes over to the next.
//!
//! Plans number their stages by place: what was decided is taken over by name, and only where it still means the
//! same. A target that promises something else begins anew.

use std::collections::BTreeSet;

use plumbline_plan::{Condition, Direction, Metric, Pattern, Plan, StageIndex};
use plumbline_units::Name;

use super::episode::EpisodeKey;
use super::track::{Phase, Track};
use crate::stat::TableId;

/// The track of the target called `name` under the next revision, its table moved to the stages' new places.
/// `None` where the target promises something else there, or the table is gone.
pub(crate) fn carried(track: Track, name: &str, before: &Plan, after: &Plan) -> Option<Track> {
    let metric = |plan: &Plan| Some(plan.target(plan.target_named(name)?).metric);
    let (old, new) = (metric(before)?, metric(after)?);
    if old.word() != new.word() || stages(before, old) != stages(after, new) {
        return None;
    }
    let Phase::Drifting(mut latch) = track.phase else { return Some(track) };
    if let Some(table) = latch.table {
        latch.table = Some(moved(table, before, after, new)?);
    }
    Some(Track { phase: Phase::Drifting(latch), ..track })
}

/// The stages a metric speaks of.
fn stages(plan: &Plan, metric: Metric) -> Vec<&Name> {
    let places = match metric {
        Metric::Conversion { from, to }
        | Metric::Velocity { from, to }
        | Metric::Handoff { from, to, .. } => vec![from, to],
        Metric::Volume { stage } => vec![stage],
        Metric::Cac => vec![plan.first(), plan.last()],
        Metric::Spend => Vec::new(),
    };
    places.into_iter().map(|stage| plan.stage_name(stage)).collect()
}

fn moved(table: TableId, before: &Plan, after: &Plan, metric: Metric) -> Option<TableId> {
    let place = |stage: u8| after.stage(before.stage_name(StageIndex(stage)).as_str());
    Some(match table {
        TableId::Pair { from, to } => {
            let (from, to) = (place(from)?, place(to)?);
            // Tables are of neighbours, of the first stage with each, and of the target's own pair.
            let own = matches!(
                metric,
                Metric::Conversion { from: f, to: t } | Metric::Handoff { from: f, to: t, .. } if (f, t) == (from, to)
            );
            let kept = to.0 == from.0 + 1 || from == after.first() && from < to || own;
            kept.then_some(TableId::Pair { from: from.0, to: to.0 })?
        }
        TableId::Velocity { from, to } => TableId::Velocity { from: place(from)?.0, to: place(to)?.0 },
        TableId::Volume { stage } => TableId::Volume { stage: place(stage)?.0 },
        TableId::LeadsPerMoney | TableId::WinsPerMoney => table,
    })
}

/// The keys of the episodes that go on under the next revision. `anew` holds targets and scopes that begin anew.
pub(crate) fn kept(before: &Plan, after: &Plan, anew: &BTreeSet<(String, String)>) -> BTreeSet<EpisodeKey> {
    let is_anew = |name: &Name, label: &str| anew.contains(&(name.to_string(), label.to_string()));
    let mut keys = BTreeSet::new();
    for target in &after.targets {
        for label in target.scopes.iter().map(|s| after.scope_label(&s.scope)) {
            if !is_anew(&target.name, &label) {
                keys.insert(EpisodeKey::new(&after.name, &target.name, &label));
            }
        }
    }
    for pattern in &after.patterns {
        let known = before.patterns.iter().find(|p| p.name == pattern.name);
        let Some(member) = pattern.all.iter().find(|c| !c.negated) else { continue };
        if known.is_none_or(|known| demands(before, known) != demands(after, pattern)) {
            continue;
        }
        for label in after.target(member.target).scopes.iter().map(|s| after.scope_label(&s.scope)) {
            if !pattern.all.iter().any(|c| is_anew(&after.target(c.target).name, &label)) {
                keys.insert(EpisodeKey::new(&after.name, &pattern.name, &label));
            }
        }
    }
    keys
}

/// What a pattern demands of which targets.
fn demands<'a>(plan: &'a Plan, pattern: &Pattern) -> Vec<(&'a Name, Direction, bool)> {
    let demand = |c: &Condition| (&plan.target(c.target).name, c.direction, c.negated);
    pattern.all.iter().map(demand).collect()
}
