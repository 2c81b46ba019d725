//! What people decide, as the log says it.

use plumbline_drift::judge::{Acknowledgement, EpisodeKey};
use plumbline_events::{Command, CommandRecord};
use plumbline_units::{Name, Timestamp};

use crate::{Output, WorkspaceState};

/// A note may have so many bytes: it travels in every later alert of its episode.
pub const MAX_NOTE: usize = 500;
/// Command ids remembered to tell a retry from a new command.
const REMEMBERED: usize = 10_000;

impl WorkspaceState {
    /// A person's decision; a command id seen before changes nothing. Hands back what was said of an episode, be it
    /// held here or not.
    pub(crate) fn command(
        &mut self,
        record: &CommandRecord,
        now: Timestamp,
        out: &mut Vec<Output>,
    ) -> Option<(EpisodeKey, Acknowledgement)> {
        if self.commands.contains(&record.command_id) {
            return None;
        }
        if self.commands.len() >= REMEMBERED {
            self.commands.pop_front();
        }
        self.commands.push_back(record.command_id.clone());
        match &record.command {
            Command::Acknowledge { episode, function, note, until } => {
                // Whatever wrote to the log, what is kept of it is bounded.
                if Name::new(function).is_err() || note.len() > MAX_NOTE {
                    return None;
                }
                let (function, note) = (function.to_string(), note.to_string());
                // What is known and does not recover comes up again with the next review.
                let until = until.or(Some(now.plus(self.plan.review_every)));
                let said = Acknowledgement { function, note, at: now, until };
                let data = self.health.acknowledge(episode, &said);
                self.publish_data(data.into_iter().collect(), out);
                let (day, key) = (self.plan.zone.day_of(now), EpisodeKey(episode.to_string()));
                let change = self.judge.acknowledge(&key, said.clone(), day);
                self.publish(change.into_iter().collect(), out);
                Some((key, said))
            }
            // The log keeps the words; nothing is decided by them.
            Command::Note { .. } => None,
        }
    }
}
