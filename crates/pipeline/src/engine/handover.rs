//! The records the engine stage itself puts into the log: epochs and first plans.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use plumbline_engine::task::OpenEpisodes;
use plumbline_events::{LogRecord, PlanRecord};
use plumbline_units::Timestamp;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers};

use super::history::Paused;
use super::publish::LOG_PARTITION;
use super::task::Task;
use crate::client::Member;
use crate::config::{Config, ConfiguredPlan};
use crate::failure::{Failure, Kind};
use crate::partitioner::partition_of;
use crate::read::Reader;
use crate::stop::Stop;

/// What the alerts topic shows open of each log partition. It is read once for all that are taken over after an
/// assignment: what a former owner still had open then is waited for, and nothing more of it is taken.
#[derive(Default)]
pub(super) struct Published(Option<BTreeMap<i32, OpenEpisodes>>);

impl Published {
    /// Of a partition that was assigned to the member before anything was asked.
    fn of(
        &mut self,
        partition: i32,
        (config, reader, member, stop): (&Config, &Reader, &Member, &Stop),
    ) -> Result<OpenEpisodes, Failure> {
        if self.0.is_none() {
            let held = Paused::pause(member.consumer())?;
            let mut strayed = false;
            let open = gather(config, reader, || {
                strayed |= held.poll();
                if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            held.resume()?;
            if strayed {
                return Err(Failure::new(Kind::Unavailable, "a paused partition went on"));
            }
            self.0 = Some(open?);
        }
        Ok(self.0.as_mut().and_then(|open| open.remove(&partition)).unwrap_or_default())
    }
}

/// At the end of the log: an epoch where none of ours has been seen, and the plans of workspaces that have none.
/// They are written with the next transaction.
pub(super) fn append_what_is_missing(
    task: &mut Task,
    published: &mut Published,
    from: (&Config, &Reader, &Member, &Stop),
    log_partitions: i32,
    now: Timestamp,
) -> Result<(), Failure> {
    let (partition, config) = (task.partition(), from.0);
    task.log.append_epoch(|| published.of(partition, from))?;
    if task.log.live() && !task.plans_checked {
        task.plans_checked = true;
        for plan in &config.plans {
            if partition_of(plan.workspace.as_str(), log_partitions) == task.partition() {
                check_plan(task, plan, now);
            }
        }
    }
    Ok(())
}

fn check_plan(task: &mut Task, plan: &ConfiguredPlan, now: Timestamp) {
    match task.engine().has_plan(plan.workspace.as_str()) {
        None => task.log.append(&LogRecord::Plan(PlanRecord {
            workspace: plan.workspace.clone(),
            time: now,
            toml: plan.toml.as_str().into(),
            live_from: plan.live_from.unwrap_or(now),
        })),
        Some((revision, hash)) if (revision, hash) != (plan.revision, plan.content_hash) => {
            tracing::warn!(workspace = %plan.workspace, in_force = revision, configured = plan.revision,
                "the configured plan is not the one in force: `plumbline plan apply` puts a revision into the log");
        }
        Some(_) => {}
    }
}

/// The last alert record of every episode that is still open, by log partition.
fn gather(
    config: &Config,
    reader: &Reader,
    mut meanwhile: impl FnMut() -> ControlFlow<()>,
) -> Result<BTreeMap<i32, OpenEpisodes>, Failure> {
    let topic = config.topics.alerts.as_str();
    let everything = Reader::of_everything(config)?;
    let mut open: BTreeMap<i32, OpenEpisodes> = BTreeMap::new();
    for alerts in 0..reader.partitions(topic)? {
        let mut ended = reader.wait_for_open_transactions(&everything, (topic, alerts), &mut meanwhile)?;
        if ended.is_none() {
            ended = reader.read((topic, alerts), None, None, &mut meanwhile, |message| {
                take(&mut open, message);
                ControlFlow::Continue(())
            })?;
        }
        if ended.is_some() {
            return Err(Failure::new(Kind::Unavailable, "asked to end while taking the log over"));
        }
    }
    Ok(open)
}

fn take(open: &mut BTreeMap<i32, OpenEpisodes>, message: &BorrowedMessage<'_>) {
    let named = |header: Header<'_, &[u8]>| {
        let value = header.value.filter(|_| header.key == LOG_PARTITION)?;
        str::from_utf8(value).ok()?.parse::<i32>().ok()
    };
    let Some(partition) = message.headers().and_then(|headers| headers.iter().find_map(named)) else {
        return;
    };
    let (key, alert) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
    if let Err(error) = open.entry(partition).or_default().take(key, alert) {
        tracing::error!(%error, partition, offset = message.offset(), "an alert record is not readable");
    }
}
