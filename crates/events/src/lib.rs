//! Canonical events and log records: decoding, validation, rejection reasons.
//!
//! Producers send [JSON or protobuf](decode()); files hold [JSON lines](decode_json_line); the log holds
//! [records](decode_record). Whatever the encoding, an [`Event`] has been checked, and nothing in it needs the
//! plan. The formats are kept for ever: `proto/plumbline/v1` documents them.
//!
//! This crate reads no clock, no environment and no file. It does not talk to Kafka and knows no plan.

mod check;
mod dead_letter;
mod event;
mod input;
mod json;
mod kind;
pub mod proto;
mod record;
mod rejection;
mod view;
mod wire;

pub use check::Limits;
pub use dead_letter::{dead_letter_value, header as dead_letter_header};
pub use event::{Body, Envelope, Event, LeadFact, OpportunityFact};
pub use input::{Input, InputKind, decode};
pub use json::{RecordJsonError, decode_json_line, record_from_json, record_to_json, to_json};
pub use record::{
    ClockRecord, Command, CommandRecord, EpochRecord, EventRecord, InputPosition, LogRecord, PlanRecord,
    PublishedEpisode,
};
pub use rejection::Rejection;
pub use view::{Attributes, BodyView, EventView, LeadFactView, OpportunityFactView};
pub use wire::{RecordError, RecordView, WireAttributes, decode_record, encode_record};
