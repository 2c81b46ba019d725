//! What holds for every event and every byte string.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_events::proto::{self, LeadEvent, OpportunityEvent, SpendEvent};
use plumbline_events::{
    Attributes, Body, Event, EventRecord, Input, InputKind, LeadFact, Limits, LogRecord, OpportunityFact,
    RecordView, decode, decode_json_line, decode_record, encode_record, record_from_json, record_to_json,
    to_json,
};
use plumbline_units::{Seconds, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use support::{event_by_generated_code, event_record, log_record};

fn encoded(record: &LogRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

/// The event as a producer would write it in protobuf, with the kind of topic it belongs to.
fn produced(event: &Event) -> (InputKind, Vec<u8>) {
    let envelope = &event.envelope;
    let millis = envelope.occurred_at.millis();
    let occurred_at = Some(proto::google::protobuf::Timestamp {
        seconds: millis.div_euclid(1000),
        nanos: millis.rem_euclid(1000) as i32 * 1_000_000,
    });
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_string();
    let (event_id, source) = (text(&envelope.event_id), text(&envelope.source));
    let workspace = envelope.workspace.to_string();
    let attributes =
        envelope.attributes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let money = |money: &plumbline_units::Money| proto::Money {
        micros: money.micros.0,
        currency: money.currency.to_string(),
    };
    // The type's number is its place in the list of names, which the two enums below share with the log.
    let view = EventRecord { received_at: envelope.occurred_at, input: "".into(), event: event.clone() };
    let logged: proto::LogRecord = Message::decode(encoded(&LogRecord::Event(view)).as_slice()).unwrap();
    let Some(proto::log_record::Record::Event(logged)) = logged.record else { unreachable!() };
    match (&event.body, logged.body.unwrap()) {
        (Body::Lead { lead_id, fact }, proto::event_record::Body::Lead(logged)) => {
            let (mut stage, mut reason, mut into_lead_id) = Default::default();
            match fact {
                LeadFact::StageReached(name) => stage = name.to_string(),
                LeadFact::Disqualified(why) => reason = text(why),
                LeadFact::Merged(into) => into_lead_id = into.as_str().to_string(),
                _ => {}
            }
            let lead_id = lead_id.as_str().to_string();
            let r#type = logged.r#type;
            let message = LeadEvent {
                r#type,
                lead_id,
                occurred_at,
                stage,
                reason,
                into_lead_id,
                event_id,
                workspace,
                source,
                attributes,
            };
            (InputKind::Leads, message.encode_to_vec())
        }
        (
            Body::Opportunity { opportunity_id, lead_id, amount, fact },
            proto::event_record::Body::Opportunity(logged),
        ) => {
            let (mut stage, mut reason) = Default::default();
            match fact {
                OpportunityFact::StageReached(name) => stage = name.to_string(),
                OpportunityFact::Lost(why) => reason = text(why),
                _ => {}
            }
            let opportunity_id = opportunity_id.as_str().to_string();
            let lead_id = lead_id.as_ref().map(|id| id.as_str().to_string()).unwrap_or_default();
            let amount = amount.as_ref().map(money);
            let r#type = logged.r#type;
            let message = OpportunityEvent {
                r#type,
                opportunity_id,
                occurred_at,
                stage,
                reason,
                lead_id,
                event_id,
                workspace,
                source,
                attributes,
                amount,
            };
            (InputKind::Opportunities, message.encode_to_vec())
        }
        (Body::Spend { spend_id, period_start, period_end, amount }, _) => {
            let message = SpendEvent {
                spend_id: spend_id.as_str().to_string(),
                occurred_at,
                period_start: period_start.to_string(),
                period_end: period_end.to_string(),
                event_id,
                workspace,
                source,
                attributes,
                amount: Some(money(amount)),
            };
            (InputKind::Spend, message.encode_to_vec())
        }
        _ => unreachable!(),
    }
}

fn every_kind() -> [InputKind; 4] {
    [InputKind::Leads, InputKind::Opportunities, InputKind::Spend, InputKind::Any]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn json_to_type_to_protobuf_to_type_is_the_identity(record in event_record()) {
        let line = to_json(&record);
        let (event, received_at) = decode_json_line(line.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(&event, &record.event);
        prop_assert_eq!(received_at, Some(record.received_at));
        let record = LogRecord::Event(record);
        prop_assert_eq!(decode_record(&encoded(&record)).unwrap().to_owned(), record);
    }

    #[test]
    fn a_record_survives_the_log_and_its_export(record in log_record()) {
        let bytes = encoded(&record);
        prop_assert_eq!(decode_record(&bytes).unwrap().to_owned(), record.clone());
        prop_assert_eq!(record.view().to_owned(), record.clone());
        let line = record_to_json(&record);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(record_from_json(&line).unwrap(), record);
    }

    #[test]
    fn an_input_says_the_same_in_json_and_in_protobuf(record in event_record()) {
        let arrived = record.received_at;
        let limits = Limits::default();
        let line = to_json(&record);
        let json = Input { value: line.as_bytes(), headers: &[], kind: InputKind::Leads };
        prop_assert_eq!(decode(&json, arrived, &limits).unwrap(), record.event.clone());
        let (kind, bytes) = produced(&record.event);
        let protobuf = Input { value: &bytes, headers: &[], kind };
        prop_assert_eq!(decode(&protobuf, arrived, &limits).unwrap(), record.event);
    }

    #[test]
    fn the_reader_by_hand_agrees_with_the_generated_one(record in event_record()) {
        let bytes = encoded(&LogRecord::Event(record.clone()));
        prop_assert_eq!(event_by_generated_code(&bytes), Some(record.clone()));
        let RecordView::Event(view) = decode_record(&bytes).unwrap() else { panic!() };
        prop_assert!(matches!(view.attributes, Attributes::Wire(_)));
        for (name, value) in &record.event.envelope.attributes {
            prop_assert_eq!(view.attributes.get(name), Some(value.as_ref()));
        }
        prop_assert_eq!(view.attributes.get("\u{0}no such name"), None);
    }

    #[test]
    fn damaged_records_are_refused_or_read_as_the_generated_reader_does(
        record in event_record(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let mut bytes = encoded(&LogRecord::Event(record));
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if truncate {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok(RecordView::Event(view)) = decode_record(&bytes) {
            prop_assert_eq!(Some(view.to_record()), event_by_generated_code(&bytes));
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in vec(any::<u8>(), 0..200), json in ".{0,80}") {
        let arrived: Timestamp = "2026-03-02T09:15:00Z".parse().unwrap();
        let limits = Limits::default();
        for value in [bytes.as_slice(), json.as_bytes()] {
            let _ = decode_record(value).map(|record| record.to_owned());
            let _ = decode_json_line(value, &limits);
            for kind in every_kind() {
                for content_type in ["application/json", "application/x-protobuf", ""] {
                    let headers = [("content-type", content_type.as_bytes()), ("ce_time", value)];
                    let _ = decode(&Input { value, headers: &headers, kind }, arrived, &limits);
                }
            }
        }
        let _ = record_from_json(&json);
    }

    #[test]
    fn damaged_inputs_make_nothing_panic_and_rejections_quote_no_id(
        record in event_record(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (kind, protobuf) = produced(&record.event);
        for mut bytes in [protobuf, to_json(&record).into_bytes()] {
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let input = Input { value: &bytes, headers: &[], kind };
            if let Err(rejection) = decode(&input, record.received_at, &Limits::default()) {
                prop_assert!(plumbline_events::Rejection::CLASSES.contains(&rejection.class()));
                prop_assert!(rejection.to_string().len() < 300, "{}", rejection);
            }
        }
    }

    #[test]
    fn accepted_times_lie_between_1990_and_a_day_after_the_arrival(record in event_record(), early in 0..200_000i64) {
        let arrived = record.event.envelope.occurred_at.minus(Seconds(early));
        let line = to_json(&record);
        let input = Input { value: line.as_bytes(), headers: &[], kind: InputKind::Any };
        match decode(&input, arrived, &Limits::default()) {
            Ok(_) => prop_assert!(early <= 86_400),
            Err(rejection) => prop_assert!(["future", "before_1990"].contains(&rejection.class())),
        }
    }
}
