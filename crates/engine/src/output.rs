//! What the state machine says, as records.

use plumbline_funnel::FoldRejection;
use serde_json::{Map, Value};

use crate::{AlertRecord, DeadLetterOut, Output, alert};

/// The header that tells the transition.
const TYPE: &str = "ce_type";

/// An alert as a record of the topic.
pub(crate) fn alert_output(alert: &alert::Alert) -> Output {
    let value = serde_json::to_vec(alert).expect("an alert has text keys and finite numbers only");
    let at = alert.detected_at.to_string();
    let id = (alert.alert_id.as_str(), u64::from(alert.sequence));
    output((&alert.workspace, &alert.episode), id, &alert.transition, at, value)
}

/// Whether the record ends its alert.
pub(crate) fn is_resolved(record: &AlertRecord) -> bool {
    record.headers.iter().any(|(name, value)| name == TYPE && value == "plumbline.alert.resolved")
}

/// The same of an alert in whatever shape it was published; `None` where it lacks what names it.
pub(crate) fn record_output(record: Map<String, Value>) -> Option<Output> {
    let text = |field: &str| record.get(field)?.as_str();
    let of = (text("workspace")?, text("episode")?);
    let id = (text("alert_id")?, record.get("sequence")?.as_u64()?);
    let (transition, at) = (text("transition")?, text("detected_at")?.to_owned());
    let value =
        serde_json::to_vec(&record).expect("what was read from JSON has text keys and finite numbers");
    Some(output(of, id, transition, at, value))
}

fn output(
    (workspace, episode): (&str, &str),
    (alert_id, sequence): (&str, u64),
    transition: &str,
    at: String,
    value: Vec<u8>,
) -> Output {
    let headers = [
        ("content-type", "application/json".to_string()),
        ("ce_specversion", "1.0".to_string()),
        ("ce_id", format!("{alert_id}-{sequence}")),
        (TYPE, format!("plumbline.alert.{transition}")),
        ("ce_source", format!("plumbline/{workspace}")),
        ("ce_time", at),
    ];
    Output::Alert(AlertRecord {
        key: format!("{workspace}/{episode}"),
        value,
        headers: headers.map(|(k, v)| (k.to_string(), v)).to_vec(),
    })
}

/// What the fold could not take.
pub(crate) fn dead_letter(rejection: FoldRejection) -> DeadLetterOut {
    DeadLetterOut { class: rejection.class(), message: rejection.to_string() }
}
