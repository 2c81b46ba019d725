//! What must be on the topics: the plain run over a log partition, and what consumers make of the alerts.

use std::collections::BTreeMap;

use plumbline_engine::{Engine, Output};
use plumbline_events::{RecordView, decode_record};

use super::broker::{Record, Topic};
use super::program::Program;
use super::world::{LogOf, World, alerts_partition};

/// A record, and the partition of the alerts it goes to; none for a dead letter.
pub(super) type Said = (Record, Option<i32>);

/// What a program says of a log partition.
pub(super) struct Plain {
    /// In order.
    pub(super) said: Vec<Said>,
    /// The newest value of every key.
    pub(super) aggregates: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The episodes open in the end, with their last numbers.
    pub(super) open: BTreeMap<String, u64>,
}

impl Plain {
    /// Over the records below `upto`.
    pub(super) fn run(world: &World, partition: i32, program: Program, upto: i64) -> Result<Plain, String> {
        let mut engine = Engine::new(program.machine());
        let (mut out, mut said) = (Vec::new(), Vec::new());
        let alerts = world.broker.partitions(Topic::Alerts);
        let records = world.broker.committed_records((Topic::Log, partition));
        for (offset, record) in records.take_while(|(offset, _)| *offset < upto) {
            let value = program.read(record.value.as_deref().unwrap_or_default());
            let view: RecordView<'_> = decode_record(&value).map_err(|e| e.to_string())?;
            let mut history = LogOf { broker: &world.broker, partition, program };
            engine.apply(offset, &view, &mut history, &mut out).map_err(|e| e.to_string())?;
            let cause = Some((Topic::Log, partition, offset));
            for output in out.drain(..) {
                said.push(match output {
                    Output::Alert(alert) => {
                        let key = alert.key.into_bytes();
                        let to = alerts_partition(&key, alerts);
                        (Record { key, value: Some(alert.value), cause }, Some(to))
                    }
                    Output::DeadLetter(letter) => {
                        let key = letter.class.as_bytes().to_vec();
                        (Record { key, value: Some(value.to_vec()), cause }, None)
                    }
                });
            }
        }
        let values = engine.aggregates().into_iter().filter_map(|update| Some((update.key, update.value?)));
        let aggregates = values.collect();
        let mut open = BTreeMap::new();
        for workspace in engine.workspaces() {
            let business = workspace.judge().episodes().values().map(|e| (e.key.to_string(), e.sequence));
            let data = workspace.data_episodes().map(|e| (e.key.clone(), e.sequence));
            let named = |(key, sequence)| (format!("{}/{key}", workspace.name()), u64::from(sequence));
            open.extend(business.chain(data).map(named));
        }
        Ok(Plain { said, aggregates, open })
    }
}

/// The epoch record with which the newer program has taken a partition over from the older.
pub(super) fn taken_over_at(world: &World, partition: i32) -> Option<i64> {
    let epochs = world.broker.committed_records((Topic::Log, partition)).filter_map(|(offset, record)| {
        match decode_record(record.value.as_deref()?) {
            Ok(RecordView::Epoch(epoch)) => Some((offset, epoch.version)),
            _ => None,
        }
    });
    let mut versions = epochs.scan(None, |before: &mut Option<u32>, (offset, version)| {
        let taken = before.is_some_and(|before| before < version);
        *before = (*before).max(Some(version));
        Some(taken.then_some(offset))
    });
    versions.find_map(|taken| taken)
}

/// What two programs say one after the other: the older about the log as far as it came, the newer from its epoch
/// record on. What concerns the records themselves both say alike, dead letters and notices; those of records that the
/// older has not judged are said by the newer.
pub(super) fn by_both(world: &World, partition: i32, epoch: i64, newer: &Plain) -> Result<Vec<Said>, String> {
    let before = |(record, _): &&Said| offset(record) < epoch;
    let of_records = |(record, to): &&Said| to.is_none() || is_notice(record);
    let older = Plain::run(world, partition, Program::Older, epoch)?;
    let alerts = (0..world.broker.partitions(Topic::Alerts)).map(|at| (Topic::Alerts, at));
    let seen: Vec<&Record> = alerts
        .chain([(Topic::DeadLetters, 0)])
        .flat_map(|at| world.broker.committed_records(at).map(|(_, record)| record))
        .filter(|r| matches!(r.cause, Some((Topic::Log, of, at)) if of == partition && at < epoch))
        .collect();
    let is_of_episode =
        |record: &&Record| older.said.iter().any(|s| s.1.is_some() && !of_records(&s) && s.0 == **record);
    let episodes = seen.iter().filter(|record| is_of_episode(record)).count();
    let first = older.said.iter().filter(|said| !of_records(said)).take(episodes);
    // A refused plan is said and named by its text, which the older reads otherwise.
    let of_older = older.said.iter().filter(of_records);
    let of_newer = newer.said.iter().filter(before).filter(of_records);
    let either = of_older.zip(of_newer).map(|(old, new)| if seen.contains(&&new.0) { new } else { old });
    let then = newer.said.iter().filter(|said| !before(said));
    let mut said: Vec<Said> = first.chain(either).chain(then).cloned().collect();
    said.sort_by_key(|(record, _)| offset(record));
    Ok(said)
}

fn offset(record: &Record) -> i64 {
    record.cause.map_or(0, |(_, _, offset)| offset)
}

fn is_notice(record: &Record) -> bool {
    let value = record.value.as_deref().unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(value).is_ok_and(|alert| alert["state"] == "notice")
}

/// Consumers who key alerts by their id: none opens twice, says anything after its end, leaves out a number or stands
/// open beside another of its episode; in the end those are open that are held.
pub(super) fn consumers_see(world: &World, held: &BTreeMap<String, u64>) -> Result<(), String> {
    let mut last: BTreeMap<String, (u64, bool)> = BTreeMap::new();
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    for at in 0..world.broker.partitions(Topic::Alerts) {
        for (offset, record) in world.broker.committed_records((Topic::Alerts, at)) {
            let value = record.value.as_deref().unwrap_or_default();
            let alert: serde_json::Value = serde_json::from_slice(value).map_err(|e| e.to_string())?;
            let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
            if text("state") == "notice" {
                continue;
            }
            let (id, key) = (text("alert_id"), String::from_utf8_lossy(&record.key).into_owned());
            let (number, ended) = (alert["sequence"].as_u64().unwrap_or(0), text("transition") == "resolved");
            let wrong = |what: &str| Err(format!("alerts/{at}@{offset}: {what}: {alert}"));
            match last.insert(id.clone(), (number, ended)) {
                None if number != 1 || text("transition") != "opened" => return wrong("not opened"),
                None => {
                    if let Some(other) = open.insert(key.clone(), id) {
                        return wrong(&format!("open beside {other}"));
                    }
                }
                Some((_, true)) => return wrong("said after its end"),
                Some((before, _)) if number != before + 1 => return wrong("a number is missing"),
                Some(_) => {}
            }
            if ended {
                open.remove(&key);
            }
        }
    }
    let seen: BTreeMap<_, _> = open.into_iter().map(|(key, id)| (key, last[&id].0)).collect();
    if seen == *held { Ok(()) } else { Err(format!("consumers see open {seen:?}; held are {held:?}")) }
}
