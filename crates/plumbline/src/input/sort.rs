//! A stable sort of byte strings by an integer key, in bounded memory.
//!
//! Runs of at most `budget` bytes are sorted in memory and spilled, compressed, to unnamed temporary files.
//! Whenever [`FAN_IN`] runs of one level stand side by side they are merged into one of the next level, so few
//! files are open at once. Runs stay in input order and ties go to the earlier run: the sort is stable.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// How many runs are merged at once.
const FAN_IN: usize = 32;
/// What an entry costs beside its payload.
const ENTRY_COST: usize = 24;

/// Takes pairs of key and payload in any order.
pub(crate) struct Sorter {
    budget: usize,
    buffer: Buffer,
    runs: Vec<Run>,
}

/// Hands the pairs back in order.
pub(crate) struct Sorted {
    sources: Vec<Source>,
    /// The next key of each source that has one; ties to the earlier source.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
}

#[derive(Default)]
struct Buffer {
    entries: Vec<(i64, usize, usize)>,
    bytes: Vec<u8>,
    next: usize,
}

struct Run {
    level: u32,
    file: File,
}

enum Source {
    Memory(Buffer),
    Spilled { reader: zstd::Decoder<'static, BufReader<File>>, payload: Vec<u8> },
}

impl Sorter {
    /// A sorter that holds about `budget` bytes in memory.
    pub(crate) fn new(budget: usize) -> Sorter {
        Sorter { budget, buffer: Buffer::default(), runs: Vec::new() }
    }

    /// Takes one pair.
    pub(crate) fn push(&mut self, key: i64, payload: &[u8]) -> io::Result<()> {
        let size = self.buffer.bytes.len() + self.buffer.entries.len() * ENTRY_COST;
        if size + payload.len() + ENTRY_COST > self.budget && !self.buffer.entries.is_empty() {
            self.spill()?;
        }
        let start = self.buffer.bytes.len();
        self.buffer.bytes.extend_from_slice(payload);
        self.buffer.entries.push((key, start, self.buffer.bytes.len()));
        Ok(())
    }

    /// Ends the input. What is still in memory needs no file.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.buffer.sort();
        let mut sources = self.runs.into_iter().map(Run::open).collect::<io::Result<Vec<_>>>()?;
        sources.push(Source::Memory(self.buffer));
        Sorted::over(sources)
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut full = std::mem::take(&mut self.buffer);
        full.sort();
        self.runs.push(Run::write(0, Sorted::over(vec![Source::Memory(full)])?)?);
        while let Some(level) = self.mergeable() {
            let from = self.runs.len() - FAN_IN;
            let sources = self.runs.drain(from..).map(Run::open).collect::<io::Result<Vec<_>>>()?;
            self.runs.push(Run::write(level + 1, Sorted::over(sources)?)?);
        }
        Ok(())
    }

    /// The level of the last [`FAN_IN`] runs, if they share one.
    fn mergeable(&self) -> Option<u32> {
        let tail = self.runs.len().checked_sub(FAN_IN).map(|from| &self.runs[from..])?;
        tail.iter().all(|run| run.level == tail[0].level).then_some(tail[0].level)
    }
}

impl Sorted {
    fn over(sources: Vec<Source>) -> io::Result<Sorted> {
        let mut sorted = Sorted { sources, heads: BinaryHeap::new() };
        for index in 0..sorted.sources.len() {
            sorted.refill(index)?;
        }
        Ok(sorted)
    }

    /// The next pair: its key, and its payload in `payload`.
    pub(crate) fn next(&mut self, payload: &mut Vec<u8>) -> io::Result<Option<i64>> {
        let Some(Reverse((key, index))) = self.heads.pop() else { return Ok(None) };
        payload.clear();
        payload.extend_from_slice(self.sources[index].current());
        self.refill(index)?;
        Ok(Some(key))
    }

    fn refill(&mut self, index: usize) -> io::Result<()> {
        if let Some(key) = self.sources[index].advance()? {
            self.heads.push(Reverse((key, index)));
        }
        Ok(())
    }
}

impl Buffer {
    fn sort(&mut self) {
        self.entries.sort_by_key(|(key, _, _)| *key);
    }
}

impl Run {
    fn write(level: u32, mut sorted: Sorted) -> io::Result<Run> {
        let mut out = zstd::Encoder::new(BufWriter::new(tempfile::tempfile()?), 1)?;
        let mut payload = Vec::new();
        while let Some(key) = sorted.next(&mut payload)? {
            out.write_all(&key.to_le_bytes())?;
            out.write_all(&(payload.len() as u64).to_le_bytes())?;
            out.write_all(&payload)?;
        }
        let mut file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Run { level, file })
    }

    fn open(self) -> io::Result<Source> {
        Ok(Source::Spilled { reader: zstd::Decoder::new(self.file)?, payload: Vec::new() })
    }
}

impl Source {
    /// Moves to the next pair and returns its key.
    fn advance(&mut self) -> io::Result<Option<i64>> {
        match self {
            Source::Memory(buffer) => {
                let key = buffer.entries.get(buffer.next).map(|(key, _, _)| *key);
                buffer.next += 1;
                Ok(key)
            }
            Source::Spilled { reader, payload } => {
                let mut key = [0; 8];
                if reader.read(&mut key[..1])? == 0 {
                    return Ok(None);
                }
                reader.read_exact(&mut key[1..])?;
                let mut length = [0; 8];
                reader.read_exact(&mut length)?;
                payload.resize(u64::from_le_bytes(length) as usize, 0);
                reader.read_exact(payload)?;
                Ok(Some(i64::from_le_bytes(key)))
            }
        }
    }

    /// The payload of the pair moved to last.
    fn current(&self) -> &[u8] {
        match self {
            Source::Memory(buffer) => {
                let (_, start, end) = buffer.entries[buffer.next - 1];
                &buffer.bytes[start..end]
            }
            Source::Spilled { payload, .. } => payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(budget: usize, pairs: &[(i64, String)]) -> Vec<(i64, String)> {
        let mut sorter = Sorter::new(budget);
        for (key, payload) in pairs {
            sorter.push(*key, payload.as_bytes()).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        let (mut out, mut payload) = (Vec::new(), Vec::new());
        while let Some(key) = sorted.next(&mut payload).unwrap() {
            out.push((key, String::from_utf8(payload.clone()).unwrap()));
        }
        out
    }

    #[test]
    fn pairs_come_back_in_order_and_ties_as_they_stood_whatever_the_memory() {
        // A fixed linear congruence: scattered keys with many ties, payloads of every length from none.
        let mut state = 12_345u64;
        let pairs: Vec<(i64, String)> = (0..3_000)
            .map(|i| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let key = (state >> 33) as i64 % 100 - 50;
                (key, format!("{i}").repeat((state >> 60) as usize))
            })
            .collect();
        let mut expected = pairs.clone();
        expected.sort_by_key(|(key, _)| *key);
        // From one run per pair over merges of merges to everything in memory.
        for budget in [1, 500, 20_000, usize::MAX] {
            assert_eq!(sorted(budget, &pairs), expected, "budget {budget}");
        }
    }

    #[test]
    fn nothing_in_is_nothing_out() {
        assert!(sorted(10, &[]).is_empty());
    }
}
