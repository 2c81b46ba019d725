//! Every metric of the pipeline, named in one place. Labels are bounded: topics and stages come from the
//! configuration, classes from the code, partitions from the broker.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::config::{Config, Stages};

const INTAKE_EVENTS: &str = "plumbline_intake_events_total";
const INTAKE_REJECTED: &str = "plumbline_intake_rejected_total";
const INTAKE_LAG: &str = "plumbline_intake_lag_messages";
const CLOCK_RECORDS: &str = "plumbline_clock_records_total";
const TRANSACTIONS: &str = "plumbline_transactions_total";
const TRANSACTION_SECONDS: &str = "plumbline_transaction_duration_seconds";
const REBALANCES: &str = "plumbline_rebalances_total";
const ENGINE_RECORDS: &str = "plumbline_engine_records_total";
const ENGINE_POSITION: &str = "plumbline_engine_position";
const ENGINE_LAG: &str = "plumbline_engine_lag_records";
const ENGINE_RESTORING: &str = "plumbline_engine_restoring";
const STANDBY_HELD: &str = "plumbline_standby_held";
const STANDBY_LAG: &str = "plumbline_standby_lag_records";
const ALERTS: &str = "plumbline_alert_records_total";
const AGGREGATES: &str = "plumbline_aggregate_records_total";
const ENGINE_REJECTED: &str = "plumbline_engine_rejected_total";
const PLAN_RELOADS: &str = "plumbline_plan_reloads_total";
const CHECKPOINTS: &str = "plumbline_checkpoints_total";
const CHECKPOINT_BYTES: &str = "plumbline_checkpoint_bytes";
const CHECKPOINT_POSITION: &str = "plumbline_checkpoint_position";

/// Describes all of them to the recorder; call once, after installing it.
pub fn describe() {
    describe_counter!(INTAKE_EVENTS, "Events accepted into the log, by input topic");
    describe_counter!(INTAKE_REJECTED, "Inputs sent to the dead letters, by input topic and class");
    describe_gauge!(INTAKE_LAG, "Input messages not yet in the log, by input topic");
    describe_counter!(CLOCK_RECORDS, "Clock records written");
    describe_counter!(TRANSACTIONS, "Transactions, by stage and result (committed, aborted)");
    describe_histogram!(TRANSACTION_SECONDS, Unit::Seconds, "Time from begin to commit, by stage");
    describe_counter!(
        REBALANCES,
        "Partitions given by the group, or joined anew, by stage and result (assigned, lost, rejoined)"
    );
    describe_counter!(ENGINE_RECORDS, "Log records applied, by phase (replay, live)");
    describe_gauge!(ENGINE_POSITION, "Next log offset to apply, by partition");
    describe_gauge!(ENGINE_LAG, "Log records not yet applied, by partition");
    describe_gauge!(ENGINE_RESTORING, "1 while a partition's state is being restored, by partition");
    describe_gauge!(
        STANDBY_HELD,
        "1 while the state of a partition that another instance judges is kept here, by partition"
    );
    describe_gauge!(
        STANDBY_LAG,
        "Log records its owner has committed and the standby has not applied, by partition"
    );
    describe_counter!(ALERTS, "Alert records published");
    describe_counter!(AGGREGATES, "Aggregate records published");
    describe_counter!(ENGINE_REJECTED, "Log records sent to the dead letters, by class");
    describe_counter!(PLAN_RELOADS, "Plans read again, by result (written, unchanged, refused)");
    describe_counter!(CHECKPOINTS, "Checkpoints, by result (saved, failed, skipped, unusable)");
    describe_gauge!(CHECKPOINT_BYTES, Unit::Bytes, "Size of the last checkpoint, by partition");
    describe_gauge!(CHECKPOINT_POSITION, "Log position of the last checkpoint, by partition");
}

/// Begins the counters whose labels are known at 0: of one that comes into being with its first event, a rate would
/// miss that event. What is counted by class comes with the first of its class.
pub(crate) fn begin(config: &Config, stages: Stages) {
    let mut running = Vec::new();
    if stages.intake {
        running.push("intake");
        config.topics.inputs().into_keys().for_each(|topic| events_accepted(&topic, 0));
        counter!(CLOCK_RECORDS).increment(0);
    }
    if stages.engine {
        running.push("engine");
        ["replay", "live"].into_iter().for_each(|phase| records_applied(phase, 0));
        published(0, 0);
        for result in ["saved", "failed", "skipped", "unusable"] {
            counter!(CHECKPOINTS, "result" => result).increment(0);
        }
    }
    for stage in running {
        for result in ["committed", "aborted"] {
            counter!(TRANSACTIONS, "stage" => stage, "result" => result).increment(0);
        }
        for result in ["assigned", "lost", "rejoined"] {
            counter!(REBALANCES, "stage" => stage, "result" => result).increment(0);
        }
    }
    for result in ["written", "unchanged", "refused"] {
        counter!(PLAN_RELOADS, "result" => result).increment(0);
    }
}

pub(crate) fn events_accepted(topic: &str, count: u64) {
    counter!(INTAKE_EVENTS, "topic" => topic.to_owned()).increment(count);
}

pub(crate) fn input_rejected(topic: &str, class: &'static str) {
    counter!(INTAKE_REJECTED, "topic" => topic.to_owned(), "class" => class).increment(1);
}

pub(crate) fn intake_lag(topic: &str, messages: i64) {
    gauge!(INTAKE_LAG, "topic" => topic.to_owned()).set(messages as f64);
}

pub(crate) fn clock_record() {
    counter!(CLOCK_RECORDS).increment(1);
}

pub(crate) fn transaction_committed(stage: &'static str, took: std::time::Duration) {
    counter!(TRANSACTIONS, "stage" => stage, "result" => "committed").increment(1);
    histogram!(TRANSACTION_SECONDS, "stage" => stage).record(took.as_secs_f64());
}

pub(crate) fn transaction_aborted(stage: &'static str) {
    counter!(TRANSACTIONS, "stage" => stage, "result" => "aborted").increment(1);
}

pub(crate) fn rebalance(stage: &'static str, result: &'static str) {
    counter!(REBALANCES, "stage" => stage, "result" => result).increment(1);
}

pub(crate) fn records_applied(phase: &'static str, count: u64) {
    counter!(ENGINE_RECORDS, "phase" => phase).increment(count);
}

pub(crate) fn engine_at(partition: i32, position: i64, lag: Option<i64>, restoring: bool) {
    let label = partition.to_string();
    gauge!(ENGINE_POSITION, "partition" => label.clone()).set(position as f64);
    if let Some(lag) = lag {
        gauge!(ENGINE_LAG, "partition" => label.clone()).set(lag as f64);
    }
    gauge!(ENGINE_RESTORING, "partition" => label).set(f64::from(u8::from(restoring)));
}

/// A partition judged elsewhere now is not shown here as if it stood still.
pub(crate) fn engine_gone(partition: i32) {
    let label = partition.to_string();
    gauge!(ENGINE_LAG, "partition" => label.clone()).set(0.0);
    gauge!(ENGINE_RESTORING, "partition" => label).set(0.0);
}

pub(crate) fn standby_at(partition: i32, lag: i64) {
    let label = partition.to_string();
    gauge!(STANDBY_HELD, "partition" => label.clone()).set(1.0);
    gauge!(STANDBY_LAG, "partition" => label).set(lag as f64);
}

/// A partition no longer kept here as a standby.
pub(crate) fn standby_gone(partition: i32) {
    let label = partition.to_string();
    gauge!(STANDBY_HELD, "partition" => label.clone()).set(0.0);
    gauge!(STANDBY_LAG, "partition" => label).set(0.0);
}

pub(crate) fn published(alerts: u64, aggregates: u64) {
    counter!(ALERTS).increment(alerts);
    counter!(AGGREGATES).increment(aggregates);
}

pub(crate) fn record_rejected(class: &'static str) {
    counter!(ENGINE_REJECTED, "class" => class).increment(1);
}

/// Counts a plan that was read again while the service runs: `written`, `unchanged` or `refused`.
pub fn plan_reload(result: &'static str) {
    counter!(PLAN_RELOADS, "result" => result).increment(1);
}

pub(crate) fn checkpoint(result: &'static str) {
    counter!(CHECKPOINTS, "result" => result).increment(1);
}

pub(crate) fn checkpoint_saved(partition: i32, bytes: usize, position: i64) {
    checkpoint("saved");
    let label = partition.to_string();
    gauge!(CHECKPOINT_BYTES, "partition" => label.clone()).set(bytes as f64);
    gauge!(CHECKPOINT_POSITION, "partition" => label).set(position as f64);
}
