//! A log: decoded, replayed, and the same whether replayed at once or restored in the middle.

use std::str;

use plumbline_engine::{Engine, EngineConfig, History, HistoryError, Output, Stop};
use plumbline_events::{LogRecord, RecordView, decode_record, encode_record, record_from_json};
use plumbline_units::{Seconds, Timestamp};

/// Every hour between the first and the last record is judged: longer logs only take longer.
const LONGEST: Seconds = Seconds::days(40);
const MOST_RECORDS: usize = 2_000;

/// The first byte: its lowest bit says whether records come as JSON lines or in the bytes of the topic, each after
/// its length in two bytes; the others, after which record the machine is restored.
pub fn log(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let records = if how & 1 == 0 { framed(rest) } else { lines(rest) };
    let views: Vec<RecordView<'_>> = records.iter().filter_map(|bytes| decode_record(bytes).ok()).collect();
    if views.len() > MOST_RECORDS || !short(&views) {
        return;
    }
    let cut = usize::from(how >> 1) % (views.len() + 1);
    let mut whole = Engine::new(config());
    let expected = play(&mut whole, &views, 0, views.len());
    let mut before = Engine::new(config());
    let mut found = play(&mut before, &views, 0, cut);
    let mut after = Engine::load(config(), &saved(&before)).expect("what was saved is loaded");
    // A machine that has stopped is not gone on from.
    if found.stop.is_none() {
        let rest = play(&mut after, &views, cut, views.len());
        found.said.extend(rest.said);
        found.stop = rest.stop;
        assert!(saved(&after) == saved(&whole), "restored after {cut} of {} records", views.len());
    }
    assert_eq!(found, expected, "restored after {cut} of {} records", views.len());
}

/// What a machine has said, and why it goes no further.
#[derive(Debug, PartialEq)]
struct Heard {
    said: Vec<Output>,
    stop: Option<String>,
}

/// Limits so low that they are reached.
pub(crate) fn config() -> EngineConfig {
    let mut config = EngineConfig { max_workspaces: 3, max_streams: 4, ..EngineConfig::default() };
    let fold = &mut config.fold;
    (fold.max_leaves, fold.max_values, fold.max_members) = (6, 12, 5);
    (fold.max_journeys, fold.max_statements, fold.max_cells) = (60, 8, 900);
    config
}

fn framed(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (record, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        records.push(record.to_vec());
        bytes = rest;
    }
    records
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let records = str::from_utf8(bytes).unwrap_or_default().lines().filter_map(|l| record_from_json(l).ok());
    records.map(|record| encoded(&record)).collect()
}

pub(crate) fn encoded(record: &LogRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

fn short(views: &[RecordView<'_>]) -> bool {
    let times = views.iter().filter_map(|view| match view {
        RecordView::Event(event) => Some(event.received_at),
        RecordView::Clock(record) => Some(record.time),
        RecordView::Plan(record) => Some(record.time),
        RecordView::Command(record) => Some(record.time),
        RecordView::Epoch(_) => None,
    });
    let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
    times.for_each(|time| (first, last) = (first.min(time), last.max(time)));
    last <= first.plus(LONGEST)
}

/// Applies records until the machine stops.
fn play(engine: &mut Engine, views: &[RecordView<'_>], from: usize, to: usize) -> Heard {
    let mut said = Vec::new();
    for (offset, view) in views.iter().enumerate().take(to).skip(from) {
        if let Err(stop) = engine.apply(offset as i64, view, &mut Past(views), &mut said) {
            let stop = stop.to_string();
            assert!(!stop.is_empty());
            return Heard { said, stop: Some(stop) };
        }
    }
    Heard { said, stop: None }
}

pub(crate) fn saved(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.save(&mut bytes);
    bytes
}

struct Past<'a>(&'a [RecordView<'a>]);

impl History for Past<'_> {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        for (view, offset) in self.0.iter().zip(0..upto) {
            each(offset, view).map_err(Box::new)?;
        }
        Ok(())
    }
}
