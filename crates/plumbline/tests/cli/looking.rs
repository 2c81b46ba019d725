//! Help, completions, plans.

use crate::{example, plumbline, with_input, write};

#[test]
fn every_command_has_help_and_the_exit_codes_are_documented() {
    let help = plumbline(&["--help"]);
    assert_eq!(help.code, 0);
    for code in ["0  done", "1  the answer is no", "5  the broker"] {
        assert!(help.stdout.contains(code), "{code}");
    }
    for command in [
        "demo",
        "run",
        "doctor",
        "backtest",
        "aggregates",
        "generate",
        "plan",
        "explain",
        "log",
        "completions",
    ] {
        assert!(help.stdout.contains(command), "{command}");
        assert_eq!(plumbline(&[command, "--help"]).code, 0, "{command}");
    }
    assert_eq!(plumbline(&["fly"]).code, 2);
    assert!(plumbline(&["completions", "bash"]).stdout.contains("plumbline"));
}

#[test]
fn the_example_plan_is_accepted_as_it_stands() {
    let check = plumbline(&["plan", "check", &example("plan.toml")]);
    assert_eq!(check.code, 0, "{}", check.stdout);
    for part in ["lead-to-won", "24 scopes judged", "The plan's arithmetic", "segment=mid"] {
        assert!(check.stdout.contains(part), "{part}\n{}", check.stdout);
    }
    let json = &plumbline(&["plan", "check", "--json", &example("plan.toml")]).json()[0];
    assert_eq!(json["usable"], true);
}

#[test]
fn a_mistake_in_a_plan_is_shown_at_its_place_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(example("plan.toml")).unwrap();
    let wrong = text.replacen("metric = \"cac\"", "metric = \"cca\"", 1);
    let line = 1 + wrong.lines().position(|l| l.contains("cca")).unwrap();
    let path = write(&folder, "wrong.toml", &wrong);
    let check = plumbline(&["plan", "check", &path]);
    assert_eq!(check.code, 1);
    assert!(check.stdout.contains(&format!("wrong.toml:{line}:")), "{}", check.stdout);
    assert!(check.stdout.contains("help:"), "{}", check.stdout);
    assert_eq!(with_input(&["plan", "check", "-"], wrong.as_bytes()).code, 1);
    let backtest = plumbline(&["backtest", "--plan", &path, "--events", &example("events.jsonl")]);
    assert_eq!(backtest.code, 3, "{}", backtest.stderr);
}

#[test]
fn a_configuration_that_cannot_be_used_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "plumbline.toml", "[topics]\nlaeds = []\n");
    let run = plumbline(&["run", "--config", &path]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("line 2") && run.stderr.contains("laeds"), "{}", run.stderr);
    assert_eq!(plumbline(&["run", "--config", "/nowhere/plumbline.toml"]).code, 3);
}
