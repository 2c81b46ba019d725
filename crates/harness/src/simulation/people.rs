//! What people do who read the alerts.

use std::collections::BTreeMap;

use plumbline_events::{Command, CommandRecord, LogRecord, encode_record};
use plumbline_units::Seconds;
use rand::Rng;
use serde_json::Value;

use super::broker::{Record, Topic};
use super::schedule::Play;
use super::world::World;

const FUNCTIONS: [&str; 2] = ["marketing", "sales"];

impl Play {
    /// Now and then somebody acknowledges an alert that is open.
    pub(super) fn acknowledge(&mut self) {
        if !self.people.random_bool(0.05) {
            return;
        }
        let open = open(&self.world);
        if open.is_empty() {
            return;
        }
        let alert = &open[self.people.random_range(0..open.len())];
        let text = |field: &str| alert[field].as_str().unwrap_or_default();
        let function = FUNCTIONS[self.people.random_range(0..FUNCTIONS.len())];
        let Ok(workspace) = text("workspace").parse() else { return };
        let record = CommandRecord {
            command_id: format!("word {}", self.count.words).into(),
            workspace,
            time: self.world.now,
            command: Command::Acknowledge {
                episode: text("episode").into(),
                function: function.into(),
                note: "seen".into(),
                until: Some(self.world.now.plus(Seconds::days(400))),
            },
        };
        let partition = self.world.partition_of(text("workspace"));
        self.world.words.push((text("alert_id").to_owned(), function.to_owned()));
        self.count.words += 1;
        let mut bytes = Vec::new();
        encode_record(&LogRecord::Command(record), &mut bytes);
        let record = Record { value: Some(bytes), ..Record::default() };
        self.world.broker.append((Topic::Log, partition), record);
    }
}

/// The last alert of everything that is open.
fn open(world: &World) -> Vec<Value> {
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    for at in 0..world.broker.partitions(Topic::Alerts) {
        for (_, record) in world.broker.committed_records((Topic::Alerts, at)) {
            let value = record.value.as_deref().unwrap_or_default();
            let Ok(alert) = serde_json::from_slice::<Value>(value) else { continue };
            let id = alert["alert_id"].as_str().unwrap_or_default().to_owned();
            match alert["state"].as_str() {
                Some("notice") => {}
                Some("resolved") => _ = last.remove(&id),
                _ => _ = last.insert(id, alert),
            }
        }
    }
    last.into_values().collect()
}
