//! Backtests against the truth, beside variants of the plan, and as a page.

use serde_json::Value;

use crate::{inside, plumbline, write};

/// A short history of a scenario with its plan and truth.
struct History {
    events: String,
    plan: String,
    truth: String,
}

fn history(folder: &tempfile::TempDir, scenario: &str, days: &str) -> History {
    let history = History {
        events: inside(folder, "events.jsonl"),
        plan: inside(folder, "plan.toml"),
        truth: inside(folder, "truth.json"),
    };
    let run = plumbline(&[
        "generate",
        "--scenario",
        scenario,
        "--days",
        days,
        "--onset",
        "2026-03-16",
        "--leads-per-day",
        "60",
        "--seed",
        "4",
        "-o",
        &history.events,
        "--plan",
        &history.plan,
        "--truth",
        &history.truth,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    history
}

fn target<'j>(judgement: &'j Value, name: &str) -> &'j Value {
    let targets = judgement["judgement"]["targets"].as_array().unwrap();
    targets.iter().find(|target| target["name"] == name).unwrap_or_else(|| panic!("{name}: {judgement}"))
}

#[test]
fn a_backtest_is_judged_by_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let History { events, plan, truth } = history(&folder, "lead-quality-trap", "115");
    let run = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--truth", &truth, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines = run.json();
    let judgement = lines.last().unwrap();
    assert_eq!(judgement["judgement"]["onset"], "2026-03-16");
    assert_eq!(judgement["judgement"]["missing"], 0);
    let conversion = target(judgement, "lead-to-won");
    let told = &conversion["expected"];
    let delay = told["delay_days"].as_i64().unwrap();
    let opened = lines.iter().find(|alert| {
        let name = alert["pattern"].as_str().or(alert["target"].as_str());
        let told_by = told["told_by"].as_str().unwrap_or("lead-to-won");
        name == Some(told_by)
            && alert["transition"] == "opened"
            && alert["detected_at"].as_str() > Some("2026-03-16")
    });
    // The tick that ends the onset day is the first midnight after it: delay 1.
    let tick = &opened.unwrap()["detected_at"].as_str().unwrap()[..10];
    let day: plumbline_units::Day = tick.parse().unwrap();
    assert_eq!(i64::from(day.since("2026-03-16".parse().unwrap())) + 1, delay, "{told}");
    assert_eq!(target(judgement, "lead-volume")["expected"], Value::Null);

    let table = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--truth", &truth]);
    for part in ["Against the truth: onset 2026-03-16", "false pages", "onset interval", "named first"] {
        assert!(table.stderr.contains(part), "{part}\n{}", table.stderr);
    }
    assert!(table.stdout.lines().all(|line| line.contains("alert_id")), "alert records only");
}

#[test]
fn an_expected_alert_that_never_comes_is_exit_code_one() {
    let folder = tempfile::tempdir().unwrap();
    let History { events, plan, .. } = history(&folder, "steady", "60");
    let truth = write(
        &folder,
        "expected.json",
        r#"{"onset": "2026-02-16", "expected": [{"name": "lead-to-won", "direction": "below"}]}"#,
    );
    let run = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--truth", &truth]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("NEVER CAME") && run.stderr.contains("1 expected alert never came"));
    let nothing = write(&folder, "nothing.json", "{}");
    let run = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--truth", &nothing]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("no onset"), "{}", run.stderr);
    let wrong = write(&folder, "wrong.json", r#"{"onset": "some day"}"#);
    assert_eq!(plumbline(&["backtest", "--plan", &plan, "--events", &events, "--truth", &wrong]).code, 4);
}

#[test]
fn variants_in_one_pass_say_what_separate_runs_say() {
    let folder = tempfile::tempdir().unwrap();
    let History { events, plan, truth } = history(&folder, "lead-quality-trap", "100");
    let text = std::fs::read_to_string(&plan).unwrap();
    let edited = text.replacen("warn = \"-10%\"", "warn = \"-20%\"", 1);
    assert_ne!(text, edited);
    let edited = write(&folder, "edited.toml", edited);
    let generous = text.replacen("false_alarms_per_year = 1.0", "false_alarms_per_year = 12.0", 1);
    let generous = write(&folder, "generous.toml", generous);
    let together = plumbline(&[
        "backtest",
        "--plan",
        &plan,
        "--events",
        &events,
        "--truth",
        &truth,
        "--what-if",
        "lead-to-won.warn=-20%",
        "--what-if",
        "budget=12",
        "--json",
    ]);
    assert_eq!(together.code, 0, "{}", together.stderr);
    let comparison = &together.json()[0]["comparison"];
    assert_eq!(comparison["variants"], serde_json::json!(["plan", "lead-to-won.warn=-20%", "budget=12"]));
    for (variant, plan) in [&plan, &edited, &generous].into_iter().enumerate() {
        let alone =
            plumbline(&["backtest", "--plan", plan, "--events", &events, "--truth", &truth, "--json"]);
        let lines = alone.json();
        let judgement = lines.last().unwrap();
        for row in comparison["targets"].as_array().unwrap() {
            let name = row["name"].as_str().unwrap();
            let run = &row["runs"][variant];
            let opened = lines.iter().filter(|a| {
                let of = a["pattern"].as_str().or(a["target"].as_str());
                of == Some(name) && a["transition"] == "opened" && a["kind"] == "business"
            });
            assert_eq!(run["openings"], opened.count(), "{name} {run}");
            assert_eq!(run["expected"], target(judgement, name)["expected"], "{name}");
            assert_eq!(run["false_pages"], target(judgement, name)["false_pages"], "{name}");
        }
    }
    let table = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--what-if", "budget=12"]);
    assert!(table.stdout.contains("budget=12") && table.stdout.contains("lead-to-won"), "{}", table.stdout);
}

#[test]
fn a_variant_must_be_a_plan_too_and_its_assignment_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let History { events, plan, .. } = history(&folder, "steady", "10");
    for (assignment, why) in [
        ("lead-to-won.warn=-50%", "is not wider than"),
        ("leads.warn=-5%", "no such target"),
        ("lead-to-won", "no assignment"),
    ] {
        let run = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--what-if", assignment]);
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains(assignment) && run.stderr.contains(why), "{}", run.stderr);
    }
}

#[test]
fn the_report_is_one_page_that_fetches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let History { events, plan, truth } = history(&folder, "lead-quality-trap", "100");
    let report = inside(&folder, "report.html");
    let run = plumbline(&[
        "backtest", "--plan", &plan, "--events", &events, "--truth", &truth, "--report", &report,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let page = std::fs::read_to_string(&report).unwrap();
    for part in [
        "id=\"summary\"",
        "id=\"truth\"",
        "id=\"funnel\"",
        "id=\"targets\"",
        "id=\"episodes\"",
        "mql → sql",
        "true onset",
        "class=\"threshold\"",
        "class=\"episode\"",
        "<dt>Why</dt>",
        "<dt>Owners</dt>",
        "<dt>Do</dt>",
        "prefers-color-scheme: dark",
        "name=\"viewport\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for reference in ["http:", "https:", "src=", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(reference), "{reference}");
    }
    for opening in ["section", "article", "details", "figure", "table", "svg", "div"] {
        let count = |tag: String| page.matches(&tag).count();
        let open = count(format!("<{opening}>")) + count(format!("<{opening} "));
        assert_eq!(open, count(format!("</{opening}>")), "{opening}");
    }
}
