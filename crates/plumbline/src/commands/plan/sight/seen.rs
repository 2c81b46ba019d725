//! What the events hold: their fold under the plan, and what of them the plan does not know.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_drift::judge::scope_series;
use plumbline_drift::power::Volume;
use plumbline_drift::stat::ScopeSeries;
use plumbline_events::{BodyView, EventView, LeadFactView, OpportunityFactView, RecordView, decode_record};
use plumbline_funnel::{Applied, Fold, FoldOptions};
use plumbline_plan::{DimensionIndex, Metric, Plan, Scope, StageIndex, ValueClass};
use plumbline_units::{Day, Money, Timestamp};

use crate::args::{Order, PlanCheckArgs};
use crate::commands::now;
use crate::exit::{Kind, OrFail, Outcome};
use crate::input::{Records, Request};
use crate::progress::Progress;

/// Different unknown things counted one by one; further ones are left out.
const MAX_UNKNOWN: usize = 1_000;
/// Days over which volumes are averaged.
const VOLUME_DAYS: i32 = 56;

/// The events under a plan.
pub(super) struct Seen {
    pub(super) fold: Fold,
    /// First and last whole day.
    pub(super) days: (Day, Day),
    pub(super) events: u64,
    /// What the plan lacks, by kind and name, with the number of events.
    pub(super) unknown: BTreeMap<(Unknown, String), u64>,
    /// Stages that an event names, and whether one states spend.
    pub(super) named: BTreeSet<StageIndex>,
    pub(super) spend: bool,
    /// Lines that are no events, by reason.
    pub(super) rejected: u64,
}

/// A kind of thing that events speak of and the plan does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unknown {
    Stage,
    Currency,
    Value(DimensionIndex),
}

impl Seen {
    pub(super) fn read(args: &PlanCheckArgs, plan: &Plan, progress: Progress) -> Outcome<Seen> {
        let mut records = Records::open(&Request {
            files: &args.events,
            order: Order::File,
            until: args.until.unwrap_or_else(now),
            progress,
        })?;
        let mut fold = Fold::new(plan, FoldOptions { horizon: None, ..FoldOptions::default() });
        let mut unknown = BTreeMap::new();
        let mut span: Option<(Timestamp, Timestamp)> = None;
        let (mut named, mut spend) = (BTreeSet::new(), false);
        let (mut events, mut record) = (0, Vec::new());
        while records.next(&mut record)? {
            // An exported log holds records that are no events.
            let RecordView::Event(event) = decode_record(&record).or_fail(Kind::Internal)? else { continue };
            if event.workspace != args.workspace.as_str() {
                continue;
            }
            events += 1;
            let (first, last) = span.unwrap_or((event.occurred_at, event.occurred_at));
            span = Some((first.min(event.occurred_at), last.max(event.occurred_at)));
            note(plan, &event, &mut unknown);
            named.extend(stage(plan, &event.body));
            spend |= matches!(event.body, BodyView::Spend { .. });
            let _: Applied = fold.apply(&event, None);
        }
        let (first, last) = span.ok_or_else(|| {
            Kind::Input.says(format!("the files hold no event of workspace `{}`", args.workspace))
        })?;
        for (stage, count) in &fold.counters().ignored_stages {
            unknown.insert((Unknown::Stage, stage.to_string()), *count);
        }
        let first = plan.zone.day_of(first);
        // The day of the last event has not ended.
        let last = plan.zone.day_of(last).plus(-1).max(first);
        let rejected = records.tally().rejections();
        Ok(Seen { fold, days: (first, last), events, unknown, named, spend, rejected })
    }

    /// The counts of a scope at the end.
    pub(super) fn series(&self, plan: &Plan, scope: &Scope) -> ScopeSeries {
        scope_series(plan, self.fold.cells(), scope, self.days.1)
    }
}

/// Counts what the event says and the plan does not know.
fn note(plan: &Plan, event: &EventView<'_>, unknown: &mut BTreeMap<(Unknown, String), u64>) {
    let mut count = |what: Unknown, name: &str| {
        let key = (what, name.to_owned());
        if unknown.len() < MAX_UNKNOWN || unknown.contains_key(&key) {
            *unknown.entry(key).or_default() += 1;
        }
    };
    for (dimension, at) in plan.dimensions.iter().zip(0u8..) {
        let Some(raw) = event.attributes.get(dimension.name.as_str()) else { continue };
        let at = DimensionIndex(at);
        if plan.canonical_value(at, raw) == ValueClass::Unplanned {
            count(Unknown::Value(at), raw);
        }
    }
    if let Some(money) = amount(&event.body)
        && plan.exchange(money, plan.zone.day_of(event.occurred_at)).is_none()
    {
        count(Unknown::Currency, money.currency.as_str());
    }
}

/// The stage of the plan that an event says was reached.
fn stage(plan: &Plan, body: &BodyView<'_>) -> Option<StageIndex> {
    match body {
        BodyView::Lead { fact: LeadFactView::Created, .. } => Some(plan.first()),
        BodyView::Opportunity { fact: OpportunityFactView::Created, .. } => plan.motion().opportunity,
        BodyView::Opportunity { fact: OpportunityFactView::Won, .. } => Some(plan.last()),
        BodyView::Lead { fact: LeadFactView::StageReached(stage), .. }
        | BodyView::Opportunity { fact: OpportunityFactView::StageReached(stage), .. } => plan.stage(stage),
        _ => None,
    }
}

fn amount(body: &BodyView<'_>) -> Option<Money> {
    match body {
        BodyView::Opportunity { amount, .. } => *amount,
        BodyView::Spend { amount, .. } => Some(*amount),
        BodyView::Lead { .. } => None,
    }
}

/// The first and the last stage of what a metric is made of.
pub(super) fn path(plan: &Plan, metric: Metric) -> (StageIndex, StageIndex) {
    match metric {
        Metric::Conversion { from, to }
        | Metric::Velocity { from, to }
        | Metric::Handoff { from, to, .. } => (from, to),
        Metric::Volume { stage } => (stage, stage),
        Metric::Cac | Metric::Spend => (plan.first(), plan.last()),
    }
}

/// Mean entries by weekday over the newest eight weeks.
pub(super) fn volume(plan: &Plan, series: &ScopeSeries, stage: StageIndex) -> Volume {
    let first = series.from_day(series.last_day.plus(1 - VOLUME_DAYS));
    let (mut sums, mut days) = ([0.0; 7], [0.0; 7]);
    for index in first..series.len() {
        let weekday = series.day(index).weekday();
        sums[weekday] += f64::from(series.reached(stage.0, index));
        days[weekday] += 1.0;
    }
    // A weekday not seen yet is taken for an average one.
    let mean = sums.iter().sum::<f64>() / days.iter().sum::<f64>().max(1.0);
    let entries = std::array::from_fn(|w| if days[w] > 0.0 { sums[w] / days[w] } else { mean });
    let recorded = (0..plan.motion().stages.len()).map(|stage| series.records(stage as u8, 0)).collect();
    Volume { entries, recorded }
}
