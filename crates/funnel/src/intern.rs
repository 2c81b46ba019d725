//! Texts as small numbers. The numbers follow the order of arrival, so nothing that leaves the fold may depend
//! on them.

use std::hash::Hasher;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// Each text once, numbered from 0, up to a bound.
#[derive(Clone, Debug)]
pub(crate) struct Interner {
    key: [u8; 16],
    max: usize,
    texts: Vec<Box<str>>,
    index: HashTable<u32>,
    heap: usize,
}

impl Interner {
    /// An empty one for at most `max` texts. The key guards the table against chosen collisions.
    pub(crate) fn new(key: [u8; 16], max: usize) -> Interner {
        Interner { key, max, texts: Vec::new(), index: HashTable::new(), heap: 0 }
    }

    fn hash(&self, text: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.index.find(self.hash(text), |&n| &*self.texts[n as usize] == text).copied()
    }

    /// The number of `text`; `None` where it is new and the bound is reached.
    pub(crate) fn intern(&mut self, text: &str) -> Option<u32> {
        let hash = self.hash(text);
        if let Some(&number) = self.index.find(hash, |&n| &*self.texts[n as usize] == text) {
            return Some(number);
        }
        if self.texts.len() >= self.max {
            return None;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.heap += text.len() + 16;
        let (texts, key) = (&self.texts, self.key);
        self.index.insert_unique(hash, number, |&n| {
            let mut hasher = SipHasher13::new_with_key(&key);
            hasher.write(texts[n as usize].as_bytes());
            hasher.finish()
        });
        Some(number)
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    pub(crate) fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    pub(crate) fn bytes(&self) -> usize {
        self.heap + self.texts.capacity() * size_of::<Box<str>>() + self.index.allocation_size()
    }
}

/// The first `max` bytes of `text`, cut at a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_and_the_bound_holds() {
        let mut interner = Interner::new([3; 16], 100);
        for round in 0..2 {
            for n in 0..100u32 {
                assert_eq!(interner.intern(&format!("value {n}")), Some(n), "round {round}");
            }
        }
        assert_eq!(interner.intern("one too many"), None);
        assert_eq!(interner.find("value 42"), Some(42));
        assert_eq!(interner.text(42), "value 42");
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc");
        assert_eq!(cut("aéé", 4), "aé");
    }
}
