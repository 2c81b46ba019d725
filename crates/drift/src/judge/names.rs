//! How stages, transitions and scopes are written for people and machines.

use plumbline_plan::{Plan, Scope, StageIndex};
use plumbline_units::Name;

use crate::stat::TableId;

/// The scope as pairs of dimension and value.
pub(crate) fn scope_values(plan: &Plan, scope: &Scope) -> Vec<(Name, Name)> {
    let name = |at: usize| plan.dimensions.get(at).map(|d| d.name.clone());
    scope.0.iter().filter_map(|(d, value)| Some((name(usize::from(d.0))?, value.clone()))).collect()
}

/// The stage's name in the plan.
pub(crate) fn stage(plan: &Plan, stage: StageIndex) -> &str {
    plan.stage_name(stage).as_str()
}

/// `mql>sql`: the stable name of a transition.
pub(crate) fn transition(plan: &Plan, from: StageIndex, to: StageIndex) -> String {
    format!("{}>{}", stage(plan, from), stage(plan, to))
}

/// The stable name of a table of evidence.
pub(crate) fn table(plan: &Plan, table: TableId) -> String {
    match table {
        TableId::Pair { from, to } => transition(plan, StageIndex(from), StageIndex(to)),
        TableId::Velocity { from, to } => {
            format!("{} time", transition(plan, StageIndex(from), StageIndex(to)))
        }
        TableId::LeadsPerMoney => COST_PER_LEAD.to_string(),
        TableId::WinsPerMoney => "cac".to_string(),
        TableId::Volume { stage: s } => format!("{} volume", stage(plan, StageIndex(s))),
    }
}

/// The stable name of the part of CAC that is not conversion.
pub(crate) const COST_PER_LEAD: &str = "cost per lead";

/// A stage's or transition's stable name for people: short names are abbreviations (`mql>sql` → `MQL→SQL`).
pub fn shown(name: &str) -> String {
    let words = name.split('>').map(|word| {
        let short = word.len() <= 3 && word.chars().all(|c| c.is_ascii_alphabetic()) && word != "won";
        if short { word.to_uppercase() } else { word.to_string() }
    });
    words.collect::<Vec<_>>().join("→")
}
