//! Leaves: the tuples of dimension values that split the funnel.

use hashbrown::HashTable;
use plumbline_plan::Scope;

/// Number of a leaf among the leaves seen. It follows the order of arrival: only the leaf's values may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId(pub(crate) u32);

impl LeafId {
    /// Position of the leaf in [`crate::Cells::leaves`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The same as a number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The leaf with this number; one that does not exist has no cells.
    pub const fn from_number(number: u32) -> LeafId {
        LeafId(number)
    }
}

/// The value of one dimension in a leaf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeafValue {
    /// A declared value, or any where the plan declares none.
    Value(Box<str>),
    /// No value was known in time.
    Unset,
    /// A value the plan does not declare: shown, never judged.
    Unplanned,
    /// Values past a limit, taken together.
    Other,
}

impl LeafValue {
    /// The value, or its stand-in in brackets.
    pub fn as_str(&self) -> &str {
        match self {
            LeafValue::Value(text) => text,
            LeafValue::Unset => "(unset)",
            LeafValue::Unplanned => "(unplanned)",
            LeafValue::Other => "(other)",
        }
    }

    /// The value itself, where there is one.
    pub fn value(&self) -> Option<&str> {
        match self {
            LeafValue::Value(text) => Some(text),
            _ => None,
        }
    }
}

/// A [`LeafValue`] as a number: the three stand-ins, then the labels of the dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    pub(crate) const UNSET: Code = Code(0);
    pub(crate) const UNPLANNED: Code = Code(1);
    pub(crate) const OTHER: Code = Code(2);

    pub(crate) const fn label(number: u32) -> Code {
        Code(number + 3)
    }
}

/// All leaves seen.
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    dimensions: usize,
    codes: Vec<Code>,
    values: Vec<Box<[LeafValue]>>,
    index: HashTable<u32>,
}

/// Codes are numbers of ours, nobody chooses them: a multiplication by an odd constant (the golden ratio's, as in
/// Knuth 1973, 6.4) per dimension spreads them well enough.
fn hash(codes: &[Code]) -> u64 {
    let mixed = codes.iter().fold(0u64, |hash, code| {
        (hash.rotate_left(23) ^ u64::from(code.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    mixed ^ mixed >> 32
}

impl Leaves {
    pub(crate) fn new(dimensions: usize) -> Leaves {
        Leaves { dimensions, codes: Vec::new(), values: Vec::new(), index: HashTable::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn values(&self, leaf: LeafId) -> &[LeafValue] {
        &self.values[leaf.index()]
    }

    pub(crate) fn codes(&self, leaf: usize) -> &[Code] {
        &self.codes[leaf * self.dimensions..(leaf + 1) * self.dimensions]
    }

    pub(crate) fn find(&self, codes: &[Code]) -> Option<LeafId> {
        self.index.find(hash(codes), |&n| self.codes(n as usize) == codes).map(|&n| LeafId(n))
    }

    /// Takes a new leaf; it must not be there yet.
    pub(crate) fn insert(&mut self, codes: &[Code], values: Box<[LeafValue]>) -> LeafId {
        let number = self.values.len() as u32;
        self.codes.extend_from_slice(codes);
        self.values.push(values);
        let (all, width) = (&self.codes, self.dimensions);
        self.index.insert_unique(hash(codes), number, |&n| {
            hash(&all[n as usize * width..(n as usize + 1) * width])
        });
        LeafId(number)
    }

    pub(crate) fn in_scope(&self, leaf: LeafId, scope: &Scope) -> bool {
        let values = self.values(leaf);
        scope.0.iter().all(|(dimension, name)| {
            values.get(usize::from(dimension.0)).and_then(LeafValue::value) == Some(name.as_str())
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.values.iter().flatten().map(|v| v.value().map_or(0, |t| t.len() + 16)).sum();
        let tuples = self.values.len() * self.dimensions * size_of::<LeafValue>();
        let table = self.codes.capacity() * size_of::<Code>() + self.index.allocation_size();
        texts + tuples + table + self.values.capacity() * size_of::<Box<[LeafValue]>>()
    }
}
