//! Why an input is not taken. Messages name fields and kinds; they never quote ids or attribute values.

use std::fmt::Display;

use plumbline_units::{RecordIdError, TimestampError};

/// Why an input is not an event. Decided from its bytes, its headers and the time of its arrival alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// More bytes than an event may have.
    #[error("the event has {bytes} bytes; at most {limit} are taken")]
    TooLarge {
        /// What it has, envelope headers included.
        bytes: usize,
        /// What is taken.
        limit: usize,
    },
    /// More attributes than an event may have.
    #[error("the event has {count} attributes; at most {limit} are taken")]
    TooManyAttributes {
        /// What it has.
        count: usize,
        /// What is taken.
        limit: usize,
    },
    /// Neither JSON nor protobuf as far as its bytes go.
    #[error("unreadable {encoding}: {detail}")]
    Unreadable {
        /// What it was read as.
        encoding: &'static str,
        /// Where it breaks; never its content.
        detail: String,
    },
    /// Readable by others, not by us.
    #[error("{0}")]
    UnsupportedEncoding(&'static str),
    /// Does not say what happened.
    #[error("`type` is missing")]
    MissingType,
    /// Says that something happened that we do not know.
    #[error("`type` is {0:?}, which is no event type")]
    UnknownType(String),
    /// The event's own id, or the id it refers to, is missing.
    #[error("`{0}` is missing")]
    MissingId(&'static str),
    /// A field this type cannot do without is missing.
    #[error("`{0}` is missing")]
    MissingField(&'static str),
    /// An id that cannot be one.
    #[error("`{field}`: {error}")]
    BadId {
        /// Which.
        field: &'static str,
        /// Why.
        error: RecordIdError,
    },
    /// A workspace or stage that cannot be a name.
    #[error("`{0}` is not a name: 1 to 128 bytes without control characters")]
    BadName(&'static str),
    /// A text that is too long.
    #[error("`{field}` has {bytes} bytes; at most {limit} are taken")]
    TooLong {
        /// Which.
        field: &'static str,
        /// What it has.
        bytes: usize,
        /// What is taken.
        limit: usize,
    },
    /// An object where text was due, or the like.
    #[error("`{field}` is not {expected}")]
    WrongKind {
        /// Which.
        field: &'static str,
        /// What was due.
        expected: &'static str,
    },
    /// Not a time.
    #[error("`{field}`: {detail}")]
    BadTime {
        /// Which.
        field: &'static str,
        /// Why, with a short cut of it.
        detail: String,
    },
    /// A time of a clock that was never set.
    #[error("`{0}` lies before 1990")]
    Before1990(&'static str),
    /// A time that cannot have come yet.
    #[error("`{0}` lies more than one day after the event's arrival")]
    Future(&'static str),
    /// Not an amount of money.
    #[error("`amount`: {0}")]
    BadAmount(String),
    /// A deal below nothing.
    #[error("`amount` is negative; only spend may be")]
    NegativeAmount,
    /// Not a currency.
    #[error("`amount.currency`: {0}")]
    BadCurrency(String),
    /// Not a period of at most 400 days.
    #[error("`period_start` and `period_end`: {0}")]
    BadPeriod(String),
}

impl Rejection {
    /// Every class, for registering metrics.
    pub const CLASSES: [&'static str; 18] = [
        "too_large",
        "too_many_attributes",
        "unreadable",
        "unsupported_encoding",
        "missing_type",
        "unknown_type",
        "missing_id",
        "missing_field",
        "bad_id",
        "bad_name",
        "too_long",
        "wrong_kind",
        "bad_time",
        "before_1990",
        "future",
        "bad_amount",
        "bad_currency",
        "bad_period",
    ];

    /// The stable label for metrics and dead letters; one of [`Rejection::CLASSES`].
    pub fn class(&self) -> &'static str {
        match self {
            Rejection::TooLarge { .. } => "too_large",
            Rejection::TooManyAttributes { .. } => "too_many_attributes",
            Rejection::Unreadable { .. } => "unreadable",
            Rejection::UnsupportedEncoding(_) => "unsupported_encoding",
            Rejection::MissingType => "missing_type",
            Rejection::UnknownType(_) => "unknown_type",
            Rejection::MissingId(_) => "missing_id",
            Rejection::MissingField(_) => "missing_field",
            Rejection::BadId { .. } => "bad_id",
            Rejection::BadName(_) => "bad_name",
            Rejection::TooLong { .. } => "too_long",
            Rejection::WrongKind { .. } => "wrong_kind",
            Rejection::BadTime { .. } => "bad_time",
            Rejection::Before1990(_) => "before_1990",
            Rejection::Future(_) => "future",
            Rejection::BadAmount(_) | Rejection::NegativeAmount => "bad_amount",
            Rejection::BadCurrency(_) => "bad_currency",
            Rejection::BadPeriod(_) => "bad_period",
        }
    }

    pub(crate) fn bad_time(field: &'static str, error: &TimestampError) -> Rejection {
        Rejection::BadTime { field, detail: printable(error) }
    }

    pub(crate) fn unreadable(encoding: &'static str, detail: impl Into<String>) -> Rejection {
        Rejection::Unreadable { encoding, detail: detail.into() }
    }
}

/// The error's text; what it quotes may hold control characters, which must not reach logs and headers.
pub(crate) fn printable(error: &impl Display) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).collect()
}

/// At most 40 characters of a text, for messages; control characters are left out.
pub(crate) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
