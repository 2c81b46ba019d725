//! Money, rates, days, time zones and ids: checked once at construction, integers only.
//!
//! Every number that crosses a crate border is one of these types. Floating point appears nowhere here:
//! sums of integers are a commutative group, so what is added can be taken away again to the last bit.
//!
//! This crate reads no clock, no environment and no file.

mod id;
mod money;
mod share;
mod time;

pub use id::{IdHash, IdHasher, Name, NameError, RecordId, RecordIdError};
pub use money::{Currency, CurrencyError, Micros, Money, MoneyError};
pub use share::{Share, ShareError, Tolerance, ToleranceError};
pub use time::{Day, DayError, Seconds, Timestamp, TimestampError, Zone, ZoneError};
