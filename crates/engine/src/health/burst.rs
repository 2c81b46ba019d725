//! Leads by the list: an import says little of how the funnel converts.
//!
//! An hour is a burst where it brings more leads of one source than three usual days (one, if most are dated more
//! than a day back) and at least fifty. A campaign that triples a day's leads spreads them over that day. What a
//! source held back while it was silent is none: each day of silence allows as many more.

use std::collections::BTreeMap;

use plumbline_drift::judge::Spoils;
use plumbline_events::EventView;
use plumbline_plan::Scope;
use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Kind, Notice};
use super::{Hour, Restart};

const HOUR: i64 = 3_600_000;
const MIN_LEADS: f64 = 50.0;
const USUAL_DAYS: f64 = 3.0;
const USUAL_DAYS_IF_OLD: f64 = 1.0;
/// A lead dated further back than this is an old one.
const OLD: Seconds = Seconds::DAY;
/// Verdicts wait for this many hours after the last hour of a burst, and what was held back may take as long.
const SETTLES_AFTER: i64 = 24;
/// Hours not closed yet that are kept apart: events run ahead of a clock that awaits confirmation.
const MAX_OPEN: usize = 100;
/// A pause from which what comes next may be a backlog.
const PAUSE: Seconds = Seconds::HOUR;

/// The leads of one source by the hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Burst {
    /// Leads and old leads by hour of arrival, of those not closed yet.
    open: BTreeMap<i64, (u32, u32)>,
    last: Option<Timestamp>,
    /// The latest pause: its end and its length in days.
    pause: Option<(Timestamp, f64)>,
    running: Option<Running>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Running {
    since: i64,
    last: i64,
    leads: u64,
    old: u64,
    scope: Scope,
}

impl Burst {
    /// Takes any event of the source.
    pub(crate) fn observe(&mut self, event: &EventView<'_>, is_lead: bool) {
        let received = event.received_at;
        if let Some(last) = self.last
            && received > last.plus(PAUSE)
        {
            let days = received.millis_since(last) as f64 / (24 * HOUR) as f64;
            // A second pause while the backlog of the first comes in does not make it smaller.
            let before =
                self.pause.filter(|(end, _)| received < end.plus(Seconds::DAY)).map_or(0.0, |(_, d)| d);
            self.pause = Some((received, days.max(before)));
        }
        self.last = self.last.max(Some(received));
        if !is_lead {
            return;
        }
        let hour = received.millis().div_euclid(HOUR);
        let old = u32::from(event.occurred_at < received.minus(OLD));
        let full = self.open.len() >= MAX_OPEN && !self.open.contains_key(&hour);
        let last = self.open.last_key_value().map(|(last, _)| *last);
        let open = self.open.entry(last.filter(|_| full).unwrap_or(hour)).or_default();
        *open = (open.0.saturating_add(1), open.1.saturating_add(old));
    }

    /// Whether a burst is under way or has not settled.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Closes an hour. `daily`: the source's usual leads a day, where known. `scope`: where nearly all of the hour's
    /// leads belong.
    pub(crate) fn close(
        &mut self,
        name: &str,
        hour: &Hour<'_>,
        daily: Option<f64>,
        scope: &Scope,
        findings: &mut Vec<Finding>,
        restarts: &mut Vec<Restart>,
    ) -> Option<(String, Notice)> {
        // Hours that were read late are closed together, and none of them brought what all did.
        let later = self.open.split_off(&(hour.number + 1));
        let closed = std::mem::replace(&mut self.open, later);
        let (leads, old) = closed.into_values().max().unwrap_or_default();
        let backlog = self.pause.filter(|(end, _)| hour.at <= end.plus(Seconds::hours(SETTLES_AFTER)));
        let days = if 2 * old > leads { USUAL_DAYS_IF_OLD } else { USUAL_DAYS };
        let allowed = daily.map(|daily| {
            (days * daily + USUAL_DAYS * daily * backlog.map_or(0.0, |(_, days)| days)).max(MIN_LEADS)
        });
        if !hour.blind && allowed.is_some_and(|allowed| f64::from(leads) > allowed) {
            let first = Running { since: hour.number, last: 0, leads: 0, old: 0, scope: scope.clone() };
            let running = self.running.get_or_insert(first);
            running.last = hour.number;
            running.leads += u64::from(leads);
            running.old += u64::from(old);
            if running.scope != *scope {
                running.scope = Scope::default();
            }
        }
        let running = self.running.as_ref()?;
        let spoils = Spoils::funnel(hour.plan);
        if hour.number >= running.last + SETTLES_AFTER {
            let day = hour.plan.zone.day_of(Timestamp::clamped(running.last * HOUR)).plus(1);
            restarts.push(Restart { spoils, scope: running.scope.clone(), day });
            self.running = None;
            let text =
                "No more leads come by the list; evidence starts anew with the cohorts after it.".into();
            return Some((Kind::ImportBurst.key(name), Notice { accepted: false, text }));
        }
        let since = Timestamp::clamped(running.since * HOUR);
        let mut finding = Finding::new(Kind::ImportBurst, name, since);
        finding.spoils = Some(spoils);
        finding.scopes = vec![running.scope.clone()];
        finding.critical = true;
        finding.title = format!("{name} delivers leads by the list: {} within an hour", running.leads);
        finding.summary = format!(
            "{} leads came from {name} within an hour, of which {} are dated more than a day back, where a whole day \
             usually brings {:.0}; a list converts unlike what comes by itself.",
            running.leads,
            running.old,
            daily.unwrap_or(0.0)
        );
        finding.action = format!(
            "If the import at {name} was meant, nothing: verdicts go on a day after it. If not, delete its leads"
        );
        findings.push(finding);
        None
    }
}
