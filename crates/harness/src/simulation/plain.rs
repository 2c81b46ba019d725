//! What must be on the topics: the plain run over a log partition, and what consumers make of the alerts.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_engine::health::DataEpisode;
use plumbline_engine::task::Position;
use plumbline_engine::{Engine, Output};
use plumbline_events::{RecordView, decode_record};
use plumbline_plan::{Direction, Severity};
use serde_json::Value;

use super::broker::{Group, Record, Topic};
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
    /// The episodes open in the end.
    pub(super) open: BTreeMap<String, Open>,
}

/// An open episode, as far as its readers must know of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Open {
    sequence: u64,
    critical: bool,
    /// The side of the plan; none of data.
    above: Option<bool>,
    /// Who knows.
    known: BTreeSet<String>,
}

impl Open {
    /// As the alert tells.
    fn told(alert: &Value) -> Open {
        let said = alert["acknowledgements"].as_array().into_iter().flatten();
        Open {
            sequence: alert["sequence"].as_u64().unwrap_or(0),
            critical: alert["severity"] == "critical",
            above: alert["drift"]["relative"].as_f64().map(|relative| relative > 0.0),
            known: said.filter_map(|said| Some(said["function"].as_str()?.to_owned())).collect(),
        }
    }
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
            let business = workspace.judge().episodes().values().map(|e| {
                let (critical, above) = (e.severity == Severity::Critical, e.direction == Direction::Above);
                let known = e.acknowledgements.iter().map(|said| said.function.clone()).collect();
                (e.key.to_string(), Open { sequence: e.sequence.into(), critical, above: Some(above), known })
            });
            let data = workspace.data_episodes().map(|e| {
                let known = e.acknowledgements.iter().map(|said| said.function.clone()).collect();
                let DataEpisode { sequence, critical, .. } = *e;
                (e.key.clone(), Open { sequence: sequence.into(), critical, above: None, known })
            });
            let named = |(key, open)| (format!("{}/{key}", workspace.name()), open);
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

/// What two programs say one after the other: the older of the log as far as it has committed, the newer from its epoch
/// record on. Of the records between, and of the rest of one that the older has told of in part, the newer says what
/// concerns the records themselves: dead letters and notices.
pub(super) fn by_both(world: &World, partition: i32, epoch: i64, newer: &Plain) -> Result<Vec<Said>, String> {
    let of_records = |(record, to): &Said| to.is_none() || is_notice(record);
    let Position { next, out, .. } = left_by_the_older(world, partition)?;
    let older = Plain::run(world, partition, Program::Older, epoch)?;
    let said_of = |said: &Said| offset(&said.0);
    let whole = older.said.iter().filter(|said| said_of(said) < next);
    let cut = older.said.iter().filter(|said| said_of(said) == next).take(out as usize);
    let owed = cut.clone().filter(|said| of_records(said)).count();
    let rest = newer.said.iter().filter(|said| said_of(said) == next && of_records(said)).skip(owed);
    let between =
        newer.said.iter().filter(|said| (next + 1..epoch).contains(&said_of(said)) && of_records(said));
    let then = newer.said.iter().filter(|said| said_of(said) >= epoch);
    Ok(whole.chain(cut).chain(rest).chain(between).chain(then).cloned().collect())
}

/// How far the older program has committed what it said of a partition.
fn left_by_the_older(world: &World, partition: i32) -> Result<Position, String> {
    let older = Program::Older.machine().version;
    let mut past = world.broker.past_offsets(Group::Engine, (Topic::Log, partition)).rev();
    let own = Program::Newer.machine().version;
    let read = past.find_map(|(next, text)| match Position::read(*next, text, own) {
        Ok(position) => (position.version == older).then_some(Ok(position)),
        Err(error) => Some(Err(error.to_string())),
    });
    read.unwrap_or(Ok(Position::whole(0)))
}

fn offset(record: &Record) -> i64 {
    record.cause.map_or(0, |(_, _, offset)| offset)
}

fn is_notice(record: &Record) -> bool {
    let value = record.value.as_deref().unwrap_or_default();
    serde_json::from_slice::<Value>(value).is_ok_and(|alert| alert["state"] == "notice")
}

/// Consumers who key alerts by their id: none opens twice, says anything after its end, leaves out a number or stands
/// open beside another of its episode; in the end those are open that are held, as bad, on the same side of the plan and
/// known to the same functions, to each that has spoken of them.
pub(super) fn consumers_see(world: &World, held: &BTreeMap<String, Open>) -> Result<(), String> {
    let mut last: BTreeMap<String, (u64, bool, Open)> = BTreeMap::new();
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    for at in 0..world.broker.partitions(Topic::Alerts) {
        for (offset, record) in world.broker.committed_records((Topic::Alerts, at)) {
            let value = record.value.as_deref().unwrap_or_default();
            let alert: Value = serde_json::from_slice(value).map_err(|e| e.to_string())?;
            let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
            if text("state") == "notice" {
                continue;
            }
            let (id, key) = (text("alert_id"), String::from_utf8_lossy(&record.key).into_owned());
            let (number, ended) = (alert["sequence"].as_u64().unwrap_or(0), text("transition") == "resolved");
            let wrong = |what: &str| Err(format!("alerts/{at}@{offset}: {what}: {alert}"));
            match last.insert(id.clone(), (number, ended, Open::told(&alert))) {
                None if number != 1 || text("transition") != "opened" => return wrong("not opened"),
                None => {
                    if let Some(other) = open.insert(key.clone(), id) {
                        return wrong(&format!("open beside {other}"));
                    }
                }
                Some((_, true, _)) => return wrong("said after its end"),
                Some((before, ..)) if number != before + 1 => return wrong("a number is missing"),
                Some(_) => {}
            }
            if ended {
                open.remove(&key);
            }
        }
    }
    for (id, function) in &world.words {
        if let Some((_, false, told)) = last.get(id).filter(|(.., told)| !told.known.contains(function)) {
            return Err(format!("{function} has acknowledged {id}, and nobody was told: {told:?}"));
        }
    }
    let told = |(key, id): (String, String)| Some((key, last.remove(&id)?.2));
    let seen: BTreeMap<_, _> = open.into_iter().filter_map(told).collect();
    if seen == *held { Ok(()) } else { Err(format!("consumers see open {seen:?}; held are {held:?}")) }
}
