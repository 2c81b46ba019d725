//! Keeps an eye on the days that live episodes were opened by, from one tick to the next.

use plumbline_drift::judge::{Amended, EpisodeKey, TickContext};
use plumbline_funnel::Watch;
use plumbline_units::Name;

use crate::workspace::WorkspaceState;

impl WorkspaceState {
    /// The context with what has changed since the last tick of each live episode.
    pub(crate) fn amended(&self, context: &TickContext) -> TickContext {
        let mut context = context.clone();
        for watch in self.fold.watches().iter().filter(|w| w.is_touched()) {
            let amended = watch.amendments().map(|a| Amended {
                cause: a.cause.word().to_string(),
                counts: a.counts,
                money: a.money,
            });
            context.amend(EpisodeKey(watch.name.clone()), amended.collect());
        }
        context
    }

    /// The episodes of a target or pattern have been looked at again: what changes from now on is for its next tick.
    pub(crate) fn settle(&mut self, subject: &Name) {
        let episodes = self.judge.episodes();
        let settled = |w: &Watch| {
            let episode = episodes.get(&EpisodeKey(w.name.clone())).filter(|_| w.is_touched());
            episode.is_some_and(|e| e.subject.pattern.as_ref().unwrap_or(&e.subject.target) == subject)
        };
        if !self.fold.watches().iter().any(settled) {
            return;
        }
        let watches = self.fold.watches().iter().map(|w| {
            if settled(w) { Watch::new(w.name.clone(), w.scope.clone(), w.upto) } else { w.clone() }
        });
        let watches = watches.collect();
        self.fold.watch(watches);
    }

    /// Watches the days of the episodes that are live now; what has been seen of those that go on is kept.
    pub(crate) fn rewatch(&mut self) {
        let held = self.fold.watches();
        let live = self.judge.episodes().values().map(|e| (&e.key, &e.subject.scope, e.rests_on()));
        let same = |w: &Watch, key: &EpisodeKey, upto| w.name == key.as_str() && w.upto == upto;
        if live.len() == held.len() && live.clone().zip(held).all(|((key, _, upto), w)| same(w, key, upto)) {
            return;
        }
        let watches = live.map(|(key, scope, upto)| {
            let known = held.iter().find(|w| same(w, key, upto)).cloned();
            known.unwrap_or_else(|| Watch::new(key.to_string(), scope.clone(), upto))
        });
        let watches = watches.collect();
        self.fold.watch(watches);
    }
}
