//! What the cells count.

use plumbline_plan::StageIndex;

/// Number of a reason among the reasons seen; `Cells::reason` gives its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonId(pub(crate) u32);

/// What a cell counts. The entry day of each is the day the journey reached the stage *left*; of entries and
/// spend the event day itself; of wins the day the journey entered the funnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Journeys that reached the stage, seen or inferred.
    Entered(StageIndex),
    /// Those of them that were never seen there but in an earlier and a later stage.
    Inferred(StageIndex),
    /// Journeys that left `from` for `to`, as evidence: `from` was seen; `to` was seen, or inferred where the
    /// two are not neighbours. For every watched pair.
    Converted {
        /// The stage left.
        from: StageIndex,
        /// The stage reached.
        to: StageIndex,
    },
    /// Journeys that reached both stages of a watched pair but are no evidence for it (only winners are ever
    /// inferred). What is displayed is `Converted` + `Skipped`.
    Skipped {
        /// The stage left.
        from: StageIndex,
        /// The stage reached.
        to: StageIndex,
    },
    /// Evidence of the hand-off target with this number that came in time.
    Reached(u8),
    /// Opportunities won.
    WonCount,
    /// Their amounts, millionths of the plan's currency.
    WonAmount,
    /// Money spent, millionths of the plan's currency.
    Spend,
    /// Opportunities lost.
    Lost {
        /// The furthest stage reached before.
        stage: StageIndex,
        /// Why.
        reason: ReasonId,
    },
    /// Leads disqualified.
    Disqualified {
        /// The furthest stage reached before.
        stage: StageIndex,
        /// Why.
        reason: ReasonId,
    },
}

/// Where a measure is kept: one position among the counts of a leaf, the money of a leaf, or the sparse ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Position among the counts.
    Count(u16),
    /// Position among the money sums.
    Money(u16),
    /// Key among the counts by stage and reason.
    Reason(u32),
}

impl Slot {
    /// Orders slots as contributions come.
    pub(crate) fn order(self) -> (u8, u32) {
        match self {
            Slot::Count(n) => (0, u32::from(n)),
            Slot::Money(n) => (1, u32::from(n)),
            Slot::Reason(key) => (2, key),
        }
    }
}

/// The measures of one plan, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measures {
    pub(crate) stages: u8,
    /// Watched pairs, sorted.
    pub(crate) pairs: Vec<(StageIndex, StageIndex)>,
    pub(crate) handoffs: u8,
}

impl Measures {
    /// How many counts a leaf has.
    pub(crate) fn counts(&self) -> usize {
        2 * usize::from(self.stages) + 2 * self.pairs.len() + usize::from(self.handoffs) + 1
    }

    /// How many money sums a leaf has.
    pub(crate) const MONEY: usize = 2;

    pub(crate) const WON_AMOUNT: Slot = Slot::Money(0);
    pub(crate) const SPEND: Slot = Slot::Money(1);

    pub(crate) fn entered(&self, stage: usize) -> Slot {
        Slot::Count(stage as u16)
    }

    pub(crate) fn inferred(&self, stage: usize) -> Slot {
        Slot::Count(u16::from(self.stages) + stage as u16)
    }

    pub(crate) fn converted(&self, pair: usize) -> Slot {
        Slot::Count(2 * u16::from(self.stages) + pair as u16)
    }

    pub(crate) fn skipped(&self, pair: usize) -> Slot {
        Slot::Count(2 * u16::from(self.stages) + (self.pairs.len() + pair) as u16)
    }

    pub(crate) fn reached(&self, handoff: usize) -> Slot {
        Slot::Count(2 * u16::from(self.stages) + (2 * self.pairs.len() + handoff) as u16)
    }

    pub(crate) fn won_count(&self) -> Slot {
        Slot::Count((self.counts() - 1) as u16)
    }

    pub(crate) fn lost(&self, stage: usize, reason: u32) -> Slot {
        Slot::Reason((reason * 2) * u32::from(self.stages) + stage as u32)
    }

    pub(crate) fn disqualified(&self, stage: usize, reason: u32) -> Slot {
        Slot::Reason((reason * 2 + 1) * u32::from(self.stages) + stage as u32)
    }

    /// Where `measure` is kept, if this plan keeps it.
    pub(crate) fn slot(&self, measure: Measure) -> Option<Slot> {
        let stage = |s: StageIndex| (s.0 < self.stages).then_some(usize::from(s.0));
        let pair = |from, to| self.pairs.binary_search(&(from, to)).ok();
        Some(match measure {
            Measure::Entered(s) => self.entered(stage(s)?),
            Measure::Inferred(s) => self.inferred(stage(s)?),
            Measure::Converted { from, to } => self.converted(pair(from, to)?),
            Measure::Skipped { from, to } => self.skipped(pair(from, to)?),
            Measure::Reached(h) => (h < self.handoffs).then(|| self.reached(usize::from(h)))?,
            Measure::WonCount => self.won_count(),
            Measure::WonAmount => Self::WON_AMOUNT,
            Measure::Spend => Self::SPEND,
            Measure::Lost { stage: s, reason } => self.lost(stage(s)?, reason.0),
            Measure::Disqualified { stage: s, reason } => self.disqualified(stage(s)?, reason.0),
        })
    }

    /// The measure kept at `slot`.
    pub(crate) fn measure(&self, slot: Slot) -> Measure {
        let stages = u16::from(self.stages);
        let pairs = self.pairs.len() as u16;
        let stage = |n: u16| StageIndex(n as u8);
        match slot {
            Slot::Money(0) => Measure::WonAmount,
            Slot::Money(_) => Measure::Spend,
            Slot::Count(n) if n < stages => Measure::Entered(stage(n)),
            Slot::Count(n) if n < 2 * stages => Measure::Inferred(stage(n - stages)),
            Slot::Count(n) if n < 2 * stages + pairs => {
                let (from, to) = self.pairs[usize::from(n - 2 * stages)];
                Measure::Converted { from, to }
            }
            Slot::Count(n) if n < 2 * stages + 2 * pairs => {
                let (from, to) = self.pairs[usize::from(n - 2 * stages - pairs)];
                Measure::Skipped { from, to }
            }
            Slot::Count(n) if usize::from(n) + 1 < self.counts() => {
                Measure::Reached((n - 2 * stages - 2 * pairs) as u8)
            }
            Slot::Count(_) => Measure::WonCount,
            Slot::Reason(key) => {
                let (kind, stage) = (key / u32::from(stages), stage((key % u32::from(stages)) as u16));
                let reason = ReasonId(kind / 2);
                if kind % 2 == 0 {
                    Measure::Lost { stage, reason }
                } else {
                    Measure::Disqualified { stage, reason }
                }
            }
        }
    }

    /// Whether the low half of the measure's keys is the hour of the day instead of a lag.
    pub(crate) fn by_hour(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Count(n) if n < 2 * u16::from(self.stages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_names_its_measure_and_back() {
        let pair = |a, b| (StageIndex(a), StageIndex(b));
        let measures = Measures { stages: 3, pairs: vec![pair(0, 1), pair(0, 2), pair(1, 2)], handoffs: 2 };
        let counts = (0..measures.counts() as u16).map(Slot::Count);
        let others = [Slot::Money(0), Slot::Money(1)].into_iter().chain((0..30).map(Slot::Reason));
        for slot in counts.chain(others) {
            assert_eq!(measures.slot(measures.measure(slot)), Some(slot));
        }
        assert_eq!(measures.slot(Measure::Entered(StageIndex(3))), None);
        assert_eq!(measures.slot(Measure::Converted { from: StageIndex(2), to: StageIndex(1) }), None);
        assert_eq!(measures.slot(Measure::Reached(2)), None);
    }
}
