//! Saying what there is to say: outputs, aggregates and the log position in one transaction.

use std::time::Instant;

use plumbline_engine::Output;
use plumbline_engine::task::{LogTask, Pending, Share};
use plumbline_events::dead_letter_header as header;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::{Offset, TopicPartitionList};

use super::task::Task;
use super::{STAGE, Stage};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::metric;
use crate::transaction::{Broken, Outgoing, Transactions};

/// The header of an alert that names the log partition it was judged in.
pub(super) const LOG_PARTITION: &str = "plumbline.log.partition";
/// The header of an alert that names the log record that caused it.
const LOG_OFFSET: &str = "plumbline.log.offset";

impl Stage<'_> {
    /// Publishes everything there is to say, in as many transactions as it takes. Where one is given up, what it
    /// held stays and is tried again at the next turn, after rebalances have been answered.
    pub(super) fn publish(&mut self) -> Result<(), Failure> {
        loop {
            let shares = self.shares();
            if shares.is_empty() {
                break;
            }
            let begun = Instant::now();
            match self.transact(&shares) {
                Ok(()) => {}
                Err(Broken::Fatal(failure)) => return Err(failure.during("engine transaction")),
                Err(Broken::Aborted(failure)) => {
                    self.aborts.count(STAGE, failure, &self.shared.stop)?;
                    break;
                }
            }
            self.aborts.clear();
            metric::transaction_committed(STAGE, begun.elapsed());
            self.confirm(&shares);
        }
        self.committed_at = Instant::now();
        if self.tasks.values().all(|task| !task.log.live() || task.log.said_all()) {
            self.uncommitted = 0;
        }
        Ok(())
    }

    /// What the next transaction takes; empty where there is nothing to say.
    fn shares(&mut self) -> Vec<(i32, Share)> {
        let mut room = self.config.engine.transaction_outputs;
        let share = |(partition, task): (&i32, &mut Task)| Some((*partition, task.log.share(&mut room)?));
        self.tasks.iter_mut().filter_map(share).collect()
    }

    fn transact(&mut self, shares: &[(i32, Share)]) -> Result<(), Broken> {
        self.transactions.begin().map_err(Broken::Fatal)?;
        let mut offsets = TopicPartitionList::with_capacity(shares.len());
        for (partition, share) in shares {
            let Some(task) = self.tasks.get(partition) else { continue };
            send(self.config, *partition, &task.log, share, &mut self.transactions)?;
            let mut element = offsets.add_partition(&self.config.topics.log, *partition);
            element
                .set_offset(Offset::Offset(share.position.next))
                .map_err(|error| Broken::Fatal(error.into()))?;
            element.set_metadata(share.position.metadata(self.log_partitions));
        }
        let Some(group) = &self.group else {
            return Err(Broken::Fatal(Failure::new(Kind::Unavailable, "not in a group yet")));
        };
        self.transactions.commit(&offsets, group)
    }

    fn confirm(&mut self, shares: &[(i32, Share)]) {
        let mut spoke = Vec::new();
        for (partition, share) in shares {
            let Some(task) = self.tasks.get_mut(partition) else { continue };
            let appended: usize = task.log.appends().iter().map(Vec::len).sum();
            self.shared.flows.log.wrote(appended as u64);
            let mut alerts = 0;
            for said in task.log.confirm(share) {
                match said.output {
                    Output::Alert(_) => alerts += 1,
                    Output::DeadLetter(letter) => metric::record_rejected(letter.class),
                }
            }
            metric::published(alerts, share.aggregates() as u64);
            self.shared.flows.log.read(std::mem::take(&mut task.bytes));
            self.alerts += alerts;
            spoke.extend((alerts > 0).then_some(*partition));
        }
        spoke.into_iter().for_each(|partition| self.look_at(partition, true, false));
    }
}

fn send(
    config: &Config,
    partition: i32,
    task: &LogTask,
    share: &Share,
    out: &mut Transactions,
) -> Result<(), Broken> {
    let topics = &config.topics;
    for bytes in task.appends() {
        let outgoing = Outgoing::new(&topics.log, None, Some(bytes));
        out.send(Outgoing { partition: Some(partition), ..outgoing })?;
    }
    for pending in task.outputs(share) {
        match &pending.output {
            Output::Alert(alert) => {
                let mut headers = OwnedHeaders::new();
                for (key, value) in &alert.headers {
                    headers = headers.insert(Header { key, value: Some(value) });
                }
                headers = provenance(headers, [LOG_PARTITION, LOG_OFFSET], partition, pending.offset);
                let outgoing = Outgoing::new(&topics.alerts, Some(alert.key.as_bytes()), Some(&alert.value));
                out.send(Outgoing { headers: Some(headers), ..outgoing })?;
            }
            Output::DeadLetter(letter) => {
                let headers = OwnedHeaders::new()
                    .insert(Header { key: header::CLASS, value: Some(letter.class) })
                    .insert(Header { key: header::MESSAGE, value: Some(&letter.message) })
                    .insert(Header { key: header::TOPIC, value: Some(&topics.log) });
                let names = [header::PARTITION, header::OFFSET];
                let headers = provenance(headers, names, partition, pending.offset);
                let (key, value) = original(pending);
                let outgoing = Outgoing::new(&topics.dead_letters, key, value);
                out.send(Outgoing { headers: Some(headers), ..outgoing })?;
            }
        }
    }
    for update in task.aggregates(share) {
        out.send(Outgoing::new(&topics.aggregates, Some(&update.key), update.value.as_deref()))?;
    }
    Ok(())
}

fn provenance(headers: OwnedHeaders, names: [&str; 2], partition: i32, offset: i64) -> OwnedHeaders {
    headers
        .insert(Header { key: names[0], value: Some(&partition.to_string()) })
        .insert(Header { key: names[1], value: Some(&offset.to_string()) })
}

fn original(pending: &Pending) -> (Option<&[u8]>, Option<&[u8]>) {
    match &pending.record {
        Some((key, value)) => (key.as_deref(), Some(value)),
        None => (None, None),
    }
}
