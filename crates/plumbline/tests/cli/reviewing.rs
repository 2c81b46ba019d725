//! The review of a week.

use crate::cli::judging::history;
use crate::{inside, plumbline};

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

    let page = inside(&folder, "review.html");
    assert_eq!(review(&["-o", &page]).code, 0);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h2>Targets against plan</h2>") && !html.contains("http"), "self-contained");
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
