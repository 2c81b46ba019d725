//! A scope and the narrower ones inside it do not page twice for one cause.

use super::super::{EpisodeChange, Transition};
use super::timeline::Story;

/// Plays a story; checks at every tick that somebody speaks wherever anything drifts.
fn play(text: &str) -> Vec<EpisodeChange> {
    let story = Story::parse(text);
    let (world, mut judge) = (story.world(), story.judge());
    let mut changes = Vec::new();
    for at in 0..=story.last {
        changes.extend(story.tick(&mut judge, &world, at));
        let live = judge.episodes();
        assert!(
            live.is_empty() || live.values().any(|e| e.inhibited_by.is_none()),
            "nobody speaks on day {at}"
        );
    }
    changes
}

fn paged(changes: &[EpisodeChange]) -> Vec<&str> {
    let opened = |c: &&EpisodeChange| c.transition == Transition::Opened && c.episode.inhibited_by.is_none();
    changes.iter().filter(opened).map(|c| c.episode.key.as_str()).collect()
}

#[test]
fn a_drift_of_one_channel_is_told_by_that_channel() {
    let (mut first, mut open) = (0, 0);
    for seed in 1..=8 {
        let changes = play(&format!(
            "by-channel\nleads 120\nlast 170\nseed {seed}\nday 120: only paid_social mql>sql x0.4"
        ));
        let paged = paged(&changes);
        first += usize::from(paged == ["p/by-channel/channel=paid_social"]);
        open += usize::from(changes.iter().any(|c| c.episode.key.as_str() == "p/total/"));
    }
    assert!(first >= 6, "{first} of 8 by the channel itself");
    assert!(open >= 6, "the whole drifted in {open} of 8 only: nothing was inhibited");
}

#[test]
fn a_drift_everywhere_is_told_once_as_a_whole() {
    let (mut first, mut inhibited) = (0, 0);
    for seed in 1..=8 {
        let changes = play(&format!("by-channel\nleads 120\nlast 170\nseed {seed}\nday 120: mql>sql x0.6"));
        let paged = paged(&changes);
        first += usize::from(paged == ["p/total/"]);
        let other = |c: &&EpisodeChange| c.episode.inhibited_by.is_some();
        inhibited += changes.iter().filter(other).filter(|c| c.transition == Transition::Opened).count();
    }
    // One of them has a false alarm before, another is withdrawn and told again.
    assert!(first >= 6, "{first} of 8 told once, as a whole");
    assert!(inhibited >= 12, "{inhibited} inhibited");
}
