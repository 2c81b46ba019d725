//! What a plan can see in events.

use serde_json::Value;

use crate::{example, generated, plumbline, write};

#[test]
fn a_plan_says_what_it_can_see_in_events() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = generated(
        &folder,
        "events.jsonl",
        "--scenario steady --days 120 --leads-per-day 60 --segments smb,mid",
    );
    let mut text = std::fs::read_to_string(&plan).unwrap();
    text.push_str(
        "\n[[target]]\nname = \"cycle\"\nmetric = \"velocity\"\nfrom = \"opportunity\"\nto = \"won\"\n\
         value = \"14d\"\nwarn = \"+25%\"\n",
    );
    std::fs::write(&plan, text).unwrap();
    let check = plumbline(&["plan", "check", &plan, "--events", &events]);
    assert_eq!(check.code, 0, "{}", check.stderr);
    for part in [
        "How soon a drift is noticed",
        "−30%: day",
        "At most 7 a year over 7 targets",
        "Counted by their budget, not simulated: cycle.",
        "cohorts of 90 days",
    ] {
        assert!(check.stdout.contains(part), "{part}\n{}", check.stdout);
    }
    let json = &plumbline(&["plan", "check", &plan, "--events", &events, "--json"]).json()[0];
    let sight = &json["sight"];
    let seen: Vec<&Value> =
        sight["targets"].as_array().unwrap().iter().filter(|t| t["target"] == "lead-to-won").collect();
    assert_eq!(seen.len(), 2);
    for target in &seen {
        let (warn, critical) = (&target["warn"]["median_days"], &target["critical"]["median_days"]);
        let critical = critical.as_u64().expect("a loss of 30% is seen within a year");
        assert!((8..40).contains(&critical), "{target}");
        assert!(warn.as_u64().is_none_or(|warn| warn > critical), "{target}");
    }
    assert_eq!(seen[0]["critical"], seen[1]["critical"], "equal tables and volumes share a simulation");
    let rate = &sight["rates"][0]["cohorts"];
    let contains = |plan: f64| rate["low"].as_f64().unwrap() < plan && plan < rate["high"].as_f64().unwrap();
    assert!(contains(0.04), "{rate}");
    assert_eq!(sight["only_ends_recorded"], false);
    let again = plumbline(&["plan", "check", &plan, "--events", &events, "--json"]);
    assert_eq!(&again.json()[0], json, "the same events give the same answer");
}

#[test]
fn what_the_plan_lacks_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
{"type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","lead_id":"L1","source":"hubspot","attributes":{"segment":"enterprise"}}
{"type":"lead.stage_reached","occurred_at":"2026-03-03T09:15:00Z","lead_id":"L1","stage":"nurture","source":"hubspot"}
{"type":"opportunity.won","occurred_at":"2026-03-05T09:15:00Z","lead_id":"L1","opportunity_id":"O1","source":"hubspot","amount":{"value":"10","currency":"JPY"}}
"#;
    let path = write(&folder, "events.jsonl", text);
    let check = plumbline(&["plan", "check", &example("plan.toml"), "--events", &path]);
    assert_eq!(check.code, 0, "{}", check.stderr);
    for part in [
        "stages: nurture (1 event)",
        "currencies without a rate: JPY (1 event)",
        "values of segment: enterprise (1 event)",
        "stages: mql, sql, opportunity. What begins or ends at one waits",
        "\nIn the plan and in no event\n",
        "statements of spend. The targets of spend and CAC wait",
    ] {
        assert!(check.stdout.contains(part), "{part}\n{}", check.stdout);
    }
}
