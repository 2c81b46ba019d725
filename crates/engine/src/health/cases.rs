//! Each kind of trouble by example: it is found, what it spoils waits, and what only looks like it is left alone.

use std::collections::BTreeMap;

use plumbline_events::{Attributes, BodyView, EventView, LeadFactView, OpportunityFactView};
use plumbline_plan::{Metric, Plan, Scope, StageIndex};
use plumbline_units::{Seconds, Timestamp};

use super::tests::{Random, plan};
use super::{DataChange, Health, Restart};
use crate::EngineConfig;

const HOUR: i64 = 3_600_000;
const START: &str = "2026-01-05T00:00:00Z";

/// What differs from a usual hour.
#[derive(Clone, Default)]
struct Hourly {
    /// Factor on all arrivals.
    volume: Option<f64>,
    /// Leads created on top, and how many days back they are dated.
    list: (u32, i64),
    /// smb is called otherwise.
    renamed: bool,
    /// The leads of smb do not come; of every so many one does.
    ended: Option<u32>,
    /// No opportunity is created.
    stopped: bool,
    /// Stages that no lead is said to reach.
    unsaid: &'static [&'static str],
    /// One lead of smb comes four days late.
    straggler: bool,
    silent: bool,
    blind: bool,
    /// Share of the events dated ten minutes ahead.
    ahead: f64,
    unmapped: u64,
}

pub(super) fn event<'a>(
    source: &'a str,
    received_at: Timestamp,
    occurred_at: Timestamp,
    attributes: Attributes<'a>,
    body: BodyView<'a>,
) -> EventView<'a> {
    EventView {
        received_at,
        input: "crm",
        occurred_at,
        workspace: "default",
        source,
        event_id: "",
        attributes,
        body,
    }
}

/// A company with 60 leads and 30 opportunities a working day, a fifth of it at weekends.
fn play(days: i64, seed: u64, story: impl Fn(i64) -> Hourly) -> (Vec<DataChange>, Vec<Restart>, Health) {
    play_on(&plan("UTC"), days, seed, story)
}

/// … and half of the leads reach `mql`, a quarter `sql`, where the plan lists them.
fn play_on(
    plan: &Plan,
    days: i64,
    seed: u64,
    story: impl Fn(i64) -> Hourly,
) -> (Vec<DataChange>, Vec<Restart>, Health) {
    let config = EngineConfig::default();
    let start = START.parse::<Timestamp>().unwrap().millis();
    let mut random = Random(seed);
    let mut health = Health::default();
    let (mut changes, mut restarts) = (Vec::new(), Vec::new());
    let values = ["smb", "mid", "smb-new"].map(|v| BTreeMap::from([("segment".into(), v.into())]));
    let mut ignored: BTreeMap<Box<str>, u64> = BTreeMap::new();
    for n in 0..days * 24 {
        let now = story(n);
        let begins = start + n * HOUR;
        let weekday = if n / 24 % 7 < 5 { 1.0 } else { 0.2 };
        let hour = if (8..18).contains(&(n % 24)) { 0.09 } else { 0.1 / 14.0 };
        let rate = weekday * hour * now.volume.unwrap_or(1.0);
        let leads = random.poisson(60.0 * rate);
        let deals = if now.stopped { 0 } else { random.poisson(30.0 * rate) };
        let mut events = Vec::new();
        let mut staged = Vec::new();
        for (stage, daily) in [("mql", 30.0), ("sql", 15.0)] {
            if plan.stage(stage).is_some() {
                let count = random.poisson(daily * rate);
                staged.extend((0..count).filter(|_| !now.unsaid.contains(&stage)).map(|_| stage));
            }
        }
        for stage in staged {
            let received = Timestamp::clamped(begins + (random.uniform() * HOUR as f64) as i64);
            let body = BodyView::Lead { lead_id: "L", fact: LeadFactView::StageReached(stage) };
            events.push(event("hubspot", received, received, Attributes::Map(&values[0]), body));
        }
        if now.straggler {
            let (received, body) =
                (Timestamp::clamped(begins), BodyView::Lead { lead_id: "L", fact: LeadFactView::Created });
            let occurred = received.minus(Seconds(4 * 86_400));
            events.push(event("hubspot", received, occurred, Attributes::Map(&values[0]), body));
        }
        for at in 0..leads + deals + now.list.0 as usize {
            let body = if at >= leads && at < leads + deals {
                let fact = OpportunityFactView::Created;
                BodyView::Opportunity { opportunity_id: "O", lead_id: None, amount: None, fact }
            } else {
                BodyView::Lead { lead_id: "L", fact: LeadFactView::Created }
            };
            let smb = random.uniform() < 0.6;
            let value = if smb { 2 * usize::from(now.renamed) } else { 1 };
            if let (true, Some(one_in)) = (smb, now.ended)
                && random.uniform() * f64::from(one_in) >= 1.0
            {
                continue;
            }
            let received = Timestamp::clamped(begins + (random.uniform() * HOUR as f64) as i64);
            let back = if at >= leads + deals { now.list.1 } else { 0 };
            let ahead = if random.uniform() < now.ahead { 600 } else { 0 };
            let occurred = received.minus(Seconds(back * 86_400 - ahead));
            events.push(event("hubspot", received, occurred, Attributes::Map(&values[value]), body));
        }
        // Each day at noon somebody notes a customer.
        if n % 24 == 12 {
            let body = BodyView::Opportunity {
                opportunity_id: "O",
                lead_id: None,
                amount: None,
                fact: OpportunityFactView::Won,
            };
            let at = Timestamp::clamped(begins + HOUR / 2);
            events.push(event("hubspot", at, at, Attributes::Map(&values[1]), body));
        }
        events.sort_by_key(|e| e.received_at);
        for event in events.iter().filter(|_| !now.silent) {
            health.observe(event, plan, &config);
        }
        if now.unmapped > 0 {
            ignored.insert("demo".into(), now.unmapped);
        }
        if n % 97 == 0 {
            let mut bytes = Vec::new();
            ciborium::into_writer(&health, &mut bytes).unwrap();
            let again: Health = ciborium::from_reader(bytes.as_slice()).unwrap();
            assert_eq!(again, health, "a stored state is the same state");
        }
        let at = Timestamp::clamped(begins + HOUR);
        let closed = health.close_hour(at, plan, &ignored, now.blind, false);
        changes.extend(closed.changes);
        restarts.extend(closed.restarts);
    }
    (changes, restarts, health)
}

pub(super) fn told(changes: &[DataChange]) -> Vec<(&str, &str)> {
    changes.iter().map(|c| (c.episode.key.strip_prefix("p/data/").unwrap(), c.transition)).collect()
}

fn day(n: i64) -> i64 {
    n * 24
}

/// As [`plan`], with two stages between the first and the last.
pub(super) fn staged() -> Plan {
    let text = super::tests::plan_text("UTC");
    let between = text
        .replace(r#"stages = ["lead", "won"]"#, r#"stages = ["lead", "mql", "sql", "won"]"#)
        .replace(r#"to = "won""#, r#"to = "mql""#);
    let (head, tail) = between.split_once("[[target]]").unwrap();
    let first = head.split_once("[[transition]]").unwrap().1;
    let next = |from: &str, to: &str| {
        let it = first.replace(r#"to = "mql""#, &format!("to = {to:?}"));
        format!("[[transition]]{}", it.replace(r#"from = "lead""#, &format!("from = {from:?}")))
    };
    let text = format!("{head}{}{}[[target]]{tail}", next("mql", "sql"), next("sql", "won"));
    Plan::parse("plan.toml", &text).unwrap().plan
}

const VOLUME: Metric = Metric::Volume { stage: StageIndex(0) };

#[test]
fn what_only_looks_like_trouble_is_left_alone() {
    let holiday = |n: i64| if (day(44)..day(46)).contains(&n) { Some(0.2) } else { None };
    type Story = Box<dyn Fn(i64) -> Hourly>;
    let cases: Vec<(&str, Story)> = vec![
        ("nothing", Box::new(|_| Hourly::default())),
        ("a holiday", Box::new(move |n| Hourly { volume: holiday(n), ..Hourly::default() })),
        ("a campaign", Box::new(|n| Hourly { volume: (n > day(50)).then_some(3.0), ..Hourly::default() })),
        (
            "a ramp",
            Box::new(|n| Hourly {
                volume: Some(1.0 + 0.5 * (n as f64 / day(60) as f64).min(1.0)),
                ..Hourly::default()
            }),
        ),
        ("one event in fifty dated ahead", Box::new(|_| Hourly { ahead: 0.015, ..Hourly::default() })),
        (
            "forty leads in an hour",
            Box::new(|n| Hourly { list: (u32::from(n == day(50) + 10) * 40, 0), ..Hourly::default() }),
        ),
    ];
    for (name, story) in cases {
        for seed in 1..=8 {
            let (changes, restarts, _) = play(120, seed, &story);
            assert_eq!((told(&changes), restarts), (vec![], vec![]), "{name} {seed}");
        }
    }
}

#[test]
fn a_type_that_stops_while_others_flow_is_found_within_two_working_days() {
    let story = |n: i64| Hourly { stopped: (day(49)..day(56)).contains(&n), ..Hourly::default() };
    let (changes, restarts, _) = play(70, 3, story);
    let key = "stopped-type/hubspot/opportunity.created";
    assert_eq!(told(&changes), [(key, "opened"), (key, "resolved")]);
    let opened = &changes[0];
    assert!(opened.at.millis_since(START.parse().unwrap()) / HOUR <= day(51), "{opened:?}");
    // Nothing came later: its days are lost. This plan has no stage for opportunities, so nothing waits.
    assert_eq!(restarts.len(), 1);
    assert!(opened.episode.holds.is_empty());
}

#[test]
fn a_stage_that_is_not_named_any_more_is_told_of_and_holds_back_what_is_made_of_it() {
    let plan = staged();
    let conversion = |from, to| Metric::Conversion { from: StageIndex(from), to: StageIndex(to) };
    let cases: [(&[&str], &str, Metric, Metric); 3] = [
        (&["mql"], "lead.stage_reached mql", conversion(0, 3), conversion(2, 3)),
        (&["sql"], "lead.stage_reached sql", conversion(1, 2), VOLUME),
        (&["mql", "sql"], "lead.stage_reached", conversion(2, 3), VOLUME),
    ];
    for (unsaid, label, held, free) in cases {
        for seed in 1..=3 {
            let within = |n: i64| (day(49)..day(59)).contains(&n);
            let story = |n: i64| Hourly { unsaid: if within(n) { unsaid } else { &[] }, ..Hourly::default() };
            let (changes, restarts, _) = play_on(&plan, 70, seed, story);
            let key = format!("stopped-type/hubspot/{label}");
            let of: Vec<_> = told(&changes).into_iter().filter(|(k, _)| *k == key).collect();
            assert_eq!(of, [(key.as_str(), "opened"), (key.as_str(), "resolved")], "{seed}: {changes:?}");
            assert!(changes.len() <= 2 * unsaid.len(), "{seed}: {:?}", told(&changes));
            let opened = changes.iter().find(|c| c.episode.key.ends_with(&key)).unwrap();
            assert!(opened.at.millis_since(START.parse().unwrap()) / HOUR <= day(53), "{opened:?}");
            let holds =
                |metric: Metric| opened.episode.holds.iter().any(|h| h.covers(metric, &Scope::default()));
            assert!(holds(held) && !holds(free) && holds(Metric::Cac), "{label} {seed}: {opened:?}");
            assert!(restarts.iter().any(|r| r.spoils.touches(held)), "ten days of it never came");
            assert!(!restarts.iter().any(|r| r.spoils.touches(free)), "{label} {seed}: {restarts:?}");
        }
    }
    assert_eq!(told(&play_on(&plan, 120, 4, |_| Hourly::default()).0), []);
}

#[test]
fn an_import_holds_the_funnel_back_for_a_day_and_a_backlog_is_none() {
    for back in [0, 400] {
        let list = |n: i64| Hourly { list: (u32::from(n == day(50) + 10) * 500, back), ..Hourly::default() };
        let (changes, restarts, _) = play(60, 5, list);
        assert_eq!(
            told(&changes),
            [("import-burst/hubspot", "opened"), ("import-burst/hubspot", "resolved")]
        );
        assert!(changes[0].episode.holds.iter().any(|h| h.covers(VOLUME, &Scope::default())));
        assert_eq!(changes[1].at.millis_since(changes[0].at), 24 * HOUR);
        let days: Vec<_> = restarts.iter().map(|r| r.day.to_string()).collect();
        assert_eq!(days, ["2026-02-25"]);
    }
    // Three days of silence, delivered within an hour: events dated back, yet no import.
    let backlog = |n: i64| Hourly {
        silent: (day(49)..day(52)).contains(&n),
        list: (u32::from(n == day(52)) * 180, 2),
        ..Hourly::default()
    };
    let (changes, _, _) = play(60, 5, backlog);
    assert_eq!(told(&changes), [("silent-source/hubspot", "opened"), ("silent-source/hubspot", "resolved")]);
}

#[test]
fn a_renamed_value_holds_its_own_scope_back_and_nothing_else() {
    let story = |n: i64| Hourly {
        renamed: n >= day(50),
        straggler: n == day(52) + 12 || n == day(53) + 12,
        ..Hourly::default()
    };
    let (changes, restarts, health) = play(54, 7, story);
    assert_eq!(restarts, [], "late leads do not say that it is back");
    let vanished = changes.iter().find(|c| c.episode.key.ends_with("vanished-value/segment=smb")).unwrap();
    assert_eq!(vanished.transition, "opened");
    assert!(vanished.at.millis_since(START.parse().unwrap()) / HOUR <= day(52), "{vanished:?}");
    let plan = plan("UTC");
    let of = |value: &str| Scope(vec![(plan.dimension("segment").unwrap(), value.parse().unwrap())]);
    let held = |scope: &Scope| health.holds().iter().any(|h| h.covers(VOLUME, scope));
    assert!(held(&of("smb")) && !held(&of("mid")));
    assert_eq!(vanished.episode.title, "no lead has segment=smb any more: renamed to smb-new?");
    // As long as nobody mends the plan: no volume of smb fell to nothing.
    let (changes, _, health) = play(75, 7, story);
    assert_eq!(told(&changes), [("vanished-value/segment=smb", "opened")]);
    assert!(health.holds().iter().any(|h| h.covers(VOLUME, &of("smb"))), "{:?}", health.holds());
}

#[test]
fn a_value_that_ended_is_told_of_once_whatever_straggles_in_and_is_let_go_after_fourteen_days() {
    let key = "vanished-value/segment=smb";
    for seed in 1..=8 {
        let from = |n: i64, one_in| Hourly { ended: (n >= day(50)).then_some(one_in), ..Hourly::default() };
        let (changes, _, health) = play(75, seed, |n| from(n, 1_000));
        let said: Vec<_> = changes.iter().map(|c| (c.transition, c.resolution)).collect();
        assert_eq!(said, [("opened", None), ("resolved", Some("accepted"))], "{seed}: {changes:?}");
        assert!(changes[0].episode.title.ends_with("any more"), "{changes:?}");
        assert!(health.holds().is_empty(), "{:?}", health.holds());
        // One in twenty still comes.
        let (changes, _, _) = play(62, seed, |n| from(n, 20));
        assert!(changes.len() <= 1, "{seed}: {:?}", told(&changes));
        // It ends and comes back as it was.
        let (changes, _, _) = play(75, seed, |n| if n < day(56) { from(n, 1_000) } else { from(0, 1) });
        assert_eq!(told(&changes), [(key, "opened"), (key, "resolved")], "{seed}");
        assert_eq!(changes[1].resolution, Some("recovered"));
        let back = changes[1].at.millis_since(START.parse().unwrap()) / HOUR - day(56);
        assert!((1..=72).contains(&back), "{seed}: {back}");
    }
}

#[test]
fn a_value_renamed_in_a_dimension_without_declared_ones_is_a_notice_that_names_both() {
    let free =
        super::tests::plan_text("UTC").replace("[dimension.segment]\nvalues = [\"smb\", \"mid\"]\n", "");
    let free = Plan::parse("plan.toml", &free).unwrap().plan;
    let key = "vanished-value/segment=smb";
    for seed in 1..=8 {
        let renamed = |n: i64| Hourly { renamed: n >= day(50), ..Hourly::default() };
        let (changes, restarts, health) = play_on(&free, 58, seed, renamed);
        assert_eq!(told(&changes), [(key, "opened")], "{seed}");
        let (episode, at) = (&changes[0].episode, changes[0].at.millis_since(START.parse().unwrap()) / HOUR);
        assert_eq!(episode.title, "no lead has segment=smb any more: renamed to smb-new?");
        assert!(
            !episode.critical && episode.holds.is_empty() && restarts.is_empty() && health.holds().is_empty()
        );
        assert!(at <= day(52), "{seed}: {at}");
        let (changes, _, _) = play_on(&free, 90, seed, renamed);
        let said: Vec<_> = changes.iter().map(|c| (c.transition, c.resolution)).collect();
        assert_eq!(said, [("opened", None), ("resolved", Some("accepted"))], "{seed}: {changes:?}");
        // What ends without a successor is a change of mix.
        let ended = |n: i64| Hourly { ended: (n >= day(50)).then_some(1_000), ..Hourly::default() };
        assert_eq!(told(&play_on(&free, 70, seed, ended).0), [], "{seed}");
        assert_eq!(told(&play_on(&free, 120, seed, |_| Hourly::default()).0), [], "{seed}");
    }
}

#[test]
fn an_unmapped_stage_is_told_of_until_a_week_passes_without_it() {
    let story = |n: i64| Hourly { unmapped: (n.min(day(10)) / 24) as u64, ..Hourly::default() };
    let (changes, _, _) = play(20, 9, story);
    assert_eq!(told(&changes), [("unmapped-stage/demo", "opened"), ("unmapped-stage/demo", "resolved")]);
    assert_eq!(changes[1].at.millis_since(changes[0].at), day(16) * HOUR);
}

#[test]
fn a_clock_ahead_is_told_of_and_ends_when_it_is_right_again() {
    let story =
        |n: i64| Hourly { ahead: if (day(3)..day(9)).contains(&n) { 0.5 } else { 0.0 }, ..Hourly::default() };
    let (changes, _, health) = play(30, 11, story);
    assert_eq!(told(&changes), [("clock-ahead/hubspot", "opened"), ("clock-ahead/hubspot", "resolved")]);
    assert!(health.ruled_out("2026-02-04T00:00:00Z".parse().unwrap()).is_some());
}

#[test]
fn hours_that_nobody_watched_prove_nothing() {
    let outage = |blind: bool| {
        move |n: i64| {
            let within = (day(49)..day(52)).contains(&n);
            Hourly { silent: within, blind: within && blind, ..Hourly::default() }
        }
    };
    assert_eq!(told(&play(52, 2, outage(true)).0), []);
    assert_eq!(told(&play(52, 2, outage(false)).0), [("silent-source/hubspot", "opened")]);
}

#[test]
fn sources_past_the_bound_share_one() {
    let plan = plan("UTC");
    let config = EngineConfig { max_streams: 3, ..EngineConfig::default() };
    let (mut health, none) = (Health::default(), BTreeMap::new());
    for source in ["a", "b", "c", "d", "e", "a"] {
        let at: Timestamp = START.parse().unwrap();
        let body = BodyView::Lead { lead_id: "L", fact: LeadFactView::Created };
        let event = event(source, at, at, Attributes::Map(&none), body);
        health.observe(&event, &plan, &config);
    }
    let names: Vec<&str> = health.sources.keys().map(|k| &**k).collect();
    assert_eq!(names, ["(other)", "a", "b", "c"]);
}
