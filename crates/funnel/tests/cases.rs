//! The fold by example: what each rule of merging, deleting, winning and skipping means.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_events::{Event, Limits, decode_json_line};
use plumbline_funnel::{Applied, Fold, FoldOptions, FoldRejection, Measure};
use plumbline_plan::StageIndex;
use plumbline_units::{Day, Seconds, Timestamp};
use support::{apply, day, example, folded, options, plain};

const EXAMPLE_EVENTS: &str = include_str!("../../../deploy/examples/events.jsonl");

fn events(lines: &str) -> Vec<Event> {
    let line = |l: &str| decode_json_line(l.as_bytes(), &Limits::default()).unwrap().0;
    lines.lines().filter(|l| !l.trim().is_empty()).map(line).collect()
}

/// A history in short: one event per line, `day type id [key=value…]`; days of March 2026 at noon UTC.
fn story(text: &str) -> Vec<Event> {
    let mut lines = String::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut words = line.split_whitespace();
        let (on, kind, id) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let of = if kind.starts_with("lead") { "lead_id" } else { "opportunity_id" };
        lines += &format!(r#"{{"occurred_at":"2026-03-{on}T12:00:00Z","type":"{kind}","{of}":"{id}""#);
        for (key, value) in words.map(|word| word.split_once('=').unwrap()) {
            lines += &match key {
                "amount" => format!(r#","amount":{{"value":"{value}","currency":"EUR"}}"#),
                "segment" => format!(r#","attributes":{{"segment":"{value}"}}"#),
                _ => format!(r#","{key}":"{value}""#),
            };
        }
        lines += "}\n";
    }
    events(&lines)
}

/// Every cell but the hours as `segment measure entry+lag sum`, with days of March.
fn told(fold: &Fold) -> Vec<String> {
    let first = day("2026-02-28").number();
    let cells = plain(fold.cells()).into_iter().filter(|(key, _)| !key.1.starts_with("hour"));
    cells
        .map(|((leaf, measure, entry, lag), sum)| {
            format!("{} {measure} {}+{lag} {sum}", leaf[0], entry - first)
        })
        .collect()
}

fn has(told: &[String], what: &str, wanted: &[&str]) {
    let found: Vec<&str> =
        told.iter().map(|t| t.split_once(' ').unwrap().1).filter(|t| t.starts_with(what)).collect();
    assert_eq!(found, wanted, "{what} among {told:#?}");
}

#[test]
fn the_example_is_one_won_deal_and_its_spend_in_every_order() {
    let plan = example();
    let all = events(EXAMPLE_EVENTS);
    let fold = folded(&plan, &all);
    let smb: Vec<String> = plain(fold.cells())
        .into_iter()
        .filter(|(key, _)| !key.1.starts_with("hour"))
        .map(|((leaf, measure, entry, lag), sum)| {
            format!("{} {measure} {}+{lag} {sum}", leaf.join("/"), Day::from_number(entry))
        })
        .collect();
    let wanted = [
        "smb/paid_social Converted(0, 1) 2026-03-02+1 1",
        "smb/paid_social Converted(0, 2) 2026-03-02+4 1",
        "smb/paid_social Converted(0, 3) 2026-03-02+8 1",
        "smb/paid_social Converted(0, 4) 2026-03-02+26 1",
        "smb/paid_social Converted(1, 2) 2026-03-03+3 1",
        "smb/paid_social Converted(2, 3) 2026-03-06+4 1",
        "smb/paid_social Converted(3, 4) 2026-03-10+18 1",
        "smb/paid_social Entered(0) 2026-03-02+0 1",
        "smb/paid_social Entered(1) 2026-03-03+0 1",
        "smb/paid_social Entered(2) 2026-03-06+0 1",
        "smb/paid_social Entered(3) 2026-03-10+0 1",
        "smb/paid_social Entered(4) 2026-03-28+0 1",
        "smb/paid_social Reached(0) 2026-03-02+1 1",
        "smb/paid_social WonAmount 2026-03-02+26 11800000000",
        "smb/paid_social WonCount 2026-03-02+26 1",
        "smb/search Spend 2026-03-02+0 805100000",
    ];
    assert_eq!(smb, wanted);
    let by_line = plain(fold.cells());
    // Rotations, reversals and every pair exchanged.
    for turn in 0..all.len() {
        let mut order = all.clone();
        order.rotate_left(turn);
        assert_eq!(plain(folded(&plan, &order).cells()), by_line);
        order.reverse();
        assert_eq!(plain(folded(&plan, &order).cells()), by_line);
        for other in 0..all.len() {
            let mut order = all.clone();
            order.swap(turn, other);
            assert_eq!(plain(folded(&plan, &order).cells()), by_line);
        }
    }
}

#[test]
fn what_each_rule_means() {
    let base = "01 lead.created A segment=smb\n03 lead.stage_reached A stage=mql\n";
    for (name, more, what, wanted) in [
        (
            "a skipped stage is inferred at the next one seen",
            "09 lead.stage_reached A stage=opportunity",
            "Inferred",
            &["Inferred(2) 9+0 1"][..],
        ),
        (
            "it counts from the first stage on",
            "09 lead.stage_reached A stage=opportunity",
            "Converted(0, 2",
            &["Converted(0, 2) 1+8 1"],
        ),
        (
            "it is no evidence between neighbours",
            "09 lead.stage_reached A stage=opportunity",
            "Converted(1, 2",
            &[],
        ),
        (
            "but it is shown there",
            "09 lead.stage_reached A stage=opportunity",
            "Skipped",
            &["Skipped(1, 2) 3+6 1", "Skipped(2, 3) 9+0 1"],
        ),
        (
            "a merged lead enters when its first member did",
            "02 lead.created B\n04 lead.merged A into_lead_id=B",
            "Entered(0",
            &["Entered(0) 1+0 1"],
        ),
        (
            "a merge known before either lead",
            "04 lead.merged B into_lead_id=C\n04 lead.merged C into_lead_id=A\n02 lead.created B",
            "Entered(0",
            &["Entered(0) 1+0 1"],
        ),
        (
            "deleting a lead merged away is the merge's echo",
            "04 lead.merged A into_lead_id=B\n05 lead.deleted A",
            "Entered(0",
            &["Entered(0) 1+0 1"],
        ),
        (
            "deleting the root removes the journey",
            "04 lead.merged A into_lead_id=B\n05 lead.deleted B",
            "",
            &[],
        ),
        (
            "restoring undoes the merge and the deletion",
            "04 lead.merged A into_lead_id=B\n05 lead.deleted A\n06 lead.restored A\n02 lead.created B",
            "Entered(0",
            &["Entered(0) 2+0 1", "Entered(0) 1+0 1"],
        ),
        (
            "whatever arrives after a deletion changes nothing",
            "05 lead.deleted A\n07 lead.stage_reached A stage=sql",
            "",
            &[],
        ),
        (
            "a win after the merge under the old id",
            "04 lead.merged A into_lead_id=B\n20 opportunity.won O lead_id=A amount=70",
            "Won",
            &["WonAmount 1+19 70000000", "WonCount 1+19 1"],
        ),
        (
            "the opportunities of a deleted lead stay as journeys of their own",
            "05 opportunity.created O lead_id=A\n20 opportunity.won O amount=70\n21 lead.deleted A",
            "Converted",
            &["Converted(3, 4) 5+15 1"],
        ),
        (
            "the latest link wins",
            "20 opportunity.won O lead_id=A\n02 lead.created B\n21 opportunity.linked O lead_id=B",
            "WonCount",
            &["WonCount 2+18 1"],
        ),
        (
            "a lead known only through its opportunity",
            "08 opportunity.created O lead_id=X\n20 opportunity.won O lead_id=X",
            "WonCount",
            &["WonCount 8+12 1"],
        ),
        (
            "two opportunities: stages once, wins twice",
            "05 opportunity.created O lead_id=A\n06 opportunity.created P lead_id=A\n09 opportunity.won P amount=1\n08 opportunity.won O amount=2",
            "Won",
            &["WonAmount 1+7 2000000", "WonAmount 1+8 1000000", "WonCount 1+7 1", "WonCount 1+8 1"],
        ),
        (
            "two opportunities enter the stage once",
            "05 opportunity.created O lead_id=A\n06 opportunity.created P lead_id=A",
            "Entered(3",
            &["Entered(3) 5+0 1"],
        ),
        (
            "a win that was lost does not count",
            "08 opportunity.won O lead_id=A\n09 opportunity.lost O reason=price",
            "Entered(4",
            &[],
        ),
        (
            "a loss leaves the furthest stage",
            "08 opportunity.won O lead_id=A\n09 opportunity.lost O reason=price",
            "Lost",
            &["Lost(1, \"price\") 3+6 1"],
        ),
        (
            "won, reopened, won: the day of the last",
            "08 opportunity.won O lead_id=A\n09 opportunity.reopened O\n12 opportunity.won O",
            "Entered(4",
            &["Entered(4) 12+0 1"],
        ),
        (
            "won twice: the day of the first",
            "08 opportunity.won O lead_id=A\n12 opportunity.won O",
            "Entered(4",
            &["Entered(4) 8+0 1"],
        ),
        (
            "won and lost in one instant is won",
            "08 opportunity.lost O lead_id=A\n08 opportunity.won O",
            "WonCount",
            &["WonCount 1+7 1"],
        ),
        (
            "a deal said to have reached the last stage is won",
            "08 opportunity.stage_reached O stage=won lead_id=A amount=5",
            "WonAmount",
            &["WonAmount 1+7 5000000"],
        ),
        (
            "the latest amount counts",
            "08 opportunity.won O lead_id=A amount=5\n09 opportunity.amount_changed O amount=3",
            "WonAmount",
            &["WonAmount 1+7 3000000"],
        ),
        ("disqualified and reopened", "05 lead.disqualified A reason=no\n06 lead.reopened A", "Disq", &[]),
        (
            "disqualified leaves the furthest stage reached before",
            "05 lead.disqualified A reason=no\n09 lead.stage_reached A stage=sql",
            "Disq",
            &["Disqualified(1, \"no\") 3+2 1"],
        ),
        (
            "a stage before its predecessor counts with no lag",
            "02 lead.stage_reached A stage=sql",
            "Converted(1, 2",
            &["Converted(1, 2) 3+0 1"],
        ),
        ("a stage the plan does not list is ignored", "04 lead.stage_reached A stage=demo", "Entered(2", &[]),
    ] {
        let mut all = story(&format!("{base}{more}"));
        let fold = folded(&example(), &all);
        has(&told(&fold), what, wanted);
        all.reverse();
        assert_eq!(told(&folded(&example(), &all)), told(&fold), "{name}");
    }
}

#[test]
fn a_value_counts_only_if_it_was_known_in_time() {
    for (name, lines, segment) in [
        ("at entry", "02 lead.created A segment=smb", "smb"),
        ("before entry", "01 lead.attributes_changed A segment=mid\n20 lead.created A segment=smb", "mid"),
        ("a day later", "02 lead.created A\n03 lead.attributes_changed A segment=SMB", "smb"),
        ("too late", "02 lead.created A\n04 lead.attributes_changed A segment=smb", "(unset)"),
        ("changed later", "02 lead.created A segment=smb\n03 lead.attributes_changed A segment=mid", "smb"),
        ("not in the plan", "02 lead.created A segment=galactic", "(unplanned)"),
        ("from its opportunity", "02 lead.created A\n03 opportunity.created O lead_id=A segment=mid", "mid"),
        (
            "from a lead merged in",
            "02 lead.created A\n09 lead.merged A into_lead_id=B\n01 lead.attributes_changed B segment=mid",
            "mid",
        ),
    ] {
        let told = told(&folded(&example(), &story(lines)));
        assert!(told.iter().all(|t| t.starts_with(&format!("{segment} "))), "{name}: {told:?}");
        assert!(!told.is_empty(), "{name}");
    }
}

#[test]
fn without_a_rate_a_deal_counts_and_its_amount_does_not() {
    let line = r#"{"type":"opportunity.won","occurred_at":"2026-03-02T12:00:00Z","opportunity_id":"O","amount":{"value":"1","currency":"CHF"}}"#;
    let mut fold = Fold::new(&example(), options());
    let wanted = FoldRejection::NoRate { currency: "CHF".parse().unwrap(), day: day("2026-03-02") };
    for time in 1..=2 {
        assert_eq!(apply(&mut fold, &events(line)[0], None), Applied::Unpriced(wanted));
        assert_eq!(fold.counters().unpriced, time);
    }
    let without = line.replace(r#","amount":{"value":"1","currency":"CHF"}"#, "");
    assert_eq!(plain(fold.cells()), plain(folded(&example(), &events(&without)).cells()));
}

#[test]
fn without_a_rate_spend_is_not_taken() {
    let line = r#"{"type":"spend.reported","occurred_at":"2026-03-03T12:00:00Z","spend_id":"S","period_start":"2026-03-02","period_end":"2026-03-02","amount":{"value":"1","currency":"CHF"}}"#;
    let mut fold = Fold::new(&example(), options());
    let wanted = FoldRejection::NoRate { currency: "CHF".parse().unwrap(), day: day("2026-03-02") };
    assert_eq!(apply(&mut fold, &events(line)[0], None), Applied::Rejected(wanted));
    assert!(fold.cells().is_empty());
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_journey_is_forgotten_when_the_watermark_passes_its_last_event_by_the_horizon() {
    let days = |n| FoldOptions { horizon: Some(Seconds::days(n)), ..options() };
    let lines =
        "01 lead.created A segment=smb\n03 lead.merged A into_lead_id=B\n05 opportunity.won O lead_id=A";
    let mut fold = Fold::new(&example(), days(10));
    for event in story(lines) {
        assert_eq!(apply(&mut fold, &event, None), Applied::Changed);
    }
    let before = plain(fold.cells());
    fold.advance(at("2026-03-15T11:59:59Z"));
    assert_eq!((fold.stats().journeys, fold.stats().opportunities), (2, 1));
    fold.advance(at("2026-03-16T12:00:00Z"));
    assert_eq!((fold.stats().journeys, fold.stats().opportunities), (0, 0));
    // What it counted for stays; its event days are folded into one.
    assert_eq!(before.values().sum::<i64>(), plain(fold.cells()).values().sum::<i64>());
    let beyond = apply(&mut fold, &story(lines)[2], Some(at("2026-03-15T12:00:00Z")));
    assert_eq!(beyond, Applied::Rejected(FoldRejection::BeyondHorizon));
    let newer =
        apply(&mut fold, &story("08 lead.stage_reached A stage=sql")[0], Some(at("2026-03-16T12:00:00Z")));
    assert_eq!(newer, Applied::Changed);
    assert_eq!(fold.stats().journeys, 1);
}

#[test]
fn a_journey_on_a_folded_day_can_still_be_taken_back() {
    let mut fold = Fold::new(&example(), FoldOptions { horizon: Some(Seconds::days(10)), ..options() });
    let history = story(
        "01 lead.created A segment=smb\n09 lead.stage_reached A stage=mql\n12 lead.stage_reached A stage=sql",
    );
    for event in &history {
        let _ = apply(&mut fold, event, None);
    }
    fold.take_dirty();
    fold.advance(at("2026-03-19T12:00:00Z"));
    let leaf = fold.cells().leaves().next().unwrap();
    // The aggregate reads differently now, so it is published again; the younger day of the second stage is not.
    assert_eq!(fold.take_dirty(), [(leaf, day("2026-03-01"))]);
    let converted = Measure::Converted { from: StageIndex(0), to: StageIndex(1) };
    let run: Vec<_> = fold.cells().run(leaf, converted, day("2026-03-01")).collect();
    assert_eq!(run, [(plumbline_funnel::Cells::ANY_LAG, 1)]);
    let _ = apply(&mut fold, &story("13 lead.deleted A")[0], None);
    assert!(fold.cells().is_empty());
}

#[test]
fn a_snapshot_of_another_plan_or_with_a_changed_byte_is_refused() {
    let fold = folded(&example(), &events(EXAMPLE_EVENTS));
    let mut bytes = Vec::new();
    fold.save(&mut bytes);
    assert!(Fold::load(&example(), &options(), &bytes).is_ok());
    for at in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Fold::load(&example(), &options(), &changed).is_err());
        assert!(Fold::load(&example(), &options(), &bytes[..at]).is_err());
    }
    let other = Fold::load(&support::plans()[2], &options(), &bytes);
    assert_eq!(other.err(), Some(plumbline_funnel::SnapshotError::OtherPlan));
}

#[test]
fn past_the_limit_of_leaves_undeclared_values_are_taken_together() {
    let line = |n: usize| {
        format!(
            r#"{{"type":"lead.created","occurred_at":"2026-03-02T12:00:00Z","lead_id":"L{n}","attributes":{{"segment":"smb","channel":"c{n}"}}}}"#
        )
    };
    let mut fold = Fold::new(&example(), FoldOptions { max_leaves: 5, max_journeys: 9, ..options() });
    for n in 0..9 {
        assert_eq!(apply(&mut fold, &events(&line(n))[0], None), Applied::Changed);
    }
    assert!(matches!(
        apply(&mut fold, &events(&line(9))[0], None),
        Applied::Rejected(FoldRejection::Limit { .. })
    ));
    let cells = fold.cells();
    let leaves: Vec<_> = cells.leaves().map(|leaf| cells.leaf_values(leaf).to_vec()).collect();
    assert_eq!(leaves.len(), 6);
    assert_eq!((leaves[5][0].as_str(), leaves[5][1].as_str()), ("smb", "(other)"));
    let last = cells.leaves().last().unwrap();
    assert_eq!(cells.total(last, Measure::Entered(StageIndex(0)), day("2026-03-02")), 4);
}
