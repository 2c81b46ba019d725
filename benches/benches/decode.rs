//! How fast events are decoded and encoded, per event.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plumbline_events::{
    EventRecord, Input, InputKind, Limits, LogRecord, RecordView, decode, decode_json_line, decode_record,
    encode_record, proto, to_json,
};
use prost::Message;

const LINES: [&str; 4] = [
    r#"{"event_id":"e1","type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","lead_id":"L-1001","source":"hubspot","attributes":{"segment":"smb","channel":"paid_social"}}"#,
    r#"{"event_id":"e2","type":"lead.stage_reached","stage":"mql","occurred_at":"2026-03-03T10:00:00+01:00","lead_id":"L-1001","source":"hubspot"}"#,
    r#"{"event_id":"e8","type":"opportunity.won","opportunity_id":"O-77","lead_id":"L-1001","occurred_at":"2026-03-28T16:05:00Z","amount":{"value":"11800.00","currency":"EUR"}}"#,
    r#"{"event_id":"e9","type":"spend.reported","spend_id":"google_ads:acct-1:brand:2026-03-02","period_start":"2026-03-02","period_end":"2026-03-03","occurred_at":"2026-03-03T04:00:00Z","amount":{"value":"812.40","currency":"EUR"},"attributes":{"segment":"smb","channel":"search"}}"#,
];

fn records() -> Vec<LogRecord> {
    let read = |line: &&str| {
        let (event, _) = decode_json_line(line.as_bytes(), &Limits::default()).unwrap();
        LogRecord::Event(EventRecord {
            received_at: event.envelope.occurred_at,
            input: "crm.leads".into(),
            event,
        })
    };
    LINES.iter().map(read).collect()
}

fn encoded(record: &LogRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(LINES.len() as u64));
    let log: Vec<Vec<u8>> = records().iter().map(encoded).collect();
    group.bench_function("log record, borrowed", |b| {
        b.iter(|| {
            for bytes in &log {
                black_box(decode_record(black_box(bytes)).unwrap());
            }
        });
    });
    group.bench_function("log record, attributes read", |b| {
        b.iter(|| {
            for bytes in &log {
                let RecordView::Event(event) = decode_record(black_box(bytes)).unwrap() else {
                    unreachable!()
                };
                black_box((event.attributes.get("segment"), event.attributes.get("channel")));
            }
        });
    });
    group.bench_function("log record, by generated code", |b| {
        b.iter(|| {
            for bytes in &log {
                black_box(proto::LogRecord::decode(black_box(bytes.as_slice())).unwrap());
            }
        });
    });
    let (limits, arrived) = (Limits::default(), "2026-04-01T00:00:00Z".parse().unwrap());
    group.bench_function("input, JSON", |b| {
        b.iter(|| {
            for line in LINES {
                let input = Input { value: black_box(line.as_bytes()), headers: &[], kind: InputKind::Any };
                black_box(decode(&input, arrived, &limits).unwrap());
            }
        });
    });
    group.finish();
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(LINES.len() as u64));
    let records = records();
    let mut out = Vec::new();
    group.bench_function("log record", |b| {
        b.iter(|| {
            for record in &records {
                out.clear();
                encode_record(black_box(record), &mut out);
            }
        });
    });
    group.bench_function("JSON line", |b| {
        b.iter(|| {
            for record in &records {
                let LogRecord::Event(record) = record else { unreachable!() };
                black_box(to_json(black_box(record)));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, decoding, encoding);
criterion_main!(benches);
