//! A drift that turns out to be another than the first estimate said.

use super::timeline::{play, told};
use crate::judge::EpisodeChange;

/// What was told anew of each change's own numbers.
fn told_anew(changes: &[EpisodeChange]) -> Vec<&EpisodeChange> {
    let by_evidence = |c: &&EpisodeChange| {
        c.revision.as_ref().is_some_and(|r| r.cause == "evidence" && r.field != "drift.label")
    };
    changes.iter().filter(by_evidence).collect()
}

#[test]
fn a_drift_that_turns_out_far_deeper_is_told_anew() {
    let changes = play(
        "
        leads 60
        last 170
        seed 5
        day 100: mql>sql x0.1
        ",
    );
    let anew = told_anew(&changes);
    assert!(!anew.is_empty(), "{:#?}", told(&changes));
    for change in anew {
        let numbers = &change.episode.assessment;
        assert_eq!(numbers.day, change.day);
        let revision = change.revision.as_ref().unwrap();
        let (from, to): (f64, f64) = (revision.from.parse().unwrap(), revision.to.parse().unwrap());
        assert!((from - to).abs() > 0.5 * (from - 1.0).abs(), "{revision:?}");
    }
    // People end with the whole of it.
    let of_transition = changes.iter().rev().find(|c| c.episode.assessment.drift.of == "mql>sql").unwrap();
    let relative = of_transition.episode.assessment.drift.relative;
    assert!(relative.value < -0.7, "{relative:?}: {:#?}", told(&changes));
}

#[test]
fn a_drift_of_the_size_first_told_is_not_told_over_and_over() {
    let anew: usize = (1..=10)
        .map(|seed| {
            let story = format!("leads 200\nlast 190\nseed {seed}\nday 100: mql>sql x0.7\n");
            told_anew(&play(&story)).len()
        })
        .sum();
    assert!(anew <= 2, "{anew} in ten runs of three months");
}

#[test]
fn spend_that_opened_on_its_way_up_is_told_again() {
    let changes = play("leads 60\nlast 130\nseed 2\nday 100: spend x1.7\n");
    let spend: Vec<_> = changes.iter().filter(|c| c.episode.subject.metric == "spend").collect();
    let told_as: Vec<f64> = spend.iter().map(|c| c.episode.assessment.drift.relative.value).collect();
    assert!(told_as.first().is_some_and(|first| *first < 0.4), "{told_as:?}");
    assert!(told_as.last().is_some_and(|last| 0.7 <= 1.5 * last) && told_as.len() <= 4, "{told_as:?}");
}
