//! What is taken, what is refused, and under which class.

#![allow(clippy::unwrap_used)]

use plumbline_events::{
    Body, Event, Input, InputKind, LeadFact, Limits, Rejection, decode, decode_json_line, proto,
};
use plumbline_units::Timestamp;
use prost::Message;

fn arrived() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn take(value: &[u8], headers: &[(&str, &[u8])], kind: InputKind) -> Result<Event, Rejection> {
    decode(&Input { value, headers, kind }, arrived(), &Limits::default())
}

fn json(value: &str) -> Result<Event, Rejection> {
    take(value.as_bytes(), &[], InputKind::Leads)
}

/// A lead event with further fields.
fn lead(more: &str) -> String {
    format!(r#"{{"type":"lead.created","lead_id":"L-1","occurred_at":"2026-03-02T09:15:00Z"{more}}}"#)
}

fn won(amount: &str) -> String {
    format!(
        r#"{{"type":"opportunity.won","opportunity_id":"O-1","occurred_at":"2026-03-02T09:15:00Z","amount":{amount}}}"#
    )
}

fn spend(start: &str, end: &str) -> String {
    format!(
        r#"{{"type":"spend.reported","spend_id":"s","occurred_at":"2026-03-02T09:15:00Z","period_start":{start},"period_end":{end},"amount":{{"value":1,"currency":"EUR"}}}}"#
    )
}

#[test]
fn each_fault_has_its_class() {
    let stage = |stage: &str| {
        format!(
            r#"{{"type":"lead.stage_reached","lead_id":"L","occurred_at":"2026-03-02T09:15:00Z","stage":{stage}}}"#
        )
    };
    let at = |time: &str| format!(r#"{{"type":"lead.created","lead_id":"L","occurred_at":{time}}}"#);
    let many: Vec<String> = (0..1000).map(|n| format!(r#""a{n}":"x""#)).collect();
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "unreadable"),
        ("hello".into(), "unreadable"),
        ("[1,2]".into(), "unreadable"),
        ("{".into(), "unreadable"),
        (r#"{"type":"lead.created","type":"lead.created"}"#.into(), "unreadable"),
        ("{}".into(), "missing_type"),
        (r#"{"type":null}"#.into(), "missing_type"),
        (r#"{"type":7}"#.into(), "wrong_kind"),
        (r#"{"type":"lead.craeted"}"#.into(), "unknown_type"),
        (r#"{"type":"lead.created","lead_id":"L"}"#.into(), "missing_field"),
        (at("null"), "missing_field"),
        (at("12"), "wrong_kind"),
        (at(r#""yesterday""#), "bad_time"),
        (at(r#""2026-03-02""#), "bad_time"),
        (at(r#""1989-12-31T23:59:59Z""#), "before_1990"),
        (at(r#""2026-03-03T12:00:00.001Z""#), "future"),
        (at(r#""2099-01-01T00:00:00Z""#), "future"),
        (r#"{"type":"lead.created","occurred_at":"2026-03-02T09:15:00Z"}"#.into(), "missing_id"),
        (lead(r#","lead_id":" "}"#).replace(r#""lead_id":"L-1","#, "").replace("}}", "}"), "missing_id"),
        (lead("").replace("L-1", &"x".repeat(257)), "bad_id"),
        (lead("").replace(r#""L-1""#, "{}"), "wrong_kind"),
        (stage("null"), "missing_field"),
        (stage(r#""a\nb""#), "bad_name"),
        (lead(r#","workspace":"a\u0000b""#), "bad_name"),
        (lead(&format!(r#","source":"{}""#, "x".repeat(257))), "too_long"),
        (lead(r#","attributes":[]"#), "wrong_kind"),
        (lead(r#","attributes":{"a":{}}"#), "wrong_kind"),
        (lead(&format!(r#","attributes":{{{}}}"#, many.join(","))), "too_many_attributes"),
        (lead(&format!(r#","more":"{}""#, "x".repeat(65_536))), "too_large"),
        (won("12"), "wrong_kind"),
        (won(r#"{"value":"12"}"#), "missing_field"),
        (won(r#"{"value":"twelve","currency":"EUR"}"#), "bad_amount"),
        (won(r#"{"value":"1e13","currency":"EUR"}"#), "bad_amount"),
        (won(r#"{"value":-0.01,"currency":"EUR"}"#), "bad_amount"),
        (won(r#"{"value":12,"currency":"Euro"}"#), "bad_currency"),
        (spend(r#""2026-03-02""#, r#""2026-03-01""#), "bad_period"),
        (spend(r#""2024-03-02""#, r#""2026-03-01""#), "bad_period"),
        (spend(r#""2026-3-2""#, r#""2026-03-03""#), "bad_period"),
        (spend(r#""2026-03-05""#, r#""2026-03-06""#), "future"),
        (spend(r#""1980-03-05""#, r#""1980-03-06""#), "before_1990"),
    ];
    for (value, class) in cases {
        let rejection = json(&value).expect_err(&value);
        assert_eq!(rejection.class(), class, "{value}: {rejection}");
    }
}

#[test]
fn nesting_without_end_is_refused_or_ignored_without_exhausting_the_stack() {
    let deep = |open: &str, shut: &str| format!("{}{}", open.repeat(10_000), shut.repeat(10_000));
    assert!(json(&lead(&format!(r#","more":{}"#, deep("[", "]")))).is_ok());
    for value in [
        deep("[", ""),
        lead(&format!(r#","more":{}"#, deep("[", ""))),
        lead(&format!(r#","attributes":{}"#, deep(r#"{"a":"#, "}"))),
        lead(&format!(r#","attributes":{{"a":{}}}"#, deep("[", "]"))),
        won(&deep("[", "]")),
    ] {
        assert!(json(&value).is_err());
    }
    let clock = format!(r#"{{"type":"log.clock","time":{}}}"#, deep("[", "]"));
    assert!(plumbline_events::record_from_json(&clock).is_err());
}

#[test]
fn what_an_events_type_does_not_use_is_not_looked_at() {
    let event = json(&lead(r#","amount":"rubbish","spend_id":{},"stage":7,"unheard_of":[[[]]]"#)).unwrap();
    assert_eq!(event.body, Body::Lead { lead_id: "L-1".parse().unwrap(), fact: LeadFact::Created });
}

#[test]
fn numbers_serve_as_ids_and_attributes_and_keep_their_text() {
    let event = json(
        &lead(r#","attributes":{"size":50.10,"vip":true,"none":null,"blank":" "}"#)
            .replace(r#""L-1""#, "0001e2"),
    )
    .unwrap_err();
    assert_eq!(event.class(), "unreadable", "0001 is no JSON number");
    let event = json(
        &lead(r#","attributes":{"size":50.10,"vip":true,"none":null,"blank":" "}"#)
            .replace(r#""L-1""#, "1e2"),
    )
    .unwrap();
    assert!(matches!(event.body, Body::Lead { lead_id, .. } if lead_id.as_str() == "1e2"));
    let attributes: Vec<(&str, &str)> =
        event.envelope.attributes.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    assert_eq!(attributes, [("size", "50.10"), ("vip", "true")]);
}

#[test]
fn a_received_at_on_an_input_is_never_believed() {
    let forged = lead(r#","received_at":"2099-01-01T00:00:00Z""#);
    assert!(json(&forged).is_ok());
    let future = forged.replace("2026-03-02T09:15:00Z", "2098-12-31T00:00:00Z");
    assert_eq!(json(&future).unwrap_err().class(), "future");
}

#[test]
fn in_a_file_no_time_lies_after_its_end() {
    let limits = Limits { latest: arrived(), ..Limits::default() };
    let line = |more: &str| decode_json_line(lead(more).as_bytes(), &limits);
    assert_eq!(line("").unwrap().1, None);
    assert!(line(r#","received_at":"2026-03-02T12:00:00Z""#).unwrap().1.is_some());
    assert_eq!(
        line(r#","received_at":"2099-01-01T00:00:00Z""#).unwrap_err(),
        Rejection::Future("received_at")
    );
    let late = lead("").replace("2026-03-02T09", "2026-03-02T13");
    assert_eq!(decode_json_line(late.as_bytes(), &limits).unwrap_err(), Rejection::Future("occurred_at"));
}

#[test]
fn long_reasons_are_cut_at_a_character() {
    let reason = "ä".repeat(200);
    let line = format!(
        r#"{{"type":"lead.disqualified","lead_id":"L","occurred_at":"2026-03-02T09:15:00Z","reason":"{reason}"}}"#
    );
    let Body::Lead { fact: LeadFact::Disqualified(Some(reason)), .. } = json(&line).unwrap().body else {
        panic!()
    };
    assert_eq!(reason.len(), 256);
}

fn lead_message() -> proto::LeadEvent {
    proto::LeadEvent {
        r#type: proto::LeadEventType::Created.into(),
        lead_id: "L-1".into(),
        occurred_at: Some(proto::google::protobuf::Timestamp { seconds: 1_772_442_900, nanos: 999_999_999 }),
        ..Default::default()
    }
}

#[test]
fn the_content_type_decides_and_else_the_first_byte() {
    let text = lead("");
    let message = lead_message().encode_to_vec();
    let any =
        proto::InputEvent { event: Some(proto::input_event::Event::Lead(lead_message())) }.encode_to_vec();
    let typed: &[u8] = b"application/x-protobuf; proto=plumbline.v1.LeadEvent";
    // Value, content type, the topic's kind, the class of the rejection if any.
    type Case<'a> = (&'a [u8], &'a [u8], InputKind, Option<&'a str>);
    let cases: Vec<Case<'_>> = vec![
        (text.as_bytes(), b"application/json; charset=utf-8", InputKind::Spend, None),
        (text.as_bytes(), b"application/vnd.acme+json", InputKind::Spend, None),
        (text.as_bytes(), b"", InputKind::Any, None),
        (text.as_bytes(), b"text/plain", InputKind::Any, None),
        (text.as_bytes(), b"application/protobuf", InputKind::Leads, Some("unreadable")),
        (text.as_bytes(), b"application/cloudevents+json", InputKind::Leads, Some("unsupported_encoding")),
        (&message, b"", InputKind::Leads, None),
        (&message, b"application/octet-stream", InputKind::Leads, None),
        (&message, typed, InputKind::Any, None),
        (&message, typed, InputKind::Spend, None),
        (&message, b"application/json", InputKind::Leads, Some("unreadable")),
        (&message, b"", InputKind::Any, Some("unreadable")),
        (&any, b"", InputKind::Any, None),
        (b"\0\0\0\0\x01\x08\x01", b"", InputKind::Leads, Some("unsupported_encoding")),
        (b"\xef\xbb\xbf{", b"", InputKind::Leads, Some("unreadable")),
        (&message[..message.len() - 1], b"", InputKind::Leads, Some("unreadable")),
    ];
    for (value, content_type, kind, class) in cases {
        let taken = take(value, &[("Content-Type", content_type)], kind);
        let shown = String::from_utf8_lossy(content_type);
        assert_eq!(taken.as_ref().err().map(Rejection::class), class, "{shown} {kind:?} {taken:?}");
    }
    let marked = format!("\u{feff}{text}");
    assert!(json(&marked).is_ok());
}

#[test]
fn protobuf_times_are_cut_to_the_millisecond_and_checked() {
    let event = take(&lead_message().encode_to_vec(), &[], InputKind::Leads).unwrap();
    assert_eq!(event.envelope.occurred_at.to_string(), "2026-03-02T09:15:00.999Z");
    for (seconds, nanos, class) in [
        (0, 0, "before_1990"),
        (i64::MAX, 0, "bad_time"),
        (1_772_442_900, -1, "bad_time"),
        (4e9 as i64, 0, "future"),
    ] {
        let mut message = lead_message();
        message.occurred_at = Some(proto::google::protobuf::Timestamp { seconds, nanos });
        assert_eq!(take(&message.encode_to_vec(), &[], InputKind::Leads).unwrap_err().class(), class);
    }
    let mut message = lead_message();
    message.r#type = 77;
    assert_eq!(take(&message.encode_to_vec(), &[], InputKind::Leads).unwrap_err().class(), "unknown_type");
}

#[test]
fn cloud_events_headers_fill_what_the_body_lacks() {
    let headers: [(&str, &[u8]); 5] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e-9"),
        ("ce_source", b"/crm/eu"),
        ("ce_type", b"com.acme.lead.created"),
        ("ce_time", b"2026-03-02T09:15:00Z"),
    ];
    let bare = proto::LeadEvent { lead_id: "L-1".into(), ..Default::default() }.encode_to_vec();
    let by_json = take(br#"{"lead_id":"L-1"}"#, &headers, InputKind::Any).unwrap();
    assert_eq!(by_json.envelope.event_id.as_deref(), Some("e-9"));
    assert_eq!(by_json.envelope.source.as_deref(), Some("/crm/eu"));
    assert_eq!(by_json.envelope.occurred_at.to_string(), "2026-03-02T09:15:00Z");
    // The type's header also says which message it is, on a topic that carries all of them.
    assert_eq!(take(&bare, &headers, InputKind::Any).unwrap(), by_json);

    let own = lead(r#","event_id":"own","source":"hubspot""#).replace("09:15", "10:15");
    let event = take(own.as_bytes(), &headers, InputKind::Any).unwrap();
    assert_eq!(event.envelope.event_id.as_deref(), Some("own"));
    assert_eq!(event.envelope.source.as_deref(), Some("hubspot"));
    assert_eq!(event.envelope.occurred_at.to_string(), "2026-03-02T10:15:00Z");

    for (name, value, class) in [
        ("ce_type", b"com.acme.invoice.paid".as_slice(), "unknown_type"),
        ("ce_time", b"now", "bad_time"),
        ("ce_id", b"\xff", "wrong_kind"),
        ("ce_source", &[b'x'; 70_000], "too_large"),
    ] {
        let mut headers = headers.to_vec();
        headers.push((name, value));
        assert_eq!(take(br#"{"lead_id":"L-1"}"#, &headers, InputKind::Any).unwrap_err().class(), class);
    }
}

#[test]
fn rejections_quote_no_id_and_no_attribute() {
    let secret = "jane.doe@example.com";
    for value in [
        lead("").replace("L-1", &format!("{secret}{}", "x".repeat(300))),
        lead("").replace(r#""L-1""#, &format!(r#"{{"a":"{secret}"}}"#)),
        lead(&format!(r#","attributes":{{"mail":["{secret}"]}}"#)),
        lead(&format!(r#","attributes":"{secret}""#)),
        lead(&format!(r#","source":"{secret}\u0001{}""#, "x".repeat(300))),
        format!(r#""{secret}""#),
        format!(r#"{{"lead_id":"{secret}""#),
        secret.to_string(),
    ] {
        let rejection = json(&value).expect_err(&value);
        assert!(!rejection.to_string().contains("jane"), "{rejection}");
        assert!(!format!("{rejection:?}").contains("jane"), "{rejection:?}");
    }
}

#[test]
fn pseudonyms_replace_every_id_that_may_lead_to_a_person() {
    let line = r#"{"type":"lead.merged","event_id":"e-L-1","lead_id":"L-1","into_lead_id":"L-2","occurred_at":"2026-03-02T09:15:00Z","attributes":{"segment":"smb","mail":"x"}}"#;
    let mut event = json(line).unwrap();
    event.retain_attributes(|name| name == "segment");
    event.pseudonymise(&|id| format!("#{}", id.len()));
    assert_eq!(event.envelope.event_id.as_deref(), Some("#5"));
    let fact = LeadFact::Merged("#3".parse().unwrap());
    assert_eq!(event.body, Body::Lead { lead_id: "#3".parse().unwrap(), fact });
    assert_eq!(event.envelope.attributes.len(), 1);
    event.pseudonymise(&|_| String::new());
    assert!(matches!(event.body, Body::Lead { lead_id, .. } if lead_id.as_str() == "(blank)"));
}
