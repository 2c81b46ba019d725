//! A slower cycle, told from fewer conversions.

use super::timeline::{play, told};

/// All lags are longer by 15% from a day on.
const SLOWER: &str = "
    leads 400
    last 190
    seed 3
    pattern
    day 100: lags x1.15
";

/// Leads rise and convert worse: what the pattern is for.
const FEWER: &str = "
    leads 400
    last 140
    seed 3
    day 100: mql>sql x0.7
";

#[test]
fn a_slower_cycle_is_called_that_and_opens_no_pattern() {
    let changes = play(SLOWER);
    let conversions = changes.iter().filter(|c| c.episode.subject.metric == "conversion");
    let labels: Vec<&str> = conversions.map(|c| c.episode.assessment.drift.label.as_str()).collect();
    assert!(labels.contains(&"velocity") && !labels.contains(&"conversion"), "{:#?}", told(&changes));
    assert!(changes.iter().all(|c| c.episode.subject.pattern.is_none()), "{:#?}", told(&changes));
    let slower = changes.iter().find(|c| c.episode.assessment.drift.label == "velocity").unwrap();
    if slower.episode.sequence == 1 {
        assert!(slower.episode.title.ends_with("slower than planned, not fewer"), "{}", slower.episode.title);
    }
}

#[test]
fn fewer_conversions_are_called_that_once_the_lags_cannot_explain_them() {
    let changes = play(FEWER);
    let own: Vec<_> = changes.iter().filter(|c| c.episode.subject.metric == "conversion").collect();
    let labels: Vec<&str> = own.iter().map(|c| c.episode.assessment.drift.label.as_str()).collect();
    assert!(!labels.contains(&"velocity"), "{labels:?}");
    assert_eq!(labels.last(), Some(&"conversion"), "{:#?}", told(&changes));
    let revised = own.iter().filter_map(|c| c.revision.as_ref()).find(|r| r.field == "drift.label");
    if let Some(revised) = revised {
        assert_eq!((revised.to.as_str(), revised.cause.as_str()), ("conversion", "evidence"));
    }
}
