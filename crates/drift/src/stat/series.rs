//! What the statistics read: the counts of one scope as of one tick, as plain arrays by day.

use plumbline_plan::StageIndex;
use plumbline_units::Day;

/// Days back from the tick for which entries are kept by hour of the day; a day's average serves beyond.
pub const HOURS_KEPT: usize = 30;

/// The counts of one scope as of the end of [`ScopeSeries::last_day`] (the tick's day): only facts whose own
/// day lies on or before it. Element `i` of every day array belongs to `first_day + i`, so each has
/// [`ScopeSeries::len`] elements; a shorter array counts as zero beyond its end.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeSeries {
    /// The day of element 0.
    pub first_day: Day,
    /// The tick's day: the newest element.
    pub last_day: Day,
    /// Entries by stage, in funnel order.
    pub stages: Vec<StageEntries>,
    /// Conversions by pair of stages: adjacent ones, first→each and each target's own.
    pub pairs: Vec<PairSeries>,
    /// Spend by its own day, in millionths of the plan's currency; refunds are negative.
    pub spend: Vec<i64>,
    /// Won customers by the day their journey entered the funnel.
    pub won: Vec<u32>,
    /// Punctual conversions of each hand-off, in the order of `Plan::handoffs`: by the day of entry, of those who
    /// entered the stage left, how many had reached the other in time by the tick.
    pub in_time: Vec<Vec<u32>>,
    /// Conversions by age, of the pairs whose cycle time is judged.
    pub ages: Vec<AgeSeries>,
    /// Stages known not to be recorded.
    pub unrecorded: Vec<StageIndex>,
}

/// Conversions from one stage to another by entry day and age.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgeSeries {
    /// The stage left (position in the funnel).
    pub from: u8,
    /// The stage reached.
    pub to: u8,
    /// (position of the entry day, age in days at the conversion, how many), ascending; none twice.
    pub cells: Vec<(u32, u16, u32)>,
}

/// The entries into one stage by day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageEntries {
    /// Journeys that reached the stage explicitly: the evidence.
    pub counts: Vec<u32>,
    /// Journeys that must have reached it, seen only by a later stage: counted in volumes, never evidence of a
    /// conversion (they are winners only). Empty = none.
    pub inferred: Vec<u32>,
    /// Explicit entries by hour of the day for the newest days: the last element belongs to `last_day`. At most
    /// [`HOURS_KEPT`] are read; a missing or `None` day is averaged over the day.
    pub hours: Vec<Option<[u32; 24]>>,
}

/// Conversions from one stage to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairSeries {
    /// The stage left (position in the funnel).
    pub from: u8,
    /// The stage reached.
    pub to: u8,
    /// Of the journeys that entered `from` on a day, those that reached `to` by the tick; at most the
    /// explicit entries of that day.
    pub converted: Vec<u32>,
}

impl ScopeSeries {
    /// How many days there are, the tick's included.
    pub fn len(&self) -> usize {
        usize::try_from(self.last_day.since(self.first_day) + 1).unwrap_or(0)
    }

    /// Whether there is no day at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The day of element `index`.
    pub fn day(&self, index: usize) -> Day {
        self.first_day.plus(i32::try_from(index).unwrap_or(i32::MAX))
    }

    /// The element of `day`, moved to the nearest one where it lies outside; `None` without days.
    pub fn nearest(&self, day: Day) -> Option<usize> {
        let last = self.len().checked_sub(1)?;
        Some(usize::try_from(day.since(self.first_day)).unwrap_or(0).min(last))
    }

    /// The first element at or after `day`; [`ScopeSeries::len`] if all lie before.
    pub fn from_day(&self, day: Day) -> usize {
        usize::try_from(day.since(self.first_day)).unwrap_or(0).min(self.len())
    }

    /// The conversions of a pair by entry day, if the pair is kept.
    pub fn converted(&self, from: u8, to: u8) -> Option<&[u32]> {
        self.pairs.iter().find(|p| p.from == from && p.to == to).map(|p| p.converted.as_slice())
    }

    /// The ages of a pair's conversions, if they are kept.
    pub fn ages(&self, from: u8, to: u8) -> Option<&AgeSeries> {
        self.ages.iter().find(|p| p.from == from && p.to == to)
    }

    /// The explicit entries into a stage by day; none if the stage is not kept.
    pub fn entered(&self, stage: u8) -> &[u32] {
        self.stages.get(usize::from(stage)).map_or(&[], |s| s.counts.as_slice())
    }

    /// Journeys that reached a stage on element `index`, inferred ones included.
    pub fn reached(&self, stage: u8, index: usize) -> u32 {
        self.stages.get(usize::from(stage)).map_or(0, |s| at(&s.counts, index) + at(&s.inferred, index))
    }

    /// Whether a stage is recorded since element `first`: it is not known not to be, and no more journeys are inferred
    /// to have reached it than are seen to.
    pub fn records(&self, stage: u8, first: usize) -> bool {
        let Some(entries) = self.stages.get(usize::from(stage)) else { return false };
        let total = |values: &[u32]| values.iter().skip(first).map(|n| u64::from(*n)).sum::<u64>();
        !self.unrecorded.contains(&StageIndex(stage))
            && (entries.inferred.is_empty() || total(&entries.inferred) <= total(&entries.counts))
    }

    /// The entries of element `index` by hour, where they are still kept.
    pub fn hours(&self, stage: u8, index: usize) -> Option<&[u32; 24]> {
        let hours = &self.stages.get(usize::from(stage))?.hours;
        let back = self.len().checked_sub(index + 1)?;
        if back >= HOURS_KEPT {
            return None;
        }
        hours.get(hours.len().checked_sub(back + 1)?)?.as_ref()
    }
}

/// Element `index`, zero beyond the end.
pub(crate) fn at<T: Copy + Default>(values: &[T], index: usize) -> T {
    values.get(index).copied().unwrap_or_default()
}
