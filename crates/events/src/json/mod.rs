//! Canonical JSON: one object per line.

mod log;
mod read;
mod write;

pub use log::{RecordJsonError, record_from_json, record_to_json};
pub use read::decode_json_line;
pub(crate) use read::{JsonFields, is_json};
pub use write::to_json;
