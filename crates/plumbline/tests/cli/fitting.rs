//! Plans from history.

use crate::{example, generated, inside, plumbline, write};

/// Eight months of a steady company.
fn history(folder: &tempfile::TempDir) -> (String, String) {
    generated(
        folder,
        "events.jsonl.zst",
        "--scenario steady --start 2025-01-06 --days 240 --leads-per-day 60 --seed 3 --segments smb=0.7,mid=0.3",
    )
}

#[test]
fn a_history_is_fitted_drafted_and_written_into_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let (events, plan) = history(&folder);

    // Without a plan the funnel is read off the events.
    let run = plumbline(&["plan", "fit", "--events", &events, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let fitted = &run.json()[0];
    let transitions = fitted["transitions"].as_array().unwrap();
    let stages: Vec<&str> = transitions.iter().map(|t| t["to"].as_str().unwrap()).collect();
    assert_eq!(stages, ["mql", "sql", "opportunity", "won"]);
    for (transition, rate) in transitions.iter().zip([0.5, 0.4, 0.5, 0.4]) {
        let conversion = transition["rate"]["conversion"].as_f64().unwrap();
        assert!((conversion / rate - 1.0).abs() < 0.15, "{transition}");
    }

    // Into a plan: everything but the fitted numbers stays, and the result is a plan.
    let into = inside(&folder, "fitted.toml");
    let run = plumbline(&["plan", "fit", "--events", &events, "--plan", &plan, "--into", &into, "--values"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = std::fs::read_to_string(&into).unwrap();
    assert!(text.contains("action = \"Discovery-call review\""), "{text}");
    assert!(text.contains("conversion_error = "), "{text}");
    assert!(!text.contains("conversion = 0.5\n"), "{text}");
    let check = plumbline(&["plan", "check", &into]);
    assert_eq!(check.code, 0, "{}", check.stdout);

    // A draft is a plan as it stands, from the day after the history on.
    let draft = inside(&folder, "draft.toml");
    let run = plumbline(&["plan", "draft", "--events", &events, "-o", &draft]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let check = plumbline(&["plan", "check", &draft]);
    assert_eq!(check.code, 0, "{}", check.stdout);
    let unfinished = "draft.toml:";
    let named =
        check.stdout.lines().any(|line| line.contains(unfinished) && line.contains("`change-me` for a team"));
    assert!(named, "{}", check.stdout);
    let text = std::fs::read_to_string(&draft).unwrap();
    for part in [
        "effective_from = 2025-0",
        "change-me",
        "lead-quality-trap",
        "metric = \"cac\"",
        "metric = \"spend\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn too_little_history_is_refused_in_words() {
    let run =
        plumbline(&["plan", "fit", "--events", &example("events.jsonl"), "--plan", &example("plan.toml")]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("conversions are needed"), "{}", run.stderr);
    let folder = tempfile::tempdir().unwrap();
    let empty = write(&folder, "empty.jsonl", "");
    let run = plumbline(&["plan", "draft", "--events", &empty]);
    assert_eq!(run.code, 4, "{}", run.stderr);
}

#[test]
fn what_nearly_stopped_lately_is_promised_as_it_is_now_and_a_person_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let words = "--scenario steady --start 2025-01-06 --days 240 --leads-per-day 60 --seed 3 --segments smb=0.7,mid=0.3";
    let (events, _) = generated(&folder, "events.jsonl", words);
    // From August on one source of spend in one segment is all that is left.
    let kept = |line: &&str| {
        let late = ["2025-08-", "2025-09-"]
            .iter()
            .any(|month| line.contains(&format!("\"period_start\":\"{month}")));
        !late || line.contains("\"source\":\"google_ads\"") && line.contains("\"segment\":\"mid\"")
    };
    let text = std::fs::read_to_string(&events).unwrap();
    let text: Vec<&str> = text.lines().filter(kept).collect();
    let events = write(&folder, "stopped.jsonl", text.join("\n"));
    let run = plumbline(&["plan", "draft", "--events", &events]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.contains(&"# CHANGE? everywhere: 5846 a day before its last 28 days"), "{}", run.stdout);
    let mut spend = lines.iter().skip_while(|line| **line != "name = \"spend\"");
    assert_eq!(spend.nth(2), Some(&"value = \"900.0 EUR/day\""), "{}", run.stdout);
}
