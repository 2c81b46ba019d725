//! Putting records of people into the log: revisions of plans, and decisions about episodes.

use std::ops::ControlFlow;

use plumbline_engine::MAX_NOTE;
use plumbline_engine::alert::Alert;
use plumbline_events::{
    Command, CommandRecord, LogRecord, PlanRecord, RecordView, decode_record, encode_record,
};
use plumbline_units::{IdHasher, Name, Timestamp};
use rdkafka::Message;

use crate::config::{Config, ConfiguredPlan};
use crate::export::read_topic;
use crate::failure::{Failure, Kind};
use crate::partitioner::partition_of;
use crate::read::{Reader, nothing};
use crate::stop::Stop;
use crate::time::wall;
use crate::transaction::{Broken, Outgoing, Transactions};

/// Appends the plan to its workspace's log partition. The state machine takes it when it reads it: an identical
/// revision changes nothing, and one it cannot accept is refused with a data notice on the alerts topic.
pub fn apply_plan(config: &Config, plan: &ConfiguredPlan) -> Result<(), Failure> {
    let now = wall();
    let record = LogRecord::Plan(PlanRecord {
        workspace: plan.workspace.clone(),
        time: now,
        toml: plan.toml.as_str().into(),
        live_from: plan.live_from.unwrap_or(now),
    });
    append(config, &plan.workspace, &record, "plan", Stop::default())
}

/// The texts of all plans that the log holds of a workspace, oldest first.
pub fn plans_in_log(config: &Config, workspace: &Name) -> Result<Vec<String>, Failure> {
    let reader = Reader::new(config)?;
    let log = config.topics.log.as_str();
    let partitions = reader.partitions(log)?;
    let mut texts = Vec::new();
    if partitions > 0 {
        let partition = partition_of(workspace.as_str(), partitions);
        reader.read::<()>((log, partition), None, None, nothing, |message| {
            // What cannot be read is for the state machine to say.
            if let Ok(RecordView::Plan(plan)) = decode_record(message.payload().unwrap_or_default())
                && plan.workspace.as_str() == workspace.as_str()
            {
                texts.push(String::from(plan.toml.clone()));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(texts)
}

/// What a person says of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// The alert's id, or the beginning of it that no other has.
    pub alert: String,
    /// One of the owning functions.
    pub function: String,
    /// What it does about it.
    pub note: String,
    /// Until when that holds, if limited.
    pub until: Option<Timestamp>,
}

/// Appends the acknowledgement to the log of the alert's workspace. The same words twice count once. Hands back the
/// alert as it stood. `known` is its newest record, where the caller has it: else the topic is read. Once asked to
/// end, little is tried.
pub fn acknowledge(
    config: &Config,
    said: &Acknowledge,
    known: Option<Alert>,
    stop: &Stop,
) -> Result<Alert, Failure> {
    let refuse = |why: String| Failure::new(Kind::Data, why);
    let now = wall();
    let alert = match known {
        Some(alert) => alert,
        None => last_of(config, &said.alert)?,
    };
    if let Some(why) = refused(&alert, said, now) {
        return Err(refuse(why));
    }
    let workspace = Name::new(&alert.workspace).map_err(|e| refuse(format!("the alert's workspace: {e}")))?;
    let words = format!("{}\n{}\n{}\n{:?}", alert.alert_id, said.function, said.note, said.until);
    let record = LogRecord::Command(CommandRecord {
        command_id: format!("{:032x}", IdHasher::new([0; 16]).hash(0, &words).0).into(),
        workspace: workspace.clone(),
        time: now,
        command: Command::Acknowledge {
            episode: alert.episode.as_str().into(),
            function: said.function.as_str().into(),
            note: said.note.as_str().into(),
            until: said.until,
        },
    });
    append(config, &workspace, &record, "command", stop.clone())?;
    Ok(alert)
}

/// Why the word would change nothing, if so.
fn refused(alert: &Alert, said: &Acknowledge, now: Timestamp) -> Option<String> {
    let functions: Vec<&str> = alert.owners.iter().map(|owner| owner.function.as_str()).collect();
    let stranger = !functions.is_empty() && !functions.contains(&said.function.as_str());
    if alert.resolution.is_some() {
        Some(format!("`{}` is over: {}", alert.alert_id, alert.title))
    } else if alert.state == "notice" {
        Some(format!("`{}` is a notice, told once and never open: {}", alert.alert_id, alert.title))
    } else if let Err(error) = Name::new(&said.function) {
        Some(format!("the function: {error}"))
    } else if stranger {
        Some(format!("`{}` owns no part of it; its owners are {}", said.function, functions.join(", ")))
    } else if said.note.len() > MAX_NOTE {
        Some(format!("the note has {} bytes; {MAX_NOTE} are allowed", said.note.len()))
    } else {
        let past = said.until.filter(|until| *until <= now);
        past.map(|until| format!("{until} is past: the word would hold for no time"))
    }
}

/// The newest record of the one alert whose id begins so.
fn last_of(config: &Config, id: &str) -> Result<Alert, Failure> {
    let mut found: Vec<Alert> = Vec::new();
    read_topic(config, &config.topics.alerts, |record| {
        let alert = record.value.and_then(|value| serde_json::from_slice::<Alert>(&value).ok());
        if let Some(alert) = alert.filter(|alert| alert.alert_id.starts_with(id)) {
            match found.iter_mut().find(|known| known.alert_id == alert.alert_id) {
                Some(known) if known.sequence < alert.sequence => *known = alert,
                Some(_) => {}
                None => found.push(alert),
            }
        }
        ControlFlow::Continue(())
    })?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new(Kind::Data, format!("no alert begins with `{id}`"))),
        n => Err(Failure::new(Kind::Data, format!("`{id}` begins {n} alerts: say more of it"))),
    }
}

fn append(
    config: &Config,
    workspace: &Name,
    record: &LogRecord,
    what: &str,
    stop: Stop,
) -> Result<(), Failure> {
    let log = config.topics.log.as_str();
    let partitions = Reader::new(config)?.partitions(log)?;
    if partitions == 0 {
        let message =
            format!("the log topic `{log}` does not exist: `plumbline doctor --create-topics` makes it");
        return Err(Failure::new(Kind::Configuration, message));
    }
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    let mut transactions = Transactions::take_over(config, what, stop)?;
    transactions.begin()?;
    let outgoing = Outgoing::new(log, Some(workspace.as_str().as_bytes()), Some(&bytes));
    let partition = Some(partition_of(workspace.as_str(), partitions));
    transactions
        .send(Outgoing { partition, ..outgoing })
        .and_then(|()| transactions.commit_alone())
        .map_err(|broken: Broken| broken.failure().during(format!("writing the {what} to the log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../deploy/examples/alert.json");

    #[test]
    fn a_word_that_would_change_nothing_is_refused_with_the_reason() {
        let alert: Alert = serde_json::from_str(EXAMPLE).unwrap();
        let owner = alert.owners[0].function.clone();
        let now: Timestamp = "2026-03-24T10:00:00Z".parse().unwrap();
        let word = Acknowledge { alert: String::new(), function: owner, note: String::new(), until: None };
        assert_eq!(refused(&alert, &word, now), None);
        let later = Acknowledge { until: Some("2026-03-25T10:00:00Z".parse().unwrap()), ..word.clone() };
        assert_eq!(refused(&alert, &later, now), None);
        let of_data = Alert { owners: Vec::new(), ..alert.clone() };
        let anybody = Acknowledge { function: "platform".into(), ..word.clone() };
        assert_eq!(refused(&of_data, &anybody, now), None, "nobody owns data in the plan");
        let notice = Alert { state: "notice".into(), owners: Vec::new(), ..alert.clone() };
        let over = Alert { resolution: Some("recovered".into()), ..alert.clone() };
        let long = Acknowledge { function: "f".repeat(Name::MAX_BYTES + 1), ..word.clone() };
        let wordy = Acknowledge { note: "n".repeat(MAX_NOTE + 1), ..word.clone() };
        let past = Acknowledge { until: Some(now), ..word.clone() };
        for (alert, word, why) in [
            (&over, &word, "is over"),
            (&notice, &word, "is a notice"),
            (&alert, &anybody, "owns no part of it"),
            (&of_data, &long, "1 to 128 bytes"),
            (&alert, &wordy, "500 are allowed"),
            (&alert, &past, "is past"),
        ] {
            let refused = refused(alert, word, now).unwrap_or_default();
            assert!(refused.contains(why), "{why}: {refused}");
        }
    }
}
