//! What the tests of the laws share: plans, generated histories, and one plain form of cells to compare.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod history;
pub mod oracle;
pub mod size;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plumbline_events::{Event, EventRecord};
use plumbline_funnel::{Applied, Cells, Fold, FoldOptions, Measure};
use plumbline_plan::{Plan, StageIndex};
use plumbline_units::{Day, Timestamp};

/// Leaf, measure, entry day, lag → sum; entries also by the hour, as measure `hour N of Entered(…)`.
pub type Plain = BTreeMap<(Vec<String>, String, i32, u16), i64>;

pub const EXAMPLE: &str = include_str!("../../../../deploy/examples/plan.toml");

/// Two stages, a third named `opportunity`, or the other way round.
const SHORT: &str = r#"
plan = "short"
revision = 1
effective_from = 2026-01-01
timezone = "America/New_York"
currency = "EUR"
false_alarms_per_year = 1.0
[funnel]
stages = ["FROM", "TO"]
dimensions = ["segment", "channel"]
[[rates]]
currency = "USD"
from = 2026-01-01
rate = "0.5"
[[transition]]
from = "FROM"
to = "TO"
conversion = 0.1
lag = { median = "10d", p90 = "20d" }
owners = [{ function = "marketing", team = "a" }, { function = "sales", team = "b" }]
"#;

pub fn plan(text: &str) -> Plan {
    Plan::parse("plan.toml", text).map(|parsed| parsed.plan).unwrap_or_else(|found| panic!("{found:?}"))
}

pub fn example() -> Plan {
    plan(EXAMPLE)
}

/// The example; the same with a target between inner stages; and three plans of two stages.
pub fn plans() -> &'static [Plan] {
    static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(read_plans);
    &PLANS
}

fn read_plans() -> Vec<Plan> {
    let inner =
        EXAMPLE.replace("from = \"opportunity\"\nto = \"won\"\nvalue", "from = \"mql\"\nto = \"won\"\nvalue");
    let short = |from, to| plan(&SHORT.replace("FROM", from).replace("TO", to));
    vec![
        example(),
        plan(&inner),
        short("lead", "won"),
        short("opportunity", "won"),
        short("lead", "opportunity"),
    ]
}

pub fn options() -> FoldOptions {
    FoldOptions { horizon: None, ..FoldOptions::default() }
}

pub fn record(event: &Event) -> EventRecord {
    EventRecord { received_at: event.envelope.occurred_at, input: "file".into(), event: event.clone() }
}

pub fn apply(fold: &mut Fold, event: &Event, watermark: Option<Timestamp>) -> Applied {
    fold.apply(&record(event).view(), watermark)
}

pub fn folded<'a>(plan: &Plan, events: impl IntoIterator<Item = &'a Event>) -> Fold {
    let mut fold = Fold::new(plan, options());
    for event in events {
        let _ = apply(&mut fold, event, None);
    }
    fold
}

pub fn name(cells: &Cells, measure: Measure) -> String {
    match measure {
        Measure::Lost { stage, reason } => format!("Lost({}, {:?})", stage.0, cells.reason(reason)),
        Measure::Disqualified { stage, reason } => {
            format!("Disqualified({}, {:?})", stage.0, cells.reason(reason))
        }
        Measure::Converted { from, to } => format!("Converted({}, {})", from.0, to.0),
        Measure::Skipped { from, to } => format!("Skipped({}, {})", from.0, to.0),
        Measure::Entered(stage) => format!("Entered({})", stage.0),
        Measure::Inferred(stage) => format!("Inferred({})", stage.0),
        other => format!("{other:?}"),
    }
}

/// The cells in a form that knows nothing of how they are kept.
pub fn plain(cells: &Cells) -> Plain {
    let mut plain = Plain::new();
    let mut count = 0;
    for leaf in cells.leaves() {
        let values: Vec<String> = cells.leaf_values(leaf).iter().map(|v| v.as_str().to_owned()).collect();
        for measure in cells.measures(leaf) {
            for (entry, lag, sum) in cells.series(leaf, measure) {
                assert_eq!(cells.run(leaf, measure, entry).find(|r| r.0 == lag), Some((lag, sum)));
                plain.insert((values.clone(), name(cells, measure), entry.number(), lag), sum);
                count += 1;
            }
            if let Measure::Entered(stage) = measure {
                hours(cells, leaf, stage, &values, &mut plain);
            }
        }
    }
    assert_eq!(cells.is_empty(), count == 0);
    plain
}

fn hours(
    cells: &Cells,
    leaf: plumbline_funnel::LeafId,
    stage: StageIndex,
    values: &[String],
    plain: &mut Plain,
) {
    for (entry, _, _) in cells.series(leaf, Measure::Entered(stage)) {
        for (hour, count) in cells.hours(leaf, stage, entry).into_iter().flatten().enumerate() {
            let key = (values.to_vec(), format!("hour {hour} of stage {}", stage.0), entry.number(), 0);
            if count > 0 {
                plain.insert(key, i64::from(count));
            }
        }
    }
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}
