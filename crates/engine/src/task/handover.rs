//! Taking a log over from another version: the epoch record and what it must hold.

use std::collections::BTreeMap;

use plumbline_events::{EpochRecord, LogRecord, PublishedEpisode};
use plumbline_units::Name;
use serde::Deserialize;

use super::LogTask;

/// What of an alert this needs.
#[derive(Deserialize)]
struct Published {
    workspace: Name,
    episode: Box<str>,
    transition: String,
}

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
        let Published { workspace, episode, transition } = serde_json::from_slice(alert)?;
        match transition.as_str() {
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
        let published = match epoch {
            None => Vec::new(),
            Some(_) => published()?.into_records(),
        };
        let position = self.position;
        self.append(&LogRecord::Epoch(EpochRecord { version, position, published }));
        self.epoch_appended = true;
        Ok(())
    }
}
