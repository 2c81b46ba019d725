//! The fold's cells read as the judge reads them: as of any day, by entry day and by event day.

use std::collections::BTreeMap;

use plumbline_events::{Attributes, BodyView, EventView, LeadFactView, OpportunityFactView};
use plumbline_funnel::{Applied, Fold, FoldOptions};
use plumbline_plan::{DimensionIndex, StageIndex};
use plumbline_units::{Day, Money, Timestamp};

use super::super::facts::{Facts, Quantity};
use super::super::series::{Layout, groups_of, leaves_of};
use super::world::plan;

fn view<'a>(at: &str, attributes: &'a BTreeMap<Box<str>, Box<str>>, body: BodyView<'a>) -> EventView<'a> {
    let at: Timestamp = at.parse().unwrap();
    EventView {
        received_at: at,
        input: "file",
        occurred_at: at,
        workspace: "default",
        source: "crm",
        event_id: "",
        attributes: Attributes::Map(attributes),
        body,
    }
}

#[test]
fn a_scope_is_read_as_of_any_day() {
    let plan = plan(30.0, false);
    let mut fold = Fold::new(&plan, FoldOptions::default());
    let attributes: BTreeMap<Box<str>, Box<str>> =
        BTreeMap::from([("segment".into(), "smb".into()), ("channel".into(), "search".into())]);
    let money = |text: &str| Money {
        micros: plumbline_units::Micros::parse_decimal(text).unwrap(),
        currency: "EUR".parse().unwrap(),
    };
    let lead = |fact| BodyView::Lead { lead_id: "L1", fact };
    let opportunity = |fact| BodyView::Opportunity {
        opportunity_id: "O1",
        lead_id: Some("L1"),
        amount: Some(money("11800")),
        fact,
    };
    let spend = BodyView::Spend {
        spend_id: "S1",
        period_start: "2026-03-02".parse().unwrap(),
        period_end: "2026-03-03".parse().unwrap(),
        amount: money("805.10"),
    };
    for (at, body) in [
        ("2026-03-02T09:15:00Z", lead(LeadFactView::Created)),
        ("2026-03-03T10:00:00Z", lead(LeadFactView::StageReached("mql"))),
        ("2026-03-06T10:00:00Z", lead(LeadFactView::StageReached("sql"))),
        ("2026-03-10T10:00:00Z", opportunity(OpportunityFactView::Created)),
        ("2026-03-20T10:00:00Z", opportunity(OpportunityFactView::Won)),
        ("2026-03-03T04:00:00Z", spend),
    ] {
        assert_eq!(fold.apply(&view(at, &attributes, body), None), Applied::Changed, "{at}");
    }
    let cells = fold.cells();
    let scope = &plan.targets[0].scopes[0].scope;
    let leaves = leaves_of(cells, &Facts::leaves(cells), scope);
    assert_eq!(leaves.len(), 1);
    assert_eq!(groups_of(cells, &leaves, DimensionIndex(1)).keys().collect::<Vec<_>>(), ["search"]);
    let layout = Layout::new(&plan);
    let first: Day = "2026-03-02".parse().unwrap();
    // Tick → entries of the five stages, lead→mql, mql→sql, lead→won, wins, spend; all by entry day.
    for (tick, stages, pairs, won) in [
        ("2026-03-02", [1, 0, 0, 0, 0], [0, 0, 0], 0),
        ("2026-03-03", [1, 1, 0, 0, 0], [1, 0, 0], 0),
        ("2026-03-09", [1, 1, 1, 0, 0], [1, 1, 0], 0),
        ("2026-03-19", [1, 1, 1, 1, 0], [1, 1, 0], 0),
        ("2026-03-20", [1, 1, 1, 1, 1], [1, 1, 1], 1),
    ] {
        let tick: Day = tick.parse().unwrap();
        assert_eq!(layout.first_day(cells, tick), first);
        let series = layout.read(cells, &leaves, first, tick);
        assert_eq!(series.len() as i32, tick.since(first) + 1);
        let entered: Vec<u32> = (0..5).map(|s| series.entered(s).iter().sum()).collect();
        assert_eq!(entered, stages, "{tick}");
        let converted = |from, to| series.converted(from, to).unwrap().to_vec();
        let at = |values: Vec<u32>, day: usize| values.get(day).copied().unwrap_or(0);
        assert_eq!([at(converted(0, 1), 0), at(converted(1, 2), 1), at(converted(0, 4), 0)], pairs, "{tick}");
        assert_eq!(at(series.won.clone(), 0), won);
        assert_eq!(series.spend[0], 805_100_000);
        assert_eq!(series.hours(0, 0).map(|h| h[9]), Some(1));
    }
    let mut wins = Vec::new();
    let (from, to) = ("2026-03-15".parse().unwrap(), "2026-03-31".parse().unwrap());
    cells.by_event_days(leaves[0], Quantity::WonCount, first, from, to, &mut |day, n| wins.push((day, n)));
    assert_eq!(wins, [(first, 1)]);
    assert!(Facts::hours(cells, leaves[0], StageIndex(4), to).is_none_or(|h| h == [0; 24]));
}
