//! Taking over what another version has published: its alerts go on under their own ids.

use std::collections::BTreeMap;

use plumbline_plan::Severity;
use plumbline_units::{Day, Timestamp};

use super::Judge;
use super::close::no_tick;
use super::episode::{Acknowledgement, Episode, EpisodeChange, EpisodeKey, EpisodeState, Transition};
use super::life::Moment;

/// What was last published of an episode that is open to its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The id of its alerts.
    pub alert_id: Box<str>,
    /// Number of the last record.
    pub sequence: u32,
    /// How bad it was said to be, where that can be read.
    pub severity: Option<Severity>,
    /// What the drift was called.
    pub label: Option<String>,
    /// The episode that was said to explain it.
    pub inhibited_by: Option<EpisodeKey>,
    /// Whether all of it lies before the plan's `live_from`.
    pub historical: bool,
    /// Whether all who own it know, as far as its readers were told.
    pub acknowledged: bool,
    /// Who knows of it, as far as its readers were told.
    pub acknowledgements: Vec<Acknowledgement>,
    /// How often its owners were asked again.
    pub asked_again: u32,
}

impl Judge {
    /// Takes the published episodes as the truth: those held go on as they were published, and what is judged
    /// otherwise now is handed back as a change; one held that is not published is handed back as opened, under the
    /// id that `name` gives it. What was published and is not held is the caller's to resolve.
    pub fn adopt(
        &mut self,
        told: &BTreeMap<EpisodeKey, Told>,
        day: Day,
        at: Timestamp,
        name: &dyn Fn(&EpisodeKey) -> Box<str>,
    ) -> Vec<EpisodeChange> {
        let mut changes = Vec::new();
        for (key, episode) in std::mem::take(&mut self.episodes) {
            let historical = told.get(&key).map_or(episode.historical, |told| told.historical);
            let ctx = no_tick(historical);
            let now = Moment { day, at, ctx: &ctx };
            let Some(told) = told.get(&key) else {
                // What people said of the key before was said of another alert.
                let alert_id = Some(name(&key));
                let fresh = Episode { alert_id, acknowledgements: Vec::new(), asked_again: 0, ..episode };
                changes.push(self.keep(fresh.open(now)));
                continue;
            };
            let episode = episode.told(told);
            match episode.differs(told) {
                Some(transition) => changes.push(self.keep(episode.restate(transition, now))),
                None => _ = self.episodes.insert(key, episode),
            }
        }
        changes
    }
}

impl Episode {
    /// The episode as one that readers know by `told`.
    fn told(self, told: &Told) -> Episode {
        let recovering = self.state == EpisodeState::Recovering;
        let mut episode = Episode {
            alert_id: Some(told.alert_id.clone()),
            sequence: told.sequence,
            historical: told.historical,
            acknowledgements: told.acknowledgements.clone(),
            asked_again: told.asked_again,
            ..self
        };
        // Words that have run out meanwhile are told of at the next tick.
        episode.state = episode.standing(recovering);
        episode
    }

    /// What readers must hear, where they were told otherwise. Numbers alone are told with the next change.
    fn differs(&self, told: &Told) -> Option<Transition> {
        match (told.severity, self.severity) {
            (Some(Severity::Warning), Severity::Critical) => return Some(Transition::Escalated),
            (Some(Severity::Critical), Severity::Warning) => return Some(Transition::Deescalated),
            (None, _) => return Some(Transition::Revised),
            _ => {}
        }
        let label = told.label.as_ref().is_some_and(|label| *label != self.assessment.drift.label);
        // What another episode explains is looked up there: its own label is no news.
        let relabelled = label && self.inhibited_by.is_none();
        (relabelled || told.inhibited_by != self.inhibited_by).then_some(Transition::Revised)
    }
}
