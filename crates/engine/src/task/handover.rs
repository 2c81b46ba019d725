//! Taking a log over from another version: the epoch record and what it must hold.

use std::collections::BTreeMap;

use plumbline_events::{EpochRecord, LogRecord, PublishedEpisode};
use plumbline_units::Name;
use serde::Deserialize;
use serde_json::Value;

use super::{Former, LogTask, Phase, Position};
use crate::Output;

/// The state of an alert that is said once and never resolved.
const NOTICE: &str = "notice";

/// An alert record of which nobody can say what it is about.
#[derive(Debug, thiserror::Error)]
#[error("neither the alert nor its key names an episode")]
pub struct PublishedError;

/// The last alert record of every episode that is still open, gathered from the alerts topic.
#[derive(Clone, Debug, Default)]
pub struct OpenEpisodes(BTreeMap<(Name, Box<str>), Vec<u8>>);

impl OpenEpisodes {
    /// Takes an alert record of the log partition, in the order of the topic. One that cannot be read is handed on as
    /// that of the episode that its key names, where nothing else is known to be open there.
    pub fn take(&mut self, key: &[u8], alert: &[u8]) -> Result<(), PublishedError> {
        let record: Value = serde_json::from_slice(alert).unwrap_or_default();
        let text = |field: &str| record.get(field).and_then(Value::as_str);
        let key = str::from_utf8(key).ok().and_then(|key| key.split_once('/'));
        let workspace = text("workspace").or(key.map(|(workspace, _)| workspace));
        let workspace = workspace.and_then(|name| Name::new(name).ok()).ok_or(PublishedError)?;
        let episode = text("episode").or(key.map(|(_, episode)| episode)).ok_or(PublishedError)?;
        let of = (workspace, episode.into());
        match text("transition") {
            _ if text("state") == Some(NOTICE) => {}
            Some("resolved") => _ = self.0.remove(&of),
            Some(_) => _ = self.0.insert(of, alert.to_vec()),
            None => _ = self.0.entry(of).or_insert_with(|| alert.to_vec()),
        }
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

/// What of an alert of our own tells a notice.
#[derive(Deserialize)]
struct Said {
    state: String,
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
        let position = self.former.map_or(self.position, |former| former.left);
        // Relieved before it came to the end of the log, the former has left no record of its own there.
        if let (None, Some(version)) = (epoch, former) {
            self.append(&LogRecord::Epoch(EpochRecord { version, position, published: Vec::new() }));
        }
        self.append(&LogRecord::Epoch(EpochRecord { version, position, published }));
        self.epoch_appended = true;
        Ok(())
    }

    /// The version whose words are the last on the topics, where it is not ours.
    pub(super) fn former(&self) -> Option<Former> {
        let Position { next, out, version, former, .. } = self.committed;
        let last = self.engine.last_epoch().or(former.map(|former| former.version)).unwrap_or(version);
        // One that was itself relieving another has told nothing of what lies between.
        let left = former.map_or(next + i64::from(out > 0), |former| former.left);
        (last < self.engine.version()).then_some(Former { version: last, left })
    }

    /// Whether what is said in answer to a record is said whoever takes over: a record that cannot be folded, a notice.
    /// Episodes are made to agree at the epoch instead.
    pub(super) fn is_owed_by_all(output: &Output) -> bool {
        match output {
            Output::DeadLetter(_) => true,
            Output::Alert(alert) => {
                serde_json::from_slice::<Said>(&alert.value).is_ok_and(|alert| alert.state == NOTICE)
            }
        }
    }
}
