//! Backtests, their alerts, and the demo.

use crate::{example, generated, plumbline, write};

/// Half a year of a company that falls into the trap on day 90.
pub(crate) fn history(folder: &tempfile::TempDir) -> (String, String) {
    generated(folder, "events.jsonl.zst", "--days 150 --onset 2026-04-05 --leads-per-day 120 --seed 6")
}

#[test]
fn a_backtest_finds_the_trap_after_its_onset_and_explain_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = history(&folder);
    let backtest = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--json"]);
    assert_eq!(backtest.code, 0, "{}", backtest.stderr);
    let alerts = backtest.json();
    let trap = alerts
        .iter()
        .find(|alert| alert["pattern"] == "lead-quality-trap" && alert["transition"] == "opened")
        .unwrap_or_else(|| panic!("no trap among {} alerts:\n{}", alerts.len(), backtest.stderr));
    let detected = trap["detected_at"].as_str().unwrap();
    assert!(("2026-04-05".."2026-05-10").contains(&detected), "{detected}");
    assert!(trap["owners"].as_array().unwrap().len() >= 2);
    assert!(backtest.stderr.contains("business opened"), "{}", backtest.stderr);

    let again = plumbline(&["backtest", "--plan", &plan, "--events", &events]);
    assert_eq!(again.stdout, backtest.stdout, "the same events give the same bytes");

    let alerts = write(&folder, "alerts.jsonl", &backtest.stdout);
    let id = trap["alert_id"].as_str().unwrap();
    let screen = plumbline(&["explain", &id[..10], "--alerts", &alerts]);
    assert_eq!(screen.code, 0, "{}", screen.stderr);
    for label in ["Since", "Why", "Owners", "Do"] {
        assert!(screen.stdout.contains(label), "{label}\n{}", screen.stdout);
    }
    assert_eq!(plumbline(&["explain", "ffff", "--alerts", &alerts]).code, 1);
}

#[test]
fn a_file_of_which_nothing_can_be_taken_is_no_company_on_plan() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "not an event\n", "plan = \"x\"\n"] {
        let file = write(&folder, "wrong.jsonl", text);
        let run = plumbline(&["backtest", "--plan", &example("plan.toml"), "--events", &file]);
        assert_eq!(run.code, 4, "{text}: {}", run.stderr);
        assert!(run.stderr.contains("not one event could be taken"), "{}", run.stderr);
    }
}

#[test]
fn what_cannot_be_judged_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = (example("events.jsonl"), example("plan.toml"));
    let no_plan = plumbline(&["backtest", "--events", &events]);
    assert_eq!(no_plan.code, 2);
    assert!(no_plan.stderr.contains("--plan"), "{}", no_plan.stderr);
    assert_eq!(plumbline(&["backtest", "--plan", &plan, "--events", "/nowhere.jsonl"]).code, 4);

    let log = r#"{"type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","received_at":"2026-03-02T09:15:00Z","lead_id":"L","input":"crm.leads"}"#;
    let log = write(&folder, "log.jsonl", log);
    let two_plans = plumbline(&["backtest", "--plan", &plan, "--events", &log]);
    assert_eq!(two_plans.code, 2);
    assert!(two_plans.stderr.contains("exported log"), "{}", two_plans.stderr);
    let unplanned = plumbline(&["backtest", "--events", &log]);
    assert_eq!(unplanned.code, 0, "{}", unplanned.stderr);
    assert!(unplanned.stderr.contains("has no plan"), "{}", unplanned.stderr);
}

#[test]
fn rejected_lines_are_counted_by_reason_and_the_rest_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = std::fs::read_to_string(example("events.jsonl")).unwrap();
    text.push_str(
        "{\"type\":\"lead.created\",\"occurred_at\":\"2099-01-01T00:00:00Z\",\"lead_id\":\"L\"}\nnonsense\n",
    );
    let path = write(&folder, "events.jsonl", text);
    let run = plumbline(&[
        "backtest",
        "--plan",
        &example("plan.toml"),
        "--events",
        &path,
        "--until",
        "2026-06-01T00:00:00Z",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("2 lines rejected: future 1"), "{}", run.stderr);
    assert!(run.stderr.contains("events.jsonl:15"), "{}", run.stderr);
}

#[test]
fn the_demo_catches_the_trap_after_its_onset_and_nothing_before() {
    let demo = plumbline(&["demo", "--once", "--listen", "127.0.0.1:0"]);
    assert_eq!(demo.code, 0, "{}\n{}", demo.stdout, demo.stderr);
    assert!(demo.stdout.contains("days sooner"), "{}", demo.stdout);
}

#[test]
fn a_feed_without_the_stages_between_is_told_of_and_judged_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = generated(
        &folder,
        "events.jsonl",
        "--scenario steady --days 150 --leads-per-day 60 --segments smb,mid",
    );
    let all = std::fs::read_to_string(&events).unwrap();
    let between = |line: &&str| line.contains("stage_reached") || line.contains("opportunity.created");
    let ends: Vec<&str> = all.lines().filter(|line| !between(line)).collect();
    assert!(ends.len() > 1_000 && ends.len() < all.lines().count());
    let path = write(&folder, "ends.jsonl", ends.join("\n"));
    let run = plumbline(&["backtest", "--plan", &plan, "--events", &path, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let told: Vec<(String, String)> = run
        .json()
        .iter()
        .filter(|alert| alert["transition"] == "opened")
        .map(|alert| (alert["kind"].to_string(), alert["title"].to_string()))
        .collect();
    let never = |stage: &str| ("\"data\"".to_string(), format!("\"no event has ever reached {stage}\""));
    assert_eq!(told, ["mql", "sql", "opportunity"].map(never), "{}", run.stderr);
    let verdict = |target: &str| {
        let line = run.stderr.lines().find(|line| line.contains(&format!(" {target} in segment=smb:")));
        line.expect(target).rsplit_once(": ").unwrap().1.to_string()
    };
    assert_ne!(verdict("lead-to-won"), "data_unhealthy", "its ends are recorded");
}
