//! The review of a week.

use crate::cli::judging::history;
use crate::{generated, inside, plumbline, write};

#[test]
fn a_review_says_of_a_week_what_the_backtest_said_until_its_sunday() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = history(&folder);
    let told = plumbline(&["backtest", "--plan", &plan, "--events", &events, "--json"]).json();
    let trap = told
        .iter()
        .find(|alert| alert["pattern"] == "lead-quality-trap" && alert["transition"] == "opened")
        .unwrap();
    let review =
        |more: &[&str]| plumbline(&[&["review", "--plan", &plan, "--events", &events], more].concat());

    // In the week of the onset nobody could know.
    let before = review(&["--week", "2026-W14"]);
    assert_eq!(before.code, 0, "{}", before.stderr);
    assert!(before.stdout.contains("2026-03-30 to 2026-04-05"), "{}", before.stdout);
    assert!(!before.stdout.contains("lead-quality trap"), "{}", before.stdout);

    // The last week: the episode stands as it was last told by then.
    let last = review(&[]);
    assert_eq!(last.code, 0, "{}", last.stderr);
    let sunday = "2026-05-31";
    assert!(last.stdout.contains(&format!("to {sunday}")), "{}", last.stdout);
    let of_trap = |alert: &&serde_json::Value| {
        alert["alert_id"] == trap["alert_id"] && alert["detected_at"].as_str() <= Some("2026-06-01T00:00:00Z")
    };
    let newest = told.iter().rfind(of_trap).unwrap();
    let row = last.stdout.lines().find(|line| line.contains("lead-quality trap")).unwrap();
    assert!(row.contains(newest["onset"]["estimate"].as_str().unwrap()), "{row}");
    assert!(row.contains("nobody") && row.contains("marketing, sales"), "{row}");
    assert!(
        last.stdout.contains(
            "cac in segment=smb (drifting above, critical) depends on lead-to-won, which drifts below"
        ),
        "{}",
        last.stdout
    );

    // Both owners spoke three weeks ago; after one their words ran out.
    let log = spoken_of(trap, "2026-05-08T09:00:00Z", &folder, &events, &plan);
    let known = plumbline(&["review", "--events", &log]);
    assert_eq!(known.code, 0, "{}", known.stderr);
    let row = known.stdout.lines().find(|line| line.contains("lead-quality trap")).unwrap();
    assert!(row.contains("marketing after ") && row.contains("asked again once"), "{row}");
    assert!(row.contains("| marketing, sales |"), "both have to speak again: {row}");
    let done = known.stdout.lines().filter(|line| line.contains("| audit by "));
    assert_eq!(done.count(), 2, "{}", known.stdout);

    let page = inside(&folder, "review.html");
    assert_eq!(review(&["-o", &page]).code, 0);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h2>Targets against plan</h2>") && !html.contains("http"), "self-contained");
}

/// The events as records of a log, and among them the words of marketing and sales on an alert.
fn spoken_of(
    alert: &serde_json::Value,
    at: &str,
    folder: &tempfile::TempDir,
    events: &str,
    plan: &str,
) -> String {
    let events = zstd::Decoder::new(std::fs::File::open(events).unwrap()).unwrap();
    let mut lines = vec![record(&std::fs::read_to_string(plan).unwrap(), "2026-01-04T23:00:00Z")];
    let word = |function: &str| {
        serde_json::json!({
            "type": "log.command", "command": "acknowledge", "command_id": function, "workspace": "default",
            "time": at, "episode": alert["episode"], "function": function, "note": format!("audit by {function}"),
        })
        .to_string()
    };
    let mut words = Some(["marketing", "sales"].map(word));
    for line in std::io::read_to_string(events).unwrap().lines() {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["input"] = "crm.leads".into();
        if event["received_at"].as_str() > Some(at) {
            lines.extend(words.take().into_iter().flatten());
        }
        lines.push(event.to_string());
    }
    write(folder, "acknowledged.jsonl", lines.join("\n"))
}

#[test]
fn a_week_that_was_not_judged_is_refused_and_one_that_is_none_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = history(&folder);
    for (week, code, word) in
        [("2026-W40", 4, "was not judged"), ("2026-40", 2, "2026-W47"), ("2025-W53", 2, "no week 53")]
    {
        let run = plumbline(&["review", "--plan", &plan, "--events", &events, "--week", week]);
        assert_eq!(run.code, code, "{week}: {}", run.stderr);
        assert!(run.stderr.contains(word), "{week}: {}", run.stderr);
    }
}

/// A short steady history and its plan.
fn steady(folder: &tempfile::TempDir) -> (String, String) {
    generated(folder, "events.jsonl", "--scenario steady --days 24 --leads-per-day 60 --seed 6")
}

/// A plan as a record of the log.
fn record(toml: &str, time: &str) -> String {
    serde_json::json!({
        "type": "log.plan", "workspace": "default", "time": time, "live_from": "2026-01-05T00:00:00Z", "toml": toml,
    })
    .to_string()
}

#[test]
fn a_week_is_reviewed_by_the_plan_that_was_in_force_then() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = steady(&folder);
    let plan = std::fs::read_to_string(&plan).unwrap();
    // Two of the four targets are left, the other way round; the pattern goes with the volume.
    let (head, targets) = plan.split_once("[[target]]\nname = \"lead-to-won\"").unwrap();
    let (whole, rest) = targets.split_once("[[target]]\nname = \"cac\"").unwrap();
    let (cac, _) = rest.split_once("[[target]]\nname = \"lead-volume\"").unwrap();
    let revised = format!(
        "{}[[target]]\nname = \"cac\"{cac}[[target]]\nname = \"lead-to-won\"{whole}",
        head.replacen("revision = 1", "revision = 2", 1)
    );
    let tuesday = "2026-01-27T12:00:00Z";
    let mut lines = vec![record(&plan, "2026-01-04T23:00:00Z")];
    let mut revised = Some(record(&revised, tuesday));
    for line in std::fs::read_to_string(&events).unwrap().lines() {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["input"] = "crm.leads".into();
        if event["received_at"].as_str() > Some(tuesday) {
            lines.extend(revised.take());
        }
        lines.push(event.to_string());
    }
    let log = write(&folder, "log.jsonl", lines.join("\n"));

    let review = |more: &[&str]| plumbline(&[&["review", "--events", &log], more].concat());
    for before in [review(&[]), review(&["--week", "2026-W04"])] {
        assert_eq!(before.code, 0, "{}", before.stderr);
        assert!(before.stdout.contains("2026-01-19 to 2026-01-25"), "{}", before.stdout);
        assert!(before.stdout.contains("plan revision 1"), "{}", before.stdout);
        let row = |name: &str| before.stdout.lines().find(|line| line.starts_with(name)).expect(name);
        let volume = row("| lead-volume |");
        assert_eq!(volume.matches('–').count(), 1, "all but an interval, a week before as well: {volume}");
        row("| spend |");
    }
    let after = review(&["--week", "2026-W05"]);
    assert_eq!(after.code, 0, "{}", after.stderr);
    assert!(after.stdout.contains("plan revision 2"), "{}", after.stdout);
    assert!(!after.stdout.contains("lead-volume"), "{}", after.stdout);
}

#[test]
fn a_clock_that_goes_on_after_the_events_closes_day_after_day() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = steady(&folder);
    // The events end on Wednesday of W05.
    let review = |more: &[&str]| {
        let until = ["review", "--plan", &plan, "--events", &events, "--until", "2026-02-18T12:00:00Z"];
        plumbline(&[&until, more].concat())
    };
    let cut = review(&["--week", "2026-W05"]);
    assert_eq!(cut.code, 0, "{}", cut.stderr);
    assert!(cut.stdout.contains("as of the end of 2026-02-01\n"), "{}", cut.stdout);
    // Nothing was heard of any source by then, which was told when it was due.
    assert!(cut.stdout.contains("data unhealthy"), "{}", cut.stdout);
    let last = review(&[]);
    assert_eq!(last.code, 0, "{}", last.stderr);
    assert!(last.stdout.contains("2026-02-09 to 2026-02-15"), "{}", last.stdout);
}
