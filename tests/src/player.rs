//! Plays a simulated company through a pipeline whose clock is the company's.

use std::time::Duration;

use anyhow::bail;
use plumbline_pipeline::{PlayedClock, StatusHandle};
use plumbline_simulator::{Spec, generate};
use plumbline_units::{Day, Timestamp};

/// Where a player puts its messages.
pub trait Sink {
    /// Sends the event to the input topic `topic` (as the simulator names it), stamped with its arrival.
    fn send(&self, topic: &'static str, json: &str, arrival: Timestamp) -> anyhow::Result<()>;
    /// Waits until everything sent is on its topic.
    fn flush(&self) -> anyhow::Result<()>;
}

/// Plays `spec` day by day: the next day begins when intake has taken the last one. Hands back the number of
/// events.
pub fn play(spec: &Spec, sink: &dyn Sink, clock: &PlayedClock, status: &StatusHandle) -> anyhow::Result<u64> {
    play_with(spec, sink, clock, status, |_| Ok(()))
}

/// The same; `morning` is called before each day but the first, when all before it has been taken. The clock stands
/// meanwhile.
pub fn play_with(
    spec: &Spec,
    sink: &dyn Sink,
    clock: &PlayedClock,
    status: &StatusHandle,
    mut morning: impl FnMut(Day) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let mut sent = 0;
    let mut day = None;
    for generated in generate(spec) {
        let arrival = generated.received_at;
        let today = spec.zone.day_of(arrival);
        if day.is_some_and(|day| day != today) {
            sink.flush()?;
            taken(status, sent)?;
            morning(today)?;
        }
        day = Some(today);
        let topic = generated.topic();
        sink.send(topic, &plumbline_events::to_json(&generated.into_record()), arrival)?;
        sent += 1;
    }
    sink.flush()?;
    taken(status, sent)?;
    if let Some(day) = day {
        clock.advance(spec.zone.start_of(day.plus(2)));
    }
    Ok(sent)
}

fn taken(status: &StatusHandle, sent: u64) -> anyhow::Result<()> {
    for _ in 0..30_000 {
        let now = status.get();
        if let Some(failed) = now.failed {
            bail!("the pipeline failed: {failed}");
        }
        if now.intake.is_some_and(|intake| intake.accepted >= sent) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("intake has not taken {sent} events within 30 s");
}
