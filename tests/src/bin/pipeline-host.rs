//! Runs a pipeline until standard input ends, reporting where it stands as JSON lines. For tests that kill it.

use std::time::Duration;

use plumbline_pipeline::{ClockShift, Options, Origin, Pipeline, Stages, StandbyStatus, Status, TimeSource};
use plumbline_tests::host;

fn main() -> anyhow::Result<()> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let (config, stages) = host::from_json(&std::fs::read_to_string(argument)?)?;
    let stages = Stages { intake: stages != "engine", engine: stages != "intake" };
    let shift = ClockShift::default();
    let time = TimeSource::Shifted(shift.clone());
    let pipeline = Pipeline::start(config, Options { stages, time, ..Options::default() })?;
    let status = pipeline.status();
    let stopper = pipeline.stopper();
    std::thread::spawn(move || {
        // Each line sets the clock so many milliseconds off; the end ends.
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match line.trim().parse() {
                Ok(milliseconds) => shift.set(milliseconds),
                Err(error) => {
                    eprintln!("pipeline-host: {line:?}: {error}");
                    std::process::exit(2);
                }
            }
        }
        stopper.set();
    });
    std::thread::spawn(move || {
        loop {
            println!("{}", line(&status.get()));
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    pipeline.join().map_err(|failure| {
        eprintln!("pipeline-host: {}: {failure}", failure.kind().word());
        failure.into()
    })
}

fn line(status: &Status) -> serde_json::Value {
    let intake = status.intake.clone().unwrap_or_default();
    let engine = status.engine.clone().unwrap_or_default();
    let lag: Option<i64> =
        engine.partitions.values().map(|p| p.end.map(|end| (end - p.committed).max(0))).sum();
    serde_json::json!({
        "ready": status.ready(), "accepted": intake.accepted, "rejected": intake.rejected,
        "assignments": [intake.assignments, engine.assignments],
        "partitions": [
            if intake.joined { intake.committed.len() } else { 0 },
            if engine.joined { engine.partitions.len() } else { 0 },
        ],
        "standby": (engine.standby.len(), engine.standby.values().map(StandbyStatus::lag).sum::<i64>()),
        "warm": engine.partitions.values().filter(|p| p.origin == Origin::Standby).count(),
        "alerts": engine.alerts, "engine_lag": lag.filter(|_| engine.joined),
    })
}
