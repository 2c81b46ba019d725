//! An episode's transitions. Each consumes the episode; what resolves it hands none back.

use plumbline_plan::{Owner, Severity};
use plumbline_units::{Day, Timestamp};

use super::TickContext;
use super::build::Prescribed;
use super::episode::{
    Acknowledgement, Episode, EpisodeChange, EpisodeKey, EpisodeState, Resolution, Revision, Transition,
};
use super::verdict::Assessment;

/// The tick (or command) at which something happens.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) day: Day,
    pub(crate) at: Timestamp,
    pub(crate) ctx: &'a TickContext,
}

/// The published numbers that a transition replaces.
pub(crate) struct Published {
    pub(crate) severity: Severity,
    pub(crate) assessment: Assessment,
    pub(crate) title: String,
    pub(crate) summary: String,
}

impl Moment<'_> {
    fn change(&self, transition: Transition, episode: &Episode) -> EpisodeChange {
        EpisodeChange {
            transition,
            day: self.day,
            at: self.at,
            revision: None,
            ruled_out: self.ctx.ruled_out.iter().chain(&episode.assessment.ruled_out).cloned().collect(),
            episode: episode.clone(),
        }
    }
}

impl Episode {
    /// Publishes the opening of an episode as its caller built it.
    pub(crate) fn open(mut self, now: Moment<'_>) -> (Episode, EpisodeChange) {
        self.sequence = 1;
        self.state = EpisodeState::Open;
        self.historical = now.ctx.historical;
        let change = now.change(Transition::Opened, &self);
        (self, change)
    }

    /// Publishes new numbers: carried into the live plan, escalated, deescalated or revised.
    pub(crate) fn publish(
        mut self,
        transition: Transition,
        numbers: Published,
        now: Moment<'_>,
    ) -> (Episode, EpisodeChange) {
        self.take(numbers);
        self.advance(now);
        let change = now.change(transition, &self);
        (self, change)
    }

    /// Publishes that another episode explains this one from now on, or no longer does.
    pub(crate) fn inhibit(
        mut self,
        by: Option<EpisodeKey>,
        numbers: Published,
        now: Moment<'_>,
    ) -> (Episode, EpisodeChange) {
        let text = |key: &Option<EpisodeKey>| key.as_ref().map_or_else(String::new, |k| k.to_string());
        let revision = Revision {
            field: "inhibited_by".to_string(),
            from: text(&self.inhibited_by),
            to: text(&by),
            cause: "dependency".to_string(),
        };
        self.inhibited_by = by;
        let (episode, mut change) = self.publish(Transition::Revised, numbers, now);
        change.revision = Some(revision);
        (episode, change)
    }

    /// Publishes that the evidence names another cause than the label said.
    pub(crate) fn relabel(self, numbers: Published, now: Moment<'_>) -> (Episode, EpisodeChange) {
        let revision = Revision {
            field: "drift.label".to_string(),
            from: self.assessment.drift.label.clone(),
            to: numbers.assessment.drift.label.clone(),
            cause: "evidence".to_string(),
        };
        self.revise(revision, numbers, now)
    }

    /// Publishes what was revised, with the numbers that say so.
    pub(crate) fn revise(
        self,
        revision: Revision,
        numbers: Published,
        now: Moment<'_>,
    ) -> (Episode, EpisodeChange) {
        let (episode, mut change) = self.publish(Transition::Revised, numbers, now);
        change.revision = Some(revision);
        (episode, change)
    }

    /// Publishes the episode as it stands, readers having been told otherwise.
    pub(crate) fn restate(mut self, transition: Transition, now: Moment<'_>) -> (Episode, EpisodeChange) {
        self.advance(now);
        let change = now.change(transition, &self);
        (self, change)
    }

    /// Ends the episode with its last published numbers, or with new ones.
    pub(crate) fn resolve(
        mut self,
        resolution: Resolution,
        numbers: Option<Published>,
        now: Moment<'_>,
    ) -> EpisodeChange {
        if let Some(numbers) = numbers {
            // Its title stays the one that people know it by.
            let title = std::mem::take(&mut self.title);
            self.take(Published { title, ..numbers });
        }
        self.advance(now);
        self.state = EpisodeState::Resolved(resolution);
        now.change(Transition::Resolved, &self)
    }

    /// One of its owners knows. `None` where the function owns no part of it, or its word has run out before it was
    /// given: then nothing has changed.
    pub(crate) fn acknowledge(
        &mut self,
        acknowledgement: Acknowledgement,
        now: Moment<'_>,
    ) -> Option<EpisodeChange> {
        if !self.owned_by(&acknowledgement.function) || !acknowledgement.holds(now.at) {
            return None;
        }
        self.acknowledgements.retain(|known| known.holds(now.at));
        match self.acknowledgements.iter_mut().find(|known| known.function == acknowledgement.function) {
            Some(known) => *known = acknowledgement,
            None => self.acknowledgements.push(acknowledgement),
        }
        self.state = self.standing(self.state == EpisodeState::Recovering);
        self.sequence += 1;
        Some(now.change(Transition::Acknowledged, self))
    }

    /// Unpublished movement between ticks: whether it recovers, and acknowledgements that have run out.
    pub(crate) fn settle(mut self, recovering: bool, at: Timestamp) -> Episode {
        self.run_out(at);
        self.state = self.standing(recovering);
        self
    }

    /// Drops the words that have run out. Where they leave an episode that all owners knew to somebody who does not,
    /// that is to be told; nobody need be asked again what recovers.
    pub(crate) fn run_out(&mut self, at: Timestamp) -> Option<Revision> {
        let (known, from) = (self.known_to_all(), self.who_knows());
        self.acknowledgements.retain(|known| known.holds(at));
        if !known || self.known_to_all() {
            return None;
        }
        let recovering = self.state == EpisodeState::Recovering;
        self.asked_again += u32::from(!recovering);
        self.state = self.standing(recovering);
        let (field, to, cause) = ("acknowledgements".to_string(), self.who_knows(), "expired".to_string());
        Some(Revision { field, from, to, cause })
    }

    /// Takes what another revision of the plan prescribes; who no longer owns it has no word in it. Told where others
    /// own it than before.
    pub(crate) fn reassign(&mut self, prescribed: Prescribed, now: Moment<'_>) -> Option<EpisodeChange> {
        let Prescribed { owners, action, runbook_url } = prescribed;
        (self.action, self.runbook_url) = (action, runbook_url);
        if self.owners == owners {
            return None;
        }
        let listed = |owners: &[Owner]| {
            let each = owners.iter().map(|owner| format!("{}/{}", owner.function, owner.team));
            each.collect::<Vec<_>>().join(", ")
        };
        let (field, cause) = ("owners".to_string(), "plan".to_string());
        let revision = Revision { field, from: listed(&self.owners), to: listed(&owners), cause };
        self.owners = owners;
        let mut words = std::mem::take(&mut self.acknowledgements);
        words.retain(|known| self.owned_by(&known.function));
        self.acknowledgements = words;
        self.state = self.standing(self.state == EpisodeState::Recovering);
        Some(self.tell(revision, now))
    }

    /// Publishes a revision of the episode as it stands.
    pub(crate) fn tell(&mut self, revision: Revision, now: Moment<'_>) -> EpisodeChange {
        self.sequence += 1;
        EpisodeChange { revision: Some(revision), ..now.change(Transition::Revised, self) }
    }

    pub(crate) fn standing(&self, recovering: bool) -> EpisodeState {
        match (recovering, self.known_to_all()) {
            (true, _) => EpisodeState::Recovering,
            (false, true) => EpisodeState::Acknowledged,
            (false, false) => EpisodeState::Open,
        }
    }

    fn who_knows(&self) -> String {
        let functions: Vec<&str> =
            self.acknowledgements.iter().map(|known| known.function.as_str()).collect();
        if functions.is_empty() { "none".to_string() } else { functions.join(", ") }
    }

    fn take(&mut self, numbers: Published) {
        self.severity = numbers.severity;
        self.assessment = numbers.assessment;
        self.title = numbers.title;
        self.summary = numbers.summary;
    }

    fn advance(&mut self, now: Moment<'_>) {
        self.sequence += 1;
        self.historical = now.ctx.historical;
    }
}
