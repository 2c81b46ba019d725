//! The episodes as the alerts topic tells them: what was sent, in its order, whichever instance said it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plumbline_engine::alert::{AcknowledgementSide, Alert};
use plumbline_units::Timestamp;
use serde::Serialize;

/// Episodes remembered of a workspace; past that the one that ended first is forgotten, and if none has, the oldest.
const MAX_OF_ONE: usize = 2_000;
/// Episodes remembered of all workspaces; past that the workspace with the most that ended forgets one, and if none
/// has ended anywhere, the one with the most.
const MAX_OF_ALL: usize = 10_000;
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
    /// Whether it is over; a notice is with its telling.
    pub(crate) fn ended(&self) -> bool {
        self.last.resolution.is_some() || self.last.is_notice()
    }

    /// The label of its scope, as the plan writes it: the end of its key. Names may hold slashes, so that the key
    /// is not cut there: how long the label is follows from the scope.
    pub(crate) fn scope(&self) -> &str {
        let escaped = |c: char| matches!(c, ',' | '=' | '\\');
        let length = |text: &String| text.len() + text.matches(escaped).count();
        let pairs = self.last.scope.iter().map(|(dimension, value)| length(dimension) + 1 + length(value));
        let commas = self.last.scope.len().saturating_sub(1);
        let key = &self.last.episode;
        key.get(key.len().saturating_sub(pairs.sum::<usize>() + commas)..).unwrap_or_default()
    }

    /// The target or pattern it is about.
    pub(crate) fn subject(&self) -> &str {
        self.last.pattern.as_deref().or(self.last.target.as_deref()).unwrap_or_default()
    }

    /// The targets it speaks of: what it is about, what leads it, and whose place it has taken.
    pub(crate) fn targets(&self) -> BTreeSet<&str> {
        let scope = self.scope();
        let plan = self.last.episode.strip_suffix(&format!("{}/{scope}", self.subject())).unwrap_or_default();
        let members = self.first.supersedes.iter().chain(&self.last.supersedes);
        let members =
            members.filter_map(|key| key.strip_prefix(plan)?.strip_suffix(scope)?.strip_suffix('/'));
        members.chain([self.subject()]).chain(self.last.target.as_deref()).collect()
    }
}

/// The episodes of a workspace at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Episodes {
    /// Open ones before those that ended, the newest first.
    pub(crate) all: Vec<Arc<Told>>,
    /// Whether all that are open are among them: the topic has been read to its end, and none was forgotten.
    pub(crate) complete: bool,
}

impl Episodes {
    /// What was told once, and nothing is to follow.
    pub(crate) fn notices(&self) -> impl Iterator<Item = &Arc<Told>> {
        self.all.iter().filter(|told| told.last.is_notice())
    }

    /// The open ones.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Arc<Told>> {
        self.all.iter().filter(|told| !told.ended())
    }
}

/// All episodes, by workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    workspaces: BTreeMap<String, OfOne>,
    /// Episodes of all workspaces.
    count: usize,
    /// The topic has been read to its end.
    told_all: bool,
}

/// The episodes of one workspace by alert id; and their ids by whether they ended and when they last changed.
#[derive(Clone, Debug, Default)]
struct OfOne {
    told: BTreeMap<String, Arc<Told>>,
    ended: BTreeSet<(Timestamp, String)>,
    open: BTreeSet<(Timestamp, String)>,
    forgot_open: bool,
}

impl OfOne {
    fn place(&mut self, told: &Told) -> (&mut BTreeSet<(Timestamp, String)>, (Timestamp, String)) {
        let key = (told.last.detected_at, told.last.alert_id.clone());
        (if told.ended() { &mut self.ended } else { &mut self.open }, key)
    }

    fn keep(&mut self, told: Arc<Told>) {
        let (place, key) = self.place(&told);
        place.insert(key);
        self.told.insert(told.last.alert_id.clone(), told);
    }

    fn take(&mut self, alert_id: &str) -> Option<Arc<Told>> {
        let told = self.told.remove(alert_id)?;
        let (place, key) = self.place(&told);
        place.remove(&key);
        Some(told)
    }

    /// Forgets the one that ended first; if none has, the oldest.
    fn forget(&mut self) {
        let (oldest, open) = match self.ended.first() {
            Some(ended) => (Some(ended), false),
            None => (self.open.first(), true),
        };
        if let Some((_, id)) = oldest.cloned() {
            self.take(&id);
            self.forgot_open |= open;
        }
    }
}

impl History {
    /// Takes a record of the topic; says of which workspace it was news. Records that are no alerts are left alone.
    pub(crate) fn take(&mut self, value: &[u8]) -> Option<String> {
        let alert = serde_json::from_slice::<Alert>(value).ok()?;
        let workspace = alert.workspace.clone();
        let of_one = self.workspaces.entry(workspace.clone()).or_default();
        // The topic may be read again from its start.
        if of_one.told.get(&alert.alert_id).is_some_and(|told| told.last.sequence >= alert.sequence) {
            return None;
        }
        match of_one.take(&alert.alert_id) {
            Some(mut told) => {
                let change = change(&alert, &told.last.acknowledgements);
                // A page that is being made keeps what it has.
                let episode = Arc::make_mut(&mut told);
                if episode.changes.len() >= MAX_CHANGES {
                    episode.changes.remove(1);
                    episode.left_out += 1;
                }
                episode.changes.push(change);
                episode.last = alert;
                of_one.keep(told);
            }
            None => {
                if of_one.told.len() >= MAX_OF_ONE {
                    of_one.forget();
                    self.count -= 1;
                }
                if self.count >= MAX_OF_ALL {
                    self.forget();
                }
                let told = Told {
                    first: alert.clone(),
                    changes: vec![change(&alert, &[])],
                    left_out: 0,
                    last: alert,
                };
                self.workspaces.entry(told.last.workspace.clone()).or_default().keep(Arc::new(told));
                self.count += 1;
            }
        }
        Some(workspace)
    }

    fn forget(&mut self) {
        let fullest = self.workspaces.values_mut().max_by_key(|of| (of.ended.len(), of.open.len()));
        if let Some(fullest) = fullest {
            fullest.forget();
            self.count -= 1;
        }
    }

    /// Says whether the topic has been read to its end; whether that is news.
    pub(crate) fn told_all(&mut self, all: bool) -> bool {
        std::mem::replace(&mut self.told_all, all) != all
    }

    /// An episode by its alert id.
    pub(crate) fn episode(&self, alert_id: &str) -> Option<Arc<Told>> {
        self.workspaces.values().find_map(|of| of.told.get(alert_id)).cloned()
    }

    /// The episodes of a workspace.
    pub(crate) fn of(&self, workspace: &str) -> Episodes {
        let of = self.workspaces.get(workspace);
        let mut all: Vec<Arc<Told>> = of.into_iter().flat_map(|of| of.told.values().cloned()).collect();
        all.sort_by(|a, b| {
            (a.ended(), b.first.detected_at, &a.last.episode).cmp(&(
                b.ended(),
                a.first.detected_at,
                &b.last.episode,
            ))
        });
        Episodes { all, complete: self.told_all && of.is_none_or(|of| !of.forgot_open) }
    }
}

/// What is new in a record; `known` are the words on the episode before it.
fn change(alert: &Alert, known: &[AcknowledgementSide]) -> Change {
    let word = alert.acknowledgements.iter().find(|said| !known.contains(said));
    let says = match (&alert.revision, &alert.resolution, word) {
        (Some(revision), ..) => {
            format!("{}: {} → {} ({})", revision.field, revision.from, revision.to, revision.cause)
        }
        (None, Some(resolution), _) => resolution.clone(),
        // The page's other parts forget a word that has run out.
        (None, None, Some(said)) if alert.transition == "acknowledged" => {
            let until = said.until.map(|until| format!(" until {}", until.to_minute())).unwrap_or_default();
            let note = if said.note.is_empty() { String::new() } else { format!(": {}", said.note) };
            format!("{} knows{until}{note}", said.function)
        }
        (None, None, _) => alert.title.clone(),
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

    fn alert(workspace: &str, id: u32, sequence: u32, resolution: Option<&str>) -> Vec<u8> {
        let mut alert: Alert = serde_json::from_str(EXAMPLE).unwrap();
        alert.workspace = workspace.to_owned();
        alert.alert_id = format!("{id:08x}");
        alert.sequence = sequence;
        alert.resolution = resolution.map(str::to_owned);
        alert.detected_at = Timestamp::clamped(1_700_000_000_000 + i64::from(id) * 1000);
        serde_json::to_vec(&alert).unwrap()
    }

    fn told(history: &History, id: u32) -> Option<Arc<Told>> {
        history.episode(&format!("{id:08x}"))
    }

    #[test]
    fn a_record_told_twice_counts_once() {
        let mut history = History::default();
        assert_eq!(history.take(&alert("a", 1, 1, None)).as_deref(), Some("a"));
        assert_eq!(history.take(&alert("a", 1, 1, None)), None);
        assert!(history.take(&alert("a", 1, 2, Some("recovered"))).is_some());
        assert_eq!(history.take(b"{}"), None);
        let told = told(&history, 1).unwrap();
        assert_eq!((told.changes.len(), told.ended(), told.scope()), (2, true, "segment=smb"));
        assert_eq!(told.targets().into_iter().collect::<Vec<_>>(), ["lead-quality-trap", "lead-to-won"]);
        assert!(history.of("a").live().next().is_none() && history.of("b").all.is_empty());
    }

    #[test]
    fn who_said_what_is_told_also_once_the_word_has_run_out() {
        let mut history = History::default();
        let mut newest: Alert = serde_json::from_slice(&alert("a", 1, 1, None)).unwrap();
        let word = |function: &str, note: &str, until: Option<&str>| -> AcknowledgementSide {
            let at = "2026-03-23T09:00:00Z";
            let said = serde_json::json!({ "function": function, "at": at, "until": until, "note": note });
            serde_json::from_value(said).unwrap()
        };
        let marketing = word("marketing", "", Some("2026-03-30T09:00:00Z"));
        let (sales, again) = (word("sales", "audit", None), word("sales", "audit goes on", None));
        // A later word of a function takes the place of the former; in the end all have run out.
        let known =
            [vec![], vec![marketing.clone()], vec![marketing.clone(), sales], vec![marketing, again], vec![]];
        for (sequence, known) in (1..).zip(known) {
            newest.sequence = sequence;
            newest.transition = if known.is_empty() { "opened" } else { "acknowledged" }.to_owned();
            newest.acknowledgements = known;
            history.take(&serde_json::to_vec(&newest).unwrap());
        }
        let told = told(&history, 1).unwrap();
        let says: Vec<&str> = told.changes.iter().map(|change| change.says.as_str()).collect();
        let (title, until) = (newest.title.as_str(), "marketing knows until 2026-03-30 09:00 UTC");
        assert_eq!(says, [title, until, "sales knows: audit", "sales knows: audit goes on", title]);
    }

    #[test]
    fn a_key_is_read_right_whatever_its_names_hold() {
        let mut alert: Alert = serde_json::from_str(EXAMPLE).unwrap();
        alert.pattern = Some("won/lost".to_owned());
        alert.scope =
            [("a,b", "x/y"), ("region", "d=e\\f")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        // In the plan the region comes first.
        let scope = "region=d\\=e\\\\f,a\\,b=x/y";
        alert.episode = format!("2026/emea/won/lost/{scope}");
        alert.supersedes = vec![format!("2026/emea/b2b/cac/{scope}"), "2026/emea/cac/region=x".to_owned()];
        let told = Told { first: alert.clone(), last: alert.clone(), changes: Vec::new(), left_out: 0 };
        assert_eq!((told.subject(), told.scope()), ("won/lost", scope));
        assert_eq!(told.targets().into_iter().collect::<Vec<_>>(), ["b2b/cac", "lead-to-won", "won/lost"]);
        (alert.scope, alert.episode) = (BTreeMap::new(), "2026/emea/won/lost/".to_owned());
        let everything = Told { first: alert.clone(), last: alert, changes: Vec::new(), left_out: 0 };
        assert_eq!(everything.scope(), "");
    }

    #[test]
    fn at_the_bound_those_that_ended_go_first() {
        let mut history = History::default();
        history.told_all(true);
        for id in 0..MAX_OF_ONE as u32 {
            history.take(&alert("a", id, 1, None));
        }
        history.take(&alert("a", 7, 2, Some("recovered")));
        history.take(&alert("a", 1_000_000, 1, None));
        assert!(told(&history, 7).is_none() && told(&history, 0).is_some());
        assert!(history.of("a").complete, "no open one is missing");
        history.take(&alert("a", 1_000_001, 1, None));
        assert!(told(&history, 0).is_none());
        assert_eq!((history.of("a").all.len(), history.count), (MAX_OF_ONE, MAX_OF_ONE));
        assert!(!history.of("a").complete && history.of("b").complete);
    }

    #[test]
    fn notices_are_over_with_their_telling_and_push_out_nothing_that_is_open() {
        let mut history = History::default();
        history.told_all(true);
        history.take(&alert("a", 0, 1, None));
        for id in 1..=MAX_OF_ONE as u32 + 5 {
            let mut notice: Alert = serde_json::from_slice(&alert("a", id, 1, None)).unwrap();
            notice.state = "notice".to_owned();
            history.take(&serde_json::to_vec(&notice).unwrap());
        }
        let episodes = history.of("a");
        let live: Vec<_> = episodes.live().map(|told| told.last.alert_id.as_str()).collect();
        assert_eq!(live, ["00000000"]);
        assert!(episodes.complete, "no open one was forgotten");
        assert_eq!(episodes.notices().count(), MAX_OF_ONE - 1);
    }

    #[test]
    fn a_noisy_workspace_pushes_out_no_open_episode_of_another() {
        let mut history = History::default();
        history.take(&alert("quiet", 9_999_999, 1, None));
        history.take(&alert("quiet", 9_999_998, 1, Some("recovered")));
        for workspace in 0..8u32 {
            for id in 0..MAX_OF_ONE as u32 {
                let over = (id % 2 == 0).then_some("recovered");
                history.take(&alert(&format!("noisy-{workspace}"), workspace * 100_000 + id, 1, over));
            }
        }
        assert_eq!(history.count, MAX_OF_ALL);
        assert_eq!(history.workspaces.values().map(|of| of.told.len()).sum::<usize>(), MAX_OF_ALL);
        assert_eq!(history.of("quiet").all.len(), 2);
        let open = |workspace: u32| history.of(&format!("noisy-{workspace}")).live().count();
        assert!((0..8).all(|workspace| open(workspace) == MAX_OF_ONE / 2), "those that ended go first");
    }

    #[test]
    fn all_is_known_only_once_the_topic_was_read_to_its_end() {
        let mut history = History::default();
        assert!(!history.of("a").complete);
        assert!(history.told_all(true) && !history.told_all(true) && history.of("a").complete);
        assert!(history.told_all(false) && !history.of("a").complete);
    }

    #[test]
    fn a_long_life_keeps_its_first_and_its_last_records() {
        let mut history = History::default();
        for sequence in 1..=300 {
            history.take(&alert("a", 1, sequence, None));
        }
        let told = told(&history, 1).unwrap();
        assert_eq!((told.changes.len(), told.left_out), (MAX_CHANGES, 200));
        assert_eq!((told.changes[0].sequence, told.changes[1].sequence), (1, 202));
    }
}
