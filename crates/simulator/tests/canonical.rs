//! Every simulated event is a canonical one: as a JSON line and as a log record it reads back as itself.

#![allow(clippy::unwrap_used)]

use plumbline_events::{Limits, LogRecord, decode_json_line, decode_record, encode_record, to_json};
use plumbline_simulator::{ScenarioKind, Spec, generate};

#[test]
fn events_read_back_from_json_lines_and_from_log_records() {
    let limits = Limits::default();
    for kind in ScenarioKind::ALL {
        let spec = Spec { kind, days: 60, correction_share: 0.3, merge_share: 0.2, ..Spec::default() };
        for generated in generate(&spec) {
            let record = generated.clone().into_record();
            let (event, received_at) = decode_json_line(to_json(&record).as_bytes(), &limits).unwrap();
            assert_eq!((&event, received_at), (&generated.event, Some(generated.received_at)));
            let record = LogRecord::Event(record);
            let mut bytes = Vec::new();
            encode_record(&record, &mut bytes);
            assert_eq!(decode_record(&bytes).unwrap().to_owned(), record);
        }
    }
}

#[test]
fn the_truth_is_plain_json() {
    let spec = Spec { kind: ScenarioKind::LeadQualityTrap, ..Spec::default() };
    let json = serde_json::to_value(plumbline_simulator::truth(&spec)).unwrap();
    assert_eq!(json["scenario"], "lead-quality-trap");
    assert_eq!(json["onset"], "2026-05-04");
    assert_eq!(json["channel"], "paid_social");
    assert_eq!((&json["cac_before"], &json["cac_after"]), (&2500.0.into(), &5000.0.into()));
}
