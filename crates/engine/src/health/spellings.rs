//! How the values that the plan does not declare are spelt, and which spelling took the place of which.
//!
//! A dimension without declared values serves the why alone: there a value that ends may be what a business does, and
//! is told of by the mix. Only where another value came as it went and has its share was it renamed, which splits
//! what is one: a notice for working hours that holds nothing back.

use std::collections::BTreeMap;

use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::Hour;
use super::finding::{Finding, Kind, Notice};
use super::value_words::{back, renamed_freely};
use super::values::{
    ACCEPTED_AFTER, LEARNING_DAYS, LEAST_SHARE, MEMORY, RECENT, REGULAR, VANISHED, nats, weight,
};

/// Spellings kept per dimension; further ones are not watched until one of them is forgotten.
const MAX_SPELLINGS: usize = 50;
/// A spelling is forgotten once less of it than this is remembered.
const FORGOTTEN: f64 = 0.05;
/// Who takes another's place is first heard no earlier than this before the other is last heard.
const OVERLAP: Seconds = Seconds::DAY;

/// One spelling: learnt count and days seen, recent count, count of the day and of the open hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Spelling {
    first: Timestamp,
    last: Timestamp,
    learnt: f64,
    days: f64,
    recent: f64,
    today: f64,
    hour: f64,
    expected: f64,
    /// It was renamed: since when, and to what.
    renamed: Option<(Timestamp, Box<str>)>,
}

/// The spellings of one dimension's values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spellings {
    all: BTreeMap<Box<str>, Spelling>,
    days: f64,
}

impl Spellings {
    pub(super) fn hear(&mut self, value: &str, at: Timestamp) {
        if let Some(known) = self.all.get_mut(value) {
            known.hour += 1.0;
            known.last = known.last.max(at);
        } else if self.all.len() < MAX_SPELLINGS {
            let new = Spelling {
                first: at,
                last: at,
                learnt: 0.0,
                days: 0.0,
                recent: 0.0,
                today: 0.0,
                hour: 1.0,
                expected: 0.0,
                renamed: None,
            };
            self.all.insert(value.into(), new);
        }
    }

    /// Counts an hour. `disturbed`: its entries say nothing of the usual shares.
    pub(super) fn count(&mut self, hour: &Hour<'_>, disturbed: bool) {
        let total = self.learnt();
        let heard = self.all.values().map(|v| v.hour).sum();
        let weighs = weight(heard, total, self.days);
        for value in self.all.values_mut() {
            let came = std::mem::take(&mut value.hour);
            if disturbed {
                continue;
            }
            value.recent = value.recent * RECENT + came;
            value.today += came;
            if came > 0.0 {
                value.expected = 0.0;
            } else if total > 0.0 {
                value.expected += weighs * value.learnt / total;
            }
        }
        if hour.midnight {
            self.count_day(disturbed || self.all.values().any(|v| v.renamed.is_some()));
        }
    }

    fn count_day(&mut self, disturbed: bool) {
        let any = self.all.values().any(|v| v.today > 0.0);
        for value in self.all.values_mut() {
            let today = std::mem::take(&mut value.today);
            if any && !disturbed {
                value.learnt = value.learnt * MEMORY + today;
                value.days = value.days * MEMORY + f64::from(u8::from(today > 0.0));
            }
        }
        if any && !disturbed {
            self.days = self.days * MEMORY + 1.0;
        }
        self.all.retain(|_, v| v.renamed.is_some() || v.recent > FORGOTTEN || v.learnt > FORGOTTEN);
    }

    fn learnt(&self) -> f64 {
        self.all.values().map(|v| v.learnt).sum()
    }

    /// Who came about or after `left` and is heard the most, with its recent count.
    pub(super) fn newcomer(&self, left: Timestamp) -> Option<(&str, f64)> {
        let came = self.all.iter().filter(|(_, v)| v.first >= left.minus(OVERLAP));
        came.map(|(name, v)| (&**name, v.recent)).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(a.0)))
    }

    /// What was renamed in a dimension without declared values.
    pub(super) fn close(
        &mut self,
        dimension: &str,
        hour: &Hour<'_>,
        disturbed: bool,
        findings: &mut Vec<Finding>,
        ended: &mut Vec<(String, Notice)>,
    ) {
        self.count(hour, disturbed);
        let (total, days) = (self.learnt(), self.days);
        let recent: f64 = self.all.values().map(|v| v.recent).sum();
        let gone = |v: &Spelling| {
            let watched = days >= LEARNING_DAYS && total >= 20.0;
            watched
                && v.renamed.is_none()
                && v.learnt >= LEAST_SHARE * total
                && v.days >= REGULAR * days
                && nats(v.expected) >= VANISHED
        };
        let mut now = Vec::new();
        for (name, value) in self.all.iter().filter(|(_, v)| gone(v)) {
            let owed = 0.5 * (recent * value.learnt / total).min(value.expected);
            if let Some((to, _)) = self.newcomer(value.last).filter(|(_, came)| *came >= owed.max(1.0)) {
                now.push((name.clone(), value.last, Box::<str>::from(to)));
            }
        }
        for (name, since, to) in now {
            if let Some(value) = self.all.get_mut(&name) {
                value.renamed = Some((since, to));
                // What came before does not say that it is back.
                value.recent = 0.0;
            }
        }
        let mut settled = false;
        for (name, value) in &mut self.all {
            let Some((since, to)) = &value.renamed else { continue };
            let key = format!("{dimension}={name}");
            let share = value.learnt / total.max(1e-9);
            let returned = back(value.recent, share, recent);
            if returned || hour.at >= since.plus(ACCEPTED_AFTER) {
                let text = if returned {
                    format!("Leads have {key} again.")
                } else {
                    format!("It has been so for fourteen days: {dimension}={to} is taken as another value.")
                };
                ended.push((Kind::VanishedValue.key(&key), Notice { accepted: !returned, text }));
                value.renamed = None;
                value.expected = 0.0;
                settled |= !returned;
                if !returned {
                    value.learnt = 0.0;
                }
                continue;
            }
            findings.push(renamed_freely(dimension, name, to, share, *since));
        }
        if settled {
            // From here on the present shares are the usual ones.
            for value in self.all.values_mut() {
                value.learnt = total * value.recent / recent.max(1e-9);
                value.days = if value.recent > 0.0 { days } else { 0.0 };
            }
        }
    }
}
