//! Putting a plan revision into the log.

use plumbline_events::{LogRecord, PlanRecord, encode_record};

use crate::config::{Config, ConfiguredPlan};
use crate::failure::{Failure, Kind};
use crate::partitioner::partition_of;
use crate::read::Reader;
use crate::stop::Stop;
use crate::time::wall;
use crate::transaction::{Broken, Outgoing, Transactions};

/// Appends the plan to its workspace's log partition. The state machine takes it when it reads it: an identical
/// revision changes nothing, and one it cannot accept is refused with a data notice on the alerts topic.
pub fn apply_plan(config: &Config, plan: &ConfiguredPlan) -> Result<(), Failure> {
    let log = config.topics.log.as_str();
    let partitions = Reader::new(config)?.partitions(log)?;
    if partitions == 0 {
        let message =
            format!("the log topic `{log}` does not exist: `plumbline doctor --create-topics` makes it");
        return Err(Failure::new(Kind::Configuration, message));
    }
    let now = wall();
    let record = LogRecord::Plan(PlanRecord {
        workspace: plan.workspace.clone(),
        time: now,
        toml: plan.toml.as_str().into(),
        live_from: plan.live_from.unwrap_or(now),
    });
    let mut bytes = Vec::new();
    encode_record(&record, &mut bytes);
    let mut transactions = Transactions::take_over(config, "plan", Stop::default())?;
    transactions.begin()?;
    let outgoing = Outgoing::new(log, Some(plan.workspace.as_str().as_bytes()), Some(&bytes));
    let partition = Some(partition_of(plan.workspace.as_str(), partitions));
    transactions
        .send(Outgoing { partition, ..outgoing })
        .and_then(|()| transactions.commit_alone())
        .map_err(|broken: Broken| broken.failure().during("writing the plan to the log"))
}
