//! The episodes as the alerts topic tells them: what was sent, in its order, whichever instance said it.

use std::collections::BTreeMap;

use plumbline_engine::alert::Alert;
use plumbline_units::Timestamp;
use serde::Serialize;

/// Episodes remembered; past that the one that ended first is forgotten, and if none has, the oldest.
const MAX_EPISODES: usize = 5_000;
/// Changes remembered of an episode: its first and its last ones.
const MAX_CHANGES: usize = 100;

/// One record of an episode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    /// Counts up from 1.
    pub(crate) sequence: u32,
    /// opened, escalated, revised, …
    pub(crate) transition: String,
    /// The tick's instant.
    pub(crate) at: Timestamp,
    /// warning, critical.
    pub(crate) severity: String,
    /// What changed, in words.
    pub(crate) says: String,
}

/// An episode from its opening on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// Its opening, or the first record still on the topic.
    pub(crate) first: Alert,
    /// Its newest record.
    pub(crate) last: Alert,
    /// The records, oldest first.
    pub(crate) changes: Vec<Change>,
    /// Records between the first and the rest that are not remembered.
    pub(crate) left_out: usize,
}

impl Told {
    /// Whether it is over.
    pub(crate) fn ended(&self) -> bool {
        self.last.resolution.is_some()
    }

    /// The label of its scope, as the plan writes it.
    pub(crate) fn scope(&self) -> &str {
        // plan/target-or-pattern/scope; the first two are names and hold no slash.
        self.last.episode.splitn(3, '/').nth(2).unwrap_or_default()
    }

    /// Whether it speaks of a target in a scope: is about it, led by it, or has taken its place.
    pub(crate) fn speaks_of(&self, target: &str, scope: &str) -> bool {
        let member = |key: &String| key.split('/').nth(1) == Some(target);
        let about = self.subject() == target
            || self.last.target.as_deref() == Some(target)
            || self.first.supersedes.iter().chain(&self.last.supersedes).any(member);
        about && self.scope() == scope
    }

    /// The target or pattern it is about.
    pub(crate) fn subject(&self) -> &str {
        self.last.episode.split('/').nth(1).unwrap_or_default()
    }
}

/// All episodes, by alert id.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    episodes: BTreeMap<String, Told>,
}

impl History {
    /// Takes a record of the topic; says whether it was news. Records that are no alerts are left alone.
    pub(crate) fn take(&mut self, value: &[u8]) -> bool {
        let Ok(alert) = serde_json::from_slice::<Alert>(value) else { return false };
        let change = change(&alert);
        match self.episodes.get_mut(&alert.alert_id) {
            // The topic may be read again from its start.
            Some(told) if told.last.sequence >= alert.sequence => return false,
            Some(told) => {
                if told.changes.len() >= MAX_CHANGES {
                    told.changes.remove(1);
                    told.left_out += 1;
                }
                told.changes.push(change);
                told.last = alert;
            }
            None => {
                if self.episodes.len() >= MAX_EPISODES {
                    self.forget();
                }
                let told = Told { first: alert.clone(), changes: vec![change], left_out: 0, last: alert };
                self.episodes.insert(told.last.alert_id.clone(), told);
            }
        }
        true
    }

    fn forget(&mut self) {
        let oldest = |ended: bool| {
            let of = self.episodes.iter().filter(|(_, told)| !ended || told.ended());
            of.min_by_key(|(id, told)| (told.last.detected_at, *id)).map(|(id, _)| id.clone())
        };
        if let Some(id) = oldest(true).or_else(|| oldest(false)) {
            self.episodes.remove(&id);
        }
    }

    /// An episode by its alert id.
    pub(crate) fn episode(&self, alert_id: &str) -> Option<&Told> {
        self.episodes.get(alert_id)
    }

    /// The episodes of a workspace, the newest first; open ones before those that ended.
    pub(crate) fn of(&self, workspace: &str) -> Vec<&Told> {
        let mut all: Vec<&Told> =
            self.episodes.values().filter(|told| told.last.workspace == workspace).collect();
        all.sort_by(|a, b| {
            (a.ended(), b.first.detected_at, &a.last.episode).cmp(&(
                b.ended(),
                a.first.detected_at,
                &b.last.episode,
            ))
        });
        all
    }

    /// The live episodes of a workspace; a pattern's before its members', for it says more.
    pub(crate) fn live(&self, workspace: &str) -> Vec<&Told> {
        let mut live: Vec<&Told> =
            self.episodes.values().filter(|told| told.last.workspace == workspace && !told.ended()).collect();
        live.sort_by_key(|told| told.last.pattern.is_none());
        live
    }
}

fn change(alert: &Alert) -> Change {
    let says = match (&alert.revision, &alert.resolution) {
        (Some(revision), _) => {
            format!("{}: {} → {} ({})", revision.field, revision.from, revision.to, revision.cause)
        }
        (None, Some(resolution)) => resolution.clone(),
        (None, None) => alert.title.clone(),
    };
    Change {
        sequence: alert.sequence,
        transition: alert.transition.clone(),
        at: alert.detected_at,
        severity: alert.severity.clone(),
        says,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../deploy/examples/alert.json");

    fn alert(id: u32, sequence: u32, resolution: Option<&str>) -> Vec<u8> {
        let mut alert: Alert = serde_json::from_str(EXAMPLE).unwrap();
        alert.alert_id = format!("{id:08x}");
        alert.sequence = sequence;
        alert.resolution = resolution.map(str::to_owned);
        alert.detected_at = Timestamp::clamped(1_700_000_000_000 + i64::from(id) * 1000);
        serde_json::to_vec(&alert).unwrap()
    }

    #[test]
    fn a_record_told_twice_counts_once() {
        let mut history = History::default();
        assert!(history.take(&alert(1, 1, None)));
        assert!(!history.take(&alert(1, 1, None)));
        assert!(history.take(&alert(1, 2, Some("recovered"))));
        assert!(!history.take(b"{}"));
        let told = history.episode("00000001").unwrap();
        assert_eq!((told.changes.len(), told.ended(), told.scope()), (2, true, "segment=smb"));
        assert_eq!(told.subject(), "lead-quality-trap");
        assert!(
            told.speaks_of("lead-to-won", "segment=smb") && !told.speaks_of("lead-to-won", "segment=mid")
        );
        assert!(!told.speaks_of("cac", "segment=smb") && history.live("default").is_empty());
    }

    #[test]
    fn at_the_bound_those_that_ended_go_first() {
        let mut history = History::default();
        for id in 0..MAX_EPISODES as u32 {
            history.take(&alert(id, 1, None));
        }
        history.take(&alert(7, 2, Some("recovered")));
        history.take(&alert(1_000_000, 1, None));
        assert!(history.episode("00000007").is_none());
        assert!(history.episode("00000000").is_some());
        history.take(&alert(1_000_001, 1, None));
        assert!(history.episode("00000000").is_none());
        assert_eq!(history.of("default").len(), MAX_EPISODES);
    }

    #[test]
    fn a_long_life_keeps_its_first_and_its_last_records() {
        let mut history = History::default();
        for sequence in 1..=300 {
            history.take(&alert(1, sequence, None));
        }
        let told = history.episode("00000001").unwrap();
        assert_eq!((told.changes.len(), told.left_out), (MAX_CHANGES, 200));
        assert_eq!((told.changes[0].sequence, told.changes[1].sequence), (1, 202));
    }
}
