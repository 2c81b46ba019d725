//! Saving and loading the state. The state is disposable: bytes that do not fit are refused, and the fold starts
//! again from the log.
//!
//! Numbers are little-endian. Rows and numbers of texts are kept as they are, so a loaded fold goes on exactly
//! like the one saved; what follows from them (tables, codes, children) is built again. A checksum guards the
//! whole: what passes it was written by [`Fold::save`].

use std::collections::BTreeMap;
use std::hash::Hasher;

use plumbline_plan::Plan;
use plumbline_units::{Day, Timestamp};
use siphasher::sip::SipHasher24;

use crate::cells::{Key, LeafCells, Series, Sum};
use crate::fold::Fold;
use crate::leaves::Code;
use crate::merge::Merge;
use crate::options::{Counters, FoldOptions};
use crate::rows::Rows;
use crate::shape::MAX_DIMENSIONS;
use crate::stamp::Stamp;

const MAGIC: u64 = u64::from_le_bytes(*b"plmfold1");

/// Why bytes are not a saved fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Cut off, changed, or of another version.
    #[error("the bytes are not a whole snapshot of this version of the fold")]
    Unreadable,
    /// Saved under a plan that folds otherwise, or under other settings.
    #[error("the snapshot was taken under another plan or other settings")]
    OtherPlan,
}

impl Fold {
    /// Appends the state: the same state gives the same bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut w = Writer(out);
        w.long(MAGIC);
        w.long(self.identity());
        for dimension in &self.values.dimensions {
            w.texts(dimension.raw.texts());
        }
        w.texts(self.cells.reasons.texts());
        self.save_cells(&mut w);
        self.save_journeys(&mut w);
        w.rows(&self.statements.rows);
        let dirty = self.dirty.keys();
        w.length(dirty.len());
        dirty.iter().for_each(|(leaf, day)| _ = w.word(leaf.0).day(*day));
        w.day(self.swept.unwrap_or(NEVER));
        w.counters(&self.counters);
        let sum = checksum(&w.0[start..]);
        w.long(sum);
    }

    /// Reads what [`Fold::save`] wrote.
    ///
    /// # Errors
    /// The bytes are not such, or were saved under a plan that folds otherwise or other settings.
    pub fn load(plan: &Plan, options: &FoldOptions, bytes: &[u8]) -> Result<Fold, SnapshotError> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(SnapshotError::Unreadable)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(SnapshotError::Unreadable);
        }
        let mut fold = Fold::new(plan, options.clone());
        let mut r = Reader(body);
        if r.long() != Some(MAGIC) {
            return Err(SnapshotError::Unreadable);
        }
        if r.long() != Some(fold.identity()) {
            return Err(SnapshotError::OtherPlan);
        }
        fold.restore(&mut r).filter(|()| r.0.is_empty()).ok_or(SnapshotError::Unreadable)?;
        Ok(fold)
    }

    /// Equal for folds under which the same bytes mean the same.
    fn identity(&self) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.options.id_key);
        hasher.write_u128(self.shape.fingerprint());
        hasher.write_i64(self.options.settle.0);
        hasher.write_usize(self.options.max_values);
        hasher.finish()
    }

    fn save_cells(&self, w: &mut Writer<'_>) {
        let cells = &self.cells;
        w.day(cells.hours_from).day(cells.lags_from);
        w.length(cells.leaves.len());
        for leaf in 0..cells.leaves.len() {
            cells.leaves.codes(leaf).iter().for_each(|code| _ = w.word(code.0));
        }
        w.length(cells.by_leaf.len());
        for leaf in &cells.by_leaf {
            leaf.counts.iter().for_each(|series| w.series(series));
            leaf.money.iter().for_each(|series| w.series(series));
            w.length(leaf.reasons.len());
            for (slot, series) in &leaf.reasons {
                w.word(*slot);
                w.series(series);
            }
        }
    }

    fn save_journeys(&self, w: &mut Writer<'_>) {
        let journeys = &self.journeys;
        w.rows(&journeys.leads);
        w.rows(&journeys.opportunities);
        w.texts(&journeys.links);
        w.length(journeys.families.merges.len());
        for (row, merge) in &journeys.families.merges {
            w.word(*row).word(merge.into).long(merge.at.millis() as u64);
            w.text(&merge.id);
        }
        for deletions in [&journeys.lead_deletions, &journeys.opportunity_deletions] {
            w.length(deletions.len());
            for (row, stamp) in deletions {
                let [low, high] = stamp.to_words();
                w.word(*row).word(low).word(high);
            }
        }
        w.length(journeys.currencies.len());
        journeys.currencies.iter().for_each(|currency| w.text(currency.as_str()));
    }

    fn restore(&mut self, r: &mut Reader<'_>) -> Option<()> {
        for dimension in 0..self.shape.dimensions {
            for _ in 0..r.length()? {
                self.values.number_of(&self.shape, dimension, r.text()?);
            }
        }
        for _ in 0..r.length()? {
            self.cells.reasons.intern(r.text()?)?;
        }
        self.restore_cells(r)?;
        self.restore_journeys(r)?;
        self.statements.rows.load(|| r.word())?;
        for _ in 0..r.length()? {
            let leaf = crate::leaves::LeafId(r.word()?);
            self.dirty.mark(leaf, r.day()?);
        }
        self.swept = Some(r.day()?).filter(|day| *day != NEVER);
        self.counters = r.counters()?;
        Some(())
    }

    fn restore_cells(&mut self, r: &mut Reader<'_>) -> Option<()> {
        let cells = &mut self.cells;
        (cells.hours_from, cells.lags_from) = (r.day()?, r.day()?);
        for _ in 0..r.length()? {
            let mut codes = [Code::UNSET; MAX_DIMENSIONS];
            let codes = &mut codes[..self.shape.dimensions];
            for code in codes.iter_mut() {
                *code = Code(r.word()?);
            }
            cells.leaves.insert(codes, self.values.shown(codes));
        }
        let counts = self.shape.measures.counts();
        for _ in 0..r.length()? {
            let mut leaf = LeafCells { counts: vec![Series::default(); counts], ..LeafCells::default() };
            for series in &mut leaf.counts {
                cells.count += r.series(series)?;
            }
            for series in &mut leaf.money {
                cells.count += r.series(series)?;
            }
            for _ in 0..r.length()? {
                let (slot, mut series) = (r.word()?, Series::default());
                cells.count += r.series(&mut series)?;
                leaf.reasons.push((slot, series));
            }
            cells.by_leaf.push(leaf);
        }
        Some(())
    }

    fn restore_journeys(&mut self, r: &mut Reader<'_>) -> Option<()> {
        let journeys = &mut self.journeys;
        journeys.leads.load(|| r.word())?;
        journeys.opportunities.load(|| r.word())?;
        for _ in 0..r.length()? {
            journeys.links.push(r.text()?.into());
        }
        for _ in 0..r.length()? {
            let (row, into, millis) = (r.word()?, r.word()?, r.long()? as i64);
            let merge = Merge { at: Timestamp::clamped(millis), into, id: r.text()?.into() };
            journeys.families.set(row, merge);
        }
        for deletions in [&mut journeys.lead_deletions, &mut journeys.opportunity_deletions] {
            for _ in 0..r.length()? {
                deletions.insert(r.word()?, Stamp::from_words([r.word()?, r.word()?]));
            }
        }
        for _ in 0..r.length()? {
            journeys.currencies.push(r.text()?.parse().ok()?);
        }
        Some(())
    }
}

/// Stands for no day; no event has it.
const NEVER: Day = Day::from_number(i32::MIN);

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish()
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn word(&mut self, word: u32) -> &mut Self {
        self.0.extend_from_slice(&word.to_le_bytes());
        self
    }

    fn long(&mut self, long: u64) {
        self.0.extend_from_slice(&long.to_le_bytes());
    }

    fn day(&mut self, day: Day) -> &mut Self {
        self.word(day.number() as u32)
    }

    fn length(&mut self, length: usize) {
        self.long(length as u64);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &[Box<str>]) {
        self.length(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn rows(&mut self, rows: &Rows) {
        rows.save(|word| _ = self.word(word));
    }

    fn series<S: Sum>(&mut self, series: &Series<S>) {
        self.length(series.iter().count());
        for (key, sum) in series.iter() {
            self.word(key.0).long(sum as u64);
        }
    }

    fn counters(&mut self, counters: &Counters) {
        for count in numbers(&mut counters.clone()) {
            self.long(*count);
        }
        self.long(counters.clamped_lags as u64);
        self.length(counters.ignored_stages.len());
        for (name, count) in &counters.ignored_stages {
            self.text(name);
            self.long(*count);
        }
    }
}

fn numbers(counters: &mut Counters) -> [&mut u64; 7] {
    let Counters { changed, duplicates, unpriced, rejected, orphans, forgotten, overflowed, .. } = counters;
    [changed, duplicates, unpriced, rejected, orphans, forgotten, overflowed]
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }

    fn long(&mut self) -> Option<u64> {
        let (long, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*long))
    }

    fn day(&mut self) -> Option<Day> {
        self.word().map(|number| Day::from_number(number as i32))
    }

    fn length(&mut self) -> Option<usize> {
        self.long().map(|length| length as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn series<S: Sum>(&mut self, series: &mut Series<S>) -> Option<usize> {
        let length = self.length()?;
        for _ in 0..length {
            let (key, sum) = (Key(self.word()?), self.long()? as i64);
            series.add(key, sum);
        }
        Some(length)
    }

    fn counters(&mut self) -> Option<Counters> {
        let mut counters = Counters::default();
        for count in numbers(&mut counters) {
            *count = self.long()?;
        }
        counters.clamped_lags = self.long()? as i64;
        let mut ignored = BTreeMap::new();
        for _ in 0..self.length()? {
            ignored.insert(self.text()?.into(), self.long()?);
        }
        counters.ignored_stages = ignored;
        Some(counters)
    }
}
