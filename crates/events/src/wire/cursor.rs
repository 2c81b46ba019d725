//! Protobuf's wire format, as much of it as the log uses.

use super::RecordError;

/// The unread rest of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

/// The value of one field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Fixed-width numbers: the log has none; unknown fields may.
    Fixed,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// The bytes not yet read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field's number and value; `None` at the end of the message.
    #[inline(always)]
    pub(super) fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, RecordError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|n| (1..1 << 29).contains(n));
        let number = number.ok_or(RecordError::Unreadable("a field number is out of range"))?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length)?)
            }
            5 => self.fixed(4)?,
            _ => return Err(RecordError::Unreadable("a field has a wire type that is not used")),
        };
        Ok(Some((number, value)))
    }

    fn fixed(&mut self, length: usize) -> Result<Value<'a>, RecordError> {
        self.take(length).map(|_| Value::Fixed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(RecordError::Unreadable("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, RecordError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, RecordError> {
        let mut value = 0u64;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte holds the 64th bit alone.
            if at == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(RecordError::Unreadable("a number is broken"))
    }
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], RecordError> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(WRONG_TYPE),
        }
    }

    #[inline]
    pub(super) fn text(self) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| RecordError::Unreadable("a text is not UTF-8"))
    }

    pub(super) fn number(self) -> Result<u64, RecordError> {
        match self {
            Value::Varint(number) => Ok(number),
            _ => Err(WRONG_TYPE),
        }
    }

    /// `int64`.
    pub(super) fn int64(self) -> Result<i64, RecordError> {
        self.number().map(|number| number as i64)
    }

    /// An `enum` value or `int32`: the low half, as every reader of protobuf takes it.
    pub(super) fn int32(self) -> Result<i32, RecordError> {
        self.number().map(|number| number as i32)
    }

    /// `sint64`.
    pub(super) fn sint64(self) -> Result<i64, RecordError> {
        self.number().map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// `sint32`.
    pub(super) fn sint32(self) -> Result<i32, RecordError> {
        self.number().map(|number| number as u32).map(|number| (number >> 1) as i32 ^ -((number & 1) as i32))
    }
}

const WRONG_TYPE: RecordError = RecordError::Unreadable("a field has the wrong wire type");
