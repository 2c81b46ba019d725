//! Putting records of people into the log: revisions of plans, and decisions about episodes.

use std::ops::ControlFlow;

use plumbline_engine::alert::Alert;
use plumbline_events::{Command, CommandRecord, LogRecord, PlanRecord, encode_record};
use plumbline_units::{IdHasher, Name, Timestamp};

use crate::config::{Config, ConfiguredPlan};
use crate::export::read_topic;
use crate::failure::{Failure, Kind};
use crate::partitioner::partition_of;
use crate::read::Reader;
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
    append(config, &plan.workspace, &record, "plan")
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

/// A note may have so many bytes: it travels in every later alert of the episode.
pub const MAX_NOTE: usize = 500;

/// Appends the acknowledgement to the log of the alert's workspace. The same words twice count once. Hands back the
/// alert as it stood.
pub fn acknowledge(config: &Config, said: &Acknowledge) -> Result<Alert, Failure> {
    let refuse = |why: String| Failure::new(Kind::Data, why);
    let alert = last_of(config, &said.alert)?;
    if alert.resolution.is_some() {
        return Err(refuse(format!("`{}` is over: {}", alert.alert_id, alert.title)));
    }
    let functions: Vec<&str> = alert.owners.iter().map(|owner| owner.function.as_str()).collect();
    if !functions.is_empty() && !functions.contains(&said.function.as_str()) {
        let known = functions.join(", ");
        return Err(refuse(format!("`{}` owns no part of it; its owners are {known}", said.function)));
    }
    if said.note.len() > MAX_NOTE {
        return Err(refuse(format!("the note has {} bytes; {MAX_NOTE} are allowed", said.note.len())));
    }
    let workspace = Name::new(&alert.workspace).map_err(|e| refuse(format!("the alert's workspace: {e}")))?;
    let words = format!("{}\n{}\n{}\n{:?}", alert.alert_id, said.function, said.note, said.until);
    let record = LogRecord::Command(CommandRecord {
        command_id: format!("{:032x}", IdHasher::new([0; 16]).hash(0, &words).0).into(),
        workspace: workspace.clone(),
        time: wall(),
        command: Command::Acknowledge {
            episode: alert.episode.as_str().into(),
            function: said.function.as_str().into(),
            note: said.note.as_str().into(),
            until: said.until,
        },
    });
    append(config, &workspace, &record, "command")?;
    Ok(alert)
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

fn append(config: &Config, workspace: &Name, record: &LogRecord, what: &str) -> Result<(), Failure> {
    let log = config.topics.log.as_str();
    let partitions = Reader::new(config)?.partitions(log)?;
    if partitions == 0 {
        let message =
            format!("the log topic `{log}` does not exist: `plumbline doctor --create-topics` makes it");
        return Err(Failure::new(Kind::Configuration, message));
    }
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    let mut transactions = Transactions::take_over(config, what, Stop::default())?;
    transactions.begin()?;
    let outgoing = Outgoing::new(log, Some(workspace.as_str().as_bytes()), Some(&bytes));
    let partition = Some(partition_of(workspace.as_str(), partitions));
    transactions
        .send(Outgoing { partition, ..outgoing })
        .and_then(|()| transactions.commit_alone())
        .map_err(|broken: Broken| broken.failure().during(format!("writing the {what} to the log")))
}
