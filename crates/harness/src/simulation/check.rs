//! What must hold after every schedule.

use std::collections::BTreeMap;

use plumbline_events::{RecordView, decode_record};
use plumbline_units::{Seconds, Timestamp};

use super::broker::{Record, Topic};
use super::feed::{Heard, INPUTS};
use super::plain::{Plain, by_both, consumers_see, taken_over_at};
use super::program::Program;
use super::world::World;

/// Holds what readers see of each log partition against what the plain run over it says; how many sources were called
/// silent.
pub(super) fn check(world: &World, heard: &Heard, expired: bool) -> Result<u32, String> {
    inputs_once(world, expired)?;
    let mut aggregates = BTreeMap::new();
    let mut alerts: Vec<Vec<Record>> = vec![Vec::new(); world.broker.partitions(Topic::Alerts) as usize];
    let mut letters: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
    let mut open = BTreeMap::new();
    for partition in 0..world.log_partitions {
        let plain = Plain::run(world, partition, Program::Newer, i64::MAX)?;
        let said = match taken_over_at(world, partition) {
            Some(epoch) => by_both(world, partition, epoch, &plain)?,
            None => plain.said,
        };
        aggregates.extend(plain.aggregates);
        open.extend(plain.open);
        for (record, to) in said {
            match to {
                Some(to) => alerts[to as usize].push(record),
                None => letters.entry(partition).or_default().push(record),
            }
        }
    }
    let silences = said_once(world, heard)?;
    consumers_see(world, &open)?;
    for (at, expected) in alerts.iter().enumerate() {
        for partition in 0..world.log_partitions {
            let of_ours = |record: &&Record| record.cause.is_some_and(|(_, p, _)| p == partition);
            let seen =
                world.broker.committed_records((Topic::Alerts, at as i32)).map(|(_, r)| r).filter(of_ours);
            let expected = expected.iter().filter(of_ours);
            same(&format!("alerts/{at} of log/{partition}"), seen, expected)?;
        }
    }
    for partition in 0..world.log_partitions {
        let ours = |r: &&Record| matches!(r.cause, Some((Topic::Log, p, _)) if p == partition);
        let seen = world.broker.committed_records((Topic::DeadLetters, 0)).map(|(_, r)| r).filter(ours);
        let expected = letters.get(&partition).into_iter().flatten();
        same(&format!("dead letters of log/{partition}"), seen, expected)?;
    }
    let mut seen = BTreeMap::new();
    for (_, record) in world.broker.committed_records((Topic::Aggregates, 0)) {
        match &record.value {
            Some(value) => seen.insert(record.key.clone(), value.clone()),
            None => seen.remove(&record.key),
        };
    }
    let mut keys = seen.keys().chain(aggregates.keys());
    match keys.find(|key| seen.get(*key) != aggregates.get(*key)) {
        None => Ok(silences),
        Some(key) => {
            let show =
                |side: &BTreeMap<Vec<u8>, Vec<u8>>| side.get(key).map(|v| v.escape_ascii().to_string());
            let (seen, expected) = (show(&seen), show(&aggregates));
            Err(format!("aggregate {}: {seen:?} against {expected:?}", key.escape_ascii()))
        }
    }
}

/// Every input is in the log or among the dead letters, once.
fn inputs_once(world: &World, at_least: bool) -> Result<(), String> {
    let mut found: BTreeMap<(Topic, i32, i64), u32> = BTreeMap::new();
    let logs = (0..world.log_partitions).map(|partition| (Topic::Log, partition));
    for at in logs.chain([(Topic::DeadLetters, 0)]) {
        for (_, record) in world.broker.committed_records(at) {
            if let Some(cause @ (Topic::Input(_), ..)) = record.cause {
                *found.entry(cause).or_default() += 1;
            }
        }
    }
    for number in 0..INPUTS.len() as u8 {
        for partition in 0..world.broker.partitions(Topic::Input(number)) {
            for offset in 0..world.broker.end((Topic::Input(number), partition)) {
                let times = found.get(&(Topic::Input(number), partition, offset)).copied().unwrap_or(0);
                if times == 0 || (times > 1 && !at_least) {
                    return Err(format!("input {number}/{partition}@{offset} was taken {times} times"));
                }
            }
        }
    }
    Ok(())
}

/// Shorter than any gap that a producer makes once it sends less.
const SPOKE: Seconds = Seconds::hours(8);

/// (alert_id, sequence) names one record, and no source was called silent that had spoken a few hours before, be it
/// that nobody read it.
fn said_once(world: &World, heard: &Heard) -> Result<u32, String> {
    let (mut seen, mut silences) = (BTreeMap::new(), 0);
    for at in 0..world.broker.partitions(Topic::Alerts) {
        for (offset, record) in world.broker.committed_records((Topic::Alerts, at)) {
            let value = record.value.as_deref().unwrap_or_default();
            let alert: serde_json::Value = serde_json::from_slice(value).map_err(|e| e.to_string())?;
            let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
            let id = (text("alert_id"), alert["sequence"].as_u64());
            if let Some(before) = seen.insert(id.clone(), record) {
                let (before, now) = (show(before), show(record));
                return Err(format!("alerts/{at}@{offset}: {id:?} was said before: {before}; now: {now}"));
            }
            let said = text("episode");
            let Some((_, source)) = said.split_once("/data/silent-source/") else { continue };
            let Ok(at_tick) = text("detected_at").parse::<Timestamp>() else { continue };
            let of = heard
                .iter()
                .find(|((workspace, name), _)| *workspace == text("workspace") && *name == source);
            let spoke = |at: &Timestamp| *at <= at_tick && *at > at_tick.minus(SPOKE);
            let heard_of = of.is_some_and(|(_, times)| times.iter().any(spoke));
            silences += u32::from(text("transition") == "opened");
            let logged = in_the_log(world, record, &text("workspace"), source, at_tick);
            if text("transition") == "opened" && logged.is_some() {
                let title = text("title");
                return Err(format!(
                    "alerts/{at}@{offset}: false silence at {at_tick}: {title}; logged at {logged:?}"
                ));
            }
            if text("transition") == "opened" && heard_of && !unread_for_a_day(world, at_tick) {
                let last = of.and_then(|(_, times)| times.iter().rfind(|at| spoke(at)));
                return Err(format!(
                    "alerts/{at}@{offset}: false silence at {at_tick}: {}; it spoke at {last:?}",
                    text("title")
                ));
            }
        }
    }
    Ok(silences)
}

/// When the log, up to what made the alert, heard the source shortly before: whatever its clocks told.
fn in_the_log(
    world: &World,
    alert: &Record,
    workspace: &str,
    source: &str,
    at: Timestamp,
) -> Option<Timestamp> {
    let (_, partition, last) = alert.cause?;
    let records = world.broker.committed_records((Topic::Log, partition));
    let heard =
        records.take_while(|(offset, _)| *offset <= last).filter_map(|(_, record)| {
            match decode_record(record.value.as_deref().unwrap_or_default()) {
                Ok(RecordView::Event(event)) => {
                    let ours = event.workspace == workspace && event.source == source;
                    ours.then_some(event.received_at)
                }
                _ => None,
            }
        });
    heard.filter(|heard| *heard <= at && *heard > at.minus(SPOKE)).last()
}

/// Whether nobody who runs has told of some input partition for a day: it then counts as no input any more.
fn unread_for_a_day(world: &World, at: Timestamp) -> bool {
    let mut told: BTreeMap<(String, i32), Timestamp> = BTreeMap::new();
    for partition in 0..world.log_partitions {
        for (_, record) in world.broker.committed_records((Topic::Log, partition)) {
            let value = record.value.as_deref().unwrap_or_default();
            let Ok(RecordView::Clock(clock)) = decode_record(value) else { continue };
            for input in clock.inputs.iter().filter(|_| clock.time <= at) {
                let last = told.entry((input.topic.to_string(), input.partition)).or_insert(clock.time);
                *last = clock.time.max(*last);
            }
        }
    }
    told.values().any(|last| *last < at.minus(Seconds::DAY))
}

fn same<'a>(
    what: &str,
    seen: impl Iterator<Item = &'a Record>,
    expected: impl Iterator<Item = &'a Record>,
) -> Result<(), String> {
    let (seen, expected): (Vec<_>, Vec<_>) = (seen.collect(), expected.collect());
    let differs = seen.iter().zip(&expected).position(|(a, b)| a != b);
    let Some(at) = differs.or((seen.len() != expected.len()).then(|| seen.len().min(expected.len()))) else {
        return Ok(());
    };
    let show = |side: &[&Record]| side.get(at).map_or("nothing".to_owned(), |record| show(record));
    let (a, b) = (seen.len(), expected.len());
    Err(format!("{what}: {a} records against {b}; at {at}: {} against {}", show(&seen), show(&expected)))
}

fn show(record: &Record) -> String {
    let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    let key = String::from_utf8_lossy(&record.key);
    format!("{key} of {:?}: {value}", record.cause)
}

#[cfg(test)]
mod tests {
    use super::super::{Size, schedule};
    use super::*;

    #[test]
    fn a_source_called_silent_an_hour_after_the_log_heard_it_is_noticed() {
        let (mut world, heard, _) = schedule::play(1, Size::default()).unwrap();
        assert_eq!(said_once(&world, &heard).err(), None);
        let spoke = |(offset, record): (i64, &Record)| match decode_record(record.value.as_deref()?) {
            Ok(RecordView::Event(event)) => Some((
                offset,
                event.workspace.to_owned(),
                event.source.to_owned(),
                event.received_at.plus(Seconds::HOUR),
            )),
            _ => None,
        };
        let last = world.broker.committed_records((Topic::Log, 0)).filter_map(spoke).last();
        let (offset, workspace, source, at) = last.unwrap();
        let alert = serde_json::json!({
            "workspace": workspace, "alert_id": "a", "sequence": 1, "transition": "opened", "title": "",
            "episode": format!("{workspace}/p/data/silent-source/{source}"), "detected_at": at.to_string(),
        });
        let value = Some(alert.to_string().into_bytes());
        let record = Record { value, cause: Some((Topic::Log, 0, offset)), ..Record::default() };
        // What is told of nobody, and what the log itself holds, each notice it.
        world.broker.append((Topic::Alerts, 0), record);
        let noticed = said_once(&world, &Heard::new()).unwrap_err();
        assert!(noticed.contains("false silence") && noticed.contains("logged at"), "{noticed}");
    }
}
