//! What a run published, and the plain run.

use std::collections::BTreeMap;

use plumbline_engine::{AggregateUpdate, Engine, EngineConfig, Output, Stop};

use crate::MemoryLog;

/// One output with the record that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Offset of the record.
    pub offset: i64,
    /// What was said.
    pub output: Output,
}

/// Everything readers of the output topics can see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Alerts and dead letters in order.
    pub said: Vec<Said>,
    /// The compacted aggregates: the last value of each key, none where the last was a tombstone.
    pub aggregates: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Published {
    /// Takes the aggregates of one transaction.
    pub(crate) fn compact(&mut self, updates: Vec<AggregateUpdate>) {
        for AggregateUpdate { key, value } in updates {
            match value {
                Some(value) => self.aggregates.insert(key, value),
                None => self.aggregates.remove(&key),
            };
        }
    }

    /// The alerts, as JSON.
    ///
    /// # Panics
    /// If an alert is not JSON.
    pub fn alerts(&self) -> Vec<serde_json::Value> {
        let alert = |said: &Said| match &said.output {
            Output::Alert(alert) => Some(serde_json::from_slice(&alert.value).expect("alerts are JSON")),
            Output::DeadLetter(_) => None,
        };
        self.said.iter().filter_map(alert).collect()
    }

    /// Number of dead letters.
    pub fn dead_letters(&self) -> usize {
        self.said.iter().filter(|said| matches!(said.output, Output::DeadLetter(_))).count()
    }

    /// Where this differs from `other`, in words; `None` where nothing does.
    pub fn difference(&self, other: &Published) -> Option<String> {
        if let Some(at) = self.said.iter().zip(&other.said).position(|(a, b)| a != b) {
            return Some(format!("output {at}: {} against {}", show(&self.said[at]), show(&other.said[at])));
        }
        if self.said.len() != other.said.len() {
            return Some(format!("{} outputs against {}", self.said.len(), other.said.len()));
        }
        self.aggregates_differ(other)
    }

    /// The same of the aggregates alone.
    pub fn aggregates_differ(&self, other: &Published) -> Option<String> {
        let differs = |key: &&Vec<u8>| self.aggregates.get(*key) != other.aggregates.get(*key);
        let key = self.aggregates.keys().chain(other.aggregates.keys()).find(differs)?;
        let text = |side: &Published| {
            side.aggregates.get(key).map_or("nothing".into(), |v| String::from_utf8_lossy(v).into_owned())
        };
        let key_text = String::from_utf8_lossy(key);
        Some(format!("aggregate {key_text}: {} against {}", text(self), text(other)))
    }
}

fn show(said: &Said) -> String {
    match &said.output {
        Output::Alert(alert) => {
            format!("offset {}: {} {}", said.offset, alert.key, String::from_utf8_lossy(&alert.value))
        }
        Output::DeadLetter(letter) => format!("offset {}: dead letter {}", said.offset, letter.class),
    }
}

/// Every record once; what is said goes to `each` with the offset of the record that caused it.
pub fn judge(
    config: &EngineConfig,
    log: &MemoryLog,
    mut each: impl FnMut(i64, Output),
) -> Result<Engine, Stop> {
    let mut engine = Engine::new(config.clone());
    let mut out = Vec::new();
    for offset in 0..log.len() {
        engine.apply(offset, &log.record(offset), &mut { log }, &mut out)?;
        out.drain(..).for_each(|output| each(offset, output));
    }
    Ok(engine)
}

/// Every record once, everything published: what readers must see whatever faults happen.
pub fn run(config: &EngineConfig, log: &MemoryLog) -> Result<Published, Stop> {
    let mut published = Published::default();
    let mut engine = judge(config, log, |offset, output| published.said.push(Said { offset, output }))?;
    published.compact(engine.aggregates());
    Ok(published)
}
