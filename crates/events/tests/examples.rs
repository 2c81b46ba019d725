//! The example events, read and written back through every form.

#![allow(clippy::unwrap_used)]

use plumbline_events::{
    Body, EventRecord, Limits, LogRecord, decode_json_line, decode_record, encode_record, record_from_json,
    record_to_json, to_json,
};

const EXAMPLES: &str = include_str!("../../../deploy/examples/events.jsonl");

fn examples() -> Vec<EventRecord> {
    let read = |line: &str| {
        let (event, received_at) = decode_json_line(line.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(received_at, None);
        EventRecord { received_at: event.envelope.occurred_at, input: "crm.leads".into(), event }
    };
    EXAMPLES.lines().map(read).collect()
}

#[test]
fn every_example_survives_json_and_protobuf() {
    for record in examples() {
        let line = to_json(&record);
        let (event, received_at) = decode_json_line(line.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((&event, received_at), (&record.event, Some(record.received_at)), "{line}");

        let log = LogRecord::Event(record);
        let mut bytes = Vec::new();
        encode_record(&log, &mut bytes);
        assert_eq!(decode_record(&bytes).unwrap().to_owned(), log);
        assert_eq!(record_from_json(&record_to_json(&log)).unwrap(), log);
    }
}

#[test]
fn a_null_attribute_is_absent_and_offsets_are_resolved() {
    let records = examples();
    let channel_is_null = &records[2].event.envelope;
    assert_eq!(channel_is_null.attributes.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["segment"]);
    assert_eq!(records[1].event.envelope.occurred_at.to_string(), "2026-03-03T09:00:00Z");
}

#[test]
fn an_amount_is_read_from_text_or_number_and_a_period_end_is_exclusive() {
    let records = examples();
    let Body::Opportunity { amount: Some(amount), .. } = &records[6].event.body else { panic!() };
    assert_eq!(amount.micros.0, 11_800_000_000);
    let Body::Spend { period_start, period_end, amount, .. } = &records[9].event.body else { panic!() };
    assert_eq!(period_end.since(*period_start), 1);
    assert_eq!(amount.micros.0, 805_100_000);
}
