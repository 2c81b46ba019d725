//! The track alone, told in a table: what a tick reads → how the track moves and the verdict.
//!
//! A reading is `e` and ln of the e-value (refuted from 5.9, watched from 3.6), the bound the projection lies beyond
//! (`-`, `+` or `=` for none), `w` and the critical weight, then what holds of `inside`, `under` and `back` (the
//! recovery), `clear` (the interval excludes critical), `need` (entries are missing).

use plumbline_plan::{Direction, Severity};
use plumbline_units::Day;

use super::super::track::{Reading, Recovery, Step, Track};
use super::super::verdict::{Verdict, WatchReason};

fn reading(text: &str) -> Reading {
    let words: Vec<&str> = text.split_whitespace().collect();
    let log_e: f64 = words[0][1..].parse().unwrap();
    let has = |word: &str| words.contains(&word);
    Reading {
        log_e,
        rejects: log_e >= 5.9,
        watches: log_e >= 3.6,
        outside: match words[1] {
            "-" => Some(Direction::Below),
            "+" => Some(Direction::Above),
            _ => None,
        },
        inside: has("inside"),
        critical_weight: words[2][1..].parse().unwrap(),
        excludes_critical: has("clear"),
        needed: has("need").then_some(7),
        leading: Some(crate::stat::TableId::LeadsPerMoney),
        leading_name: "t".to_string(),
        recovery: match (has("back"), has("under")) {
            (true, _) => Recovery::Done,
            (_, true) => Recovery::Under,
            _ => Recovery::No,
        },
    }
}

#[track_caller]
fn follow(table: &str) {
    let mut track = Track::default();
    let day = Day::from_number(20_000);
    for (at, line) in table.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let (read, wanted) = line.split_once('|').unwrap();
        let (next, step, verdict) = track.step(&reading(read), day.plus(at as i32));
        let step = match step {
            Step::Stayed => "stays",
            Step::Began => "begins",
            Step::Worsened => "worsens",
            Step::Eased => "eases",
            Step::Recovered => "recovers",
            Step::Retracted => "retracts",
        };
        let verdict = match verdict {
            Verdict::Drifting(Severity::Warning) => "warning",
            Verdict::Drifting(Severity::Critical) => "critical",
            Verdict::Watch(WatchReason::Compensated { .. }) => "compensated",
            Verdict::Watch(WatchReason::Evidence) => "watched",
            Verdict::Watch(WatchReason::Uncertain) => "uncertain",
            other => other.word(),
        };
        assert_eq!(format!("{step} {verdict}"), wanted.trim(), "line {}: {line}", at + 1);
        track = next;
    }
}

#[test]
fn a_quiet_target_moves_from_ignorance_to_on_plan_or_watched() {
    follow(
        "e0   = w0 need        | stays not_enough_evidence
         e0   = w0             | stays uncertain
         e0   = w0 clear       | stays on_plan
         e3.7 = w0 clear       | stays watched
         e3.7 - w1             | stays watched
         e6   = w1             | stays compensated
         e0   = w0 clear       | stays on_plan",
    );
}

#[test]
fn a_drift_is_latched_until_its_end_is_shown_on_three_ticks() {
    follow(
        "e6   - w.2            | begins warning
         e9   - w.6            | worsens critical
         e9   - w.4            | stays critical
         e9   - w.2            | eases warning
         e1   - w.2            | stays warning
         e1   = w.2            | stays warning
         e1   - w.2 under      | stays warning
         e1   - w.2 back       | stays warning
         e1   - w.2            | stays warning
         e1   - w.2 back       | stays warning
         e1   - w.2 back       | stays warning
         e1   - w.2 back       | recovers uncertain
         e1   = w.2 clear      | stays on_plan
         e6   + w.2            | begins warning",
    );
}

#[test]
fn a_withdrawn_drift_needs_tenfold_evidence_to_open_again() {
    follow(
        "e6   - w.6            | begins critical
         e7   = w.6 inside     | retracts compensated
         e8   - w.6            | stays compensated
         e9   - w.6            | stays compensated
         e9.4 - w.6            | begins critical",
    );
}

#[test]
fn a_withdrawn_drift_is_forgotten_once_its_evidence_has_faded() {
    follow(
        "e6   - w.6            | begins critical
         e40  = w.6 inside     | retracts compensated
         e20  - w.6            | stays compensated
         e3   = w0 clear       | stays on_plan
         e6   - w.6            | begins critical",
    );
}
