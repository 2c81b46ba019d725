//! Dimension values: raw texts as they came, and the leaf each stands for.

use plumbline_plan::ValueClass;
use plumbline_units::Seconds;

use crate::intern::{Interner, cut};
use crate::leaves::{Code, LeafId, LeafValue, Leaves};
use crate::shape::{MAX_DIMENSIONS, Shape};
use crate::stamp::{Second, Stamp};

/// A longer value counts as its beginning.
pub(crate) const MAX_VALUE_BYTES: usize = 256;

/// The values seen of each dimension.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) dimensions: Vec<Dimension>,
    max_leaves: usize,
    settle: Seconds,
}

/// The values seen of one dimension.
#[derive(Clone, Debug)]
pub(crate) struct Dimension {
    /// Texts as they came; number + 1 is the value of a stamp, 0 stands for values past the limit.
    pub(crate) raw: Interner,
    /// What each raw text counts as.
    codes: Vec<Code>,
    /// Texts shown.
    pub(crate) labels: Interner,
}

impl Values {
    pub(crate) fn new(
        shape: &Shape,
        key: [u8; 16],
        max_values: usize,
        max_leaves: usize,
        settle: Seconds,
    ) -> Values {
        let max = max_values.min(Stamp::MAX_VALUE as usize - 1);
        let mut dimensions = Vec::new();
        for (n, planned) in shape.plan().dimensions.iter().enumerate() {
            // Declared values and aliases come first, so that no flood of others can displace them.
            let known: Vec<&str> = planned
                .values
                .iter()
                .chain(planned.aliases.iter().map(|a| &a.0))
                .map(|v| v.as_str())
                .collect();
            let mut dimension = Dimension {
                raw: Interner::new(key, max.max(known.len())),
                codes: Vec::new(),
                labels: Interner::new(key, max.max(known.len())),
            };
            for value in known {
                dimension.number(shape, n, value);
            }
            dimensions.push(dimension);
        }
        Values { dimensions, max_leaves, settle }
    }

    /// The number of a value as stamps hold it: `None` for blank ones, which say nothing; 0 past the limit.
    pub(crate) fn number(&mut self, shape: &Shape, dimension: usize, raw: &str) -> Option<u32> {
        if raw.trim().is_empty() {
            return None;
        }
        Some(self.number_of(shape, dimension, cut(raw, MAX_VALUE_BYTES)))
    }

    /// As [`Values::number`], of a text that says something.
    pub(crate) fn number_of(&mut self, shape: &Shape, dimension: usize, raw: &str) -> u32 {
        self.dimensions[dimension].number(shape, dimension, raw)
    }

    /// The text a stamp's number stands for.
    pub(crate) fn text(&self, dimension: usize, number: u32) -> &str {
        number.checked_sub(1).map_or("", |n| self.dimensions[dimension].raw.text(n))
    }

    /// The earlier of two facts, by instant and then by text.
    pub(crate) fn earlier(&self, dimension: usize, a: Stamp, b: Stamp) -> Stamp {
        if a.is_empty() || b.is_empty() {
            return if a.is_empty() { b } else { a };
        }
        let of_text = || self.text(dimension, a.value()).cmp(self.text(dimension, b.value()));
        if a.time().cmp(&b.time()).then_with(of_text).is_le() { a } else { b }
    }

    /// What a number counts as.
    pub(crate) fn code(&self, dimension: usize, number: u32) -> Code {
        number.checked_sub(1).map_or(Code::OTHER, |n| self.dimensions[dimension].codes[n as usize])
    }

    /// The leaf of a journey that entered at `entry`: its earliest values, where they lie no later than the
    /// settle window after it; so the outcome cannot choose the segment.
    pub(crate) fn leaf_of(
        &self,
        leaves: &mut Leaves,
        shape: &Shape,
        values: &[Stamp; MAX_DIMENSIONS],
        entry: Second,
    ) -> LeafId {
        let latest = (entry.unix() + self.settle.0) * 1000;
        let mut codes = [Code::UNSET; MAX_DIMENSIONS];
        for (n, value) in values[..shape.dimensions].iter().enumerate() {
            if !value.is_empty() && value.millis() <= latest {
                codes[n] = self.code(n, value.value());
            }
        }
        self.leaf(leaves, shape, &codes)
    }

    /// The leaf of a tuple. Past the limit a new tuple gives up its undeclared values for `(other)`; past twice
    /// the limit all of them.
    pub(crate) fn leaf(&self, leaves: &mut Leaves, shape: &Shape, codes: &[Code; MAX_DIMENSIONS]) -> LeafId {
        let codes = &codes[..shape.dimensions];
        if let Some(leaf) = leaves.find(codes) {
            return leaf;
        }
        if leaves.len() < self.max_leaves {
            return leaves.insert(codes, self.shown(codes));
        }
        let mut other = [Code::OTHER; MAX_DIMENSIONS];
        for (n, code) in codes.iter().enumerate().filter(|(n, _)| shape.is_declared(*n)) {
            other[n] = *code;
        }
        let found = leaves.find(&other[..codes.len()]);
        if found.is_none() && leaves.len() >= 2 * self.max_leaves {
            other = [Code::OTHER; MAX_DIMENSIONS];
        }
        let other = &other[..codes.len()];
        found.or_else(|| leaves.find(other)).unwrap_or_else(|| leaves.insert(other, self.shown(other)))
    }

    pub(crate) fn shown(&self, codes: &[Code]) -> Box<[LeafValue]> {
        let value = |(dimension, code): (usize, &Code)| match *code {
            Code::UNSET => LeafValue::Unset,
            Code::UNPLANNED => LeafValue::Unplanned,
            Code::OTHER => LeafValue::Other,
            Code(label) => LeafValue::Value(self.dimensions[dimension].labels.text(label - 3).into()),
        };
        codes.iter().enumerate().map(value).collect()
    }

    pub(crate) fn bytes(&self) -> usize {
        let each = |d: &Dimension| d.raw.bytes() + d.labels.bytes() + d.codes.capacity() * size_of::<Code>();
        self.dimensions.iter().map(each).sum()
    }
}

impl Dimension {
    fn number(&mut self, shape: &Shape, dimension: usize, raw: &str) -> u32 {
        let Some(number) = self.raw.intern(raw) else { return 0 };
        if number as usize == self.codes.len() {
            let code = match shape.canonical(dimension, raw) {
                ValueClass::Declared(name) => self.label(name.as_str()),
                ValueClass::Any(text) => self.label(text),
                ValueClass::Unplanned => Code::UNPLANNED,
            };
            self.codes.push(code);
        }
        number + 1
    }

    fn label(&mut self, text: &str) -> Code {
        self.labels.intern(text).map_or(Code::OTHER, Code::label)
    }
}
