//! What the judge reads: sums of cells by leaf, entry day and tick.

use plumbline_plan::{DimensionIndex, Scope, StageIndex};
use plumbline_units::Day;

/// A sum kept by leaf and entry day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Journeys that reached the stage, inferred ones included, by that day.
    Entered(StageIndex),
    /// The inferred ones among them.
    Inferred(StageIndex),
    /// Journeys by the day they reached the first stage, that have reached the second.
    Converted(StageIndex, StageIndex),
    /// Journeys by the day they reached a hand-off's first stage, that have reached its second in time; by the
    /// hand-off's place in `Plan::handoffs`.
    InTime(u8),
    /// Won opportunities by the day their journey entered the funnel.
    WonCount,
    /// Their amount in millionths of the plan's currency.
    WonAmount,
    /// Spend in millionths of the plan's currency.
    Spend,
}

/// One leaf of the dimensions; numbered by whoever keeps the sums, in a fixed order.
pub type Leaf = u32;

/// Read access to the folded facts of one workspace.
pub trait Facts {
    /// All leaves, ascending. New ones follow those that were there; none goes away or changes its values.
    fn leaves(&self) -> Vec<Leaf>;
    /// Whether the leaf lies in the scope.
    fn in_scope(&self, leaf: Leaf, scope: &Scope) -> bool;
    /// The leaf's value of a dimension, as shown to people (`(unset)`, `(unplanned)`, `(other)` included).
    fn value(&self, leaf: Leaf, dimension: DimensionIndex) -> &str;
    /// The first day with any entry.
    fn first_entry_day(&self) -> Option<Day>;
    /// Calls `each` for the entry days from `first` on that hold something as of `tick`, in ascending order, with the
    /// sum over event days up to `tick`.
    fn by_entry_day(&self, leaf: Leaf, what: Quantity, first: Day, tick: Day, each: &mut dyn FnMut(Day, i64));
    /// Of the entries of the days from `first` on, what happened on the event days `from` to `to`: by entry day.
    fn by_event_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        from: Day,
        to: Day,
        each: &mut dyn FnMut(Day, i64),
    );
    /// As [`Facts::by_entry_day`], but by entry day and event day, in ascending order.
    fn by_both_days(
        &self,
        leaf: Leaf,
        what: Quantity,
        first: Day,
        tick: Day,
        each: &mut dyn FnMut(Day, Day, i64),
    );
    /// Journeys that entered `stage` on the days `first` to `last` and were turned away there (lost, disqualified):
    /// the reason, the entry day, the days until then and how many.
    fn rejections(
        &self,
        leaf: Leaf,
        stage: StageIndex,
        first: Day,
        last: Day,
        each: &mut dyn FnMut(&str, Day, u16, i64),
    );
    /// Entries into a stage on a day by hour, where they are still kept.
    fn hours(&self, leaf: Leaf, stage: StageIndex, day: Day) -> Option<[u32; 24]>;
}
