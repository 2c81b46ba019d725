//! What a run has told, episode by episode, reduced to what is judged and shown.

use std::collections::BTreeMap;

use plumbline_engine::alert::{AcknowledgementSide, Alert};
use plumbline_plan::Direction;
use plumbline_units::{Day, Zone};

/// A scope as values of dimensions; empty = everything.
pub(crate) type ScopeValues = BTreeMap<String, String>;

/// One episode as it was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The pattern, else the target; of data, what is wrong.
    pub(crate) name: String,
    /// Where.
    pub(crate) scope: ScopeValues,
    /// Whether it speaks of the business or of its data.
    pub(crate) business: bool,
    /// The day whose tick opened it.
    pub(crate) opened: Day,
    /// The day of its first record that is neither historical nor explained by another episode.
    pub(crate) paged: Option<Day>,
    /// The day it ended, and how.
    pub(crate) ended: Option<(Day, String)>,
    /// Which way the target went, where that can be read from its numbers.
    pub(crate) direction: Option<Direction>,
    /// The record that opened it.
    pub(crate) first: Alert,
    /// The newest record that carries numbers of the drift.
    pub(crate) last: Alert,
    /// Every word on it in the order in which they were said, also those that have run out since.
    pub(crate) words: Vec<AcknowledgementSide>,
}

impl Told {
    /// Whether it was opened before the plan was live.
    pub(crate) fn historical(&self) -> bool {
        self.first.historical
    }

    /// Whether another episode explained it when it opened.
    pub(crate) fn inhibited(&self) -> bool {
        self.first.inhibited_by.is_some()
    }

    /// Whether it stood at the end of a day.
    pub(crate) fn stands_on(&self, day: Day) -> bool {
        self.opened <= day && self.ended.as_ref().is_none_or(|(ended, _)| *ended > day)
    }
}

/// All episodes of one run, in the order in which they opened.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    told: Vec<Told>,
    /// Positions of the episodes by alert id.
    places: BTreeMap<String, usize>,
}

impl Ledger {
    /// Takes the next record; days are cut in `zone`.
    pub(crate) fn take(&mut self, alert: &Alert, zone: Zone) {
        let day = tick_day(alert, zone);
        let place = *self.places.entry(alert.alert_id.clone()).or_insert_with(|| {
            self.told.push(Told {
                name: name_of(alert),
                scope: alert.scope.clone(),
                business: alert.kind == "business",
                opened: day,
                paged: None,
                ended: None,
                direction: direction_of(alert),
                first: alert.clone(),
                last: alert.clone(),
                words: Vec::new(),
            });
            self.told.len() - 1
        });
        let told = &mut self.told[place];
        let new = alert.acknowledgements.iter().filter(|said| !told.words.contains(said));
        let new: Vec<AcknowledgementSide> = new.cloned().collect();
        told.words.extend(new);
        let pages = !alert.historical && alert.inhibited_by.is_none();
        match &alert.resolution {
            Some(how) => told.ended = Some((day, how.clone())),
            None => {
                if pages {
                    told.paged.get_or_insert(day);
                }
                told.last = alert.clone();
                // Nothing follows a notice.
                if alert.is_notice() {
                    told.ended = Some((day, "told".to_owned()));
                }
            }
        }
    }

    /// The episodes in the order in which they opened.
    pub(crate) fn told(&self) -> &[Told] {
        &self.told
    }
}

/// The day that the record's tick closed.
fn tick_day(alert: &Alert, zone: Zone) -> Day {
    zone.day_of(plumbline_units::Timestamp::clamped(alert.detected_at.millis() - 1))
}

fn name_of(alert: &Alert) -> String {
    let subject = || alert.pattern.clone().or_else(|| alert.target.clone());
    let data = || alert.episode.split('/').nth(2).unwrap_or_default().to_owned();
    if alert.kind == "business" { subject().unwrap_or_else(data) } else { data() }
}

/// Which way the target itself goes; its leading part may go the other way (a cost rises as a rate falls).
fn direction_of(alert: &Alert) -> Option<Direction> {
    let plan = alert.plan.as_ref().filter(|_| alert.pattern.is_none())?.value;
    let projected = alert.projected.as_ref();
    let heading = match alert.metric.as_deref() {
        Some("conversion") => projected.and_then(|p| p.conversion).map(|c| c.value / plan),
        Some("cac") => projected.and_then(|p| p.cac.as_ref()?.value.parse::<f64>().ok()).map(|v| v / plan),
        _ => None,
    };
    let relative = match heading {
        Some(heading) => heading - 1.0,
        None => alert.drift.as_ref()?.relative,
    };
    Some(if relative < 0.0 { Direction::Below } else { Direction::Above })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record as `transition/day/flags` of one target, for tables.
    pub(crate) fn record(name: &str, segment: &str, id: &str, day: &str, what: &str) -> Alert {
        let has = |flag: &str| what.contains(flag);
        let tick = Zone::UTC.start_of(day.parse::<Day>().unwrap().plus(1));
        serde_json::from_value(serde_json::json!({
            "workspace": "default", "alert_id": id, "episode": format!("p/{name}/segment={segment}"),
            "sequence": 1, "transition": if has("ended") { "resolved" } else { "opened" },
            "state": if has("notice") { "notice" } else { "open" },
            "severity": "warning", "kind": if has("data") { "data" } else { "business" },
            "urgency": "working_hours", "historical": has("historical"),
            "detected_at": tick, "notify_at": tick, "title": "t", "summary": "s",
            "scope": {"segment": segment},
            "pattern": if has("pattern") { Some(name) } else { None }, "target": name, "metric": "conversion",
            "plan": {"value": 0.04, "lower": 0.036, "upper": null, "unit": "share", "revision": 1,
                     "source": "plan.toml:1"},
            "drift": {"of": "mql>sql", "relative": if has("above") { 0.2 } else { -0.2 }, "low": -0.3,
                      "high": -0.1, "level": 0.9, "label": "conversion"},
            "onset": {"estimate": "2026-03-04", "low": "2026-03-01", "high": "2026-03-08", "days": 9},
            "why": [], "ruled_out": [], "owners": [], "related": [], "supersedes": [],
            "inhibited_by": if has("inhibited") { Some("p/other/") } else { None },
            "resolution": if has("ended") { Some("recovered") } else { None }, "links": {}
        }))
        .unwrap()
    }

    #[test]
    fn a_word_that_has_run_out_was_said() {
        let mut ledger = Ledger::default();
        let word = |function: &str, hour: i64| AcknowledgementSide {
            function: function.to_owned(),
            at: plumbline_units::Timestamp::clamped(hour * 3_600_000),
            until: None,
            note: String::new(),
        };
        let known =
            [vec![], vec![word("a", 1)], vec![word("a", 1), word("b", 2)], vec![], vec![word("a", 3)]];
        for known in known {
            let mut record = record("lead-to-won", "smb", "a", "2026-03-10", "");
            record.acknowledgements = known;
            ledger.take(&record, Zone::UTC);
        }
        assert_eq!(ledger.told()[0].words, [word("a", 1), word("b", 2), word("a", 3)]);
    }

    #[test]
    fn an_episode_pages_with_its_first_record_that_is_live_and_unexplained() {
        // records of one episode → opened, paged, ended
        type Case = (
            &'static [(&'static str, &'static str)],
            &'static str,
            Option<&'static str>,
            Option<&'static str>,
        );
        let table: [Case; 6] = [
            (&[("2026-03-10", "")], "2026-03-10", Some("2026-03-10"), None),
            (&[("2026-03-10", "historical")], "2026-03-10", None, None),
            (&[("2026-03-10", "notice")], "2026-03-10", Some("2026-03-10"), Some("2026-03-10")),
            (&[("2026-03-10", "historical"), ("2026-03-12", "")], "2026-03-10", Some("2026-03-12"), None),
            (
                &[("2026-03-10", "inhibited"), ("2026-03-11", "inhibited"), ("2026-03-20", "ended")],
                "2026-03-10",
                None,
                Some("2026-03-20"),
            ),
            (
                &[("2026-03-10", ""), ("2026-03-14", "ended")],
                "2026-03-10",
                Some("2026-03-10"),
                Some("2026-03-14"),
            ),
        ];
        for (records, opened, paged, ended) in table {
            let mut ledger = Ledger::default();
            for (day, what) in records {
                ledger.take(&record("lead-to-won", "smb", "a", day, what), Zone::UTC);
            }
            let [told] = ledger.told() else { panic!("one episode") };
            let text = |day: Option<Day>| day.map(|d| d.to_string());
            assert_eq!(told.opened.to_string(), opened, "{records:?}");
            assert_eq!(text(told.paged).as_deref(), paged, "{records:?}");
            assert_eq!(text(told.ended.as_ref().map(|(d, _)| *d)).as_deref(), ended, "{records:?}");
        }
    }
}
