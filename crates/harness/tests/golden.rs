//! The golden log: a small log of every kind of record whose output is pinned. Output that changes without a new
//! `STATE_MACHINE_VERSION` would make a restarted service contradict what it has already published.
//!
//! To write the pin anew after raising the version: `PLUMBLINE_WRITE_GOLDEN=1 cargo test -p plumbline-harness --test golden`.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::PathBuf;

use plumbline_engine::{EngineConfig, STATE_MACHINE_VERSION};
use plumbline_events::{
    Command, CommandRecord, EpochRecord, LogRecord, PlanRecord, PublishedEpisode, record_from_json,
    record_to_json,
};
use plumbline_harness::{LogWriter, MemoryLog, Published, run};
use plumbline_simulator::{ScenarioKind, Spec, generate, plan_toml};
use plumbline_units::Seconds;
use sha2::{Digest, Sha256};

const WRITE: &str = "PLUMBLINE_WRITE_GOLDEN";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Three weeks on plan, then leads come without the money they should bring; late, doubled, corrected and merged.
fn company() -> Spec {
    let monday = "2026-01-05".parse().unwrap();
    Spec {
        kind: ScenarioKind::LeadQualityTrap,
        start: monday,
        days: 42,
        onset: Some(monday.plus(21)),
        leads_per_day: 8.0,
        late_share: 0.1,
        duplicate_share: 0.05,
        correction_share: 0.3,
        merge_share: 0.05,
        weekend_backlog: 0.0,
        seed: 1,
        ..Spec::default()
    }
}

fn write_log() -> String {
    let spec = company();
    let start = spec.zone.start_of(spec.start);
    let plan = plan_toml(&spec);
    let mut writer = LogWriter::new(Seconds::HOUR);
    writer.plan(&spec.workspace, &plan, start, start);
    let mut events: Vec<_> = generate(&spec).collect();
    // A revision with a tighter tolerance: it folds alike.
    let revised = plan.replace("revision = 1", "revision = 2").replace("warn = \"+25%\"", "warn = \"+10%\"");
    let later = events.split_off(events.len() * 3 / 4);
    let turn = later[0].received_at;
    events.into_iter().for_each(|event| writer.event(event));
    writer.plan(&spec.workspace, &revised, turn, start);
    later.into_iter().for_each(|event| writer.event(event));
    writer.clock_until(spec.zone.start_of(spec.start.plus(45)));
    let log = writer.finish();
    let mut records: Vec<LogRecord> = (0..log.len()).map(|offset| log.record(offset).to_owned()).collect();
    let said = run(&EngineConfig::default(), &log).unwrap().alerts();
    let resolved = |key: &str| said.iter().any(|a| a["episode"] == key && a["transition"] == "resolved");
    let mut keys = said.iter().filter_map(|a| a["episode"].as_str());
    let episode = keys.find(|key| !resolved(key)).unwrap().to_owned();
    let note = Command::Acknowledge {
        episode: episode.as_str().into(),
        function: "sales".into(),
        note: "audit has begun".into(),
        until: None,
    };
    let command = |id: &str, command: Command| {
        let time = spec.zone.start_of(spec.start.plus(45));
        LogRecord::Command(CommandRecord {
            command_id: id.into(),
            workspace: spec.workspace.clone(),
            time,
            command,
        })
    };
    records.push(command("c-1", note.clone()));
    records.push(command("c-1", note));
    let refused = PlanRecord {
        workspace: spec.workspace.clone(),
        time: spec.zone.start_of(spec.start.plus(45)),
        toml: "revision = 3".into(),
        live_from: start,
    };
    records.push(LogRecord::Plan(refused));
    records.insert(
        0,
        LogRecord::Epoch(EpochRecord { version: 1, position: 0, published: Vec::<PublishedEpisode>::new() }),
    );
    records.iter().fold(String::new(), |text, record| text + &record_to_json(record) + "\n")
}

fn read_log(text: &str) -> MemoryLog {
    let mut log = MemoryLog::default();
    for line in text.lines() {
        log.push(&record_from_json(line).unwrap());
    }
    log
}

/// Version and SHA-256 of everything said, with the number of alerts for people.
fn pin(said: &Published) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{said:?}"));
    let mut text = format!("version {STATE_MACHINE_VERSION}, {} alert records, sha256 ", said.alerts().len());
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text + "\n"
}

#[test]
fn the_golden_log_says_what_it_said_or_the_version_is_raised() {
    let (log, pinned) = (folder().join("log.jsonl"), folder().join("output.txt"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        if !log.exists() {
            std::fs::write(&log, write_log()).unwrap();
        }
        let said = run(&EngineConfig::default(), &read_log(&std::fs::read_to_string(&log).unwrap())).unwrap();
        std::fs::write(&pinned, pin(&said)).unwrap();
    }
    let said = run(&EngineConfig::default(), &read_log(&std::fs::read_to_string(&log).unwrap())).unwrap();
    let alerts = said.alerts();
    assert!(
        alerts.iter().any(|a| a["kind"] == "business" && a["transition"] == "opened"),
        "a business episode"
    );
    assert!(alerts.iter().any(|a| a["transition"] == "acknowledged"), "an acknowledgement");
    assert!(alerts.iter().any(|a| a["kind"] == "data"), "a refused plan");
    assert_eq!(
        pin(&said),
        std::fs::read_to_string(&pinned).unwrap(),
        "the golden log's output has changed: raise STATE_MACHINE_VERSION and write the pin anew, or mend the change"
    );
}
