//! What the state machine says, as records.

use plumbline_funnel::FoldRejection;

use crate::{AlertRecord, DeadLetterOut, Output, alert};

/// An alert as a record of the topic.
pub(crate) fn alert_output(alert: &alert::Alert) -> Output {
    let headers = [
        ("content-type", "application/json".to_string()),
        ("ce_specversion", "1.0".to_string()),
        ("ce_id", format!("{}-{}", alert.alert_id, alert.sequence)),
        ("ce_type", format!("plumbline.alert.{}", alert.transition)),
        ("ce_source", format!("plumbline/{}", alert.workspace)),
        ("ce_time", alert.detected_at.to_string()),
    ];
    Output::Alert(AlertRecord {
        key: format!("{}/{}", alert.workspace, alert.episode),
        value: serde_json::to_vec(alert).expect("an alert has text keys and finite numbers only"),
        headers: headers.map(|(k, v)| (k.to_string(), v)).to_vec(),
    })
}

/// What the fold could not take.
pub(crate) fn dead_letter(rejection: FoldRejection) -> DeadLetterOut {
    DeadLetterOut { class: rejection.class(), message: rejection.to_string() }
}
