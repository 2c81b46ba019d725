//! The log's protobuf.
//!
//! Events are read by hand into borrowed views, since the fold reads them by the million; all else goes through
//! the generated messages.

mod cursor;
mod decode;
mod encode;
mod event;
mod records;

pub use decode::{RecordError, RecordView, decode_record};
pub use encode::encode_record;
pub use event::WireAttributes;
