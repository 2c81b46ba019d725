//! What people say of an episode: who may, how long it holds, and what a revision of the plan makes of it.

use std::sync::Arc;

use plumbline_units::{Day, Timestamp, Zone};

use super::super::{Acknowledgement, EpisodeChange, EpisodeKey, EpisodeState, Judge, Transition};
use super::timeline::{START, Story};
use super::world::{World, parsed, text};

/// A company whose hand-over from MQL to SQL drifts, played until that has been told.
struct Told {
    story: Story,
    world: World,
    judge: Judge,
    at: i32,
}

fn key() -> EpisodeKey {
    EpisodeKey("p/lead-to-won/segment=smb".to_string())
}

impl Told {
    fn with(settings: &str) -> Told {
        let story = Story::parse(&format!("leads 60\nlast 220\nseed 1\nday 100: mql>sql x0.6\n{settings}"));
        let (world, judge) = (story.world(), story.judge());
        let mut told = Told { story, world, judge, at: 0 };
        while !told.judge.episodes().contains_key(&key()) {
            told.tick();
        }
        told
    }

    /// Closes a day; hands back what is told of the episode.
    fn tick(&mut self) -> Vec<EpisodeChange> {
        let changes = self.story.tick(&mut self.judge, &self.world, self.at);
        self.at += 1;
        changes.into_iter().filter(|change| change.episode.key == key()).collect()
    }

    fn day(&self) -> Day {
        START.parse::<Day>().unwrap().plus(self.at - 1)
    }

    /// The instant of the tick that closes so many days from now, 0 being the last one closed.
    fn tick_in(&self, days: i32) -> Timestamp {
        Zone::UTC.start_of(self.day().plus(1 + days))
    }

    fn say(&mut self, function: &str, at: Timestamp, until: Option<Timestamp>) -> Option<EpisodeChange> {
        let (function, note) = (function.to_string(), "on it".to_string());
        let day = self.day();
        self.judge.acknowledge(&key(), Acknowledgement { function, note, at, until }, day)
    }

    fn state(&self) -> &EpisodeState {
        &self.judge.episodes()[&key()].state
    }
}

#[test]
fn a_word_that_has_run_out_does_not_count_with_one_that_comes_later() {
    let mut told = Told::with("");
    let (now, later) = (told.tick_in(0), told.tick_in(1));
    let soon = told.tick_in(0).plus(plumbline_units::Seconds::HOUR);
    told.say("marketing", now, Some(soon)).unwrap();
    let change = told.say("sales", later, None).unwrap();
    assert_eq!(change.episode.state, EpisodeState::Open);
    let functions: Vec<&str> = change.episode.acknowledgements.iter().map(|a| a.function.as_str()).collect();
    assert_eq!(functions, ["sales"]);
    assert_eq!(told.say("marketing", later, None).unwrap().episode.state, EpisodeState::Acknowledged);
}

#[test]
fn a_word_that_has_run_out_before_it_is_given_is_none() {
    let mut told = Told::with("");
    let now = told.tick_in(0);
    let before = told.judge.save();
    for until in [told.tick_in(-1), now] {
        assert_eq!(told.say("sales", now, Some(until)), None);
    }
    assert_eq!(told.judge.save(), before);
}

#[test]
fn that_an_acknowledgement_has_run_out_is_told_once_while_the_data_is_trusted_and_while_it_is_not() {
    for settings in ["", "sick 100 220"] {
        // The drift is told while its data is trusted.
        let mut told = Told::with("");
        told.story = Story::parse(&format!("leads 60\nlast 220\nseed 1\nday 100: mql>sql x0.6\n{settings}"));
        let (now, until) = (told.tick_in(0), told.tick_in(2));
        told.say("marketing", now, Some(until)).unwrap();
        let sequence = told.say("sales", now, None).unwrap().episode.sequence;
        assert_eq!(*told.state(), EpisodeState::Acknowledged, "{settings}");
        let changes: Vec<_> = (0..6).flat_map(|_| told.tick()).collect();
        let [change] = changes.as_slice() else { panic!("{settings}: {changes:?}") };
        let revision = change.revision.as_ref().unwrap();
        assert_eq!((change.transition, change.at), (Transition::Revised, until), "{settings}");
        assert_eq!(
            (revision.field.as_str(), revision.from.as_str(), revision.to.as_str(), revision.cause.as_str()),
            ("acknowledgements", "marketing, sales", "sales", "expired"),
            "{settings}"
        );
        assert_eq!((change.episode.sequence, &change.episode.state), (sequence + 1, &EpisodeState::Open));
        // Who has spoken for good need not speak again.
        let now = told.tick_in(0);
        assert_eq!(told.say("marketing", now, None).unwrap().episode.state, EpisodeState::Acknowledged);
    }
}

#[test]
fn another_revision_names_who_owns_a_live_episode_and_whose_word_counts() {
    let revise = |told: &mut Told, change: &dyn Fn(String) -> String| {
        let text = change(text(told.story.leads, false)).replace("revision = 1", "revision = 2");
        let (day, at) = (told.day(), told.tick_in(0));
        told.judge.revise(Arc::new(parsed(&text)), day, at)
    };
    let mut told = Told::with("");
    let now = told.tick_in(0);
    told.say("marketing", now, None).unwrap();
    told.say("sales", now, None).unwrap();
    assert!(revise(&mut told, &|plan| plan).is_empty(), "the same owners");
    assert_eq!(*told.state(), EpisodeState::Acknowledged);
    let from = r#"{ function = "marketing", team = "ops" }, { function = "sales", team = "sdr" }"#;
    let to =
        r#"{ function = "customer-success", team = "onboarding" }, { function = "sales", team = "sdr" }"#;
    let changes = revise(&mut told, &|plan| {
        assert!(plan.contains(from));
        plan.replace(from, to)
    });
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    let revision = change.revision.as_ref().unwrap();
    assert_eq!((change.transition, revision.field.as_str()), (Transition::Revised, "owners"));
    assert_eq!((revision.from.as_str(), revision.cause.as_str()), ("marketing/ops, sales/sdr", "plan"));
    assert_eq!(revision.to, "customer-success/onboarding, sales/sdr");
    let functions: Vec<&str> = change.episode.acknowledgements.iter().map(|a| a.function.as_str()).collect();
    assert_eq!((functions, &change.episode.state), (vec!["sales"], &EpisodeState::Open));
    assert_eq!(change.episode.plan_revision, 2);
    assert_eq!(told.say("marketing", now, None), None, "it owns no part any more");
    let change = told.say("customer-success", now, None).unwrap();
    assert_eq!(change.episode.state, EpisodeState::Acknowledged);
}

#[test]
fn owners_who_knew_and_whose_words_ran_out_are_asked_again_and_counted() {
    let mut told = Told::with("");
    for times in 1..=3 {
        let (now, until) = (told.tick_in(0), told.tick_in(2));
        told.say("marketing", now, Some(until)).unwrap();
        // One who has not spoken yet is not asked again.
        assert_eq!(told.say("sales", now, Some(until)).unwrap().episode.asked_again, times - 1);
        assert_eq!(*told.state(), EpisodeState::Acknowledged);
        let changes = (0..3).flat_map(|_| told.tick());
        let mut run_out = changes.filter(|c| c.revision.as_ref().is_some_and(|r| r.cause == "expired"));
        let change = run_out.next().unwrap();
        assert_eq!((change.episode.asked_again, &change.episode.state), (times, &EpisodeState::Open));
        assert!(run_out.next().is_none(), "told once");
    }
    let (now, until) = (told.tick_in(0), told.tick_in(1));
    told.say("marketing", now, Some(until)).unwrap();
    told.tick();
    told.tick();
    assert_eq!(told.judge.episodes()[&key()].asked_again, 3, "sales did not know");
}
