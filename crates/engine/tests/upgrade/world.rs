//! A log, the topics beside it, and versions of the program that judge it one after another.
//!
//! A version differs from another in what it makes of the plan: each reads the text in the log with changes of its
//! own. So one opens an episode where another does so later, never, or otherwise, over the same records.

use std::collections::BTreeMap;

use plumbline_engine::task::{Held, LogTask, OpenEpisodes, Position, PositionError};
use plumbline_engine::{Engine, EngineConfig, History, HistoryError, Output, Stop};
use plumbline_events::{
    ClockRecord, Command, CommandRecord, EventRecord, Limits, LogRecord, PlanRecord, RecordView,
    decode_json_line, decode_record, encode_record,
};
use plumbline_plan::{Direction, Severity};
use plumbline_units::{Seconds, Timestamp};
use serde_json::Value;

pub(crate) const PLAN: &str = r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "UTC"
currency = "EUR"
review_every = "92d"
[funnel]
stages = ["lead", "won"]
dimensions = ["segment"]
[dimension.segment]
values = ["smb"]
[[transition]]
from = "lead"
to = "won"
conversion = 0.1
lag = { median = "10d", p90 = "20d" }
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
[[target]]
name = "leads"
metric = "volume"
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
stage = "lead"
value = "24/day"
warn = "±25%"
"#;

/// A version of the program.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    pub(crate) number: u32,
    /// What it makes of the plan: each text is read as the other.
    pub(crate) reads: &'static [(&'static str, &'static str)],
}

impl Version {
    fn config(&self) -> EngineConfig {
        EngineConfig { version: self.number, ..EngineConfig::default() }
    }

    /// A record of the log as this version reads it.
    fn read(&self, value: &[u8]) -> Vec<u8> {
        let Ok(RecordView::Plan(mut plan)) = decode_record(value) else { return value.to_vec() };
        for (text, other) in self.reads {
            plan.toml = plan.toml.replace(text, other).into();
        }
        encoded(&LogRecord::Plan(plan))
    }
}

fn encoded(record: &LogRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

/// What a version reads.
struct Log<'a>(&'a [Vec<u8>], &'a Version);

impl History for Log<'_> {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        for (value, offset) in self.0.iter().zip(0..upto) {
            let value = self.1.read(value);
            each(offset, &decode_record(&value).unwrap()).map_err(Box::new)?;
        }
        Ok(())
    }
}

/// How a life of the program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It has said everything.
    AtEnd,
    /// It was killed.
    Killed,
    /// It may not judge.
    Refused(PositionError),
}

/// An alert as it came, with the offset of the log record that caused it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) offset: i64,
    pub(crate) alert: Value,
}

/// The topics.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) log: Vec<Vec<u8>>,
    pub(crate) alerts: Vec<Said>,
    /// Offsets of the records among the dead letters.
    pub(crate) dead_letters: Vec<i64>,
    pub(crate) committed: Option<(i64, String)>,
    hour: i64,
}

fn known<'a>(functions: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut known: Vec<String> = functions.map(Into::into).collect();
    known.sort();
    known
}

pub(crate) fn hours(n: i64) -> Timestamp {
    "2026-03-01T00:30:00Z".parse::<Timestamp>().unwrap().plus(Seconds::hours(n))
}

impl World {
    /// A log that begins with the plan of these workspaces.
    pub(crate) fn new(workspaces: &[&str]) -> World {
        let mut world = World::default();
        for workspace in workspaces {
            world.plan(workspace, PLAN);
        }
        world
    }

    pub(crate) fn push(&mut self, record: &LogRecord) {
        self.log.push(encoded(record));
    }

    pub(crate) fn plan(&mut self, workspace: &str, toml: &str) {
        let (workspace, time) = (workspace.parse().unwrap(), hours(self.hour - 24));
        self.push(&LogRecord::Plan(PlanRecord { workspace, time, toml: toml.into(), live_from: time }));
    }

    /// So many days, with so many leads a day of the segment.
    pub(crate) fn days(&mut self, workspace: &str, days: i64, leads_per_day: i64, segment: &str) {
        for _ in 0..days * 24 {
            let time = hours(self.hour);
            self.push(&LogRecord::Clock(ClockRecord { time, inputs: Vec::new() }));
            let of_day = self.hour.rem_euclid(24);
            // Spread evenly over the day.
            for n in of_day * leads_per_day / 24..(of_day + 1) * leads_per_day / 24 {
                let attributes = format!(r#""attributes":{{"segment":"{segment}"}}"#);
                self.lead(workspace, &format!("L-{}-{n}", self.hour), &attributes);
            }
            self.hour += 1;
        }
    }

    /// What is written next is of so many days ago.
    pub(crate) fn turn_back(&mut self, days: i64) {
        self.hour -= days * 24;
    }

    pub(crate) fn lead(&mut self, workspace: &str, id: &str, more: &str) {
        let at = hours(self.hour);
        self.event(&format!(
            r#"{{"type":"lead.created","workspace":"{workspace}","source":"crm","occurred_at":"{at}","lead_id":"{id}",{more}}}"#
        ));
    }

    pub(crate) fn event(&mut self, json: &str) {
        let event = decode_json_line(json.as_bytes(), &Limits::default()).unwrap().0;
        let received_at = hours(self.hour);
        self.push(&LogRecord::Event(EventRecord { received_at, input: "crm.leads".into(), event }));
    }

    pub(crate) fn acknowledge(&mut self, episode: &str, function: &str) {
        let record = CommandRecord {
            command_id: format!("{function} {}", self.log.len()).into(),
            workspace: "w".parse().unwrap(),
            time: hours(self.hour),
            command: Command::Acknowledge {
                episode: episode.into(),
                function: function.into(),
                note: "seen".into(),
                until: None,
            },
        };
        self.push(&LogRecord::Command(record));
    }

    /// A life of the version from a cold start: it restores, reads to the end of the log and says what there is to
    /// say in transactions of `room` records, or is killed after `most` of them.
    pub(crate) fn live(&mut self, version: &Version, room: usize, most: usize) -> Ended {
        let config = version.config();
        let committed = match &self.committed {
            None => Position::whole(0).by(version.number),
            Some((next, text)) => match Position::read(*next, text, version.number) {
                Ok(position) => position,
                Err(error) => return Ended::Refused(error),
            },
        };
        let mut task = LogTask::new(Held::fresh(&config, 0), committed);
        let mut transactions = 0;
        loop {
            // What there is to say does not pile up.
            while task.pending() < room
                && let Ok(offset) = usize::try_from(task.position())
                && let Some(value) = self.log.get(offset)
            {
                let value = version.read(value);
                let mut history = Log(&self.log, version);
                task.apply(offset as i64, None, &value, &mut history).unwrap();
            }
            if task.position() == self.log.len() as i64 {
                task.reached_end();
                task.append_epoch(|| self.open()).unwrap();
            }
            let mut spoke = false;
            while let Some(share) = task.share(&mut { room }) {
                if transactions == most {
                    return Ended::Killed;
                }
                transactions += 1;
                self.log.extend(task.appends().iter().cloned());
                self.committed = Some((share.position.next, share.position.metadata(1)));
                for pending in task.confirm(&share) {
                    match pending.output {
                        Output::Alert(alert) => {
                            let alert = serde_json::from_slice(&alert.value).unwrap();
                            self.alerts.push(Said { offset: pending.offset, alert });
                        }
                        Output::DeadLetter(_) => self.dead_letters.push(pending.offset),
                    }
                }
                spoke = true;
            }
            if !spoke {
                return Ended::AtEnd;
            }
        }
    }

    /// Number of aggregates that a standby of the version owes once it has caught up with what is committed.
    pub(crate) fn owed_by_a_standby(&self, version: &Version) -> usize {
        let (next, text) = self.committed.clone().unwrap();
        let committed = Position::read(next, &text, version.number).unwrap();
        let mut held = Held::fresh(&version.config(), 0);
        for (value, offset) in self.log.iter().zip(0..committed.next) {
            held.follow(offset, &version.read(value), &mut Log(&self.log, version)).unwrap();
        }
        held.caught_up(committed);
        held.engine.aggregates().len()
    }

    /// What the topic holds of open episodes.
    fn open(&self) -> Result<OpenEpisodes, plumbline_engine::task::PublishedError> {
        let mut open = OpenEpisodes::default();
        for said in &self.alerts {
            open.take(&[], said.alert.to_string().as_bytes())?;
        }
        Ok(open)
    }

    /// Judges everything, undisturbed.
    pub(crate) fn judged_by(&mut self, version: &Version) {
        let ended = self.live(version, 1000, usize::MAX);
        assert!(matches!(ended, Ended::AtEnd), "{ended:?}");
    }

    /// The plain run of the version over the log: what it says, and the machine at the end.
    pub(crate) fn plain(&self, version: &Version) -> (Vec<Said>, Engine) {
        let mut engine = Engine::new(version.config());
        let (mut out, mut said) = (Vec::new(), Vec::new());
        for (value, offset) in self.log.iter().zip(0..) {
            let value = version.read(value);
            let record = decode_record(&value).unwrap();
            engine.apply(offset, &record, &mut Log(&self.log, version), &mut out).unwrap();
            for output in out.drain(..) {
                if let Output::Alert(alert) = output {
                    said.push(Said { offset, alert: serde_json::from_slice(&alert.value).unwrap() });
                }
            }
        }
        (said, engine)
    }

    /// Where the log says that the version takes it over.
    pub(crate) fn epoch(&self, version: &Version) -> i64 {
        let is = |value: &Vec<u8>| matches!(decode_record(value), Ok(RecordView::Epoch(e)) if e.version == version.number);
        self.log.iter().position(is).unwrap() as i64
    }

    /// What a consumer sees who keys alerts by their id: the open ones by episode. Panics where one opens twice, says
    /// something after its end, leaves out or repeats a number, or stands open beside another of its episode.
    pub(crate) fn consumer(&self) -> BTreeMap<String, Value> {
        let mut last: BTreeMap<String, Value> = BTreeMap::new();
        let mut open: BTreeMap<String, String> = BTreeMap::new();
        for Said { alert, .. } in self.alerts.iter().filter(|said| said.alert["state"] != "notice") {
            let text = |key: &str| alert[key].as_str().unwrap().to_owned();
            let (id, key) = (text("alert_id"), format!("{}/{}", text("workspace"), text("episode")));
            let before = last.get(&id).map(|before| (&before["sequence"], &before["transition"]));
            match before {
                None => {
                    assert_eq!(
                        (&alert["sequence"], &alert["transition"]),
                        (&1.into(), &"opened".into()),
                        "{alert}"
                    );
                    assert_eq!(
                        open.insert(key.clone(), id.clone()),
                        None,
                        "{key} is open under two ids: {alert}"
                    );
                }
                Some((sequence, transition)) => {
                    assert_eq!(alert["sequence"].as_u64(), sequence.as_u64().map(|n| n + 1), "{alert}");
                    assert_ne!(transition, "resolved", "said after its end: {alert}");
                    assert_ne!(alert["transition"], "opened", "opened twice: {alert}");
                }
            }
            if alert["transition"] == "resolved" {
                open.remove(&key);
            }
            last.insert(id, alert.clone());
        }
        open.into_iter().map(|(key, id)| (key, last.remove(&id).unwrap())).collect()
    }

    /// Holds what must be true once the newer version has judged everything: its episodes are what consumers see
    /// open, as bad, on the same side of the plan and known to the same functions; a backtest says the same from the epoch on; a later cold start says nothing.
    pub(crate) fn holds(&mut self, newer: &Version) -> BTreeMap<String, Value> {
        let open = self.consumer();
        let (said, engine) = self.plain(newer);
        let mut held = BTreeMap::new();
        for workspace in engine.workspaces() {
            let business = workspace.judge().episodes().values().map(|e| {
                let above = Some(e.direction == Direction::Above);
                let known = known(e.acknowledgements.iter().map(|said| said.function.as_str()));
                (e.key.to_string(), (e.sequence, e.severity == Severity::Critical, above, known))
            });
            let data = workspace.data_episodes().map(|e| {
                let known = known(e.acknowledgements.iter().map(|said| said.function.as_str()));
                (e.key.clone(), (e.sequence, e.critical, None, known))
            });
            held.extend(business.chain(data).map(|(key, e)| (format!("{}/{key}", workspace.name()), e)));
        }
        let seen = |(key, last): (&String, &Value)| {
            let sequence = last["sequence"].as_u64().unwrap() as u32;
            let above = last["drift"]["relative"].as_f64().map(|relative| relative > 0.0);
            let said = last["acknowledgements"].as_array().into_iter().flatten();
            let known = known(said.map(|said| said["function"].as_str().unwrap()));
            (key.clone(), (sequence, last["severity"] == "critical", above, known))
        };
        let seen: BTreeMap<_, _> = open.iter().map(seen).collect();
        assert_eq!(seen, held, "what consumers see open is what is held");
        let epoch = self.epoch(newer);
        let from_there =
            |said: &[Said]| said.iter().filter(|s| s.offset >= epoch).cloned().collect::<Vec<_>>();
        assert_eq!(from_there(&self.alerts), from_there(&said), "as a backtest has it");
        let (alerts, log) = (self.alerts.len(), self.log.len());
        self.judged_by(newer);
        assert_eq!((self.alerts.len(), self.log.len()), (alerts, log), "a cold start says nothing new");
        open
    }
}
