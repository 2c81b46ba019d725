//! What each kind of event does to the registers.

use std::ops::Range;

use plumbline_events::{Attributes, EventView, LeadFactView, OpportunityFactView};
use plumbline_units::{Day, Money, Timestamp};

use crate::amend::AmendmentCause;
use crate::fold::{Fold, LEAD, OPPORTUNITY, OTHER_REASON, STATEMENT, limit};
use crate::index::Index;
use crate::intern::cut;
use crate::journeys::{DELETED, Journeys, MERGED, PARENT, REOPENED, lead, opportunity};
use crate::merge::Merge;
use crate::options::{Applied, FoldRejection, LimitedThing};
use crate::rows::{NONE, Rows};
use crate::shape::MAX_DIMENSIONS;
use crate::spend::Statement;
use crate::stamp::{Second, Stamp};

/// A longer reason counts as its beginning.
const MAX_REASON_BYTES: usize = 128;

/// Values of the stamps of deletions: of one instant, `restored` wins.
const GONE: u32 = 0;
const BACK: u32 = 1;

fn applied(changed: Result<bool, FoldRejection>) -> Applied {
    match changed {
        Ok(true) => Applied::Changed,
        Ok(false) => Applied::Unchanged,
        Err(rejection) => Applied::Rejected(rejection),
    }
}

impl Fold {
    pub(crate) fn apply_lead(&mut self, event: &EventView<'_>, id: &str, fact: LeadFactView<'_>) -> Applied {
        applied(self.lead_event(event, id, fact))
    }

    fn lead_event(
        &mut self,
        event: &EventView<'_>,
        id: &str,
        fact: LeadFactView<'_>,
    ) -> Result<bool, FoldRejection> {
        let at = event.occurred_at;
        let known = self.journeys.leads.len();
        let row = self.lead(id, at, matches!(fact, LeadFactView::Created))?;
        let fresh = self.journeys.leads.len() > known;
        if let LeadFactView::Merged(into_id) = fact {
            return self.merge(event, row, into_id);
        }
        Ok(self.transact(&self.touched(row), None, fresh, |fold| {
            let mut changed = fold.say_values(RowKind::Lead, row, event);
            changed |= match fact {
                LeadFactView::Created => fold.reach(RowKind::Lead, row, 0, at),
                LeadFactView::StageReached(name) => match fold.shape.stage(name) {
                    Some(stage) => fold.reach(RowKind::Lead, row, stage, at),
                    None => fold.ignore_stage(name),
                },
                LeadFactView::Disqualified(reason) => {
                    let reason = fold.reason(reason);
                    fold.say_status(RowKind::Lead, row, Stamp::new(at, reason))
                }
                LeadFactView::Reopened => fold.say_status(RowKind::Lead, row, Stamp::new(at, REOPENED)),
                LeadFactView::Deleted => fold.say_deleted(RowKind::Lead, row, Stamp::new(at, GONE)),
                LeadFactView::Restored => {
                    let merge = Merge { at, into: NONE, id: Box::default() };
                    let back = fold.say_deleted(RowKind::Lead, row, Stamp::new(at, BACK));
                    fold.say_merge(row, merge) | back
                }
                // Nothing here could name a person: ids are hashes, and what they did is still counted.
                LeadFactView::Erased | LeadFactView::AttributesChanged | LeadFactView::Merged(_) => false,
            };
            changed
        }))
    }

    /// The leads whose journeys change when `row` leaves its parent: itself and the parent it has.
    fn touched(&self, row: u32) -> [u32; 2] {
        let parent = self.journeys.leads.flags(row) & MERGED != 0;
        [row, parent.then(|| self.journeys.families.parent(row)).flatten().unwrap_or(row)]
    }

    fn merge(&mut self, event: &EventView<'_>, row: u32, into_id: &str) -> Result<bool, FoldRejection> {
        let at = event.occurred_at;
        let into = self.lead(into_id, at, false)?;
        let [_, parent] = self.touched(row);
        let members = self.members(&[row, into]);
        limit(LimitedThing::Members, members, self.options.max_members)?;
        let merge = Merge { at, into, id: into_id.into() };
        Ok(self.transact(&[row, parent, into], None, false, |fold| {
            let changed = fold.say_values(RowKind::Lead, row, event);
            fold.say_merge(row, merge) | changed
        }))
    }

    pub(crate) fn apply_opportunity(
        &mut self,
        event: &EventView<'_>,
        id: &str,
        lead_id: Option<&str>,
        amount: Option<Money>,
        fact: OpportunityFactView<'_>,
    ) -> Applied {
        applied(self.opportunity_event(event, id, lead_id, amount, fact))
    }

    fn opportunity_event(
        &mut self,
        event: &EventView<'_>,
        id: &str,
        lead_id: Option<&str>,
        amount: Option<Money>,
        fact: OpportunityFactView<'_>,
    ) -> Result<bool, FoldRejection> {
        let at = event.occurred_at;
        let new_lead = lead_id.map(|id| self.lead(id, at, false).map(|row| (row, id))).transpose()?;
        let row = self.opportunity(id, at, matches!(fact, OpportunityFactView::Created))?;
        let old_lead = self.journeys.lead_of(row);
        let link = new_lead.filter(|(_, id)| self.journeys.relinks(row, at, id));
        if let Some((lead, _)) = link.filter(|(lead, _)| Some(*lead) != old_lead) {
            limit(LimitedThing::Members, self.members(&[lead]), self.options.max_members)?;
        }
        let touched = [old_lead, link.map(|(lead, _)| lead)];
        let touched = match touched {
            [Some(a), Some(b)] => &[a, b][..],
            [Some(a), None] | [None, Some(a)] => &[a][..],
            [None, None] => &[],
        };
        Ok(self.transact(touched, Some(row), false, |fold| {
            let mut changed = fold.say_values(RowKind::Opportunity, row, event);
            if let Some((lead, id)) = link {
                fold.journeys.link(row, lead, at, id);
                changed = true;
            }
            if let Some(money) = amount {
                changed |= fold.journeys.say_amount(row, money, at);
            }
            changed | fold.opportunity_fact(row, at, fact)
        }))
    }

    fn opportunity_fact(&mut self, row: u32, at: Timestamp, fact: OpportunityFactView<'_>) -> bool {
        let kind = RowKind::Opportunity;
        match fact {
            OpportunityFactView::Created => match self.shape.opportunity() {
                Some(stage) => self.reach(kind, row, stage, at),
                None => false,
            },
            OpportunityFactView::StageReached(name) => match self.shape.stage(name) {
                // Who says that a deal reached the last stage says that it was won.
                Some(stage) if stage == self.shape.last() && self.shape.opportunity() != Some(stage) => {
                    self.say_won(row, at)
                }
                Some(stage) => self.reach(kind, row, stage, at),
                None => self.ignore_stage(name),
            },
            OpportunityFactView::Won => self.say_won(row, at),
            OpportunityFactView::Lost(reason) => {
                let reason = self.reason(reason);
                self.say_status(kind, row, Stamp::new(at, reason))
            }
            OpportunityFactView::Reopened => self.say_status(kind, row, Stamp::new(at, REOPENED)),
            OpportunityFactView::Deleted => self.say_deleted(kind, row, Stamp::new(at, GONE)),
            OpportunityFactView::Restored => self.say_deleted(kind, row, Stamp::new(at, BACK)),
            OpportunityFactView::AmountChanged | OpportunityFactView::Linked => false,
        }
    }

    pub(crate) fn apply_spend(
        &mut self,
        event: &EventView<'_>,
        id: &str,
        period: Range<Day>,
        money: Money,
    ) -> Applied {
        applied(self.spend_event(event, id, period, money))
    }

    fn spend_event(
        &mut self,
        event: &EventView<'_>,
        id: &str,
        period: Range<Day>,
        money: Money,
    ) -> Result<bool, FoldRejection> {
        let said = Stamp::new(event.occurred_at, self.journeys.currency(money.currency));
        let mut values = [0; MAX_DIMENSIONS];
        self.each_value(event.attributes, |dimension, number| values[dimension] = number + 1);
        let days = period.end.since(period.start).max(1) as u32;
        let new = Statement { said, money, start: period.start, days, values };
        let hash = self.ids.hash(STATEMENT, id);
        let row = match self.statements.rows.find(hash) {
            Some(row) => row,
            None => {
                let maximum = self.options.max_statements.min(Index::MAX);
                limit(LimitedThing::Statements, self.statements.rows.len(), maximum)?;
                self.statements.insert(hash)
            }
        };
        self.statements.rows.touch(row, Second::ceil(event.occurred_at));
        let held = self.statements.get(&self.shape, row, &self.journeys.currencies);
        if held.is_some_and(|held| !new.supersedes(&held, &self.values, self.shape.dimensions)) {
            return Ok(false);
        }
        self.statements.set(&self.shape, row, &new);
        let (mut before, mut after) =
            (std::mem::take(&mut self.scratch.before), std::mem::take(&mut self.scratch.after));
        before.clear();
        after.clear();
        if let Some(held) = held {
            self.watches.cause = AmendmentCause::Restatement;
            held.contribute(&self.shape, &self.values, &mut self.cells, &mut before);
        }
        new.contribute(&self.shape, &self.values, &mut self.cells, &mut after);
        self.move_cells(&before, &after);
        (self.scratch.before, self.scratch.after) = (before, after);
        Ok(true)
    }
}

/// Which table a row stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowKind {
    Lead,
    Opportunity,
}

/// Registers.
impl Fold {
    fn rows(&mut self, kind: RowKind) -> &mut Rows {
        match kind {
            RowKind::Lead => &mut self.journeys.leads,
            RowKind::Opportunity => &mut self.journeys.opportunities,
        }
    }

    fn lead(&mut self, id: &str, at: Timestamp, created: bool) -> Result<u32, FoldRejection> {
        let hash = self.ids.hash(LEAD, id);
        let row = match self.journeys.leads.find(hash) {
            Some(row) => row,
            None => {
                self.count_row(created)?;
                self.journeys.insert_lead(hash)
            }
        };
        self.journeys.leads.touch(row, Second::ceil(at));
        Ok(row)
    }

    fn opportunity(&mut self, id: &str, at: Timestamp, created: bool) -> Result<u32, FoldRejection> {
        let hash = self.ids.hash(OPPORTUNITY, id);
        let row = match self.journeys.opportunities.find(hash) {
            Some(row) => row,
            None => {
                self.count_row(created)?;
                self.journeys.insert_opportunity(hash)
            }
        };
        self.journeys.opportunities.touch(row, Second::ceil(at));
        Ok(row)
    }

    fn count_row(&mut self, created: bool) -> Result<(), FoldRejection> {
        let have = self.journeys.leads.len() + self.journeys.opportunities.len();
        limit(LimitedThing::Journeys, have, self.options.max_journeys.min(Index::MAX))?;
        self.counters.orphans += u64::from(!created);
        Ok(())
    }

    /// How many leads and opportunities the journeys of `leads` hold together.
    fn members(&mut self, leads: &[u32]) -> usize {
        let mut members = 0;
        let mut roots = Vec::new();
        for &lead in leads {
            let root = self.scratch.group.gather(&self.journeys, lead);
            if !roots.contains(&root) {
                roots.push(root);
                members += self.scratch.group.len();
            }
        }
        members
    }

    /// Calls `each` with (dimension, number of the value) for the event's dimension values.
    fn each_value(&mut self, attributes: Attributes<'_>, mut each: impl FnMut(usize, u32)) {
        for (name, value) in attributes.iter() {
            for dimension in 0..self.shape.dimensions {
                if self.shape.dimension_name(dimension) != name {
                    continue;
                }
                if let Some(number) = self.values.number(&self.shape, dimension, value) {
                    self.counters.overflowed += u64::from(number == 0);
                    each(dimension, number);
                }
            }
        }
    }

    fn say_values(&mut self, kind: RowKind, row: u32, event: &EventView<'_>) -> bool {
        let mut said = [Stamp::EMPTY; MAX_DIMENSIONS];
        self.each_value(event.attributes, |dimension, number| {
            said[dimension] = Stamp::new(event.occurred_at, number);
        });
        let mut changed = false;
        for (dimension, new) in said.into_iter().enumerate().filter(|(_, stamp)| !stamp.is_empty()) {
            let held = self.rows(kind).value(row, dimension);
            let earliest = self.values.earlier(dimension, held, new);
            if earliest != held {
                self.rows(kind).set_value(row, dimension, earliest);
                changed = true;
            }
        }
        changed
    }

    fn reach(&mut self, kind: RowKind, row: u32, stage: usize, at: Timestamp) -> bool {
        let rows = self.rows(kind);
        let held = rows.stage(row, stage);
        let earliest = held.earlier(Second::floor(at.millis()));
        rows.set_stage(row, stage, earliest);
        earliest != held
    }

    fn ignore_stage(&mut self, name: &str) -> bool {
        self.counters.ignore_stage(name);
        false
    }

    /// The number of a reason as stamps hold it.
    fn reason(&mut self, text: &str) -> u32 {
        let reasons = &mut self.cells.reasons;
        let number = reasons.intern(cut(text.trim(), MAX_REASON_BYTES)).or_else(|| {
            self.counters.overflowed += 1;
            reasons.find(OTHER_REASON)
        });
        number.unwrap_or_default() + 1
    }

    fn say_status(&mut self, kind: RowKind, row: u32, new: Stamp) -> bool {
        let at = match kind {
            RowKind::Lead => lead::STATUS,
            RowKind::Opportunity => opportunity::CLOSED,
        };
        let held = self.rows(kind).stamp(row, at);
        let changed = held.is_empty() || Journeys::supersedes(&self.cells.reasons, new, held);
        if changed {
            self.rows(kind).set_stamp(row, at, new);
        }
        changed
    }

    fn say_won(&mut self, row: u32, at: Timestamp) -> bool {
        let rows = &mut self.journeys.opportunities;
        let (first, last) = (rows.stamp(row, opportunity::FIRST_WON), rows.stamp(row, opportunity::LAST_WON));
        let new = Stamp::new(at, 0);
        let earlier = first.is_empty() || new.time() < first.time();
        let later = new.time() > last.time();
        if earlier {
            rows.set_stamp(row, opportunity::FIRST_WON, new);
        }
        if later {
            rows.set_stamp(row, opportunity::LAST_WON, new);
        }
        earlier || later
    }

    fn say_deleted(&mut self, kind: RowKind, row: u32, new: Stamp) -> bool {
        let deletions = match kind {
            RowKind::Lead => &mut self.journeys.lead_deletions,
            RowKind::Opportunity => &mut self.journeys.opportunity_deletions,
        };
        let held = deletions.get(&row).copied().unwrap_or_default();
        if (new.time(), new.value()) <= (held.time(), held.value()) {
            return false;
        }
        deletions.insert(row, new);
        self.rows(kind).set_flag(row, DELETED, new.value() == GONE);
        true
    }

    fn say_merge(&mut self, row: u32, merge: Merge) -> bool {
        if !self.journeys.families.takes(row, &merge) {
            return false;
        }
        let into = merge.into;
        let before = self.journeys.families.set(row, merge);
        let leads = &mut self.journeys.leads;
        leads.set_flag(row, MERGED, into != NONE);
        for parent in [before, Some(into).filter(|&into| into != NONE)].into_iter().flatten() {
            leads.set_flag(parent, PARENT, self.journeys.families.has_children(parent));
        }
        true
    }
}
