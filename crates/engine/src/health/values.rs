//! Values of the declared dimensions: one that vanishes, and leads that suddenly have none the plan declares.
//!
//! Judged against the entries that came: a quiet weekend makes no value vanish. `vanished` is minus the logarithm of
//! the probability of not seeing a value among the entries since, a negative binomial with shape [`SHAPE`] (shares
//! drift: Poisson would be far too sure): `SHAPE · ln(1 + expected / SHAPE)`. The share that counts as unplanned is
//! compared with the learnt one over the last day or so. A value is back when a normal share of the leads has it again,
//! not with the first straggler; what was renamed stays open until the plan knows the new name.

use plumbline_drift::judge::Spoils;
use plumbline_events::{BodyView, EventView, LeadFactView};
use plumbline_plan::{DimensionIndex, Plan, Scope, ValueClass};
use plumbline_units::{Name, Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Kind, Notice};
use super::spellings::Spellings;
use super::value_words::{back, unplanned, unplanned_ends, vanished, vanished_ends};
use super::{Hour, Restart};

const SHAPE: f64 = 10.0;
/// Nats from which a value has vanished: one false page in fifty years of a value seen daily.
pub(super) const VANISHED: f64 = 13.0;
/// Nats from which verdicts wait.
const SUSPICION: f64 = 5.0;
/// A value with a smaller share of the entries is not watched.
pub(super) const LEAST_SHARE: f64 = 0.02;
/// A value seen on fewer of the days is not expected on any.
pub(super) const REGULAR: f64 = 0.9;
/// What a day weighs beside the next.
pub(super) const MEMORY: f64 = 0.97;
/// What an hour weighs beside the next in the share of now.
pub(super) const RECENT: f64 = 0.97;
pub(super) const LEARNING_DAYS: f64 = 10.0;
/// Growth of the share without a declared value that opens an episode, and below which it ends.
const GROWN: f64 = 0.05;
const FADED: f64 = 0.03;
/// In standard deviations.
const SURPRISE: f64 = 5.0;
/// After this the state is taken as it is.
pub(super) const ACCEPTED_AFTER: Seconds = Seconds(14 * 86_400);
const LOST_AFTER: Seconds = Seconds::DAY;
/// Values watched per dimension; further declared ones are not.
const MAX_VALUES: usize = 500;

/// One value: learnt count, learnt days seen, recent count, count of the day and of the open hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Value {
    learnt: f64,
    days: f64,
    recent: f64,
    today: f64,
    hour: f64,
    /// Nats of not having been seen since.
    expected: f64,
    longest: f64,
    last: Option<Timestamp>,
    since: Option<Timestamp>,
    /// While it was missing, as many leads more had a value the plan does not declare: its own are lost.
    renamed: bool,
}

/// One dimension. After the declared values come the unplanned and the unset; where none is declared, there are only
/// spellings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Watched {
    dimension: DimensionIndex,
    names: Vec<Name>,
    values: Vec<Value>,
    /// Of what is not declared.
    spellings: Spellings,
    days: f64,
}

/// The dimensions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Values {
    watched: Vec<Watched>,
}

const STAND_INS: [&str; 2] = ["(unplanned)", "(unset)"];

impl Values {
    /// Follows the plan: a dimension that is declared otherwise is learnt anew.
    fn follow(&mut self, plan: &Plan) {
        let dimensions = plan.dimensions.iter().zip(0u8..);
        let same = |w: &Watched, (names, at): (&[Name], u8)| w.dimension.0 == at && w.names == names;
        let now: Vec<(Vec<Name>, u8)> =
            dimensions.map(|(d, at)| (d.values.iter().take(MAX_VALUES).cloned().collect(), at)).collect();
        if now.len() == self.watched.len()
            && now.iter().zip(&self.watched).all(|((names, at), w)| same(w, (names, *at)))
        {
            return;
        }
        let fresh = |(names, at): (Vec<Name>, u8)| Watched {
            dimension: DimensionIndex(at),
            values: vec![Value::default(); names.len() + STAND_INS.len()],
            names,
            spellings: Spellings::default(),
            days: 0.0,
        };
        self.watched = now.into_iter().map(fresh).collect();
    }

    /// A plan with other values or aliases folds otherwise: what was learnt of them says nothing any more.
    pub(crate) fn forget(&mut self) {
        self.watched.clear();
    }

    pub(crate) fn observe(&mut self, event: &EventView<'_>, plan: &Plan) {
        if !matches!(event.body, BodyView::Lead { fact: LeadFactView::Created, .. }) {
            return;
        }
        if self.watched.is_empty() {
            self.follow(plan);
        }
        for watched in &mut self.watched {
            let dimension = &plan.dimensions[usize::from(watched.dimension.0)];
            let raw = event.attributes.get(dimension.name.as_str()).unwrap_or_default();
            let declared = watched.names.len();
            let class = plan.canonical_value(watched.dimension, raw);
            if let ValueClass::Any(value) = class {
                if !value.is_empty() {
                    watched.spellings.hear(value, event.received_at);
                }
                continue;
            }
            let at = match class {
                _ if raw.trim().is_empty() => declared + 1,
                ValueClass::Declared(name) => match watched.names.iter().position(|n| n == name) {
                    Some(at) => at,
                    None => continue,
                },
                ValueClass::Any(_) => continue,
                ValueClass::Unplanned => {
                    watched.spellings.hear(raw.trim(), event.received_at);
                    declared
                }
            };
            let value = &mut watched.values[at];
            // What was created before the value vanished and comes late does not say that it is back.
            if value.since.is_some_and(|since| at < declared && event.occurred_at <= since) {
                continue;
            }
            value.hour += 1.0;
            value.last = value.last.max(Some(event.received_at));
        }
    }

    /// Where nearly all entries of the open hour belong.
    pub(crate) fn scope_now(&self) -> Scope {
        let mut pairs = Vec::new();
        for watched in &self.watched {
            let all: f64 = watched.values.iter().map(|v| v.hour).sum();
            let most =
                watched.names.iter().zip(&watched.values).find(|(_, v)| v.hour >= 0.9 * all && all > 0.0);
            pairs.extend(most.map(|(name, _)| (watched.dimension, name.clone())));
        }
        Scope(pairs)
    }

    /// Closes an hour. `disturbed`: its entries say nothing of the usual shares.
    pub(crate) fn close(
        &mut self,
        hour: &Hour<'_>,
        disturbed: bool,
        findings: &mut Vec<Finding>,
        restarts: &mut Vec<Restart>,
        ended: &mut Vec<(String, Notice)>,
    ) {
        self.follow(hour.plan);
        for watched in &mut self.watched {
            let name = hour.plan.dimensions[usize::from(watched.dimension.0)].name.to_string();
            if watched.names.is_empty() {
                watched.spellings.close(&name, hour, disturbed, findings, ended);
            } else {
                watched.spellings.count(hour, disturbed);
                watched.close(&name, hour, disturbed, findings, restarts, ended);
            }
        }
    }
}

impl Watched {
    fn close(
        &mut self,
        dimension: &str,
        hour: &Hour<'_>,
        disturbed: bool,
        findings: &mut Vec<Finding>,
        restarts: &mut Vec<Restart>,
        ended: &mut Vec<(String, Notice)>,
    ) {
        let all: f64 = self.values.iter().map(|v| v.hour).sum();
        let total: f64 = self.values.iter().map(|v| v.learnt).sum();
        let open = self.values.iter().any(|v| v.since.is_some());
        let (declared, days) = (self.names.len(), self.days);
        let knows = days >= LEARNING_DAYS && total >= 20.0;
        let weighs = weight(all, total, days);
        for value in &mut self.values {
            let share = if total > 0.0 { value.learnt / total } else { 0.0 };
            let came = std::mem::take(&mut value.hour);
            if disturbed {
                continue;
            }
            value.recent = value.recent * RECENT + came;
            value.today += came;
            if came > 0.0 {
                if value.since.is_none() {
                    value.longest = (value.longest * 0.9999).max(nats(value.expected));
                }
                value.expected = 0.0;
            } else {
                value.expected += weighs * share;
            }
        }
        let recent: f64 = self.values.iter().map(|v| v.recent).sum();
        let usual = |v: &Value| if total > 0.0 { v.learnt / total } else { 0.0 };
        let grown: f64 = self.values[declared..].iter().map(|v| v.recent - recent * usual(v)).sum();
        for at in 0..declared {
            let share = usual(&self.values[at]);
            let value = &mut self.values[at];
            let key = format!("{dimension}={}", self.names[at]);
            let scope = Scope(vec![(self.dimension, self.names[at].clone())]);
            let spoils = Spoils::funnel(hour.plan);
            let gone = nats(value.expected);
            if let Some(since) = value.since {
                let returned = !disturbed && back(value.recent, share, recent);
                if returned || (!value.renamed && hour.at >= since.plus(ACCEPTED_AFTER)) {
                    // A channel that paused has lost nothing: its leads were never there.
                    if returned && value.renamed && hour.at >= since.plus(LOST_AFTER) {
                        let day = hour.plan.zone.day_of(hour.at).plus(1);
                        restarts.push(Restart { spoils, scope, day });
                    }
                    *value = Value { since: None, renamed: false, expected: 0.0, ..value.clone() };
                    if !returned {
                        self.accept(declared, total, recent);
                        self.values[at].learnt = 0.0;
                    }
                    ended.push((Kind::VanishedValue.key(&key), vanished_ends(&key, returned)));
                    continue;
                }
            }
            let watched = knows && share >= LEAST_SHARE && value.days >= REGULAR * days;
            if value.since.is_none() && !(watched && gone >= SUSPICION) {
                continue;
            }
            if value.since.is_none() && watched && gone >= VANISHED.max(1.25 * value.longest) {
                value.since = Some(value.last.unwrap_or(hour.at));
                // What came before does not say that it is back.
                value.recent = 0.0;
            }
            let left = value.since.or(value.last).unwrap_or(hour.at);
            let newcomer = self.spellings.newcomer(left);
            let owed = 0.5 * (share * recent).max(1.0);
            let came = newcomer.is_some_and(|(_, came)| came >= owed.min(0.5 * value.expected.max(2.0)));
            let renamed = came || grown >= owed;
            value.renamed = value.since.is_some() && (value.renamed || renamed);
            let to = newcomer.map(|(to, _)| to);
            let mut finding = vanished(&key, share, left, renamed || value.renamed, to);
            finding.published = value.since.is_some();
            finding.spoils = Some(spoils);
            finding.scopes = vec![scope];
            findings.push(finding);
        }
        let short = |v: &Value| {
            let expected = recent * usual(v);
            v.recent - expected <= -3.0 * libm::sqrt(expected.max(0.5))
        };
        // What vanished explains what is unplanned: it was probably renamed, and one episode is enough.
        let explained = self.values[..declared]
            .iter()
            .any(|v| v.since.is_some() || (usual(v) >= LEAST_SHARE && nats(v.expected) >= SUSPICION));
        let lacking: Vec<Scope> = (0..declared)
            .filter(|at| usual(&self.values[*at]) >= LEAST_SHARE && short(&self.values[*at]))
            .map(|at| Scope(vec![(self.dimension, self.names[at].clone())]))
            .collect();
        for (at, stand_in) in (declared..).zip(STAND_INS) {
            let share = usual(&self.values[at]);
            let value = &mut self.values[at];
            let key = format!("{dimension}={stand_in}");
            let over = value.recent - recent * share;
            let spread = libm::sqrt((recent * share * (1.0 - share)).max(0.5));
            if let Some(since) = value.since {
                let faded = over < FADED * recent;
                if faded || hour.at >= since.plus(ACCEPTED_AFTER) {
                    value.since = None;
                    if !faded {
                        value.learnt = total * (value.recent / recent.max(1e-9)).min(1.0);
                    }
                    ended.push((Kind::UnplannedValue.key(&key), unplanned_ends(faded)));
                    continue;
                }
            } else if knows
                && !disturbed
                && !explained
                && value.recent >= 20.0
                && over >= GROWN * recent
                && over >= SURPRISE * spread
            {
                value.since = Some(hour.at);
            }
            if let Some(since) = value.since {
                let mut finding = unplanned(&key, value.recent / recent.max(1e-9), share, since);
                finding.spoils = Some(Spoils::funnel(hour.plan));
                finding.scopes = lacking.clone();
                finding.critical = !lacking.is_empty();
                findings.push(finding);
            }
        }
        if hour.midnight {
            self.close_day(open || disturbed);
        }
    }

    /// Takes the present shares without a declared value as the usual ones.
    fn accept(&mut self, declared: usize, total: f64, recent: f64) {
        for value in &mut self.values[declared..] {
            value.learnt = total * (value.recent / recent.max(1e-9)).min(1.0);
        }
    }

    fn close_day(&mut self, disturbed: bool) {
        let any = self.values.iter().any(|v| v.today > 0.0);
        for value in &mut self.values {
            let today = std::mem::take(&mut value.today);
            if disturbed || !any {
                continue;
            }
            value.learnt = value.learnt * MEMORY + today;
            value.days = value.days * MEMORY + f64::from(u8::from(today > 0.0));
        }
        if any && !disturbed {
            self.days = self.days * MEMORY + 1.0;
        }
    }
}

/// What an hour's entries weigh as proof: however many come at once, no more than a quarter of a usual day.
pub(super) fn weight(entries: f64, learnt: f64, days: f64) -> f64 {
    entries.min((learnt / days.max(1.0) / 4.0).max(5.0))
}

pub(super) fn nats(expected: f64) -> f64 {
    SHAPE * libm::log(1.0 + expected / SHAPE)
}
