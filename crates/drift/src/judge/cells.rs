//! The fold's cells as what the judge reads.

use plumbline_funnel::{Cells, LeafId, LeafValue, Measure};
use plumbline_plan::{DimensionIndex, Scope, StageIndex};
use plumbline_units::Day;

use super::facts::{Facts, Leaf, Quantity};

impl Facts for Cells {
    fn leaves(&self) -> Vec<Leaf> {
        self.leaves().map(LeafId::number).collect()
    }

    fn in_scope(&self, leaf: Leaf, scope: &Scope) -> bool {
        self.in_scope(LeafId::from_number(leaf), scope)
    }

    fn value(&self, leaf: Leaf, dimension: DimensionIndex) -> &str {
        let values = self.leaf_values(LeafId::from_number(leaf));
        values.get(usize::from(dimension.0)).map_or("(unset)", LeafValue::as_str)
    }

    fn first_entry_day(&self) -> Option<Day> {
        self.first_entry_day()
    }

    fn by_entry_day(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, i64),
    ) {
        let mut sum: Option<(Day, i64)> = None;
        for (entry, lag, value) in self.between(LeafId::from_number(leaf), measure(what), first, tick) {
            // Past the horizon the event days are folded into one: all of it is known by then.
            if lag != Cells::ANY_LAG && entry.plus(i32::from(lag)) > tick {
                continue;
            }
            match &mut sum {
                Some((day, total)) if *day == entry => *total = total.wrapping_add(value),
                other => {
                    if let Some((day, total)) = other.replace((entry, value)) {
                        each(day, total);
                    }
                }
            }
        }
        if let Some((day, total)) = sum {
            each(day, total);
        }
    }

    fn by_event_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        from: Day,
        to: Day,
        each: &mut dyn FnMut(Day, i64),
    ) {
        for (entry, lag, value) in self.between(LeafId::from_number(leaf), measure(what), first, to) {
            let event = entry.plus(i32::from(lag));
            if lag != Cells::ANY_LAG && from <= event && event <= to {
                each(entry, value);
            }
        }
    }

    fn by_both_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, Day, i64),
    ) {
        for (entry, lag, value) in self.between(LeafId::from_number(leaf), measure(what), first, tick) {
            // Past the horizon the event days are no longer known.
            let event = entry.plus(i32::from(lag));
            if lag != Cells::ANY_LAG && event <= tick {
                each(entry, event, value);
            }
        }
    }

    fn rejections(
        &self,
        leaf: Leaf,
        stage: StageIndex,
        first: Day,
        last: Day,
        each: &mut dyn FnMut(&str, Day, u16, i64),
    ) {
        let leaf = LeafId::from_number(leaf);
        for measure in self.reasons(leaf) {
            let (Measure::Lost { stage: at, reason } | Measure::Disqualified { stage: at, reason }) = measure
            else {
                continue;
            };
            if at == stage {
                let text = self.reason(reason);
                self.between(leaf, measure, first, last)
                    .for_each(|(entry, lag, n)| each(text, entry, lag, n));
            }
        }
    }

    fn hours(&self, leaf: Leaf, stage: StageIndex, day: Day) -> Option<[u32; 24]> {
        self.hours(LeafId::from_number(leaf), stage, day)
    }
}

fn measure(what: Quantity) -> Measure {
    match what {
        Quantity::Entered(stage) => Measure::Entered(stage),
        Quantity::Inferred(stage) => Measure::Inferred(stage),
        Quantity::Converted(from, to) => Measure::Converted { from, to },
        Quantity::InTime(handoff) => Measure::Reached(handoff),
        Quantity::WonCount => Measure::WonCount,
        Quantity::WonAmount => Measure::WonAmount,
        Quantity::Spend => Measure::Spend,
    }
}
