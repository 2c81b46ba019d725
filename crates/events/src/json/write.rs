//! Writing events as JSON: fields in a fixed order, absent ones left out.

use std::fmt::{Display, Write};

use plumbline_units::{Money, Timestamp};
use serde_json::value::to_raw_value;

use crate::{BodyView, EventRecord, EventView, LeadFactView, OpportunityFactView};

/// The canonical line of an event, without a line feed; `received_at` included.
///
/// [`decode_json_line`](crate::decode_json_line) reads it back to the same event.
pub fn to_json(record: &EventRecord) -> String {
    let mut object = Object::new();
    write_event(&mut object, &record.view(), record.event.envelope.event_id.as_deref());
    object.finish()
}

pub(super) fn write_event(object: &mut Object, event: &EventView<'_>, event_id: Option<&str>) {
    object.text("type", event.body.type_name());
    object.optional("event_id", event_id.unwrap_or(""));
    object.time("occurred_at", event.occurred_at);
    object.time("received_at", event.received_at);
    if event.workspace != "default" {
        object.text("workspace", event.workspace);
    }
    object.optional("source", event.source);
    match event.body {
        BodyView::Lead { lead_id, fact } => {
            object.text("lead_id", lead_id);
            match fact {
                LeadFactView::StageReached(stage) => object.text("stage", stage),
                LeadFactView::Disqualified(reason) => object.optional("reason", reason),
                LeadFactView::Merged(into) => object.text("into_lead_id", into),
                _ => {}
            }
        }
        BodyView::Opportunity { opportunity_id, lead_id, amount, fact } => {
            object.text("opportunity_id", opportunity_id);
            object.optional("lead_id", lead_id.unwrap_or(""));
            match fact {
                OpportunityFactView::StageReached(stage) => object.text("stage", stage),
                OpportunityFactView::Lost(reason) => object.optional("reason", reason),
                _ => {}
            }
            if let Some(amount) = amount {
                object.money("amount", amount);
            }
        }
        BodyView::Spend { spend_id, period_start, period_end, amount } => {
            object.text("spend_id", spend_id);
            object.display("period_start", period_start);
            object.display("period_end", period_end);
            object.money("amount", amount);
        }
    }
    if event.attributes.iter().next().is_some() {
        object.object("attributes", |attributes| {
            for (name, value) in event.attributes.iter() {
                attributes.text(name, value);
            }
        });
    }
}

/// A JSON object under construction.
pub(super) struct Object {
    text: String,
}

impl Object {
    pub(super) fn new() -> Object {
        let mut text = String::with_capacity(256);
        text.push('{');
        Object { text }
    }

    fn is_empty(&self) -> bool {
        self.text.ends_with('{')
    }

    /// An object inside this one.
    fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object)) {
        self.name(name);
        self.text.push('{');
        fill(self);
        self.text.push('}');
    }

    fn name(&mut self, name: &str) {
        if !self.is_empty() {
            self.text.push(',');
        }
        self.string(name);
        self.text.push(':');
    }

    /// `value` is printed as it is, without anything that needs an escape.
    fn display(&mut self, name: &str, value: impl Display) {
        self.name(name);
        write!(self.text, "\"{value}\"").expect("text takes any text");
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    /// Nothing where the text is empty.
    pub(super) fn optional(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    pub(super) fn time(&mut self, name: &str, at: Timestamp) {
        self.display(name, at);
    }

    fn money(&mut self, name: &str, money: Money) {
        self.object(name, |amount| {
            amount.display("value", money.micros);
            amount.display("currency", money.currency);
        });
    }

    fn string(&mut self, text: &str) {
        if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
            self.text.push('"');
            self.text.push_str(text);
            self.text.push('"');
        } else {
            let quoted = to_raw_value(text).expect("any text can be quoted");
            self.text.push_str(quoted.get());
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}
