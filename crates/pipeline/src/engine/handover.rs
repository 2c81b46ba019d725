//! The records the engine stage itself puts into the log: epochs and first plans.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use plumbline_engine::STATE_MACHINE_VERSION;
use plumbline_events::{EpochRecord, LogRecord, PlanRecord, PublishedEpisode, encode_record};
use plumbline_units::{Name, Timestamp};
use rdkafka::Message;
use rdkafka::message::Headers;
use serde::Deserialize;

use super::publish::LOG_PARTITION;
use super::task::Task;
use crate::config::{Config, ConfiguredPlan};
use crate::failure::Failure;
use crate::partitioner::partition_of;
use crate::read::Reader;

/// At the end of the log: an epoch where none of ours has been seen, and the plans of workspaces that have none.
/// They are written with the next transaction.
pub(super) fn append_what_is_missing(
    task: &mut Task,
    config: &Config,
    reader: &Reader,
    log_partitions: i32,
    now: Timestamp,
) -> Result<(), Failure> {
    let epoch = task.engine().last_epoch();
    if !task.epoch_appended && epoch.is_none_or(|epoch| epoch < STATE_MACHINE_VERSION) {
        // A first epoch has nothing before it.
        let published = match epoch {
            None => Vec::new(),
            Some(_) => published(config, reader, task.partition())?,
        };
        let position = task.position();
        append(task, &LogRecord::Epoch(EpochRecord { version: STATE_MACHINE_VERSION, position, published }));
        task.epoch_appended = true;
    }
    if task.live() && !task.plans_checked {
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
        None => append(
            task,
            &LogRecord::Plan(PlanRecord {
                workspace: plan.workspace.clone(),
                time: now,
                toml: plan.toml.as_str().into(),
                live_from: plan.live_from.unwrap_or(now),
            }),
        ),
        Some((revision, hash)) if (revision, hash) != (plan.revision, plan.content_hash) => {
            tracing::warn!(workspace = %plan.workspace, in_force = revision, configured = plan.revision,
                "the configured plan is not the one in force: `plumbline plan apply` puts a revision into the log");
        }
        Some(_) => {}
    }
}

fn append(task: &mut Task, record: &LogRecord) {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    task.appends.push(bytes);
}

/// What of an alert this needs.
#[derive(Deserialize)]
struct Published {
    workspace: Name,
    episode: Box<str>,
    transition: String,
}

/// The last alert record of every episode of the log partition that is still open.
fn published(config: &Config, reader: &Reader, partition: i32) -> Result<Vec<PublishedEpisode>, Failure> {
    let ours = partition.to_string();
    let topic = config.topics.alerts.as_str();
    let mut open = BTreeMap::new();
    for alerts in 0..reader.partitions(topic)? {
        reader.read::<()>(
            (topic, alerts),
            None,
            None,
            || {},
            |message| {
                let value = message.payload().unwrap_or_default();
                let from_us = message.headers().is_some_and(|headers| {
                    headers.iter().any(|h| h.key == LOG_PARTITION && h.value == Some(ours.as_bytes()))
                });
                match serde_json::from_slice::<Published>(value) {
                    Ok(alert) if from_us => {
                        let key = (alert.workspace, alert.episode);
                        match alert.transition.as_str() {
                            "resolved" => open.remove(&key),
                            _ => open.insert(key, value.to_vec()),
                        };
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, offset = message.offset(), "an alert record is not readable")
                    }
                }
                ControlFlow::Continue(())
            },
        )?;
    }
    let episodes = open.into_iter().map(|((workspace, episode), last_alert)| PublishedEpisode {
        workspace,
        episode,
        last_alert: last_alert.into(),
    });
    Ok(episodes.collect())
}
