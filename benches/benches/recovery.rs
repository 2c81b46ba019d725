//! How long a restart takes with a million open journeys: from a checkpoint, and by replay of the whole log, which is
//! what a backtest does. The checkpoint was just written, so that reading it is reading memory; a cold disk takes its own
//! time for the bytes. And what an open journey weighs in memory and in the checkpoint.
//!
//! `PLUMBLINE_BENCH_JOURNEYS=10000000 cargo bench -p plumbline-benches --bench recovery`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use plumbline_benches::stream::Stream;
use plumbline_engine::task::{Checkpoint, LastRecord};
use plumbline_engine::{Engine, EngineConfig, NoHistory};
use plumbline_events::{LogRecord, PlanRecord, decode_record};
use plumbline_units::{Name, Timestamp};

const PLAN: &str = include_str!("../../deploy/examples/plan.toml");
/// They come over so many days.
const DAYS: u32 = 90;
/// 2026-01-05, when the stream begins.
const START: Timestamp = Timestamp::clamped(1_767_571_200_000);
/// Restores; the middle one is told.
const TIMES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let journeys = std::env::var("PLUMBLINE_BENCH_JOURNEYS").map_or(Ok(1_000_000), |text| text.parse())?;
    let (stream, _) = Stream::of_leads(journeys, (journeys / DAYS).max(1), journeys);
    let begun = Instant::now();
    let mut engine = Engine::new(EngineConfig::default());
    let plan =
        PlanRecord { workspace: Name::new("default")?, time: START, toml: PLAN.into(), live_from: START };
    let mut out = Vec::new();
    engine.apply(0, &LogRecord::Plan(plan).view(), &mut NoHistory, &mut out)?;
    let mut last = LastRecord { offset: 0, crc: 0 };
    for (offset, bytes) in (1..).zip(stream.iter()) {
        engine.apply(offset, &decode_record(bytes)?, &mut NoHistory, &mut out)?;
        out.clear();
        last = LastRecord::of(offset, bytes);
    }
    let replay = begun.elapsed().as_secs_f64();
    let (records, open) = (stream.len() as f64, stats(&engine)?.journeys as f64);
    println!(
        "{open} open journeys of {records} records; by replay ready in {replay:.2} s: {:.2} s a million journeys, \
         {:.0} records a second",
        replay * 1e6 / open,
        records / replay
    );

    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recovery.checkpoint");
    let begun = Instant::now();
    let mut state = Vec::new();
    engine.save(&mut state);
    let checkpoint = Checkpoint { version: engine.version(), position: last.offset + 1, last, state };
    let bytes = checkpoint.to_bytes();
    std::fs::write(&path, &bytes)?;
    println!("written in {:.2} s", begun.elapsed().as_secs_f64());
    let held = stats(&engine)?;
    drop((engine, checkpoint, stream));

    let mut taken: Vec<(f64, [f64; 3])> = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        let bytes = std::fs::read(&path)?;
        let read = begun.elapsed().as_secs_f64();
        let checkpoint = Checkpoint::from_bytes(bytes).ok_or("the checkpoint is torn")?;
        let whole = begun.elapsed().as_secs_f64();
        let restored = Engine::load(EngineConfig::default(), &checkpoint.state)?;
        let ready = begun.elapsed().as_secs_f64();
        let mut again = Vec::new();
        restored.save(&mut again);
        assert!(again == checkpoint.state, "a restored state is the same");
        taken.push((ready, [read, whole - read, ready - whole]));
    }
    std::fs::remove_file(&path)?;
    taken.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ready, [read, check, load]) = taken[TIMES / 2];
    println!(
        "from a checkpoint ready in {ready:.2} s: {:.2} s a million journeys ({read:.2} s reading, {check:.2} s \
         checking, {load:.2} s loading; {:.2} to {:.2} s in {TIMES} times)",
        ready * 1e6 / open,
        taken[0].0,
        taken[TIMES - 1].0
    );
    println!(
        "{:.1} bytes per journey in memory, {:.1} per cell in {} cells; {:.1} bytes per journey in the checkpoint",
        held.journey_bytes as f64 / open,
        held.cell_bytes as f64 / held.cells as f64,
        held.cells,
        bytes.len() as f64 / open
    );
    Ok(())
}

fn stats(engine: &Engine) -> Result<plumbline_funnel::FoldStats, &'static str> {
    Ok(engine.workspace("default").ok_or("the plan was refused")?.fold().stats())
}
