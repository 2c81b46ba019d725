//! What never comes, and what comes seldom and stops.

use std::collections::BTreeMap;

use plumbline_drift::judge::Spoils;
use plumbline_events::{Attributes, BodyView, LeadFactView, OpportunityFactView};
use plumbline_plan::{Metric, Plan, Scope, StageIndex};
use plumbline_units::{Day, Micros, Money, Seconds, Timestamp};

use super::cases::{event, staged, told};
use super::tests::{Random, plan_text};
use super::{DataChange, Health, Restart};
use crate::EngineConfig;

const HOUR: i64 = 3_600_000;
const START: &str = "2026-01-05T00:00:00Z";

/// What a source says, how often a day, and the days of it on which it is left out.
struct Said {
    source: &'static str,
    body: BodyView<'static>,
    daily: f64,
    missing: std::ops::Range<i64>,
}

fn lead(fact: LeadFactView<'static>) -> BodyView<'static> {
    BodyView::Lead { lead_id: "L", fact }
}

fn deal(fact: OpportunityFactView<'static>) -> BodyView<'static> {
    BodyView::Opportunity { opportunity_id: "O", lead_id: None, amount: None, fact }
}

fn said(source: &'static str, body: BodyView<'static>, daily: f64, missing: std::ops::Range<i64>) -> Said {
    Said { source, body, daily, missing }
}

/// Chance arrivals by day and night.
fn play(plan: &Plan, days: i64, seed: u64, all: &[Said]) -> (Vec<DataChange>, Vec<Restart>, Health) {
    let config = EngineConfig::default();
    let start = START.parse::<Timestamp>().unwrap().millis();
    let (mut random, mut health, none) = (Random(seed), Health::default(), BTreeMap::new());
    let (mut changes, mut restarts) = (Vec::new(), Vec::new());
    for n in 0..days * 24 {
        let begins = start + n * HOUR;
        let mut events = Vec::new();
        for said in all {
            for _ in 0..random.poisson(said.daily / 24.0) {
                let at = Timestamp::clamped(begins + (random.uniform() * HOUR as f64) as i64);
                events.push((at, said));
            }
        }
        events.sort_by_key(|(at, _)| *at);
        for (at, said) in events.into_iter().filter(|(_, said)| !said.missing.contains(&(n / 24))) {
            health.observe(&event(said.source, at, at, Attributes::Map(&none), said.body), plan, &config);
        }
        let closed =
            health.close_hour(Timestamp::clamped(begins + HOUR), plan, &BTreeMap::new(), false, false);
        changes.extend(closed.changes);
        restarts.extend(closed.restarts);
    }
    (changes, restarts, health)
}

fn hours(change: &DataChange) -> i64 {
    change.at.millis_since(START.parse().unwrap()) / HOUR
}

const WON: BodyView<'static> = BodyView::Opportunity {
    opportunity_id: "O",
    lead_id: None,
    amount: None,
    fact: OpportunityFactView::Won,
};
const NEVER: std::ops::Range<i64> = 0..0;
const ALWAYS: std::ops::Range<i64> = 0..i64::MAX;

#[test]
fn a_rare_type_that_stops_is_found_in_the_silence_its_own_rhythm_makes_improbable() {
    let plan = staged();
    let mut found = Vec::new();
    let mut wrong = 0;
    for seed in 1..=20 {
        let company = [
            said("crm", lead(LeadFactView::Created), 30.0, NEVER),
            said("crm", lead(LeadFactView::StageReached("mql")), 15.0, NEVER),
            said("crm", lead(LeadFactView::StageReached("sql")), 6.0, NEVER),
            said("deals", deal(OpportunityFactView::Created), 3.0, NEVER),
            said("deals", deal(OpportunityFactView::Lost("price")), 1.0, NEVER),
            said("deals", deal(OpportunityFactView::Won), 1.2, 200..220),
        ];
        let (changes, _, _) = play(&plan, 222, seed, &company);
        let key = "stopped-type/deals/opportunity.won";
        for (change, (said, transition)) in changes.iter().zip(told(&changes)) {
            match (said == key, transition, hours(change)) {
                (true, "opened", at) if at >= 200 * 24 => found.push((at - 200 * 24) as f64 / 24.0),
                (_, "opened", at) if at < 200 * 24 => wrong += 1,
                _ => {}
            }
        }
    }
    found.sort_by(f64::total_cmp);
    println!("found after {found:?} days, {wrong} false in {} years", 20.0 * 200.0 / 365.25);
    assert!(found.len() == 20 && found[9] <= 9.0, "{found:?}");
    // Two sources, all their silences and types.
    assert!(f64::from(wrong) <= 20.0 * 200.0 / 365.25 * 2.0, "{wrong}");
}

#[test]
fn a_stage_that_no_event_ever_reaches_is_told_of_and_holds_back_what_begins_or_ends_there() {
    let plan = staged();
    let conversion = |from, to| Metric::Conversion { from: StageIndex(from), to: StageIndex(to) };
    let company = |missing| {
        [
            said("crm", lead(LeadFactView::Created), 30.0, NEVER),
            said("crm", lead(LeadFactView::StageReached("mql")), 10.0, missing),
            said("crm", lead(LeadFactView::StageReached("sql")), 5.0, NEVER),
            said("crm", deal(OpportunityFactView::Won), 3.0, NEVER),
        ]
    };
    let (changes, _, health) = play(&plan, 60, 1, &company(ALWAYS));
    assert_eq!(told(&changes), [("unrecorded/mql", "opened")]);
    assert_eq!(changes[0].episode.title, "no event has ever reached mql");
    // A tenth of 30 a day after a median of ten days.
    assert!((13 * 24..20 * 24).contains(&hours(&changes[0])), "{}", hours(&changes[0]));
    let held = |metric| health.holds().iter().any(|h| h.covers(metric, &Scope::default()));
    assert!(held(conversion(0, 1)) && held(conversion(1, 2)));
    assert!(!held(conversion(0, 2)) && !held(conversion(0, 3)) && !held(Metric::Cac));
    assert_eq!(health.unrecorded(&plan), [StageIndex(1)]);
    // Before it was certain, what lies across it waited as well.
    let (_, _, early) = play(&plan, 10, 1, &company(ALWAYS));
    assert!(early.holds().iter().any(|h| h.covers(conversion(0, 3), &Scope::default())));
    assert_eq!(early.unrecorded(&plan), []);
    // It comes at last: cohorts that passed it unseen are left out.
    let (changes, restarts, health) = play(&plan, 60, 1, &company(0..50));
    assert_eq!(told(&changes), [("unrecorded/mql", "opened"), ("unrecorded/mql", "resolved")]);
    let across = Spoils { stages: Some((StageIndex(1), StageIndex(1))), ..Spoils::default() };
    assert_eq!(restarts.iter().map(|r| r.spoils).collect::<Vec<_>>(), [across]);
    assert!(health.holds().is_empty() && health.unrecorded(&plan).is_empty());
    // What was recorded once and is no more ends as stopped after four weeks; the stage stays unrecorded.
    let (changes, _, health) = play(&plan, 140, 1, &company(60..i64::MAX));
    let of_mql: Vec<_> = told(&changes).into_iter().filter(|(_, turn)| *turn == "opened").collect();
    assert_eq!(
        of_mql,
        [("stopped-type/crm/lead.stage_reached mql", "opened"), ("unrecorded/mql", "opened")],
        "{:?}",
        told(&changes)
    );
    assert_eq!(health.unrecorded(&plan), [StageIndex(1)]);
}

#[test]
fn a_source_that_is_gone_takes_its_types_with_it() {
    let plan = staged();
    for seed in 1..=5 {
        let company = [
            said("crm", lead(LeadFactView::Created), 30.0, NEVER),
            said("deals", deal(OpportunityFactView::Created), 3.0, 60..i64::MAX),
            said("deals", deal(OpportunityFactView::Won), 1.2, 60..i64::MAX),
        ];
        let (changes, _, _) = play(&plan, 120, seed, &company);
        let of_deals = |c: &DataChange| hours(c) >= 60 * 24 && c.episode.key.contains("deals");
        let late: Vec<_> = changes.into_iter().filter(of_deals).collect();
        let key = "silent-source/deals";
        assert_eq!(told(&late), [(key, "opened"), (key, "resolved")], "{seed}");
        assert_eq!(late[1].resolution, Some("accepted"));
    }
}

#[test]
fn days_that_are_read_at_once_are_no_list_unless_an_hour_of_them_is() {
    let plan = staged();
    let none = BTreeMap::new();
    for (listed, told_of) in [(0, 0), (400, 1)] {
        let company = [said("crm", lead(LeadFactView::Created), 30.0, NEVER), said("crm", WON, 1.0, NEVER)];
        let (_, _, mut health) = play(&plan, 30, 1, &company);
        let start = START.parse::<Timestamp>().unwrap().millis() + 30 * 24 * HOUR;
        let mut burst = 0;
        for day in 0..8 {
            // Four days' worth, of which the clock has long passed the hours.
            for n in 0..120 + if day == 7 { listed } else { 0 } {
                let hour = if n < 120 { n % 24 } else { 12 };
                let at = Timestamp::clamped(start + (24 * day + hour) * HOUR + n);
                let lead = event("crm", at, at, Attributes::Map(&none), lead(LeadFactView::Created));
                health.observe(&lead, &plan, &EngineConfig::default());
            }
            for hour in 1..=24 {
                let at = Timestamp::clamped(start + (24 * (day + 1) + hour) * HOUR);
                let changes = health.close_hour(at, &plan, &BTreeMap::new(), false, false).changes;
                burst += told(&changes)
                    .iter()
                    .filter(|(key, turn)| *key == "import-burst/crm" && *turn == "opened")
                    .count();
            }
        }
        assert_eq!(burst, told_of, "{listed}");
    }
}

#[test]
fn a_plan_on_record_is_left_alone_and_its_first_weeks_are_too() {
    let plan = staged();
    for seed in 1..=10 {
        let company = [
            said("crm", lead(LeadFactView::Created), 30.0, NEVER),
            said("crm", lead(LeadFactView::StageReached("mql")), 3.0, 0..10),
            said("crm", lead(LeadFactView::StageReached("sql")), 0.3, 0..20),
            said("crm", deal(OpportunityFactView::Won), 0.03, 0..30),
        ];
        let (changes, _, _) = play(&plan, 100, seed, &company);
        let unrecorded: Vec<_> =
            told(&changes).into_iter().filter(|(key, _)| key.starts_with("unrecorded")).collect();
        assert_eq!(unrecorded, [], "{seed}");
    }
}

#[test]
fn without_any_statement_of_spend_what_is_made_of_it_waits_and_somebody_is_told() {
    let with_cac = plan_text("UTC").replace("[[target]]\n", "[[target]]\nname = \"cac\"\nmetric = \"cac\"\nvalue = \"100 EUR\"\nwarn = \"+20%\"\nowners = [{ function = \"marketing\", team = \"growth\" }, { function = \"sales\", team = \"ae\" }]\n[[target]]\n");
    let with_cac = Plan::parse("plan.toml", &with_cac).unwrap().plan;
    let statement = BodyView::Spend {
        spend_id: "s",
        period_start: Day::from_number(20_000),
        period_end: Day::from_number(20_001),
        amount: Money { micros: Micros(1), currency: "EUR".parse().unwrap() },
    };
    let company = |missing| {
        [
            said("crm", lead(LeadFactView::Created), 30.0, NEVER),
            said("crm", deal(OpportunityFactView::Won), 3.0, NEVER),
            said("ads", statement, 3.0, missing),
        ]
    };
    let held = |health: &Health, metric| health.holds().iter().any(|h| h.covers(metric, &Scope::default()));
    let (changes, _, health) = play(&with_cac, 3, 1, &company(ALWAYS));
    assert_eq!(told(&changes), []);
    assert!(held(&health, Metric::Cac) && held(&health, Metric::Spend));
    assert!(!held(&health, Metric::Volume { stage: StageIndex(0) }));
    let (changes, restarts, health) = play(&with_cac, 30, 1, &company(0..20));
    let key = "unrecorded/spend.reported";
    assert_eq!(told(&changes), [(key, "opened"), (key, "resolved")]);
    assert_eq!(changes[0].episode.title, "no statement of spend has ever come");
    assert_eq!(hours(&changes[0]), 7 * 24 + 1);
    assert_eq!(restarts.iter().map(|r| r.spoils).collect::<Vec<_>>(), [Spoils::SPEND]);
    assert!(health.holds().is_empty(), "{:?}", health.holds());
    // A plan that counts on no spend asks for none.
    let (changes, _, health) = play(&super::tests::plan("UTC"), 30, 1, &company(ALWAYS));
    assert_eq!((told(&changes), health.holds().len()), (vec![], 0));
    // Days of silence end in four weeks; the statement that covers a month is waited for a little longer.
    let (changes, _, _) = play(&with_cac, 120, 1, &company(60..i64::MAX));
    let opened: Vec<_> = changes.iter().filter(|c| c.transition == "opened").map(hours).collect();
    assert_eq!(told(&changes).last(), Some(&(key, "opened")), "{:?}", told(&changes));
    assert!(opened.last().unwrap() - 60 * 24 >= Seconds(50 * 86_400).0 / 3600 - 24, "{opened:?}");
}
