//! Laws that hold for every story.

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbline_plan::{Metric, Severity, StageIndex};
use plumbline_units::{Day, Timestamp};

use super::super::measure::dated;
use super::super::{
    Acknowledgement, EpisodeChange, EpisodeKey, EpisodeState, Judge, PartKind, Resolution, TickContext, Told,
    Transition, Verdict, explain_by_patterns,
};
use super::timeline::{START, Story, play, play_restarting};
use super::world::{parsed, plan, text};
use crate::stat::{ScopeSeries, StageEntries, TableId};

const STORIES: [&str; 4] = [
    "leads 60\nlast 220\nseed 1\npattern\nday 100: leads x1.2 spend x1.68 mql>sql x0.74\nday 170: leads x1 spend x1 mql>sql x1",
    "leads 30\nlast 220\nseed 2\npattern\nlive 120\nday 100: mql>sql x0.5\nday 150: mql>sql x1",
    "leads 60\nlast 200\nseed 3\nsick 115 125\nday 110: lead>mql x0.8 mql>sql x1.25",
    "leads 120\nlast 200\nseed 5\nday 110: leads x0.5 spend x0.5\nday 160: leads x1 spend x1",
];

#[test]
fn nothing_happens_to_a_resolved_episode_and_sequences_have_no_gap() {
    for story in STORIES {
        let mut last: BTreeMap<(String, Timestamp), (u32, bool)> = BTreeMap::new();
        for change in play(story) {
            let episode = &change.episode;
            let key = (episode.key.to_string(), episode.opened_at);
            let (sequence, resolved) = last.get(&key).copied().unwrap_or_default();
            assert!(!resolved, "{key:?} goes on after its end");
            assert_eq!(episode.sequence, sequence + 1, "{key:?}");
            assert_eq!(sequence == 0, change.transition == Transition::Opened, "{key:?}");
            let ended = matches!(episode.state, EpisodeState::Resolved(_));
            assert_eq!(ended, change.transition == Transition::Resolved);
            last.insert(key, (episode.sequence, ended));
        }
    }
}

#[test]
fn a_judge_saved_and_loaded_goes_on_identically() {
    for story in STORIES {
        let whole = play(story);
        for every in [30, 77] {
            let restarted = play_restarting(story, every);
            assert_eq!(whole, restarted, "restarted every {every} days");
        }
    }
}

#[test]
fn parts_add_up_to_the_gap() {
    let mut seen = 0;
    for story in STORIES {
        for EpisodeChange { episode, .. } in play(story) {
            let mut products: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
            let mut splits: BTreeMap<(&str, &str), f64> = BTreeMap::new();
            for part in &episode.assessment.why {
                match &part.kind {
                    PartKind::Transition { factor, .. } => {
                        let entry = products.entry(part.of.as_str()).or_default();
                        let sign = if part.of == "cac" && part.part != "cost per lead" { -1.0 } else { 1.0 };
                        *entry = (entry.0 + part.share, entry.1 + sign * libm::log(*factor));
                    }
                    PartKind::Rate { dimension, .. } | PartKind::Mix { dimension, .. } => {
                        *splits.entry((part.of.as_str(), dimension.as_str())).or_default() += part.share;
                    }
                }
            }
            let a = &episode.assessment;
            for (of, (shares, log)) in products {
                seen += 1;
                assert!((shares - 1.0).abs() < 1e-9, "{of}: {shares}");
                let (value, plan) = match of {
                    "cac" => (a.cac.unwrap().value, a.cac_plan.unwrap()),
                    _ => (a.conversion.unwrap().value, a.plan.value),
                };
                assert!((log - libm::log(value / plan)).abs() < 1e-9, "{of}: {log}");
            }
            for (of, shares) in splits {
                seen += 1;
                assert!((shares - 1.0).abs() < 1e-9, "{of:?}: {shares}");
            }
        }
    }
    assert!(seen > 20, "only {seen} explanations");
}

#[test]
fn counts_shared_between_targets_change_nothing() {
    let story = Story::parse(STORIES[0]);
    let (world, mut shared, mut alone) = (story.world(), story.judge(), story.judge());
    for at in 0..=130 {
        let changes = story.tick(&mut shared, &world, at);
        let day = START.parse::<Day>().unwrap().plus(at);
        let instant = plumbline_units::Zone::UTC.start_of(day.plus(1));
        let ctx = TickContext::default();
        let mut others = Vec::new();
        for target in alone.order().to_vec() {
            others.extend(alone.close_target(target, day, instant, &world, &ctx));
        }
        others.extend(alone.close_pattern(0, day, instant, &world, &ctx));
        explain_by_patterns(&mut others);
        assert_eq!(changes, others);
    }
    assert_eq!(shared.save(), alone.save());
}

#[test]
fn a_closed_day_and_a_day_before_the_plan_change_nothing() {
    let story = Story::parse(STORIES[0]);
    let (world, mut judge) = (story.world(), story.judge());
    assert!(story.tick(&mut judge, &world, -1).is_empty());
    assert_eq!(judge.statuses().count(), 0);
    story.tick(&mut judge, &world, 30);
    let before = judge.save();
    assert!(story.tick(&mut judge, &world, 30).is_empty());
    assert!(story.tick(&mut judge, &world, 29).is_empty());
    assert_eq!(judge.save(), before);
}

#[test]
fn an_episode_is_acknowledged_once_each_owning_function_has_and_until_that_runs_out() {
    let story = Story::parse(STORIES[3]);
    let (world, mut judge) = (story.world(), story.judge());
    let mut at = 0;
    while judge.episodes().is_empty() {
        story.tick(&mut judge, &world, at);
        at += 1;
    }
    let key = judge.episodes().keys().next().unwrap().clone();
    let day = START.parse::<Day>().unwrap().plus(at - 1);
    let now = plumbline_units::Zone::UTC.start_of(day.plus(1));
    let until = Some(plumbline_units::Zone::UTC.start_of(day.plus(3)));
    let said = |function: &str, until| Acknowledgement {
        function: function.to_string(),
        note: "on it".to_string(),
        at: now,
        until,
    };
    assert_eq!(judge.acknowledge(&key, said("catering", None), day), None, "it owns no part");
    let functions: std::collections::BTreeSet<String> =
        judge.episodes()[&key].owners.iter().map(|owner| owner.function.to_string()).collect();
    for (n, function) in functions.iter().enumerate() {
        assert_eq!(judge.episodes()[&key].state, EpisodeState::Open, "{n} of {} know", functions.len());
        let change = judge.acknowledge(&key, said(function, until), day).unwrap();
        assert_eq!(change.transition, Transition::Acknowledged);
        assert_eq!(change.episode.sequence, 2 + n as u32);
    }
    assert!(functions.len() >= 2);
    assert_eq!(judge.episodes()[&key].state, EpisodeState::Acknowledged);
    for _ in 0..3 {
        story.tick(&mut judge, &world, at);
        at += 1;
    }
    assert_eq!(judge.episodes()[&key].state, EpisodeState::Open);
}

#[test]
fn another_revision_ends_what_it_no_longer_promises_and_keeps_the_rest() {
    let story = Story::parse(STORIES[0]);
    let (world, mut judge) = (story.world(), story.judge());
    for at in 0..=130 {
        story.tick(&mut judge, &world, at);
    }
    let live: Vec<String> = judge.episodes().keys().map(|k| k.to_string()).collect();
    assert_eq!(live, ["p/lead-quality-trap/segment=smb", "p/spend/segment=smb"]);
    let mut next = plan(story.leads, false);
    next.revision = 2;
    let day = START.parse::<Day>().unwrap().plus(130);
    let ended = judge.revise(Arc::new(next), day, plumbline_units::Zone::UTC.start_of(day.plus(1)));
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].resolution(), Some(Resolution::PlanRevised));
    assert_eq!(judge.episodes().len(), 1);
    // Nothing hides the members' drifts any more.
    let opened = story.tick(&mut judge, &world, 131);
    assert!(opened.iter().any(|c| c.episode.subject.metric == "conversion"), "{opened:?}");
}

/// Play to a drift from mql to sql, then go over to the plan's text as `revised` changes it.
fn revised_amid_a_drift(revised: impl FnOnce(String) -> String) -> (Judge, Vec<EpisodeChange>) {
    let story = Story::parse("leads 60\nlast 220\nseed 1\nday 100: mql>sql x0.6");
    let (world, mut judge) = (story.world(), story.judge());
    for at in 0..=130 {
        story.tick(&mut judge, &world, at);
    }
    assert!(judge.episodes().contains_key(&conversion()));
    let next = parsed(&revised(text(story.leads, false)).replace("revision = 1", "revision = 2"));
    let day = START.parse::<Day>().unwrap().plus(130);
    let ended = judge.revise(Arc::new(next), day, plumbline_units::Zone::UTC.start_of(day.plus(1)));
    (judge, ended)
}

fn conversion() -> EpisodeKey {
    EpisodeKey("p/lead-to-won/segment=smb".to_string())
}

fn paged_table(judge: &Judge) -> Option<TableId> {
    let track = judge
        .tracks
        .iter()
        .find(|((target, _), _)| judge.plan().target(*target).name.as_str() == "lead-to-won");
    track.and_then(|(_, track)| track.latch()?.table)
}

#[test]
fn a_drift_keeps_its_transition_where_a_revision_moves_the_stages() {
    let (judge, ended) = revised_amid_a_drift(|plan| plan);
    assert_eq!((ended.len(), paged_table(&judge)), (0, Some(TableId::Pair { from: 1, to: 2 })));
    let (judge, ended) = revised_amid_a_drift(|plan| {
        let first = plan.find("[[transition]]").unwrap();
        let second = first + 1 + plan[first + 1..].find("[[transition]]").unwrap();
        let step = plan[first..second].to_string();
        let to_demo = step.replace("\"mql\"", "\"demo\"");
        let from_demo = step.replace("\"lead\"", "\"demo\"");
        plan.replace(&step, &format!("{to_demo}{from_demo}"))
            .replace("\"lead\", \"mql\"", "\"lead\", \"demo\", \"mql\"")
    });
    assert_eq!((ended.len(), paged_table(&judge)), (0, Some(TableId::Pair { from: 2, to: 3 })));
}

#[test]
fn a_target_that_promises_something_else_begins_anew() {
    let (judge, ended) =
        revised_amid_a_drift(|plan| plan.replacen("to = \"won\"\neach", "to = \"opportunity\"\neach", 1));
    let ended: Vec<_> = ended.iter().map(|c| (&c.episode.key, c.resolution())).collect();
    assert_eq!(ended, [(&conversion(), Some(Resolution::PlanRevised))]);
    assert_eq!(paged_table(&judge), None);
}

#[test]
fn what_was_published_by_another_version_is_taken_over() {
    let story = Story::parse(STORIES[0]);
    let (world, mut judge) = (story.world(), story.judge());
    for at in 0..=130 {
        story.tick(&mut judge, &world, at);
    }
    let (known, unknown) = {
        let mut keys = judge.episodes().keys().cloned();
        (keys.next().unwrap(), keys.next().unwrap())
    };
    let day = START.parse::<Day>().unwrap().plus(130);
    let at = plumbline_units::Zone::UTC.start_of(day.plus(1));
    let held = judge.episodes()[&known].clone();
    let told = Told {
        alert_id: "a1".into(),
        sequence: 9,
        severity: Some(held.severity),
        label: Some(held.assessment.drift.label.clone()),
        inhibited_by: held.inhibited_by.clone(),
        historical: held.historical,
        acknowledged: false,
        acknowledgements: Vec::new(),
        asked_again: 0,
    };
    let other = |severity| match severity {
        Severity::Warning => (Severity::Critical, Transition::Deescalated),
        Severity::Critical => (Severity::Warning, Transition::Escalated),
    };
    let (severity, moved) = other(held.severity);
    for (told, said) in [
        (told.clone(), None),
        (Told { severity: Some(severity), ..told.clone() }, Some(moved)),
        (Told { severity: None, ..told.clone() }, Some(Transition::Revised)),
        (Told { label: Some("another".into()), ..told.clone() }, Some(Transition::Revised)),
        (Told { inhibited_by: Some(EpisodeKey("p/another/".into())), ..told }, Some(Transition::Revised)),
    ] {
        let mut judge = Judge::load(Arc::clone(judge.plan()), judge.save());
        let told = BTreeMap::from([(known.clone(), told)]);
        let changes = judge.adopt(&told, day, at, &|key| format!("new {key}").into());
        let (of_known, of_unknown): (Vec<_>, Vec<_>) = changes.iter().partition(|c| c.episode.key == known);
        assert_eq!(of_unknown.len(), 1);
        let opened = &of_unknown[0].episode;
        assert_eq!(
            (of_unknown[0].transition, &opened.key, opened.sequence),
            (Transition::Opened, &unknown, 1)
        );
        assert_eq!(opened.alert_id.as_deref(), Some(format!("new {unknown}").as_str()));
        assert_eq!(of_known.first().map(|change| change.transition), said);
        let now = &judge.episodes()[&known];
        assert_eq!((now.alert_id.as_deref(), now.sequence), (Some("a1"), 9 + u32::from(said.is_some())));
    }
}

#[test]
fn statuses_name_every_target_and_what_is_missing() {
    let story = Story::parse("leads 60\nlast 60\nseed 4");
    let (world, mut judge) = (story.world(), story.judge());
    story.tick(&mut judge, &world, 0);
    let early: Vec<&'static str> = judge.statuses().map(|s| s.verdict.word()).collect();
    assert_eq!(early[0], "not_enough_evidence");
    for at in 1..=14 {
        story.tick(&mut judge, &world, at);
    }
    let cycle = judge.statuses().last().unwrap();
    assert!(
        matches!(cycle.verdict, Verdict::NotEnoughEvidence { by: Some(by), .. } if by > cycle.day),
        "{cycle:?}"
    );
    for at in 15..=60 {
        story.tick(&mut judge, &world, at);
    }
    let words: Vec<(String, &str)> = judge.statuses().map(|s| (s.name.clone(), s.verdict.word())).collect();
    assert_eq!(words.len(), 5);
    assert_eq!(words[4].0, "sales-cycle");
    for status in judge.statuses() {
        assert!(status.plan.is_some() && status.projected.is_some(), "{status:?}");
        assert_eq!(status.direction.is_some(), matches!(status.verdict, Verdict::Drifting(_)));
        assert_eq!(status.threshold, 365.0);
    }
}

#[test]
fn what_is_missing_will_have_come_at_the_volume_of_the_last_four_weeks() {
    let last_day: Day = START.parse().unwrap();
    let mut series = ScopeSeries {
        first_day: last_day.plus(-39),
        last_day,
        stages: vec![StageEntries {
            counts: [vec![90; 12], vec![10; 28]].concat(),
            ..StageEntries::default()
        }],
        pairs: vec![],
        spend: vec![],
        won: vec![],
        in_time: vec![],
        ages: vec![],
        unrecorded: Vec::new(),
    };
    let volume = Metric::Volume { stage: StageIndex(0) };
    let wait = |needed: u64, metric, series: &ScopeSeries| {
        let verdict = Verdict::NotEnoughEvidence { needed, by: None };
        let Verdict::NotEnoughEvidence { by, .. } = dated(verdict, metric, series) else { panic!() };
        by.map(|by| by.since(last_day))
    };
    for (needed, metric, expected) in [
        (10, volume, Some(1)),
        (25, volume, Some(3)),
        (30, volume, Some(3)),
        (25, Metric::Spend, Some(25)),
        (u64::MAX, volume, None),
    ] {
        assert_eq!(wait(needed, metric, &series), expected, "{needed}");
    }
    series.stages[0].counts = vec![0; 40];
    assert_eq!(wait(10, volume, &series), None);
    assert_eq!(dated(Verdict::OnPlan, volume, &series), Verdict::OnPlan);
}
