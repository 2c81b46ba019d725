//! What the plan counts on and no event ever says: a stage that nobody records, statements of spend that never come.
//!
//! Without it, a stage that is not recorded looks like one that nobody reaches. As long as the stage may simply not
//! have been reached yet, nothing is held back; from about the first journey that should have reached it on, the
//! verdicts that need it wait, and when as many as [`TOLD_FROM`] should have, it is told. Verdicts over the stage
//! from end to end go on by the tables that are recorded.

use std::collections::BTreeMap;

use plumbline_drift::judge::Spoils;
use plumbline_events::{BodyView, EventView, LeadFactView, OpportunityFactView};
use plumbline_plan::{Lag, Metric, Plan, Scope, StageIndex};
use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Kind, Notice};
use super::{Hour, Restart};

/// Journeys that should have reached a stage, taken from those older than half of the median time to it, from which
/// verdicts wait for the first; a quarter or so of them would have.
const HELD_FROM: f64 = 1.5;
/// The same of those older than the median time, half of whom would have: all eight missing by chance is one in
/// three thousand.
const TOLD_FROM: f64 = 16.0;
/// A stage, or spend, that has not been spoken of for this long is not recorded any more. What stopped is told of as
/// stopped long before.
const SILENT_FOR: Seconds = Seconds(27 * 86_400);
/// A statement may cover a month and come some days after it.
const SPEND_SILENT_FOR: Seconds = Seconds(50 * 86_400);
/// Days without any statement of spend since the first journey after which it is told.
const SPEND_TOLD_AFTER: Seconds = Seconds(7 * 86_400);
/// Days of entries kept.
const MAX_DAYS: usize = 400;
const DAY: i64 = 86_400_000;
const SPEND: &str = "spend.reported";

/// When everything the plan counts on was last spoken of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Records {
    /// By name of the stage.
    said: BTreeMap<Box<str>, Timestamp>,
    spend: Option<Timestamp>,
    first: Option<Timestamp>,
    /// Entries into the first stage by day of arrival, ascending.
    entries: Vec<(i64, u32)>,
    /// What somebody was told of, and since when it is missing.
    told: BTreeMap<Box<str>, Timestamp>,
}

impl Records {
    pub(crate) fn observe(&mut self, event: &EventView<'_>, plan: &Plan) {
        let at = event.received_at;
        let stage = match event.body {
            BodyView::Spend { .. } => {
                self.spend = self.spend.max(Some(at));
                return;
            }
            BodyView::Lead { fact: LeadFactView::Created, .. } => Some(plan.first()),
            BodyView::Opportunity { fact: OpportunityFactView::Created, .. } => plan.motion().opportunity,
            BodyView::Opportunity { fact: OpportunityFactView::Won, .. } => Some(plan.last()),
            BodyView::Lead { fact: LeadFactView::StageReached(stage), .. }
            | BodyView::Opportunity { fact: OpportunityFactView::StageReached(stage), .. } => {
                plan.stage(stage)
            }
            _ => None,
        };
        let Some(stage) = stage else { return };
        self.first = self.first.or(Some(at));
        if stage == plan.first() {
            let day = at.millis().div_euclid(DAY);
            match self.entries.last_mut().filter(|(last, _)| *last >= day) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => self.entries.push((day, 1)),
            }
            if self.entries.len() > MAX_DAYS {
                self.entries.remove(0);
            }
        }
        let name = plan.stage_name(stage).as_str();
        match self.said.get_mut(name) {
            Some(said) => *said = (*said).max(at),
            None => _ = self.said.insert(name.into(), at),
        }
    }

    /// The stages that nobody records.
    pub(crate) fn unrecorded(&self, plan: &Plan) -> Vec<StageIndex> {
        self.told.keys().filter_map(|name| plan.stage(name)).collect()
    }

    pub(crate) fn close(
        &mut self,
        hour: &Hour<'_>,
        findings: &mut Vec<Finding>,
        restarts: &mut Vec<Restart>,
        ended: &mut Vec<(String, Notice)>,
    ) {
        let plan = hour.plan;
        self.said.retain(|name, _| plan.stage(name).is_some());
        let mut still = BTreeMap::new();
        for stage in (1..=plan.last().0).map(StageIndex) {
            let name = plan.stage_name(stage).as_str();
            let missing = self.missing(stage, hour);
            let across = Spoils { stages: Some((stage, stage)), ..Spoils::default() };
            let told = self.told.get(name).copied();
            if missing == Missing::No {
                if told.is_some() {
                    ended.push((Kind::Unrecorded.key(name), recorded(&format!("Events that reach {name}"))));
                    // Journeys that passed the stage before it was recorded would count as lost there.
                    let day = plan.zone.day_of(hour.at).plus(1);
                    restarts.push(Restart { spoils: across, scope: Scope::default(), day });
                }
                continue;
            }
            if missing == Missing::Surely || told.is_some() {
                let since = told.or(self.said.get(name).copied()).or(self.first).unwrap_or(hour.at);
                still.insert(name.into(), since);
            }
            let since = still.get(name).copied();
            let mut finding = unrecorded(name, self.said.get(name).copied(), since.unwrap_or(hour.at));
            finding.published = since.is_some();
            // Until it is known to be missing, the tables across it count on it; nothing lies across the last.
            let ends = since.is_some() && stage < plan.last();
            let spoils = if ends { Spoils::end(stage) } else { across };
            finding.critical = plan.targets.iter().any(|target| spoils.touches(target.metric));
            finding.spoils = Some(spoils);
            findings.push(finding);
        }
        self.close_spend(hour, &mut still, findings, restarts, ended);
        self.told = still;
    }

    fn close_spend(
        &self,
        hour: &Hour<'_>,
        still: &mut BTreeMap<Box<str>, Timestamp>,
        findings: &mut Vec<Finding>,
        restarts: &mut Vec<Restart>,
        ended: &mut Vec<(String, Notice)>,
    ) {
        let counts = hour.plan.targets.iter().any(|t| matches!(t.metric, Metric::Cac | Metric::Spend));
        let told = self.told.get(SPEND).copied();
        let heard = self.spend.is_some_and(|at| hour.at < at.plus(SPEND_SILENT_FOR));
        let Some(first) = self.first.filter(|_| counts && !heard) else {
            if told.is_some() {
                ended.push((Kind::Unrecorded.key(SPEND), recorded("Statements of spend")));
                let day = hour.plan.zone.day_of(hour.at).plus(1);
                restarts.push(Restart { spoils: Spoils::SPEND, scope: Scope::default(), day });
            }
            return;
        };
        let since = self.spend.unwrap_or(first);
        let mut finding = Finding::new(Kind::Unrecorded, SPEND, since);
        finding.published = self.spend.is_some() || hour.at >= first.plus(SPEND_TOLD_AFTER);
        if finding.published {
            still.insert(SPEND.into(), since);
        }
        finding.spoils = Some(Spoils::SPEND);
        finding.critical = true;
        finding.title = match self.spend {
            None => "no statement of spend has ever come".into(),
            Some(at) => format!("no statement of spend has come since {}", hour.plan.zone.day_of(at)),
        };
        finding.summary =
            format!("{}, while leads flow: what a customer costs is not known.", upper(&finding.title));
        finding.action =
            "Connect the advertising accounts, or take the targets of spend and CAC out of the plan".into();
        findings.push(finding);
    }

    fn missing(&self, stage: StageIndex, hour: &Hour<'_>) -> Missing {
        let plan = hour.plan;
        let said = self.said.get(plan.stage_name(stage).as_str()).copied();
        if said.is_some_and(|said| hour.at < said.plus(SILENT_FOR)) {
            return Missing::No;
        }
        let path = &plan.motion().transitions[..usize::from(stage.0)];
        let median: i64 = path.iter().map(|t| median(&t.base.lag).0).sum();
        let rate = plan.conversion(plan.first(), stage, &Scope::default()).as_f64();
        let after = said.map_or(i64::MIN, |said| said.millis().div_euclid(DAY));
        let older = |age: i64| {
            let before = hour.at.minus(Seconds(age)).millis().div_euclid(DAY);
            let entered = self.entries.iter().filter(|(day, _)| *day > after && *day <= before);
            rate * entered.map(|(_, count)| f64::from(*count)).sum::<f64>()
        };
        // By whole days of arrival: the day itself is a day too young, so it must have passed.
        if older(median + DAY / 1000) >= TOLD_FROM {
            Missing::Surely
        } else if said.is_none() && older(median / 2) >= HELD_FROM {
            Missing::Perhaps
        } else {
            Missing::No
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Missing {
    No,
    Perhaps,
    Surely,
}

/// The time half of those who convert need.
fn median(lag: &Lag) -> Seconds {
    match lag {
        Lag::LogNormal { median, .. } => *median,
        Lag::Days(shares) => {
            let days = shares.iter().position(|share| share.as_f64() >= 0.5).unwrap_or(shares.len());
            Seconds(days as i64 * DAY / 1000)
        }
        Lag::Weekday(lags) => lags.iter().map(median).max().unwrap_or(Seconds(0)),
    }
}

fn unrecorded(name: &str, said: Option<Timestamp>, since: Timestamp) -> Finding {
    let mut finding = Finding::new(Kind::Unrecorded, name, since);
    finding.title = match said {
        None => format!("no event has ever reached {name}"),
        Some(said) => format!("no event has reached {name} since {said}"),
    };
    finding.summary = format!(
        "{}, although the plan counts on it and leads old enough to be there are many: nobody records the stage.",
        upper(&finding.title)
    );
    finding.action = format!(
        "Send the events that reach {name}, or take it out of [funnel] stages: what lies across it is judged from end \
         to end meanwhile"
    );
    finding
}

fn recorded(what: &str) -> Notice {
    let text = format!("{what} come now: evidence of what needs them starts with the days from tomorrow on.");
    Notice { accepted: false, text }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
