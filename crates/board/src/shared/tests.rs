use super::*;
use plumbline_engine::{EngineConfig, Output};
use plumbline_events::RecordView;
use plumbline_harness::{LogWriter, MemoryLog};
use plumbline_simulator::{Spec, generate, plan_toml};
use plumbline_units::Seconds;

/// A company's log of some days, and an engine that has judged none of it.
fn company() -> (MemoryLog, Engine) {
    let spec = Spec { days: 40, seed: 7, ..Spec::default() };
    let mut writer = LogWriter::new(Seconds::HOUR);
    let start = spec.zone.start_of(spec.start);
    writer.plan(&spec.workspace, &plan_toml(&spec), start, start);
    generate(&spec).for_each(|event| writer.event(event));
    (writer.finish(), Engine::new(EngineConfig::default()))
}

fn apply(engine: &mut Engine, log: &MemoryLog, offset: i64) {
    let mut out: Vec<Output> = Vec::new();
    engine.apply(offset, &log.record(offset), &mut &*log, &mut out).unwrap();
}

fn shown(shared: &Shared) -> Arc<WorkspaceView> {
    shared.workspace("default").unwrap().0
}

/// Lets the next look make a view.
fn rested(shared: &Shared) {
    shared.workspaces_mut().values_mut().for_each(|shown| shown.rest_until = Instant::now());
}

#[test]
fn an_event_moves_its_stream_on_and_a_closed_day_makes_a_new_view() {
    let ((log, mut engine), shared) = (company(), Shared::default());
    let half = log.len() / 2;
    (0..half).for_each(|offset| apply(&mut engine, &log, offset));
    shared.look(0, &engine);
    let (before, versions) = (shown(&shared), shared.versions());
    let event = (half..log.len()).find(|offset| matches!(log.record(*offset), RecordView::Event(_))).unwrap();
    (half..=event).for_each(|offset| apply(&mut engine, &log, offset));
    rested(&shared);
    shared.look(0, &engine);
    let after = shown(&shared);
    assert!(Arc::ptr_eq(&before.targets, &after.targets), "nothing was judged");
    assert_ne!(before.passing.streams, after.passing.streams);
    assert!(!versions.has_changed().unwrap(), "nobody reads a page again for that alone");

    let mut at = event + 1;
    while engine.workspaces().next().unwrap().judge().statuses().map(|s| s.day).max() == before.closed {
        apply(&mut engine, &log, at);
        at += 1;
    }
    shared.look(0, &engine);
    assert_ne!(shown(&shared).closed, before.closed);
    assert!(versions.has_changed().unwrap());
}

#[test]
fn while_it_rests_no_view_is_made_and_afterwards_the_newest() {
    let ((log, mut engine), shared) = (company(), Shared::default());
    let half = log.len() / 2;
    (0..half).for_each(|offset| apply(&mut engine, &log, offset));
    shared.look(0, &engine);
    let before = shown(&shared);
    shared.workspaces_mut().values_mut().for_each(|shown| shown.rest_until += Duration::from_secs(3600));
    (half..log.len()).for_each(|offset| apply(&mut engine, &log, offset));
    shared.look(0, &engine);
    assert_eq!(shown(&shared).closed, before.closed);
    rested(&shared);
    shared.look(0, &engine);
    let after = shown(&shared);
    assert!(after.closed > before.closed);
    // Looked at without a change, the lines are those of before.
    let again = view(engine.workspaces().next().unwrap(), Some(&after));
    assert!(again.targets.iter().zip(after.targets.iter()).all(|(a, b)| Arc::ptr_eq(&a.trend, &b.trend)));
    assert_eq!(again, *after);
}

#[test]
fn what_is_judged_elsewhere_is_no_longer_shown() {
    let ((log, mut engine), shared) = (company(), Shared::default());
    (0..100).for_each(|offset| apply(&mut engine, &log, offset));
    shared.look(3, &engine);
    shared.gone(2);
    assert_eq!((shared.workspaces().len(), shared.samples().is_empty()), (1, false));
    let versions = shared.versions();
    shared.gone(3);
    assert!(shared.workspaces().is_empty() && shared.workspace("default").is_none());
    assert!(shared.samples().is_empty(), "what it told Prometheus is the other's to tell");
    assert!(versions.has_changed().unwrap());
}

#[test]
fn what_nobody_has_looked_at_for_a_minute_is_not_among_the_metrics() {
    let ((log, mut engine), shared) = (company(), Shared::default());
    (0..100).for_each(|offset| apply(&mut engine, &log, offset));
    shared.look(0, &engine);
    assert!(!shared.samples().is_empty());
    for shown in shared.workspaces_mut().values_mut() {
        shown.seen = shown.seen.checked_sub(STALE + Duration::from_secs(1)).unwrap();
    }
    assert!(shared.samples().is_empty());
    shared.look(0, &engine);
    assert!(!shared.samples().is_empty(), "it is back");
}

#[test]
fn a_dead_letter_is_news_once_for_whoever_looks_at_no_workspace() {
    let shared = Shared::default();
    let mut versions = shared.versions();
    let counts = |versions: &Versions| (versions.of(None), versions.of(Some("default")));
    for (offset, news) in [(0, true), (0, false), (1, true)] {
        let before = counts(&versions.borrow_and_update());
        let (class, of) = ("malformed".to_owned(), "crm.leads-0@7".to_owned());
        let time = plumbline_units::Timestamp::clamped(0);
        shared.refused(DeadLetter { partition: 0, offset, time, class, of });
        assert_eq!(versions.has_changed().unwrap(), news);
        assert_eq!(counts(&versions.borrow()), (before.0 + u64::from(news), before.1));
    }
}
