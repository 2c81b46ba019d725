//! Stages that events speak of and the plan does not list.

use std::collections::BTreeMap;

use plumbline_plan::Plan;
use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Kind, Notice};

/// Stages told of at a time, per workspace; further ones wait until one of them is settled.
const MAX_STAGES: usize = 100;
/// A stage that no event has named for this long is settled.
const FORGOTTEN_AFTER: Seconds = Seconds(7 * 86_400);

/// The unmapped stages: how often each was named, since when, and when its count was last seen to grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stages {
    named: BTreeMap<Box<str>, (u64, Timestamp, Timestamp)>,
    /// Counts of settled stages, so that only new events bring one back.
    settled: BTreeMap<Box<str>, u64>,
}

impl Stages {
    pub(crate) fn close(
        &mut self,
        plan: &Plan,
        ignored: &BTreeMap<Box<str>, u64>,
        at: Timestamp,
        findings: &mut Vec<Finding>,
        ended: &mut Vec<(String, Notice)>,
    ) {
        for (stage, count) in ignored {
            if let Some((known, _, grown)) = self.named.get_mut(stage) {
                if *count != *known {
                    *grown = at;
                }
                *known = *count;
            } else if self.settled.get(stage).is_none_or(|known| count > known)
                && self.named.len() < MAX_STAGES
            {
                self.named.insert(stage.clone(), (*count, at, at));
                self.settled.remove(stage);
            }
        }
        let listed = |stage: &str| plan.stage(stage).is_some();
        self.settled.retain(|stage, _| !listed(stage));
        let over: Vec<Box<str>> = self
            .named
            .iter()
            .filter(|(stage, (_, _, grown))| listed(stage) || at >= grown.plus(FORGOTTEN_AFTER))
            .map(|(stage, _)| stage.clone())
            .collect();
        for stage in over {
            let Some((count, _, _)) = self.named.remove(&stage) else { continue };
            let key = Kind::UnmappedStage.key(&stage);
            if listed(&stage) {
                ended.push((key, Notice { accepted: false, text: "The plan lists the stage now.".into() }));
            } else {
                let text = "No event has named the stage for a week.".into();
                ended.push((key, Notice { accepted: true, text }));
                self.settled.insert(stage, count);
            }
        }
        findings.extend(self.named.iter().map(|(stage, (_, since, _))| finding(stage, *since)));
    }
}

fn finding(stage: &str, since: Timestamp) -> Finding {
    let mut finding = Finding::new(Kind::UnmappedStage, stage, since);
    finding.title = format!("events speak of a stage `{stage}` that the plan does not list");
    finding.summary = format!("Events that reach `{stage}` are counted and otherwise ignored.");
    finding.action =
        "add the stage to [funnel] stages, or map it to a planned one where the events are made".into();
    finding
}
