//! Episodes: one drift of one target (or pattern) in one scope, from its opening to its resolution.
//!
//! The [`Judge`](super::Judge) holds live episodes only. What resolves one consumes it, so nothing can happen to
//! a resolved episode; its last state leaves in the [`EpisodeChange`].

use std::fmt;

use plumbline_plan::{Direction, Owner, Scope, Severity};
use plumbline_units::{Day, Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::verdict::Assessment;

/// `plan/target-or-pattern/scope`, such as `saas-emea-2026/lead-quality-trap/segment=smb`. At most one episode
/// of a key is live.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpisodeKey(pub String);

impl EpisodeKey {
    /// The key of a target's or pattern's episode in a scope (`scope_label` is empty for everything).
    pub fn new(plan: &Name, subject: &Name, scope_label: &str) -> EpisodeKey {
        EpisodeKey(format!("{plan}/{subject}/{scope_label}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EpisodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an episode is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Subject {
    /// The pattern, if it is one's episode.
    pub pattern: Option<Name>,
    /// The target; of a pattern, the member that leads it.
    pub target: Name,
    /// The target's metric.
    pub metric: String,
    /// Line of the target in the plan's text.
    pub line: u32,
    /// Where.
    pub scope: Scope,
    /// The scope as pairs of dimension and value, in plan order.
    pub scope_values: Vec<(Name, Name)>,
}

/// One drift of one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Its key; together with `opened_at` it is unique for ever.
    pub key: EpisodeKey,
    /// What it is about.
    pub subject: Subject,
    /// Revision of the plan it was last judged by.
    pub plan_revision: u32,
    /// The day of the tick that opened it.
    pub opened_day: Day,
    /// That tick's instant.
    pub opened_at: Timestamp,
    /// The id its alerts bear, where they were handed over from another version or opened when that was done;
    /// otherwise the id follows from key and opening.
    #[serde(default)]
    pub alert_id: Option<Box<str>>,
    /// Number of its last published change; the opening is 1.
    pub sequence: u32,
    /// Where it stands in its life.
    pub state: EpisodeState,
    /// Who of its owners knows: the last word of each function, in the order in which they spoke first.
    pub acknowledgements: Vec<Acknowledgement>,
    /// How often all its owners knew until their words ran out, and it had not begun to recover.
    #[serde(default)]
    pub asked_again: u32,
    /// How bad.
    pub severity: Severity,
    /// Which way the target drifts.
    pub direction: Direction,
    /// Whether the last published change was historical (before the plan's `live_from`): shown, never paged.
    pub historical: bool,
    /// The numbers as last published.
    pub assessment: Assessment,
    /// The numbers of the tick that opened it, as last published: late facts revise them.
    pub opening: Box<Assessment>,
    /// The episode that explains this one; then nobody is paged.
    pub inhibited_by: Option<EpisodeKey>,
    /// Episodes that this one's opening resolved.
    pub supersedes: Vec<EpisodeKey>,
    /// Who owns it: at least two functions.
    pub owners: Vec<Owner>,
    /// What the plan prescribes.
    pub action: Option<String>,
    /// Where to read on.
    pub runbook_url: Option<String>,
    /// One line.
    pub title: String,
    /// One sentence naming the parts that explain most of it.
    pub summary: String,
}

/// Where an episode stands in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeState {
    /// Opened; not every owning function has spoken.
    Open,
    /// Every owning function knows: nobody owns a hand-off alone.
    Acknowledged,
    /// The evidence for a recovery has passed a tenth of what resolves it.
    Recovering,
    /// Over. Only in the last change of an episode.
    Resolved(Resolution),
}

impl EpisodeState {
    /// The stable word of alerts.
    pub const fn word(&self) -> &'static str {
        match self {
            EpisodeState::Open => "open",
            EpisodeState::Acknowledged => "acknowledged",
            EpisodeState::Recovering => "recovering",
            EpisodeState::Resolved(_) => "resolved",
        }
    }
}

/// Who knows of an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The function that spoke.
    pub function: String,
    /// Its words.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// Until when it holds, if limited.
    pub until: Option<Timestamp>,
}

impl Acknowledgement {
    /// Whether it has not run out.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Evidence shows that the plan holds again.
    Recovered,
    /// A pattern tells its story now.
    Superseded,
    /// Later events brought the projection back inside the tolerance: it never was a drift of the target.
    Retracted,
    /// The plan no longer promises it.
    PlanRevised,
    /// The owners accept it.
    Accepted,
    /// Another version of the program does not find it.
    Recomputed,
}

impl Resolution {
    /// The stable word of alerts.
    pub const fn word(self) -> &'static str {
        match self {
            Resolution::Recovered => "recovered",
            Resolution::Superseded => "superseded",
            Resolution::Retracted => "retracted",
            Resolution::PlanRevised => "plan_revised",
            Resolution::Accepted => "accepted",
            Resolution::Recomputed => "recomputed",
        }
    }
}

impl Episode {
    /// Whether a function is one of its owners.
    pub(crate) fn owned_by(&self, function: &str) -> bool {
        self.owners.iter().any(|owner| owner.function.as_str() == function)
    }

    /// Whether each function that owns it has acknowledged it.
    pub fn known_to_all(&self) -> bool {
        self.owners
            .iter()
            .all(|owner| self.acknowledgements.iter().any(|a| a.function == owner.function.as_str()))
    }
}

/// What happened to an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It began.
    Opened,
    /// It was open when the plan went live.
    Carried,
    /// From warning to critical.
    Escalated,
    /// From critical to warning.
    Deescalated,
    /// A published number or its inhibition changed.
    Revised,
    /// One of its owners knows.
    Acknowledged,
    /// It ended.
    Resolved,
}

impl Transition {
    /// The stable word of alerts.
    pub const fn word(self) -> &'static str {
        match self {
            Transition::Opened => "opened",
            Transition::Carried => "carried",
            Transition::Escalated => "escalated",
            Transition::Deescalated => "deescalated",
            Transition::Revised => "revised",
            Transition::Acknowledged => "acknowledged",
            Transition::Resolved => "resolved",
        }
    }
}

/// A published field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The field's name in the alert.
    pub field: String,
    /// What was published.
    pub from: String,
    /// What holds now.
    pub to: String,
    /// Why: `dependency`, `plan`, `expired`, …
    pub cause: String,
}

/// One change of an episode, to be published once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeChange {
    /// What happened.
    pub transition: Transition,
    /// The day of the tick that did it (of an acknowledgement: the last closed one).
    pub day: Day,
    /// The instant: the tick's, or the command's.
    pub at: Timestamp,
    /// What was revised, for [`Transition::Revised`].
    pub revision: Option<Revision>,
    /// What is not the cause: what the tick's context knows, then what the numbers rule out.
    pub ruled_out: Vec<RuledOut>,
    /// The episode after the change.
    pub episode: Episode,
}

impl EpisodeChange {
    /// How it ended, for [`Transition::Resolved`].
    pub fn resolution(&self) -> Option<Resolution> {
        match self.episode.state {
            EpisodeState::Resolved(resolution) => Some(resolution),
            _ => None,
        }
    }
}

/// What it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// `data`, `velocity`.
    pub what: String,
    /// How that is known.
    pub detail: String,
}
