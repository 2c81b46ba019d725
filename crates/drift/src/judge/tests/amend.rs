//! Facts that arrive after an episode opened.

use std::sync::Arc;

use plumbline_plan::Severity;

use super::super::{Amended, EpisodeChange, EpisodeKey, Judge, Resolution, TickContext, Transition};
use super::timeline::Story;
use super::world::World;

const DRIFT: &str = "leads 120\nlast 170\nseed SEED\nday 120: mql>sql x0.5";

struct Company {
    story: Story,
    judge: Judge,
    at: i32,
    seed: i32,
}

impl Company {
    /// Played until its drift of conversion has been told, some days after it began.
    fn open() -> (Company, EpisodeKey) {
        (1..20).find_map(Company::play).expect("one in a few is told after a week")
    }

    fn play(seed: i32) -> Option<(Company, EpisodeKey)> {
        let story = Story::parse(&DRIFT.replace("SEED", &seed.to_string()));
        let (world, mut judge) = (story.world(), story.judge());
        let key = EpisodeKey("p/lead-to-won/segment=smb".to_string());
        let mut at = 0;
        while !judge.episodes().contains_key(&key) {
            story.tick(&mut judge, &world, at);
            at += 1;
        }
        (127..140).contains(&at).then_some((Company { story, judge, at, seed }, key))
    }

    /// What it looks like if `day 120` has gone otherwise: facts that come later make it so.
    fn world(&self, change: &str) -> World {
        let text = DRIFT.replace("SEED", &self.seed.to_string());
        Story::parse(&text.replace("day 120: mql>sql x0.5", change)).world()
    }

    fn tick(&mut self, world: &World, ctx: TickContext) -> Vec<EpisodeChange> {
        let changes = self.story.tick_with(&mut self.judge, world, self.at, ctx);
        self.at += 1;
        changes
    }
}

fn amended(key: &EpisodeKey, causes: &[(&str, u64)]) -> TickContext {
    let mut ctx = TickContext::default();
    let amended = |&(cause, counts): &(&str, u64)| Amended { cause: cause.to_string(), counts, money: 0 };
    ctx.amend(key.clone(), causes.iter().map(amended).collect());
    ctx
}

fn of<'a>(changes: &'a [EpisodeChange], key: &EpisodeKey) -> Vec<&'a EpisodeChange> {
    changes.iter().filter(|c| c.episode.key == *key).collect()
}

#[test]
fn late_facts_that_move_a_published_number_revise_it_once() {
    let (mut company, key) = Company::open();
    let before = company.judge.episodes()[&key].clone();
    let milder = company.world("day 120: mql>sql x0.62");
    let changes = company.tick(&milder, amended(&key, &[("late", 40), ("deletion", 2)]));
    let own = of(&changes, &key);
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0].transition, Transition::Revised);
    let revision = own[0].revision.as_ref().unwrap();
    assert_eq!(revision.cause, "late");
    assert_ne!(revision.from, revision.to);
    // It goes on as the episode it was, with the opening tick's numbers as they now are.
    let after = &own[0].episode;
    assert_eq!((after.opened_day, after.sequence), (before.opened_day, before.sequence + 1));
    assert_eq!(after.assessment.day, before.opened_day);
    assert_ne!(after.assessment.so_far, before.assessment.so_far);
    assert_eq!(after.assessment.drift.label, before.assessment.drift.label);
    // The same facts again are no news.
    let changes = company.tick(&milder, amended(&key, &[("late", 1)]));
    assert!(of(&changes, &key).iter().all(|c| c.transition != Transition::Revised), "{changes:?}");
}

#[test]
fn money_that_comes_later_is_no_news_to_a_target_made_of_the_funnel() {
    let (mut company, key) = Company::open();
    let milder = company.world("day 120: mql>sql x0.62");
    let mut ctx = TickContext::default();
    let money = Amended { cause: "late".to_string(), counts: 0, money: 1_000_000 };
    ctx.amend(key.clone(), vec![money]);
    let changes = company.tick(&milder, ctx);
    assert!(of(&changes, &key).iter().all(|c| c.revision.is_none()), "{changes:?}");
    // The same with counts is.
    let changes = company.tick(&milder, amended(&key, &[("late", 40)]));
    assert_eq!(of(&changes, &key).len(), 1, "{changes:?}");
}

#[test]
fn late_facts_that_change_nothing_published_are_not_told() {
    let (mut company, key) = Company::open();
    let same = company.world("day 120: mql>sql x0.5");
    let changes = company.tick(&same, amended(&key, &[("late", 3)]));
    assert_eq!(of(&changes, &key), [] as [&EpisodeChange; 0]);
}

#[test]
fn nothing_is_looked_at_again_unless_something_changed() {
    let (mut company, key) = Company::open();
    let milder = company.world("day 120: mql>sql x0.62");
    let changes = company.tick(&milder, TickContext::default());
    assert!(of(&changes, &key).iter().all(|c| c.revision.is_none()), "{changes:?}");
}

#[test]
fn when_what_made_the_drift_is_deleted_it_is_withdrawn_and_nothing_opens() {
    let (mut company, key) = Company::open();
    let whole = company.world("");
    let changes = company.tick(&whole, amended(&key, &[("deletion", 500)]));
    let own = of(&changes, &key);
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].resolution(), Some(Resolution::Retracted));
    assert!(!company.judge.episodes().contains_key(&key));
    for _ in 0..20 {
        let changes = company.tick(&whole, TickContext::default());
        assert!(of(&changes, &key).is_empty(), "{changes:?}");
    }
}

/// The e-value of an opening read anew may lie between a tenth of the threshold and the threshold: the drift stands,
/// and how bad it was is told by its evidence, not by whether it would open anew.
#[test]
fn a_critical_opening_that_late_facts_leave_just_below_the_threshold_stays_critical() {
    let (company, key) = Company::open();
    assert_eq!(company.judge.episodes()[&key].severity, Severity::Critical);
    let mut below = 0;
    for hundredths in 51..80 {
        let milder = company.world(&format!("day 120: mql>sql x0.{hundredths}"));
        let mut company = Company { story: company.story.clone(), judge: company.judge_copy(), ..company };
        company.tick(&milder, amended(&key, &[("late", 40)]));
        let Some(episode) = company.judge.episodes().get(&key) else { continue };
        let Some(evidence) = episode.opening.evidence else { panic!("{episode:?}") };
        if episode.opening.at == episode.assessment.at && evidence.critical_weight >= 0.5 {
            below += u32::from(evidence.log_e < libm::log(evidence.threshold));
            assert_eq!(episode.severity, Severity::Critical, "x0.{hundredths}: {evidence:?}");
        }
    }
    assert!(below > 0, "no opening was left just below the threshold");
}

#[test]
fn a_revised_episode_survives_a_restart() {
    let (mut company, key) = Company::open();
    let milder = company.world("day 120: mql>sql x0.62");
    company.tick(&milder, amended(&key, &[("late", 40)]));
    let mut again = Company {
        story: company.story.clone(),
        judge: company.judge_copy(),
        at: company.at,
        seed: company.seed,
    };
    for _ in 0..10 {
        let ctx = amended(&key, &[("late", 1)]);
        assert_eq!(again.tick(&milder, ctx.clone()), company.tick(&milder, ctx));
    }
}

impl Company {
    fn judge_copy(&self) -> Judge {
        Judge::load(Arc::clone(self.judge.plan()), self.judge.save())
    }
}
