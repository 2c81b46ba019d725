//! The cohort × age table of one pair of stages, as of the end of a day.

use plumbline_funnel::{Cells, Measure};
use plumbline_plan::{Scope, StageIndex};
use plumbline_units::Day;

/// Journeys by the day they entered a stage, and their conversions by whole days since.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohorts {
    /// The first entry day.
    first: Day,
    /// Explicit entries by day; the last element is the last complete day.
    entered: Vec<u32>,
    /// Conversions `[day][age]`; ages beyond the last complete day are absent.
    converted: Vec<Vec<u32>>,
}

impl Cohorts {
    /// A table whose last day is `first + entered.len() − 1`. Conversions after that day are dropped; a cohort
    /// never converts more than entered.
    pub fn new(first: Day, entered: Vec<u32>, mut converted: Vec<Vec<u32>>) -> Cohorts {
        converted.resize(entered.len(), Vec::new());
        for (index, (row, entries)) in converted.iter_mut().zip(&entered).enumerate() {
            row.truncate(entered.len() - index);
            let mut room = *entries;
            for count in row {
                *count = (*count).min(room);
                room -= *count;
            }
        }
        Cohorts { first, entered, converted }
    }

    /// What the fold's cells say of a scope, for entry and event days from `first` to `last`.
    pub fn read(
        cells: &Cells,
        scope: &Scope,
        (from, to): (StageIndex, StageIndex),
        (first, last): (Day, Day),
    ) -> Cohorts {
        let days = usize::try_from(last.since(first) + 1).unwrap_or(0);
        let mut entered = vec![0i64; days];
        let mut converted: Vec<Vec<i64>> = (0..days).map(|index| vec![0; days - index]).collect();
        let position = |day: Day| usize::try_from(day.since(first)).unwrap_or(usize::MAX);
        for leaf in cells.leaves().filter(|&leaf| cells.in_scope(leaf, scope)) {
            for (measure, sign) in [(Measure::Entered(from), 1), (Measure::Inferred(from), -1)] {
                for (entry, _, sum) in cells.between(leaf, measure, first, last) {
                    if let Some(slot) = entered.get_mut(position(entry)) {
                        *slot += sign * sum;
                    }
                }
            }
            for (entry, lag, sum) in cells.between(leaf, Measure::Converted { from, to }, first, last) {
                let row = converted.get_mut(position(entry));
                if let Some(slot) = row.and_then(|row| row.get_mut(usize::from(lag))) {
                    *slot += sum;
                }
            }
        }
        let count = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
        Cohorts::new(
            first,
            entered.into_iter().map(count).collect(),
            converted.into_iter().map(|row| row.into_iter().map(count).collect()).collect(),
        )
    }

    /// How many entry days there are.
    pub fn days(&self) -> usize {
        self.entered.len()
    }

    /// Journeys that entered.
    pub fn entries(&self) -> u64 {
        self.entered.iter().map(|n| u64::from(*n)).sum()
    }

    /// Journeys that converted by the last day.
    pub fn conversions(&self) -> u64 {
        self.converted.iter().flatten().map(|n| u64::from(*n)).sum()
    }

    /// Weekday of an element, Monday 0.
    pub(crate) fn weekday(&self, index: usize) -> usize {
        (self.first.weekday() + index) % 7
    }

    /// The day of an element.
    pub(crate) fn day(&self, index: usize) -> Day {
        self.first.plus(i32::try_from(index).unwrap_or(i32::MAX))
    }

    /// Position, entries, conversions so far and last complete age of the cohorts with entries.
    pub(crate) fn each(&self) -> impl Iterator<Item = Cohort> + '_ {
        self.entered.iter().zip(&self.converted).enumerate().filter(|(_, (n, _))| **n > 0).map(
            |(index, (entered, row))| Cohort {
                index,
                entered: f64::from(*entered),
                converted: row.iter().map(|n| f64::from(*n)).sum(),
                age: self.entered.len() - 1 - index,
            },
        )
    }

    /// The sums the estimators need, by weekday of entry.
    pub(crate) fn tally(&self) -> Tally {
        let ages = self.entered.len();
        let mut tally = Tally {
            ages,
            hits: std::array::from_fn(|_| vec![0.0; ages]),
            open: std::array::from_fn(|_| vec![0.0; ages]),
            entered: [0.0; 7],
        };
        for cohort in self.each() {
            let weekday = self.weekday(cohort.index);
            for (slot, n) in tally.hits[weekday].iter_mut().zip(&self.converted[cohort.index]) {
                *slot += f64::from(*n);
            }
            tally.open[weekday][cohort.age] += cohort.entered - cohort.converted;
            tally.entered[weekday] += cohort.entered;
        }
        tally
    }

    /// The greatest age that cohorts with a quarter of the entries have reached: what is said of later ages rests
    /// on too few.
    pub(crate) fn reach(&self) -> usize {
        let quarter = self.entries() as f64 / 4.0;
        let mut sum = 0.0;
        for (index, n) in self.entered.iter().enumerate() {
            sum += f64::from(*n);
            if sum >= quarter {
                return self.entered.len() - 1 - index;
            }
        }
        0
    }
}

/// One entry day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cohort {
    pub(crate) index: usize,
    pub(crate) entered: f64,
    pub(crate) converted: f64,
    /// The last complete age.
    pub(crate) age: usize,
}

/// Sufficient sums for a rate and a lag by weekday of entry.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Ages run below this.
    pub(crate) ages: usize,
    /// Conversions by age.
    pub(crate) hits: [Vec<f64>; 7],
    /// Journeys still open, by the last complete age of their cohort.
    pub(crate) open: [Vec<f64>; 7],
    /// Entries.
    pub(crate) entered: [f64; 7],
}

impl Tally {
    /// Conversions of a weekday of entry.
    pub(crate) fn conversions(&self, weekday: usize) -> f64 {
        self.hits[weekday].iter().sum()
    }

    /// All weekdays as one.
    pub(crate) fn pooled(&self) -> (Vec<f64>, Vec<f64>) {
        let sum = |rows: &[Vec<f64>; 7]| {
            (0..self.ages).map(|age| rows.iter().map(|row| row[age]).sum()).collect::<Vec<f64>>()
        };
        (sum(&self.hits), sum(&self.open))
    }
}
