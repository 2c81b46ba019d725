//! Taking a log over from another version: the epoch record and what it must hold.

use std::collections::BTreeMap;

use plumbline_events::{EpochRecord, LogRecord, PublishedEpisode};
use plumbline_units::Name;
use serde::Deserialize;

use super::{LogTask, Phase, Position};
use crate::Output;

/// What of an alert this needs.
#[derive(Deserialize)]
struct Published {
    workspace: Name,
    episode: Box<str>,
    transition: String,
    #[serde(default)]
    state: String,
}

/// The state of an alert that is said once and never resolved.
const NOTICE: &str = "notice";

/// An alert record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PublishedError(#[from] serde_json::Error);

/// The last alert record of every episode that is still open, gathered from the alerts topic.
#[derive(Clone, Debug, Default)]
pub struct OpenEpisodes(BTreeMap<(Name, Box<str>), Vec<u8>>);

impl OpenEpisodes {
    /// Takes an alert record of the log partition, in the order of the topic.
    pub fn take(&mut self, alert: &[u8]) -> Result<(), PublishedError> {
        let Published { workspace, episode, transition, state } = serde_json::from_slice(alert)?;
        match transition.as_str() {
            _ if state == NOTICE => None,
            "resolved" => self.0.remove(&(workspace, episode)),
            _ => self.0.insert((workspace, episode), alert.to_vec()),
        };
        Ok(())
    }

    fn into_records(self) -> Vec<PublishedEpisode> {
        let record = |((workspace, episode), last_alert): (_, Vec<u8>)| PublishedEpisode {
            workspace,
            episode,
            last_alert: last_alert.into(),
        };
        self.0.into_iter().map(record).collect()
    }
}

impl LogTask {
    /// At the end of the log: appends an epoch where none of this version has been seen. `published` is asked for
    /// what a former version has left open; a first epoch has nothing before it.
    pub fn append_epoch<E>(&mut self, published: impl FnOnce() -> Result<OpenEpisodes, E>) -> Result<(), E> {
        let (epoch, version) = (self.engine.last_epoch(), self.engine.version());
        if self.epoch_appended || epoch.is_some_and(|epoch| epoch >= version) {
            return Ok(());
        }
        let former = match self.phase {
            Phase::TakingOver { former } => Some(former),
            _ => epoch,
        };
        let published = match former {
            None => Vec::new(),
            Some(_) => published()?.into_records(),
        };
        let position = self.position;
        // Relieved before it came to the end of the log, the former has left no record of its own there.
        if let (None, Some(version)) = (epoch, former) {
            self.append(&LogRecord::Epoch(EpochRecord { version, position, published: Vec::new() }));
        }
        self.append(&LogRecord::Epoch(EpochRecord { version, position, published }));
        self.epoch_appended = true;
        Ok(())
    }

    /// The version whose words are the last on the topics, where it is not ours.
    pub(super) fn former(&self) -> Option<u32> {
        let Position { version, former, .. } = self.committed;
        let last = self.engine.last_epoch().or(former).unwrap_or(version);
        (last < self.engine.version()).then_some(last)
    }

    /// Whether what is said in answer to a record is said whoever takes over: a record that cannot be folded, a notice.
    /// Episodes are made to agree at the epoch instead.
    pub(super) fn is_owed_by_all(output: &Output) -> bool {
        match output {
            Output::DeadLetter(_) => true,
            Output::Alert(alert) => {
                serde_json::from_slice::<Published>(&alert.value).is_ok_and(|alert| alert.state == NOTICE)
            }
        }
    }
}
