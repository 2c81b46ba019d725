//! Canonical events and log records: decoding, validation, rejection reasons.

mod event;
mod record;
mod view;
mod wire;

pub use event::{Body, Envelope, Event, LeadFact, OpportunityFact};
pub use record::{
    ClockRecord, Command, CommandRecord, EpochRecord, EventRecord, InputPosition, LogRecord, PlanRecord,
    PublishedEpisode,
};
pub use view::{Attributes, BodyView, EventView, LeadFactView, OpportunityFactView};
pub use wire::WireAttributes;
