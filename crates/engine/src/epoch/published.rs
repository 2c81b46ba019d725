//! The last alert of an episode, in whatever shape another version wrote it: what names and numbers it must be there,
//! the rest is read as far as it can be.

use plumbline_drift::judge::{Acknowledgement, Effect, EpisodeKey, Told};
use plumbline_events::PublishedEpisode;
use plumbline_plan::{Direction, Severity};
use plumbline_units::Timestamp;
use serde_json::{Map, Value};

/// An episode that is open to its readers.
pub(super) struct Published {
    pub(super) episode: String,
    pub(super) sequence: u32,
    alert_id: Box<str>,
    pub(super) record: Map<String, Value>,
}

impl Published {
    /// `None` for a notice, which is said once and never resolved, and for what is over; an error, in words, where the
    /// alert has no name or number by which it could be gone on with or ended.
    pub(super) fn read(from: &PublishedEpisode) -> Result<Option<Published>, String> {
        let mut record: Map<String, Value> =
            serde_json::from_slice(&from.last_alert).map_err(|error| error.to_string())?;
        let text = |field: &str| record.get(field).and_then(Value::as_str);
        if matches!(text("state"), Some("resolved" | "notice")) {
            return Ok(None);
        }
        let alert_id: Box<str> = text("alert_id").filter(|id| !id.is_empty()).ok_or("no alert_id")?.into();
        let sequence =
            record.get("sequence").and_then(count).filter(|n| *n < u32::MAX).ok_or("no sequence")?;
        let episode = from.episode.to_string();
        record.insert("workspace".into(), from.workspace.as_str().into());
        record.insert("episode".into(), episode.as_str().into());
        Ok(Some(Published { episode, sequence, alert_id, record }))
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.record.get(field)?.as_str()
    }

    /// `now`: since when a function knows that is not said to have spoken at another time.
    pub(super) fn told(&self, now: Timestamp) -> Told {
        let said = self.record.get("acknowledgements").and_then(Value::as_array);
        Told {
            alert_id: self.alert_id.clone(),
            sequence: self.sequence,
            severity: match self.text("severity") {
                Some("warning") => Some(Severity::Warning),
                Some("critical") => Some(Severity::Critical),
                _ => None,
            },
            label: self.drift("label").and_then(Value::as_str).map(Into::into),
            inhibited_by: self.text("inhibited_by").map(|key| EpisodeKey(key.to_owned())),
            historical: self.record.get("historical").and_then(Value::as_bool).unwrap_or(false),
            acknowledged: self.text("state") == Some("acknowledged"),
            acknowledgements: said.into_iter().flatten().filter_map(|said| word(said, now)).collect(),
            asked_again: self.record.get("asked_again").and_then(count).unwrap_or(0),
        }
    }

    fn drift(&self, field: &str) -> Option<&Value> {
        self.record.get("drift")?.get(field)
    }

    /// Whether it was told of the other side of the plan than the one that the held numbers are on.
    pub(super) fn is_opposite(&self, metric: &str, held: &Effect) -> bool {
        let number = |field| self.drift(field).and_then(Value::as_f64);
        let of = self.drift("of").and_then(Value::as_str).unwrap_or(metric);
        let told = number("low").zip(number("high")).and_then(|(low, high)| side(metric, of, low, high));
        let held = side(metric, &held.of, held.relative.low, held.relative.high);
        told.zip(held).is_some_and(|(told, held)| told != held)
    }
}

fn count(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// The side of the plan on which an effect lies clearly, with the whole of its interval.
fn side(metric: &str, of: &str, low: f64, high: f64) -> Option<Direction> {
    let below = if high < 0.0 {
        true
    } else if low > 0.0 {
        false
    } else {
        return None;
    };
    // The worse a transition does, the more a customer costs.
    let inverse = metric == "cac" && of.contains('>');
    Some(if below != inverse { Direction::Below } else { Direction::Above })
}

fn word(said: &Value, now: Timestamp) -> Option<Acknowledgement> {
    let text = |field: &str| said.get(field).and_then(Value::as_str);
    let time = |field: &str| text(field)?.parse::<Timestamp>().ok();
    // One that is limited in a way that cannot be read holds for no time.
    let until = match said.get("until") {
        None | Some(Value::Null) => None,
        Some(_) => Some(time("until")?),
    };
    Some(Acknowledgement {
        function: text("function")?.to_owned(),
        note: text("note").unwrap_or_default().to_owned(),
        at: time("at").unwrap_or(now),
        until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_side_of_the_plan_is_told_where_the_whole_interval_lies_on_it() {
        use Direction::{Above, Below};
        for (metric, of, low, high, expected) in [
            ("volume", "volume", -0.4, -0.2, Some(Below)),
            ("volume", "volume", 0.1, 0.3, Some(Above)),
            ("volume", "volume", -0.1, 0.3, None),
            ("conversion", "lead>won", -0.4, -0.2, Some(Below)),
            ("cac", "lead>won", -0.4, -0.2, Some(Above)),
            ("cac", "cost per lead", 0.2, 0.4, Some(Above)),
            ("cac", "cac", 0.2, 0.4, Some(Above)),
        ] {
            assert_eq!(side(metric, of, low, high), expected, "{metric} {of} {low} {high}");
        }
    }

    #[test]
    fn an_alert_is_read_as_far_as_it_can_be() {
        let read = |alert: Value| {
            let (workspace, last_alert) = ("w".parse().unwrap(), alert.to_string().into_bytes().into());
            Published::read(&PublishedEpisode { workspace, episode: "p/t/".into(), last_alert })
        };
        let now: Timestamp = "2026-03-24T10:00:00Z".parse().unwrap();
        let told = |alert: Value| read(alert).unwrap().unwrap().told(now);
        let least = told(json!({ "alert_id": "a", "sequence": 3 }));
        assert_eq!((&*least.alert_id, least.sequence, least.severity, least.label), ("a", 3, None, None));
        let odd = told(json!({
            "alert_id": "a", "sequence": 1, "severity": "notable", "drift": { "of": "volume" }, "historical": "no",
            "acknowledgements": [
                { "function": "sales" },
                { "function": "ops", "until": "next week" },
                { "note": "by nobody" },
                { "function": "growth", "at": "2026-03-20T10:00:00Z", "until": null, "note": "on it" },
            ],
        }));
        assert_eq!((odd.severity, odd.historical), (None, false));
        let known: Vec<(&str, Timestamp)> =
            odd.acknowledgements.iter().map(|a| (a.function.as_str(), a.at)).collect();
        assert_eq!(known, [("sales", now), ("growth", "2026-03-20T10:00:00Z".parse().unwrap())]);
        for over in [json!({ "state": "resolved" }), json!({ "state": "notice" })] {
            assert!(read(over).unwrap().is_none());
        }
        for nameless in [json!({ "sequence": 1 }), json!({ "alert_id": "a" }), json!([])] {
            assert!(read(nameless.clone()).is_err(), "{nameless}");
        }
    }
}
