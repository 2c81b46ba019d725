//! What is found to be wrong with the data, and the episodes made of it.

use std::collections::BTreeMap;

use plumbline_drift::judge::{Acknowledgement, Hold, Revision, Spoils};
use plumbline_plan::Scope;
use plumbline_units::Timestamp;
use serde::{Deserialize, Serialize};

/// Episodes open at a time; further findings hold verdicts back but get none until one ends.
const MAX_EPISODES: usize = 1_000;

/// Words kept of an episode; past that the one that was given first goes.
const MAX_WORDS: usize = 8;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A source that has been regular is not heard.
    SilentSource,
    /// One event type of a source is not heard while the others are.
    StoppedType,
    /// Leads come by the list.
    ImportBurst,
    /// A dimension has values the plan does not declare, more than before.
    UnplannedValue,
    /// A declared value is not heard any more.
    VanishedValue,
    /// Events speak of a stage the plan does not list.
    UnmappedStage,
    /// Events are dated in the future.
    ClockAhead,
    /// No event says what the plan counts on.
    Unrecorded,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] = [
        Kind::SilentSource,
        Kind::StoppedType,
        Kind::ImportBurst,
        Kind::UnplannedValue,
        Kind::VanishedValue,
        Kind::UnmappedStage,
        Kind::ClockAhead,
        Kind::Unrecorded,
    ];

    /// The stable word of episode keys and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::SilentSource => "silent-source",
            Kind::StoppedType => "stopped-type",
            Kind::ImportBurst => "import-burst",
            Kind::UnplannedValue => "unplanned-value",
            Kind::VanishedValue => "vanished-value",
            Kind::UnmappedStage => "unmapped-stage",
            Kind::ClockAhead => "clock-ahead",
            Kind::Unrecorded => "unrecorded",
        }
    }

    /// `silent-source/hubspot`.
    pub(crate) fn key(self, name: &str) -> String {
        format!("{}/{name}", self.word())
    }
}

/// Something wrong now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) key: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Where not, it only holds verdicts back: a suspicion.
    pub(crate) published: bool,
    pub(crate) spoils: Option<Spoils>,
    /// Where; one hold for each.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) critical: bool,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) action: String,
}

impl Finding {
    pub(crate) fn new(kind: Kind, name: &str, since: Timestamp) -> Finding {
        Finding {
            kind,
            key: kind.key(name),
            since,
            published: true,
            spoils: None,
            scopes: vec![Scope::default()],
            critical: false,
            title: String::new(),
            summary: String::new(),
            action: String::new(),
        }
    }

    fn holds(&self) -> Vec<Hold> {
        let spoils = self.spoils.filter(|spoils| *spoils != Spoils::default());
        let hold = |spoils: Spoils| {
            let one = move |scope: &Scope| Hold { spoils, scope: scope.clone(), why: self.title.clone() };
            self.scopes.iter().map(one).collect()
        };
        spoils.map(hold).unwrap_or_default()
    }
}

/// The last words on an episode.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// Nothing was mended: the state is taken as it is.
    pub(crate) accepted: bool,
    pub(crate) text: String,
}

/// Trouble with the data, from its opening to its resolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataEpisode {
    /// `<plan>/data/<what>/<name>`.
    pub key: String,
    /// What is wrong.
    pub kind: Kind,
    /// The tick that opened it.
    pub opened_at: Timestamp,
    /// The id its alerts bear, where they were handed over from another version or opened when that was done;
    /// otherwise the id follows from key and opening.
    #[serde(default)]
    pub alert_id: Option<Box<str>>,
    /// Number of its last published change; the opening is 1.
    pub sequence: u32,
    /// Whether the last published change was historical.
    pub historical: bool,
    /// Since when.
    pub since: Timestamp,
    /// Who knows of it. The plan names no owners of data: whoever speaks first knows for all.
    pub acknowledgements: Vec<Acknowledgement>,
    /// It holds verdicts back.
    pub critical: bool,
    /// What is held back.
    pub holds: Vec<Hold>,
    /// One line.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// What to do.
    pub action: String,
}

impl DataEpisode {
    /// Whether somebody knows.
    pub fn acknowledged(&self) -> bool {
        !self.acknowledgements.is_empty()
    }

    /// Somebody knows. False where the word has run out before it was given: then nothing has changed.
    pub(crate) fn acknowledge(&mut self, said: Acknowledgement) -> bool {
        let at = said.at;
        if !said.holds(at) {
            return false;
        }
        self.acknowledgements.retain(|known| known.holds(at) && known.function != said.function);
        if self.acknowledgements.len() >= MAX_WORDS {
            self.acknowledgements.remove(0);
        }
        self.acknowledgements.push(said);
        self.sequence += 1;
        true
    }

    /// Drops the words that have run out; where none is left, that is to be told.
    fn run_out(&mut self, at: Timestamp) -> Option<Revision> {
        let known: Vec<&str> = self.acknowledgements.iter().map(|known| known.function.as_str()).collect();
        let from = known.join(", ");
        self.acknowledgements.retain(|known| known.holds(at));
        let (field, cause) = ("acknowledgements".into(), "expired".into());
        (!from.is_empty() && !self.acknowledged()).then(|| Revision { field, from, to: "none".into(), cause })
    }
}

/// A published change of a data episode.
#[derive(Clone, Debug, PartialEq)]
pub struct DataChange {
    /// opened, carried, revised, acknowledged, resolved; at a handing over from another version also escalated,
    /// deescalated.
    pub transition: &'static str,
    /// What was revised.
    pub revision: Option<Revision>,
    /// Where it resolved: recovered, accepted, plan_revised.
    pub resolution: Option<&'static str>,
    /// The tick's instant.
    pub at: Timestamp,
    /// After the change.
    pub episode: DataEpisode,
}

/// The open episodes and all that is held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Register {
    /// By the key of their finding.
    pub(crate) episodes: BTreeMap<String, DataEpisode>,
    /// Of episodes and suspicions.
    pub(crate) holds: Vec<Hold>,
}

impl Register {
    /// Makes the episodes agree with what is wrong now.
    pub(crate) fn settle(
        &mut self,
        plan: &str,
        findings: Vec<Finding>,
        ended: &BTreeMap<String, Notice>,
        at: Timestamp,
        historical: bool,
    ) -> Vec<DataChange> {
        self.holds = findings.iter().flat_map(Finding::holds).collect();
        let mut changes = Vec::new();
        let mut before = std::mem::take(&mut self.episodes);
        for finding in findings.into_iter().filter(|finding| finding.published) {
            match before.remove(&finding.key) {
                Some(mut episode) => {
                    episode.holds = finding.holds();
                    let run_out = episode.run_out(at);
                    if episode.historical && !historical {
                        episode.historical = false;
                        episode.sequence += 1;
                        changes.push(change("carried", None, at, &episode));
                    } else if run_out.is_some() {
                        episode.sequence += 1;
                        let revised = change("revised", None, at, &episode);
                        changes.push(DataChange { revision: run_out, ..revised });
                    }
                    self.episodes.insert(finding.key, episode);
                }
                None if self.episodes.len() + before.len() < MAX_EPISODES => {
                    let episode = opened(plan, &finding, at, historical);
                    changes.push(change("opened", None, at, &episode));
                    self.episodes.insert(finding.key, episode);
                }
                None => {}
            }
        }
        for (key, mut episode) in before {
            episode.sequence += 1;
            episode.historical = historical;
            let last = ended.get(&key);
            if let Some(notice) = last {
                episode.summary = notice.text.clone();
            }
            let resolution = match last {
                Some(notice) if notice.accepted => "accepted",
                _ if episode.kind == Kind::UnmappedStage => "plan_revised",
                _ => "recovered",
            };
            changes.push(change("resolved", Some(resolution), at, &episode));
        }
        changes
    }
}

fn change(
    transition: &'static str,
    resolution: Option<&'static str>,
    at: Timestamp,
    episode: &DataEpisode,
) -> DataChange {
    DataChange { transition, revision: None, resolution, at, episode: episode.clone() }
}

fn opened(plan: &str, finding: &Finding, at: Timestamp, historical: bool) -> DataEpisode {
    DataEpisode {
        key: format!("{plan}/data/{}", finding.key),
        kind: finding.kind,
        opened_at: at,
        alert_id: None,
        sequence: 1,
        historical,
        since: finding.since,
        acknowledgements: Vec::new(),
        critical: finding.critical,
        holds: finding.holds(),
        title: finding.title.clone(),
        summary: finding.summary.clone(),
        action: finding.action.clone(),
    }
}

/// `1 hour`, `9 hours`, `3 days`.
pub(crate) fn hours(hours: u32) -> String {
    match hours {
        1 => "1 hour".into(),
        0..=71 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn said(function: &str, at: i64, until: Option<i64>) -> Acknowledgement {
        let (function, note) = (function.to_owned(), "on it".to_owned());
        let until = until.map(|day| Timestamp::clamped(day * DAY));
        Acknowledgement { function, note, at: Timestamp::clamped(at * DAY), until }
    }

    fn settle(register: &mut Register, day: i64) -> Vec<DataChange> {
        let at = Timestamp::clamped(day * DAY);
        let finding = Finding::new(Kind::SilentSource, "crm", Timestamp::clamped(0));
        register.settle("p", vec![finding], &BTreeMap::new(), at, false)
    }

    fn only(register: &mut Register) -> &mut DataEpisode {
        register.episodes.values_mut().next().expect("one is open")
    }

    #[test]
    fn one_word_suffices_until_it_runs_out_which_is_told_once() {
        let mut register = Register::default();
        assert_eq!(settle(&mut register, 1)[0].transition, "opened");
        assert!(!only(&mut register).acknowledge(said("ops", 2, Some(2))), "run out before it was given");
        assert!(only(&mut register).acknowledge(said("ops", 2, Some(5))));
        assert_eq!(settle(&mut register, 4), []);
        assert_eq!(only(&mut register).acknowledgements, [said("ops", 2, Some(5))]);
        let changes = settle(&mut register, 5);
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        let revision = change.revision.as_ref().expect("told why");
        assert_eq!(
            (change.transition, revision.from.as_str(), revision.cause.as_str()),
            ("revised", "ops", "expired")
        );
        assert_eq!((change.episode.sequence, change.episode.acknowledged()), (3, false));
        assert_eq!(settle(&mut register, 6), []);
        // Two know; one is left.
        assert!(only(&mut register).acknowledge(said("ops", 6, Some(7))));
        assert!(only(&mut register).acknowledge(said("sales", 6, None)));
        assert_eq!(settle(&mut register, 8), []);
        assert_eq!(only(&mut register).acknowledgements, [said("sales", 6, None)]);
    }

    #[test]
    fn the_last_word_of_a_function_counts_and_the_words_are_bounded() {
        let mut register = Register::default();
        settle(&mut register, 1);
        let episode = only(&mut register);
        for at in 1..=3 {
            episode.acknowledge(said("ops", at, None));
        }
        assert_eq!(episode.acknowledgements, [said("ops", 3, None)]);
        for number in 0..20 {
            episode.acknowledge(said(&format!("f{number}"), 4, None));
        }
        assert_eq!(episode.acknowledgements.len(), MAX_WORDS);
        assert_eq!(episode.acknowledgements[MAX_WORDS - 1].function, "f19");
    }
}
