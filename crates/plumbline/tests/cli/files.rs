//! Files in, counts out.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{example, inside, plumbline, with_input, write};

fn aggregates(events: &str, more: &[&str]) -> Vec<Value> {
    let plan = example("plan.toml");
    let mut arguments =
        vec!["aggregates", "--plan", &plan, "--events", events, "--json", "--until", "2026-06-01T00:00:00Z"];
    arguments.extend(more);
    let run = plumbline(&arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.json()
}

fn entries(row: &Value) -> Vec<i64> {
    ["lead", "mql", "sql", "opportunity", "won"].map(|stage| row["entries"][stage].as_i64().unwrap()).to_vec()
}

#[test]
fn the_example_events_make_one_customer_by_segment_channel_and_day() {
    let rows = aggregates(&example("events.jsonl"), &["--by", "day", "--each", "segment,channel"]);
    let row = |period: &str, channel: &str| {
        let wanted = json!({ "segment": "smb", "channel": channel });
        rows.iter()
            .find(|row| row["period"] == period && row["scope"] == wanted)
            .unwrap_or_else(|| panic!("{period} {channel}: {rows:?}"))
    };
    let first = row("2026-03-02", "paid_social");
    assert_eq!(entries(first), [1, 0, 0, 0, 0]);
    assert_eq!(first["conversions"]["lead->won"], 1);
    assert_eq!(first["won"], json!({ "count": 1, "amount": "11800.00" }));
    assert_eq!(entries(row("2026-03-03", "paid_social")), [0, 1, 0, 0, 0]);
    assert_eq!(entries(row("2026-03-06", "paid_social")), [0, 0, 1, 0, 0]);
    assert_eq!(entries(row("2026-03-10", "paid_social")), [0, 0, 0, 1, 0]);
    assert_eq!(entries(row("2026-03-28", "paid_social")), [0, 0, 0, 0, 1]);
    assert_eq!(row("2026-03-02", "search")["spend"], "805.10");
    assert_eq!(rows.len(), 6, "{rows:?}");
}

#[test]
fn months_and_everything_together_add_up() {
    let rows = aggregates(&example("events.jsonl"), &["--by", "month"]);
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["period"], &rows[0]["scope"]), (&json!("2026-03"), &json!({})));
    assert_eq!(entries(&rows[0]), [1, 1, 1, 1, 1]);
    assert_eq!(rows[0]["spend"], "805.10");
}

#[test]
fn no_order_of_the_lines_changes_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(example("events.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let expected = aggregates(&example("events.jsonl"), &["--by", "day", "--each", "segment,channel"]);
    for turn in 1..lines.len() {
        let mut turned = lines.clone();
        turned.rotate_left(turn);
        if turn % 2 == 0 {
            turned.reverse();
        }
        let path = write(&folder, "turned.jsonl", turned.join("\n"));
        assert_eq!(
            aggregates(&path, &["--by", "day", "--each", "segment,channel"]),
            expected,
            "turned by {turn}"
        );
    }
}

#[test]
fn compression_and_standard_input_make_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read(example("events.jsonl")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).unwrap();
    let gzip = write(&folder, "events.gz", gzip.finish().unwrap());
    let zstd = write(&folder, "events.zst", zstd::encode_all(text.as_slice(), 3).unwrap());
    let plan = example("plan.toml");
    let count = |file: &str| {
        let run = with_input(&["aggregates", "--plan", &plan, "--events", file, "--by", "week"], &text);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let plain = count(&example("events.jsonl"));
    assert!(plain.contains("2026-03-02"), "{plain}");
    for file in [&gzip, &zstd, "-"] {
        assert_eq!(count(file), plain, "{file}");
    }
}

#[test]
fn an_unknown_dimension_names_those_there_are() {
    let events = example("events.jsonl");
    let run = plumbline(&[
        "aggregates",
        "--plan",
        &example("plan.toml"),
        "--events",
        &events,
        "--by",
        "day",
        "--each",
        "region",
    ]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("segment, channel"), "{}", run.stderr);
}

#[test]
fn the_same_seed_makes_the_same_history_with_its_plan_and_truth() {
    let folder = tempfile::tempdir().unwrap();
    let generate = |name: &str, seed: &str| {
        let (output, plan, truth) =
            (inside(&folder, name), inside(&folder, "plan.toml"), inside(&folder, "truth.json"));
        let run = plumbline(&[
            "generate", "--days", "40", "--seed", seed, "-o", &output, "--plan", &plan, "--truth", &truth,
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(plumbline(&["plan", "check", &plan]).code, 0);
        let truth: Value = serde_json::from_slice(&std::fs::read(&truth).unwrap()).unwrap();
        assert_eq!(truth["scenario"], "lead-quality-trap");
        std::fs::read(output).unwrap()
    };
    let first = generate("a.jsonl", "3");
    assert_eq!(first, generate("b.jsonl", "3"));
    assert_ne!(first, generate("c.jsonl", "4"));
    assert_eq!(plumbline(&["generate", "--leads-per-day", "-5"]).code, 2);
}

#[test]
fn a_run_whose_standard_error_nobody_reads_ends_as_any_other() {
    let plan = example("plan.toml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["backtest", "--plan", &plan, "--events", "-"])
        .env_remove("PLUMBLINE_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed before the run has anything to say: it awaits its input.
    drop(child.stderr.take());
    child.stdin.take().unwrap().write_all(&std::fs::read(example("events.jsonl")).unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
