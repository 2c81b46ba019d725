//! The log is kept for ever: these bytes must be written and read by every version.
//!
//! A failure here means that logs written before can no longer be read, or that equal records are no longer
//! equal bytes. Do not mend the bytes; mend the change.

#![allow(clippy::unwrap_used)]

use plumbline_events::{
    ClockRecord, Command, CommandRecord, EpochRecord, InputPosition, LogRecord, PlanRecord, PublishedEpisode,
    RecordError, decode_record, encode_record, proto, record_from_json, record_to_json,
};
use plumbline_units::{Name, Timestamp};
use prost::Message;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn default() -> Name {
    Name::new("default").unwrap()
}

/// Event lines with the record's bytes.
const EVENTS: &[(&str, &str)] = &[
    (
        r#"{"type":"lead.created","event_id":"e1","occurred_at":"2026-03-02T09:15:00Z","received_at":"2026-03-02T09:15:01.250Z","source":"hubspot","lead_id":"L-1001","attributes":{"channel":"paid_social","segment":"smb"},"input":"crm.leads"}"#,
        "0a630882b6d1eeca33120963726d2e6c6561647318a0acd1eeca33220764656661756c742a0768756273706f74320265313a160a076368616e6e656c120b706169645f736f6369616c3a0e0a077365676d656e741203736d62420a0a064c2d313030311001",
    ),
    (
        r#"{"type":"lead.stage_reached","occurred_at":"2026-03-03T09:00:00Z","received_at":"2026-03-03T09:00:02Z","lead_id":"L-1001","stage":"mql","input":"crm.leads"}"#,
        "0a3308d0fcb397cb33120963726d2e6c656164731880edb397cb33220764656661756c74420f0a064c2d3130303110021a036d716c",
    ),
    (
        r#"{"type":"lead.disqualified","occurred_at":"2026-03-04T08:00:00Z","received_at":"2026-03-04T08:00:00Z","lead_id":"L-1002","reason":"no budget","input":"file"}"#,
        "0a340880c8f1becb33120466696c651880c8f1becb33220764656661756c7442150a064c2d31303032100322096e6f20627564676574",
    ),
    (
        r#"{"type":"lead.merged","occurred_at":"2026-03-11T07:00:00Z","received_at":"2026-03-11T07:00:00Z","workspace":"acme","lead_id":"L-1003","into_lead_id":"L-1001","input":"crm.leads"}"#,
        "0a330880f3c7ddcd33120963726d2e6c656164731880f3c7ddcd33220461636d6542120a064c2d3130303310062a064c2d31303031",
    ),
    (
        r#"{"type":"opportunity.won","occurred_at":"2026-03-28T16:05:00Z","received_at":"2026-03-28T16:05:09Z","opportunity_id":"O-77","lead_id":"L-1001","amount":{"value":"11800.00","currency":"EUR"},"input":"crm.opportunities"}"#,
        "0a470888dec4a9d333121163726d2e6f70706f7274756e697469657318e097c4a9d333220764656661756c744a1b0a044f2d373710042a064c2d313030313080d8adf5573a03455552",
    ),
    (
        r#"{"type":"spend.reported","occurred_at":"2026-03-03T04:00:00Z","received_at":"2026-03-03T04:00:05Z","spend_id":"google_ads:acct-1:brand:2026-03-02","period_start":"2026-03-02","period_end":"2026-03-03","amount":{"value":"-812.40","currency":"EUR"},"attributes":{"channel":"search"},"input":"ads.spend"}"#,
        "0a6e0888c3e98ecb3312096164732e7370656e6418809ce98ecb33220764656661756c743a110a076368616e6e656c120673656172636852370a22676f6f676c655f6164733a616363742d313a6272616e643a323032362d30332d303210c4c00218c6c00220fff5e186062a03455552",
    ),
];

#[test]
fn events_keep_their_bytes_and_their_lines() {
    for (line, bytes) in EVENTS {
        let record = record_from_json(line).unwrap();
        let mut written = Vec::new();
        encode_record(&record, &mut written);
        assert_eq!(hex(&written), *bytes, "{line}");
        assert_eq!(decode_record(&unhex(bytes)).unwrap().to_owned(), record);
        assert_eq!(record_to_json(&record), *line);
    }
}

#[test]
fn the_other_records_keep_their_bytes_and_their_lines() {
    let position = |partition, at_end| InputPosition {
        topic: "crm.leads".into(),
        partition,
        next_offset: 1_234_567,
        at_end,
    };
    let records = [
        (
            LogRecord::Clock(ClockRecord {
                time: at("2026-03-02T09:16:00Z"),
                inputs: vec![position(0, true), position(1, false)],
            }),
            "122d088081d5eeca3312110a0963726d2e6c656164731887ad4b200112110a0963726d2e6c6561647310011887ad4b",
            r#"{"type":"log.clock","time":"2026-03-02T09:16:00Z","inputs":[{"topic":"crm.leads","partition":0,"next_offset":1234567,"at_end":true},{"topic":"crm.leads","partition":1,"next_offset":1234567,"at_end":false}]}"#,
        ),
        (
            LogRecord::Plan(PlanRecord {
                workspace: default(),
                time: at("2026-03-01T00:00:00Z"),
                toml: "revision = 1\n".into(),
                live_from: at("2026-03-08T00:00:00Z"),
            }),
            "1a260a0764656661756c741080b8c7b5ca331a0d7265766973696f6e203d20310a2080c0f9d5cc33",
            r#"{"type":"log.plan","workspace":"default","time":"2026-03-01T00:00:00Z","live_from":"2026-03-08T00:00:00Z","toml":"revision = 1\n"}"#,
        ),
        (
            LogRecord::Command(CommandRecord {
                command_id: "c-1".into(),
                workspace: default(),
                time: at("2026-03-23T08:30:00Z"),
                command: Command::Acknowledge {
                    episode: "p/cac/segment=smb".into(),
                    function: "sales".into(),
                    note: "on it".into(),
                    until: Some(at("2026-03-30T00:00:00Z")),
                },
            }),
            "223f0a03632d31120764656661756c7418c0dec2ced13322280a11702f6361632f7365676d656e743d736d62120573616c65731a056f6e206974208090a9e0d333",
            r#"{"type":"log.command","command_id":"c-1","workspace":"default","time":"2026-03-23T08:30:00Z","command":"acknowledge","episode":"p/cac/segment=smb","function":"sales","note":"on it","until":"2026-03-30T00:00:00Z"}"#,
        ),
        (
            LogRecord::Command(CommandRecord {
                command_id: "c-2".into(),
                workspace: default(),
                time: at("2026-03-23T08:31:00Z"),
                command: Command::Note { episode: "p/cac/segment=smb".into(), note: "audit started".into() },
            }),
            "22390a03632d32120764656661756c7418a0b3c6ced1332a220a11702f6361632f7365676d656e743d736d62120d61756469742073746172746564",
            r#"{"type":"log.command","command_id":"c-2","workspace":"default","time":"2026-03-23T08:31:00Z","command":"note","episode":"p/cac/segment=smb","note":"audit started"}"#,
        ),
        (
            LogRecord::Epoch(EpochRecord {
                version: 2,
                position: 99,
                published: vec![PublishedEpisode {
                    workspace: default(),
                    episode: "p/cac/segment=smb".into(),
                    last_alert: b"{\"sequence\":1}".as_slice().into(),
                }],
            }),
            "2a32080210631a2c0a0764656661756c741211702f6361632f7365676d656e743d736d621a0e7b2273657175656e6365223a317d",
            r#"{"type":"log.epoch","version":2,"position":99,"published":[{"workspace":"default","episode":"p/cac/segment=smb","last_alert":"{\"sequence\":1}"}]}"#,
        ),
    ];
    for (record, bytes, line) in records {
        let mut written = Vec::new();
        encode_record(&record, &mut written);
        assert_eq!(hex(&written), bytes);
        assert_eq!(decode_record(&unhex(bytes)).unwrap().to_owned(), record);
        assert_eq!(record_to_json(&record), line);
        assert_eq!(record_from_json(line).unwrap(), record);
    }
}

#[test]
fn aggregates_keep_their_bytes() {
    let value = |name: &str, value: &str| proto::DimensionValue { name: name.into(), value: value.into() };
    let key = proto::AggregateKey {
        workspace: "default".into(),
        leaf: vec![value("segment", "smb"), value("channel", "(unset)")],
        entry_day: 20_514,
    };
    assert_eq!(
        hex(&key.encode_to_vec()),
        "0a0764656661756c74120e0a077365676d656e741203736d6212120a076368616e6e656c120728756e7365742918a2a001"
    );
    let cell = proto::Cell {
        measure: proto::Measure::Converted.into(),
        stage: "lead".into(),
        to_stage: "won".into(),
        reason: String::new(),
        lag_days: 26,
        value: 1,
    };
    let spend =
        proto::Cell { measure: proto::Measure::Spend.into(), value: -805_100_000, ..Default::default() };
    assert_eq!(
        hex(&proto::AggregateValue { cells: vec![cell, spend] }.encode_to_vec()),
        "0a11080312046c6561641a03776f6e283430020a08080830bfe7e6ff05"
    );
}

#[test]
fn what_only_a_newer_version_knows_stops_the_reader() {
    let event = |body: proto::event_record::Body| {
        let record =
            proto::EventRecord { workspace: "default".into(), body: Some(body), ..Default::default() };
        proto::LogRecord { record: Some(proto::log_record::Record::Event(record)) }.encode_to_vec()
    };
    let lead = proto::LeadBody { lead_id: "L-1".into(), r#type: 10, ..Default::default() };
    let deal = proto::OpportunityBody { opportunity_id: "O-1".into(), r#type: 10, ..Default::default() };
    for (bytes, what, number) in [
        // Record kind 6.
        (vec![0x32, 0x00], "kind", 6),
        (event(proto::event_record::Body::Lead(lead)), "lead event type", 10),
        (event(proto::event_record::Body::Opportunity(deal)), "opportunity event type", 10),
        // An event without any body known here.
        (vec![0x0a, 0x09, 0x22, 0x07, b'd', b'e', b'f', b'a', b'u', b'l', b't'], "body", 0),
    ] {
        assert_eq!(decode_record(&bytes).unwrap_err(), RecordError::UnknownKind { what, number });
    }
    let line = r#"{"type":"log.weather","time":"2026-03-02T09:16:00Z"}"#;
    assert!(matches!(record_from_json(line), Err(plumbline_events::RecordJsonError::UnknownKind(_))));
}
