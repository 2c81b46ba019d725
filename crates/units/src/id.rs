//! Names and ids. Ids of people never leave the fold: it keeps keyed hashes of them.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip128::{Hasher128, SipHasher24};

/// The id of a lead, opportunity or spend statement as its source wrote it: 1 to 256 bytes of text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RecordId(Box<str>);

/// Why a text is not a [`RecordId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordIdError {
    /// Empty or only white space.
    #[error("the id is empty")]
    Empty,
    /// Longer than [`RecordId::MAX_BYTES`].
    #[error("the id has {0} bytes; at most 256 are taken")]
    TooLong(usize),
}

impl RecordId {
    /// The longest id taken, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Checks and takes an id.
    pub fn new(text: &str) -> Result<RecordId, RecordIdError> {
        if text.trim().is_empty() {
            return Err(RecordIdError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(RecordIdError::TooLong(text.len()));
        }
        Ok(RecordId(text.into()))
    }

    /// The id as its source wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordId {
    type Err = RecordIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        RecordId::new(text)
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        RecordId::new(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// The name of a workspace, stage, dimension, target or pattern: 1 to 128 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: 1 to 128 bytes without control characters")]
pub struct NameError(String);

impl Name {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Name, NameError> {
        if text.trim().is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(NameError(text.chars().filter(|c| !c.is_control()).take(40).collect()));
        }
        Ok(Name(text.into()))
    }

    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Name::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Name::new(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// The keyed 128-bit hash of an id. Two ids of one workspace collide with probability n²/2¹²⁹.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdHash(pub u128);

/// Hashes ids under one key (SipHash-2-4, 128 bits: Aumasson and Bernstein 2012).
#[derive(Clone, Copy)]
pub struct IdHasher {
    key: [u8; 16],
}

impl IdHasher {
    /// A hasher under `key`. State and checkpoints are only comparable under the same key.
    pub const fn new(key: [u8; 16]) -> IdHasher {
        IdHasher { key }
    }

    /// The hash of `id` in the space `space` (lead and opportunity ids may coincide and are different things).
    pub fn hash(&self, space: u8, id: &str) -> IdHash {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write_u8(space);
        hasher.write(id.as_bytes());
        IdHash(hasher.finish128().as_u128())
    }
}

/// Shows nothing of the key.
impl fmt::Debug for IdHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_checked_at_the_border() {
        assert!(RecordId::new("L-1001").is_ok());
        assert_eq!(RecordId::new("  "), Err(RecordIdError::Empty));
        assert_eq!(RecordId::new(&"x".repeat(257)), Err(RecordIdError::TooLong(257)));
        assert!(Name::new("lead-to-won").is_ok());
        assert!(Name::new("a\nb").is_err());
        assert!(Name::new("").is_err());
    }

    #[test]
    fn a_lead_and_an_opportunity_of_one_id_hash_differently_and_so_do_keys() {
        let a = IdHasher::new([1; 16]);
        assert_ne!(a.hash(0, "77"), a.hash(1, "77"));
        assert_ne!(a.hash(0, "77"), IdHasher::new([2; 16]).hash(0, "77"));
        assert_eq!(a.hash(0, "77"), a.hash(0, "77"));
    }
}
