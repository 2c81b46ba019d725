//! The records the engine stage itself puts into the log: epochs and first plans.

use std::ops::ControlFlow;

use plumbline_engine::task::OpenEpisodes;
use plumbline_events::{LogRecord, PlanRecord};
use plumbline_units::Timestamp;
use rdkafka::Message;
use rdkafka::message::Headers;

use super::publish::LOG_PARTITION;
use super::task::Task;
use crate::config::{Config, ConfiguredPlan};
use crate::failure::Failure;
use crate::partitioner::partition_of;
use crate::read::{Reader, nothing};

/// At the end of the log: an epoch where none of ours has been seen, and the plans of workspaces that have none.
/// They are written with the next transaction.
pub(super) fn append_what_is_missing(
    task: &mut Task,
    config: &Config,
    reader: &Reader,
    log_partitions: i32,
    now: Timestamp,
) -> Result<(), Failure> {
    let partition = task.partition();
    task.log.append_epoch(|| published(config, reader, partition))?;
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

/// The last alert record of every episode of the log partition that is still open.
fn published(config: &Config, reader: &Reader, partition: i32) -> Result<OpenEpisodes, Failure> {
    let ours = partition.to_string();
    let topic = config.topics.alerts.as_str();
    let mut open = OpenEpisodes::default();
    for alerts in 0..reader.partitions(topic)? {
        reader.wait_for_open_transactions(config, (topic, alerts))?;
        reader.read::<()>((topic, alerts), None, None, nothing, |message| {
            let from_us = message.headers().is_some_and(|headers| {
                headers.iter().any(|h| h.key == LOG_PARTITION && h.value == Some(ours.as_bytes()))
            });
            let (key, alert) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
            if from_us && let Err(error) = open.take(key, alert) {
                tracing::error!(%error, offset = message.offset(), "an alert record is not readable");
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(open)
}
