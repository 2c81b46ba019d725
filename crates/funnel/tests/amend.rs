//! What changes after a day was judged, by the kind of fact that did it.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_events::{Event, Limits, decode_json_line};
use plumbline_funnel::{Amendment, AmendmentCause, Fold, Watch};
use plumbline_plan::Scope;
use support::{apply, day, example, options};

fn events(lines: &str) -> Vec<Event> {
    let line = |l: &str| decode_json_line(l.as_bytes(), &Limits::default()).unwrap().0;
    lines.lines().map(str::trim).filter(|l| !l.is_empty()).map(line).collect()
}

fn lead(on: &str, kind: &str, id: &str, more: &str) -> String {
    format!(r#"{{"occurred_at":"2026-03-{on}T12:00:00Z","type":"lead.{kind}","lead_id":"{id}"{more}}}"#)
        + "\n"
}

fn spend(amount: &str, said: &str) -> String {
    let body = r#""spend_id":"s","period_start":"2026-03-02","period_end":"2026-03-03","attributes":{"segment":"smb"}"#;
    let amount = format!(r#""amount":{{"value":"{amount}","currency":"EUR"}}"#);
    format!(r#"{{"type":"spend.reported","occurred_at":"2026-03-{said}T04:00:00Z",{body},{amount}}}"#) + "\n"
}

const SMB: &str = r#","attributes":{"segment":"smb"}"#;
const MID: &str = r#","attributes":{"segment":"mid"}"#;

/// A fold that knows of one lead and 100 EUR, and watches smb up to 5 March.
fn watched() -> Fold {
    let plan = example();
    let mut fold = Fold::new(&plan, options());
    let known = lead("02", "created", "a", SMB) + &spend("100", "03");
    let smb = Scope(vec![(plan.dimension("segment").unwrap(), "smb".parse().unwrap())]);
    for event in events(&known) {
        let _ = apply(&mut fold, &event, None);
    }
    fold.watch(vec![Watch::new("e".to_string(), smb, day("2026-03-05"))]);
    fold
}

fn amended(lines: &str) -> Vec<Amendment> {
    let mut fold = watched();
    for event in events(lines) {
        let _ = apply(&mut fold, &event, None);
    }
    fold.watches()[0].amendments().collect()
}

#[test]
fn each_kind_of_fact_is_told_by_its_name() {
    use AmendmentCause::{Deletion, Late, Merge, Restatement};
    let late = Amendment { cause: Late, counts: 1, money: 0 };
    for (what, lines, told) in [
        ("a lead that came late", lead("04", "created", "b", SMB), vec![late]),
        ("one of another scope", lead("04", "created", "b", MID), vec![]),
        ("one of a day not watched", lead("06", "created", "b", SMB), vec![]),
        ("the same fact again", lead("02", "created", "a", SMB), vec![]),
        (
            "a deletion",
            lead("20", "deleted", "a", ""),
            vec![Amendment { cause: Deletion, counts: 1, money: 0 }],
        ),
        (
            "late, then merged away",
            lead("04", "created", "b", SMB) + &lead("20", "merged", "b", r#","into_lead_id":"a""#),
            vec![late, Amendment { cause: Merge, counts: 1, money: 0 }],
        ),
        (
            "a statement replaced",
            spend("130", "09"),
            vec![Amendment { cause: Restatement, counts: 0, money: 30_000_000 }],
        ),
    ] {
        assert_eq!(amended(&lines), told, "{what}");
    }
}

#[test]
fn late_facts_amend_the_same_in_every_order() {
    let mut lines = Vec::new();
    for id in ["b", "c", "d"] {
        lines.push(lead("03", "created", id, SMB));
        lines.push(lead("04", "stage_reached", id, r#","stage":"mql""#));
        lines.push(lead("05", "stage_reached", id, r#","stage":"sql""#));
        lines.push(lead("06", "stage_reached", id, r#","stage":"opportunity""#));
    }
    let first = amended(&lines.concat());
    assert_eq!(first.len(), 1);
    assert!(first[0].counts >= 9, "{first:?}");
    // Steps of 5, 7 and 11 through the 12 lines visit each once, in another order.
    for step in [5, 7, 11] {
        for start in 0..lines.len() {
            let order = (0..lines.len()).map(|i| lines[(start + i * step) % lines.len()].as_str());
            assert_eq!(amended(&order.collect::<String>()), first, "from {start} by {step}");
        }
    }
}

#[test]
fn a_watch_starts_anew_when_replaced() {
    let mut fold = watched();
    for event in events(&lead("04", "created", "b", SMB)) {
        let _ = apply(&mut fold, &event, None);
    }
    let watch = fold.watches()[0].clone();
    assert!(watch.is_touched());
    fold.watch(vec![Watch::new(watch.name.clone(), watch.scope.clone(), watch.upto)]);
    assert!(!fold.watches()[0].is_touched());
    assert_eq!(fold.watches()[0].amendments().count(), 0);
}
