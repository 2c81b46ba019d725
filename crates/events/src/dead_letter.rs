//! What goes with an input that was not taken.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Headers of a dead letter, besides the input's own.
pub mod header {
    /// [`Rejection::class`](crate::Rejection::class).
    pub const CLASS: &str = "plumbline.error.class";
    /// The rejection in words.
    pub const MESSAGE: &str = "plumbline.error.message";
    /// The input topic.
    pub const TOPIC: &str = "plumbline.source.topic";
    /// The input partition.
    pub const PARTITION: &str = "plumbline.source.partition";
    /// The input offset.
    pub const OFFSET: &str = "plumbline.source.offset";
    /// Of a cut value: the length of the whole one, in bytes.
    pub const LENGTH: &str = "plumbline.value.length";
    /// Of a cut value: the SHA-256 of the whole one, in hexadecimal digits.
    pub const SHA256: &str = "plumbline.value.sha256";
}

/// The value a dead letter carries: at most `max` bytes, and where that cuts, the whole one's length and
/// SHA-256 (for the headers), so that it can be found again at its source.
pub fn dead_letter_value(value: &[u8], max: usize) -> (&[u8], Option<(usize, String)>) {
    if value.len() <= max {
        return (value, None);
    }
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(value) {
        write!(digits, "{byte:02x}").expect("text takes any digits");
    }
    (&value[..max], Some((value.len(), digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_only_beyond_the_bound_and_its_hash_is_of_the_whole() {
        assert_eq!(dead_letter_value(b"abc", 3), (b"abc".as_slice(), None));
        let (cut, whole) = dead_letter_value(b"abc", 2);
        assert_eq!(cut, b"ab");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(whole, Some((3, sha256.to_string())));
    }
}
