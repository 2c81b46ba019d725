//! The fold itself: an event in, the difference of its journeys' contributions out.

use plumbline_events::{BodyView, EventView, LeadFactView, OpportunityFactView};
use plumbline_plan::Plan;
use plumbline_units::{Day, IdHasher, Money, Timestamp};

use crate::amend::{AmendmentCause, Watch, Watches};
use crate::cells::Cells;
use crate::contribute::{Contribution, Contributor, Group};
use crate::dirty::Dirty;
use crate::intern::Interner;
use crate::journeys::Journeys;
use crate::leaves::{LeafId, Leaves};
use crate::options::{Applied, Counters, FoldOptions, FoldRejection, FoldStats, LimitedThing};
use crate::shape::Shape;
use crate::spend::Statements;
use crate::values::Values;
use crate::zone::Calendar;

/// The spaces of ids.
pub(crate) const LEAD: u8 = 0;
pub(crate) const OPPORTUNITY: u8 = 1;
pub(crate) const STATEMENT: u8 = 2;

/// Folds the events of one workspace into cells. The cells are a pure function of the set of events.
#[derive(Clone, Debug)]
pub struct Fold {
    pub(crate) options: FoldOptions,
    pub(crate) ids: IdHasher,
    pub(crate) shape: Shape,
    pub(crate) calendar: Calendar,
    pub(crate) values: Values,
    pub(crate) journeys: Journeys,
    pub(crate) statements: Statements,
    pub(crate) cells: Cells,
    pub(crate) dirty: Dirty,
    pub(crate) counters: Counters,
    /// The day of the watermark up to which journeys were forgotten.
    pub(crate) swept: Option<Day>,
    pub(crate) scratch: Scratch,
    pub(crate) watches: Watches,
}

/// Buffers that are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) before: Vec<Contribution>,
    pub(crate) after: Vec<Contribution>,
    pub(crate) group: Group,
}

impl Fold {
    /// An empty fold under `plan`.
    pub fn new(plan: &Plan, options: FoldOptions) -> Fold {
        let shape = Shape::of(plan);
        let key = options.id_key;
        let mut reasons = Interner::new(key, options.max_values.max(2));
        // No reason, and the one that stands for those past the limit.
        for reason in ["", OTHER_REASON] {
            let _ = reasons.intern(reason);
        }
        Fold {
            ids: IdHasher::new(key),
            calendar: Calendar::new(shape.zone()),
            values: Values::new(&shape, key, options.max_values, options.max_leaves, options.settle),
            journeys: Journeys::new(&shape),
            statements: Statements::new(&shape),
            cells: Cells::new(shape.measures.clone(), Leaves::new(shape.dimensions), reasons),
            dirty: Dirty::default(),
            counters: Counters::default(),
            swept: None,
            scratch: Scratch::default(),
            watches: Watches::default(),
            shape,
            options,
        }
    }

    /// Takes one event. An event that happened at or before `watermark` − horizon is rejected.
    pub fn apply(&mut self, event: &EventView<'_>, watermark: Option<Timestamp>) -> Applied {
        self.watches.cause = cause(event);
        let applied = match self.check(event, watermark) {
            Err(rejection) => Applied::Rejected(rejection),
            Ok(()) => match event.body {
                BodyView::Lead { lead_id, fact } => self.apply_lead(event, lead_id, fact),
                BodyView::Opportunity { opportunity_id, lead_id, amount, fact } => {
                    let applied = self.apply_opportunity(event, opportunity_id, lead_id, amount, fact);
                    self.unless_unpriced(applied, amount, self.shape.zone().day_of(event.occurred_at))
                }
                BodyView::Spend { spend_id, period_start, period_end, amount } => {
                    self.apply_spend(event, spend_id, period_start..period_end, amount)
                }
            },
        };
        match &applied {
            Applied::Changed => self.counters.changed += 1,
            Applied::Unchanged => self.counters.duplicates += 1,
            Applied::Unpriced(_) => self.counters.unpriced += 1,
            Applied::Rejected(_) => self.counters.rejected += 1,
        }
        applied
    }

    fn check(&self, event: &EventView<'_>, watermark: Option<Timestamp>) -> Result<(), FoldRejection> {
        if let (Some(horizon), Some(watermark)) = (self.options.horizon, watermark)
            && event.occurred_at <= watermark.minus(horizon)
        {
            return Err(FoldRejection::BeyondHorizon);
        }
        if let BodyView::Spend { amount, period_start, .. } = event.body {
            self.price(amount, period_start)?;
        }
        limit(LimitedThing::Cells, self.cells.len(), self.options.max_cells)
    }

    /// Says of what was folded that its amount counts for nothing: a deal is a deal without its price.
    fn unless_unpriced(&self, applied: Applied, amount: Option<Money>, on: Day) -> Applied {
        match amount.map(|money| self.price(money, on)) {
            Some(Err(why)) if !matches!(applied, Applied::Rejected(_)) => Applied::Unpriced(why),
            _ => applied,
        }
    }

    fn price(&self, money: Money, day: Day) -> Result<(), FoldRejection> {
        let known = money.currency == self.shape.currency() || self.shape.exchange(money, day).is_some();
        if known { Ok(()) } else { Err(FoldRejection::NoRate { currency: money.currency, day }) }
    }

    /// Changes registers by `mutate` and moves the cells of the journeys touched from what they were to what
    /// they are: those of `leads`, and of `opportunity` while it has no lead. `fresh`: the rows are new and hold
    /// nothing yet.
    pub(crate) fn transact(
        &mut self,
        leads: &[u32],
        opportunity: Option<u32>,
        fresh: bool,
        mutate: impl FnOnce(&mut Fold) -> bool,
    ) -> bool {
        let mut before = std::mem::take(&mut self.scratch.before);
        before.clear();
        if !fresh {
            self.contribute(leads, opportunity, &mut before);
        }
        let changed = mutate(self);
        if changed {
            let mut after = std::mem::take(&mut self.scratch.after);
            after.clear();
            self.contribute(leads, opportunity, &mut after);
            self.move_cells(&before, &after);
            self.scratch.after = after;
        }
        self.scratch.before = before;
        changed
    }

    fn contribute(&mut self, leads: &[u32], opportunity: Option<u32>, out: &mut Vec<Contribution>) {
        let mut contributor = Contributor {
            shape: &self.shape,
            journeys: &self.journeys,
            values: &self.values,
            calendar: &mut self.calendar,
            cells: &mut self.cells,
            group: &mut self.scratch.group,
            out,
        };
        contributor.contribute(leads, opportunity);
    }

    /// Retracts `before`, adds `after`, and leaves alone what both hold. Each list is ordered much like the
    /// other, so equal parts meet; where they do not, the cell is taken away and added again, which is the same.
    pub(crate) fn move_cells(&mut self, before: &[Contribution], after: &[Contribution]) {
        let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
        loop {
            match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(a), Some(b)) if a == b => {
                    old.next();
                    new.next();
                }
                (Some(a), b) if b.is_none_or(|b| a.leaf != b.leaf || a.slot.order() <= b.slot.order()) => {
                    self.add(a, -1);
                    old.next();
                }
                (_, Some(b)) => {
                    self.add(b, 1);
                    new.next();
                }
                (Some(a), None) => {
                    self.add(a, -1);
                    old.next();
                }
            }
        }
    }

    fn add(&mut self, part: &Contribution, sign: i64) {
        self.cells.add(part.leaf, part.slot, part.entry, part.low, part.amount.wrapping_mul(sign));
        self.dirty.mark(part.leaf, part.entry);
        if !self.watches.all.is_empty() {
            self.watches.record(&self.cells.leaves, &self.shape.measures, part, sign);
        }
        self.counters.clamped_lags += sign * i64::from(part.clamped);
    }

    /// The aggregates.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The aggregate keys whose cells moved since the last call, by the leaf's values, then day.
    pub fn take_dirty(&mut self) -> Vec<(LeafId, Day)> {
        let mut keys = self.dirty.take();
        keys.sort_by(|a, b| (self.cells.leaf_values(a.0), a.1).cmp(&(self.cells.leaf_values(b.0), b.1)));
        keys
    }

    /// What is watched for changes of days that were judged already.
    pub fn watches(&self) -> &[Watch] {
        &self.watches.all
    }

    /// Watches these from now on; replaces what was watched.
    pub fn watch(&mut self, watches: Vec<Watch>) {
        self.watches.all = watches;
    }

    /// Whether going on under `plan` needs no new fold.
    pub fn fits(&self, plan: &Plan) -> bool {
        self.shape.plan().folds_like(plan)
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sizes and counters; looks at every opportunity and cell block, so not for every event.
    pub fn stats(&self) -> FoldStats {
        let opportunities = &self.journeys.opportunities;
        let alone = opportunities.live().filter(|&row| self.journeys.lead_of(row).is_none()).count();
        FoldStats {
            journeys: self.journeys.leads.len() + alone,
            opportunities: opportunities.len(),
            statements: self.statements.rows.len(),
            cells: self.cells.len(),
            leaves: self.cells.leaves.len(),
            journey_bytes: self.journeys.bytes() + self.statements.rows.bytes() + self.values.bytes(),
            cell_bytes: self.cells.bytes(),
            counters: self.counters.clone(),
        }
    }
}

/// Of a statement of spend: as if it were the first.
fn cause(event: &EventView<'_>) -> AmendmentCause {
    match event.body {
        BodyView::Lead { fact, .. } => match fact {
            LeadFactView::Merged(_) | LeadFactView::Restored => AmendmentCause::Merge,
            LeadFactView::Deleted => AmendmentCause::Deletion,
            LeadFactView::AttributesChanged => AmendmentCause::Attribute,
            _ => AmendmentCause::Late,
        },
        BodyView::Opportunity { fact: OpportunityFactView::Deleted, .. } => AmendmentCause::Deletion,
        BodyView::Opportunity { fact: OpportunityFactView::Restored, .. } => AmendmentCause::Merge,
        BodyView::Opportunity { .. } | BodyView::Spend { .. } => AmendmentCause::Late,
    }
}

/// The reason that stands for those past the limit.
pub(crate) const OTHER_REASON: &str = "(other)";

/// Refuses where `have` has reached `maximum`.
pub(crate) fn limit(what: LimitedThing, have: usize, maximum: usize) -> Result<(), FoldRejection> {
    if have >= maximum { Err(FoldRejection::Limit { what, maximum }) } else { Ok(()) }
}
