//! Compact rows of 32-bit words, found by the hash of an id.
//!
//! A row begins with the hash (4 words), the second of its last event, flags, and the start of a list; what
//! follows is its owner's. Earliest dimension values (2 words each) and earliest stage times (1 word each) stand
//! at the end. Rows lie in chunks that never move: growing neither copies nor doubles what is there.

use plumbline_units::IdHash;

use crate::index::Index;
use crate::stamp::{Second, Stamp};

const CHUNK: usize = 1024;

const LAST: usize = 4;
const FLAGS: usize = 5;
const LIST: usize = 6;
/// Words before the owner's.
pub(crate) const HEAD: usize = 7;

/// No row.
pub(crate) const NONE: u32 = u32::MAX;

/// The row is in use.
pub(crate) const LIVE: u32 = 1;

/// Rows of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    width: usize,
    /// Where the dimension values start.
    values_at: usize,
    /// Where the stage times start.
    stages_at: usize,
    chunks: Vec<Box<[u32]>>,
    /// Rows ever used.
    used: u32,
    /// Rows free again, the next to be used last.
    free: Vec<u32>,
    index: Index,
}

fn id_of(row: &[u32]) -> IdHash {
    IdHash((0..4).fold(0, |id, n| id | u128::from(row[n]) << (32 * n)))
}

impl Rows {
    /// No rows yet; each will have `own` words of its owner's.
    pub(crate) fn new(own: usize, dimensions: usize, stages: usize) -> Rows {
        let values_at = HEAD + own;
        let stages_at = values_at + 2 * dimensions;
        let width = stages_at + stages;
        let (chunks, free, index) = (Vec::new(), Vec::new(), Index::default());
        Rows { width, values_at, stages_at, chunks, used: 0, free, index }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn row(&self, row: u32) -> &[u32] {
        let at = row as usize % CHUNK * self.width;
        &self.chunks[row as usize / CHUNK][at..at + self.width]
    }

    pub(crate) fn row_mut(&mut self, row: u32) -> &mut [u32] {
        let at = row as usize % CHUNK * self.width;
        &mut self.chunks[row as usize / CHUNK][at..at + self.width]
    }

    pub(crate) fn find(&self, id: IdHash) -> Option<u32> {
        self.index.find(id.0 as u64, |row| id_of(self.row(row)) == id)
    }

    /// Takes a new row for an id that has none.
    pub(crate) fn insert(&mut self, id: IdHash) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            if self.used as usize == self.chunks.len() * CHUNK {
                self.chunks.push(vec![0; CHUNK * self.width].into());
            }
            self.used += 1;
            self.used - 1
        });
        let row = self.row_mut(number);
        for (n, word) in row[..4].iter_mut().enumerate() {
            *word = (id.0 >> (32 * n)) as u32;
        }
        row[FLAGS] = LIVE;
        row[LIST] = NONE;
        self.enter(id, number);
        number
    }

    fn enter(&mut self, id: IdHash, number: u32) {
        let (chunks, width, used) = (&self.chunks, self.width, self.used);
        let row = |n: u32| {
            let at = n as usize % CHUNK * width;
            &chunks[n as usize / CHUNK][at..at + width]
        };
        let others = (0..used).filter(|&n| n != number && row(n)[FLAGS] & LIVE != 0);
        self.index.insert(id.0 as u64, number, others.map(|n| (id_of(row(n)).0 as u64, n)));
    }

    /// Forgets a row.
    pub(crate) fn remove(&mut self, number: u32) {
        let (chunks, width) = (&self.chunks, self.width);
        let hash = |n: u32| {
            let at = n as usize % CHUNK * width;
            id_of(&chunks[n as usize / CHUNK][at..at + width]).0 as u64
        };
        self.index.remove(hash(number), number, hash);
        self.row_mut(number).fill(0);
        self.free.push(number);
    }

    /// The rows in use, ascending.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.used).filter(|&n| self.flags(n) & LIVE != 0)
    }

    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    pub(crate) fn id(&self, row: u32) -> IdHash {
        id_of(self.row(row))
    }

    pub(crate) fn flags(&self, row: u32) -> u32 {
        self.row(row)[FLAGS]
    }

    pub(crate) fn set_flag(&mut self, row: u32, flag: u32, on: bool) {
        let flags = &mut self.row_mut(row)[FLAGS];
        *flags = if on { *flags | flag } else { *flags & !flag };
    }

    /// The second by which the row's last event had happened.
    pub(crate) fn last(&self, row: u32) -> Second {
        Second(self.row(row)[LAST])
    }

    pub(crate) fn touch(&mut self, row: u32, at: Second) {
        let last = &mut self.row_mut(row)[LAST];
        *last = at.0.max(*last);
    }

    /// The first row of the list that starts here, or the next row of the list this one stands in.
    pub(crate) fn list(&self, row: u32) -> u32 {
        self.row(row)[LIST]
    }

    pub(crate) fn set_list(&mut self, row: u32, to: u32) {
        self.row_mut(row)[LIST] = to;
    }

    pub(crate) fn word(&self, row: u32, at: usize) -> u32 {
        self.row(row)[HEAD + at]
    }

    pub(crate) fn set_word(&mut self, row: u32, at: usize, word: u32) {
        self.row_mut(row)[HEAD + at] = word;
    }

    pub(crate) fn stamp(&self, row: u32, at: usize) -> Stamp {
        let row = self.row(row);
        Stamp::from_words([row[HEAD + at], row[HEAD + at + 1]])
    }

    pub(crate) fn set_stamp(&mut self, row: u32, at: usize, stamp: Stamp) {
        self.row_mut(row)[HEAD + at..HEAD + at + 2].copy_from_slice(&stamp.to_words());
    }

    pub(crate) fn value(&self, row: u32, dimension: usize) -> Stamp {
        self.stamp(row, self.values_at - HEAD + 2 * dimension)
    }

    pub(crate) fn set_value(&mut self, row: u32, dimension: usize, stamp: Stamp) {
        self.set_stamp(row, self.values_at - HEAD + 2 * dimension, stamp);
    }

    pub(crate) fn stages(&self, row: u32) -> &[u32] {
        &self.row(row)[self.stages_at..]
    }

    pub(crate) fn stage(&self, row: u32, stage: usize) -> Second {
        Second(self.stages(row)[stage])
    }

    pub(crate) fn set_stage(&mut self, row: u32, stage: usize, at: Second) {
        let place = self.stages_at + stage;
        self.row_mut(row)[place] = at.0;
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * self.width * size_of::<u32>()
            + self.chunks.capacity() * size_of::<Box<[u32]>>()
            + self.free.capacity() * size_of::<u32>()
            + self.index.bytes()
    }

    /// The state as words: rows ever used, free rows, then the rows.
    pub(crate) fn save(&self, mut put: impl FnMut(u32)) {
        put(self.used);
        put(self.free.len() as u32);
        self.free.iter().for_each(|&row| put(row));
        for row in 0..self.used {
            self.row(row).iter().for_each(|&word| put(word));
        }
    }

    /// Reads into empty rows what [`Rows::save`] wrote. `None` where it is not that.
    pub(crate) fn load(&mut self, mut next: impl FnMut() -> Option<u32>) -> Option<()> {
        let (used, free) = (next()?, next()?);
        for _ in 0..free {
            self.free.push(next().filter(|&row| row < used)?);
        }
        for number in 0..used {
            if self.used as usize == self.chunks.len() * CHUNK {
                self.chunks.push(vec![0; CHUNK * self.width].into());
            }
            self.used += 1;
            for at in 0..self.width {
                let word = next()?;
                self.row_mut(number)[at] = word;
            }
            if self.flags(number) & LIVE != 0 {
                self.enter(self.id(number), number);
            }
        }
        Some(())
    }
}
