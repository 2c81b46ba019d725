//! Everything that turns foreign bytes into events, records and alerts.

use std::str;

use plumbline_board::Shared;
use plumbline_events::{
    Event, EventRecord, Input, InputKind, Limits, LogRecord, RecordView, dead_letter_value, decode_json_line,
    decode_record, encode_record, record_from_json, record_to_json, to_json,
};
use plumbline_units::Timestamp;

/// What a producer may say that it sends.
pub(crate) const CONTENT_TYPES: [&str; 8] = [
    "",
    "application/json",
    "application/protobuf",
    "application/x-protobuf; proto=plumbline.v1.LeadEvent",
    "application/protobuf; messageType=\"plumbline.v1.SpendEvent\"",
    "application/cloudevents+json",
    "application/vnd.crm+json; charset=utf-8",
    "text/plain",
];
const KINDS: [InputKind; 4] = [InputKind::Leads, InputKind::Opportunities, InputKind::Spend, InputKind::Any];
const RECEIVED: Timestamp = Timestamp::clamped(1_780_000_000_000);

/// The first byte says how: its lower three bits the content type, the next two what the topic carries, the next
/// whether a line of CloudEvents headers (`id;source;type;time`) comes first, the last two what else reads the bytes.
pub fn decode(data: &[u8]) {
    let Some((&how, mut rest)) = data.split_first() else { return };
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    if how & 32 != 0 {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let parts = rest[..end].split(|b| *b == b';');
        headers.extend(["ce_id", "ce_source", "ce_type", "ce_time"].into_iter().zip(parts));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    headers.push(("content-type", CONTENT_TYPES[usize::from(how & 7)].as_bytes()));
    let limits = Limits::default();
    match how >> 6 {
        0 | 1 => {
            let kind = KINDS[usize::from(how >> 3 & 3)];
            let input = Input { value: rest, headers: &headers, kind };
            match plumbline_events::decode(&input, RECEIVED, &limits) {
                Ok(event) => accepted(event, RECEIVED),
                Err(rejection) => {
                    let said = rejection.to_string();
                    assert!(said.len() < 1_000, "a reason is short: {} bytes", said.len());
                    assert!(!rejection.class().is_empty());
                }
            }
            let (kept, cut) = dead_letter_value(rest, 64);
            assert_eq!(cut.is_none(), kept.len() == rest.len());
        }
        2 => {
            if let Ok((event, received)) = decode_json_line(rest, &limits) {
                let received = received.unwrap_or(event.envelope.occurred_at);
                accepted(event, received);
            }
            Shared::default().told(rest);
        }
        _ => {
            if let Ok(view) = decode_record(rest) {
                // Unknown fields are passed over, so the bytes may differ; the record must not.
                in_bytes(&view.to_owned());
            }
            if let Some(Ok(read)) = str::from_utf8(rest).ok().map(record_from_json) {
                in_bytes(&read);
                in_words(&read);
            }
        }
    }
}

/// An event that was taken can be written to the log, read from it and shown.
fn accepted(event: Event, received_at: Timestamp) {
    let event = EventRecord { received_at, input: "crm.leads".into(), event };
    let line = to_json(&event);
    let any = Limits { event_bytes: usize::MAX, attributes: usize::MAX, ..Limits::default() };
    let (again, received) =
        decode_json_line(line.as_bytes(), &any).unwrap_or_else(|rejection| panic!("{rejection}: {line}"));
    assert_eq!((&again, received), (&event.event, Some(received_at)));
    let record = LogRecord::Event(event);
    in_bytes(&record);
    in_words(&record);
}

fn in_bytes(record: &LogRecord) {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    let view = decode_record(&bytes).expect("what was encoded decodes");
    assert_eq!(view.to_owned(), *record);
    if let RecordView::Event(event) = &view {
        let _ = event.attributes.get("segment");
    }
}

fn in_words(record: &LogRecord) {
    let line = record_to_json(record);
    match record_from_json(&line) {
        Ok(again) => assert_eq!(again, *record),
        Err(error) => panic!("{error}: {line}"),
    }
}
