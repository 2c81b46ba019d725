//! The track alone, told in a table: what a tick reads → how the track moves and the verdict.
//!
//! A reading is `e` and ln of the e-value (refuted from 5.9, watched from 3.6), the bound the projection lies beyond
//! (`-`, `+` or `=` for none), `w` and the critical weight, then `s` and by how many standard deviations outside, `l`
//! and the critical weight of late, `pair` (conversions lead, not a daily count), what holds of `inside`, `under` and `back` (the
//! recovery), `clear` (the interval excludes critical), `need` (entries are missing).

use plumbline_plan::{Direction, Severity};
use plumbline_units::Day;

use super::super::track::{Reading, Recovery, Step, Track};
use super::super::verdict::{Verdict, WatchReason};
use crate::stat::{Label, TableId};

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
        sureness: words.iter().find_map(|w| w.strip_prefix('s')?.parse().ok()).unwrap_or(0.0),
        inside: has("inside"),
        critical_weight: words[2][1..].parse().unwrap(),
        critical_lately: words.iter().find_map(|w| w.strip_prefix('l')?.parse().ok()).unwrap_or(0.0),
        excludes_critical: has("clear"),
        needed: has("need").then_some(7),
        leading: Some(if has("pair") { TableId::Pair { from: 0, to: 1 } } else { TableId::LeadsPerMoney }),
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
fn conversions_that_are_back_end_a_drift_on_the_day_that_shows_it() {
    follow(
        "e6   - w.2 pair       | begins warning
         e1   - w.2 under pair | stays warning
         e1   - w.2 back pair  | recovers uncertain",
    );
}

#[test]
fn the_last_weeks_alone_may_make_a_standing_drift_critical_and_keep_it_so() {
    follow(
        "e6   - w.2            | begins warning
         e9   - w.2 l.8        | stays warning
         e9   - w.2 l.9        | worsens critical
         e9   - w.2 l.6        | stays critical
         e9   - w.2 l.4        | eases warning",
    );
}

#[test]
fn a_withdrawn_drift_opens_again_only_when_it_is_surely_outside_and_surer_each_time() {
    follow(
        "e6   - w.6            | begins critical
         e7   = w.6 inside     | retracts compensated
         e40  - w.6 s.9        | stays compensated
         e40  - w.6 s1         | begins critical
         e40  = w.6 inside     | retracts compensated
         e90  - w.6 s1.9       | stays compensated
         e90  - w.6 s2         | begins critical",
    );
}

#[test]
fn a_drift_the_other_way_than_the_one_withdrawn_opens_at_once() {
    follow(
        "e6   - w.6            | begins critical
         e7   + w.6 inside     | retracts compensated
         e8   + w.6 s.1        | begins critical",
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

#[test]
fn a_drift_is_called_otherwise_only_once_it_has_looked_so_three_ticks_in_a_row() {
    let label = |letter| match letter {
        'c' => Some(Label::Conversion),
        'v' => Some(Label::Velocity),
        'b' => Some(Label::ConversionOrVelocity),
        _ => None,
    };
    for (looks, called) in [
        ("bcc", "bbb"),
        ("bccc", "bbbc"),
        ("vcvccvccc", "vvvvvvvvc"),
        ("bccvvv", "bbbbbv"),
        ("-v", "-v"),
        // A tick that says nothing begins the count anew.
        ("vcc-ccc", "vvvvvvc"),
    ] {
        let (mut track, mut said) = (Track::default(), None);
        for (look, call) in looks.chars().zip(called.chars()) {
            (track, said) = track.label(said, label(look));
            assert_eq!(said, label(call), "{looks} {called}");
        }
    }
}
