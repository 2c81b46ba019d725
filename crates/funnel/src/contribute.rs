//! From the facts of one journey to its cells: `contributions`, a pure function of the registers.

use plumbline_units::Day;

use crate::cells::Cells;
use crate::journeys::{DELETED, Journeys, MERGED, PARENT, REOPENED, Standing, lead};
use crate::leaves::LeafId;
use crate::measure::{Measures, Slot};
use crate::shape::{MAX_DIMENSIONS, MAX_STAGES, Shape};
use crate::stamp::{Second, Stamp};
use crate::values::Values;
use crate::zone::Calendar;

/// What one journey adds to one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contribution {
    pub(crate) leaf: LeafId,
    pub(crate) slot: Slot,
    pub(crate) entry: Day,
    /// Hour of the day or lag in days.
    pub(crate) low: u16,
    /// The second day lay before the first.
    pub(crate) clamped: bool,
    pub(crate) amount: i64,
}

/// The leads and opportunities of one journey; kept to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    leads: Vec<u32>,
    opportunities: Vec<u32>,
    roots: Vec<u32>,
}

/// The united registers of one journey.
struct United {
    /// Per stage the earliest time, seen or (after [`United::infer`]) inferred.
    at: [Second; MAX_STAGES],
    /// Bit s: stage s was seen.
    seen: u16,
    values: [Stamp; MAX_DIMENSIONS],
    status: Stamp,
}

/// What contributions are computed from and with.
pub(crate) struct Contributor<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) journeys: &'a Journeys,
    pub(crate) values: &'a Values,
    pub(crate) calendar: &'a mut Calendar,
    pub(crate) cells: &'a mut Cells,
    pub(crate) group: &'a mut Group,
    pub(crate) out: &'a mut Vec<Contribution>,
}

impl Group {
    /// Fills in the journey of a lead; returns its root.
    pub(crate) fn gather(&mut self, journeys: &Journeys, lead: u32) -> u32 {
        self.leads.clear();
        self.opportunities.clear();
        let root = if journeys.leads.flags(lead) & (MERGED | PARENT) == 0 {
            self.leads.push(lead);
            lead
        } else {
            let root = journeys.families.root(lead);
            journeys.families.members(root, &mut self.leads);
            root
        };
        for &lead in &self.leads {
            self.opportunities.extend(journeys.opportunities_of(lead));
        }
        root
    }

    pub(crate) fn len(&self) -> usize {
        self.leads.len() + self.opportunities.len()
    }

    pub(crate) fn leads(&self) -> &[u32] {
        &self.leads
    }

    pub(crate) fn opportunities(&self) -> &[u32] {
        &self.opportunities
    }
}

impl Contributor<'_> {
    /// The contributions of all journeys that hold one of `leads`, and of `opportunity` where it has no lead.
    pub(crate) fn contribute(&mut self, leads: &[u32], opportunity: Option<u32>) {
        let mut group = std::mem::take(self.group);
        group.roots.clear();
        for &lead in leads {
            let root = group.gather(self.journeys, lead);
            if group.roots.contains(&root) {
                continue;
            }
            group.roots.push(root);
            if self.journeys.leads.flags(root) & DELETED == 0 {
                self.journey(&group.leads, &group.opportunities);
            } else {
                group.opportunities.iter().for_each(|row| self.journey(&[], &[*row]));
            }
        }
        if let Some(row) = opportunity.filter(|&row| self.journeys.lead_of(row).is_none()) {
            self.journey(&[], &[row]);
        }
        *self.group = group;
    }

    fn journey(&mut self, leads: &[u32], opportunities: &[u32]) {
        let mut united = self.unite(leads, opportunities);
        let Some(first) = united.infer(self.shape.stages) else { return };
        let entry = united.at[first];
        let leaf = self.values.leaf_of(&mut self.cells.leaves, self.shape, &united.values, entry);
        let mut days = [(Day::default(), 0u8); MAX_STAGES];
        for (day, at) in days.iter_mut().zip(united.at).filter(|(_, at)| !at.is_never()) {
            *day = self.calendar.day_and_hour(at);
        }
        self.stages(leaf, &united, &days);
        if !united.status.is_empty() && united.status.value() != REOPENED {
            let at = united.status.second();
            let stage = united.furthest(at, self.shape.stages).unwrap_or(first);
            let slot = self.shape.measures.disqualified(stage, united.status.value() - 1);
            self.push(leaf, slot, days[stage].0, at, 1);
        }
        for &row in opportunities {
            self.outcome(row, leaf, &united, &days, first);
        }
    }

    fn unite(&self, leads: &[u32], opportunities: &[u32]) -> United {
        let mut united = United {
            at: [Second::NEVER; MAX_STAGES],
            seen: 0,
            values: [Stamp::EMPTY; MAX_DIMENSIONS],
            status: Stamp::EMPTY,
        };
        for &row in leads {
            let status = self.journeys.leads.stamp(row, lead::STATUS);
            if !status.is_empty() && Journeys::supersedes(&self.cells.reasons, status, united.status) {
                united.status = status;
            }
        }
        let present = |row: &&u32| self.journeys.opportunities.flags(**row) & DELETED == 0;
        let leads = leads.iter().map(|&row| (&self.journeys.leads, row));
        let opportunities = opportunities.iter().filter(present);
        for (rows, row) in leads.chain(opportunities.clone().map(|&row| (&self.journeys.opportunities, row)))
        {
            for (at, stage) in united.at.iter_mut().zip(rows.stages(row)) {
                *at = at.earlier(Second(*stage));
            }
            for (n, value) in united.values[..self.shape.dimensions].iter_mut().enumerate() {
                *value = self.values.earlier(n, *value, rows.value(row, n));
            }
        }
        let last = &mut united.at[self.shape.last()];
        for &row in opportunities {
            if let Standing::Won { at } = self.journeys.standing(row) {
                *last = last.earlier(at);
            }
        }
        united
    }

    fn stages(&mut self, leaf: LeafId, united: &United, days: &[(Day, u8); MAX_STAGES]) {
        let (shape, measures) = (self.shape, &self.shape.measures);
        let reached = |stage: &usize| !united.at[*stage].is_never();
        for inferred in [false, true] {
            for stage in (0..shape.stages).filter(reached).filter(|s| !inferred || !united.is_seen(*s)) {
                let slot = if inferred { measures.inferred(stage) } else { measures.entered(stage) };
                let ((entry, hour), clamped) = (days[stage], false);
                self.out.push(Contribution { leaf, slot, entry, low: u16::from(hour), clamped, amount: 1 });
            }
        }
        for (n, (from, to)) in measures.pairs.iter().enumerate() {
            let (from, to) = (usize::from(from.0), usize::from(to.0));
            if reached(&from) && reached(&to) {
                let evidence = united.is_evidence(from, to);
                let slot = if evidence { measures.converted(n) } else { measures.skipped(n) };
                self.push_lag(leaf, slot, days[from].0, days[to].0, 1);
            }
        }
        for (n, &(from, to, within)) in shape.handoffs.iter().enumerate() {
            if reached(&from) && reached(&to) && united.is_evidence(from, to) {
                let took = united.at[to].unix() - united.at[from].unix();
                if took <= within.0 {
                    self.push_lag(leaf, measures.reached(n), days[from].0, days[to].0, 1);
                }
            }
        }
    }

    fn outcome(
        &mut self,
        row: u32,
        leaf: LeafId,
        united: &United,
        days: &[(Day, u8); MAX_STAGES],
        first: usize,
    ) {
        if self.journeys.opportunities.flags(row) & DELETED != 0 {
            return;
        }
        match self.journeys.standing(row) {
            Standing::Open => {}
            Standing::Won { at } => {
                self.push(leaf, self.shape.measures.won_count(), days[first].0, at, 1);
                if let Some((money, said)) = self.journeys.amount(row) {
                    // At the rate of the day it was said: without one the event was not taken.
                    let on = self.calendar.day(Second::floor(said.millis()));
                    let amount = self.shape.exchange(money, on).unwrap_or_default().0;
                    if amount != 0 {
                        self.push(leaf, Measures::WON_AMOUNT, days[first].0, at, amount);
                    }
                }
            }
            Standing::Lost { at, reason } => {
                // The stage left is the opportunity's own furthest, where it has one: others may be further.
                let own = |stage: &usize| {
                    let reached = self.journeys.opportunities.stage(row, *stage);
                    !reached.is_never() && reached <= at
                };
                let stage = (0..self.shape.last()).rev().find(own);
                let stage = stage.or_else(|| united.furthest(at, self.shape.last())).unwrap_or(first);
                self.push(leaf, self.shape.measures.lost(stage, reason), days[stage].0, at, 1);
            }
        }
    }

    fn push(&mut self, leaf: LeafId, slot: Slot, entry: Day, at: Second, amount: i64) {
        let event = self.calendar.day(at);
        self.push_lag(leaf, slot, entry, event, amount);
    }

    fn push_lag(&mut self, leaf: LeafId, slot: Slot, entry: Day, event: Day, amount: i64) {
        let lag = event.since(entry);
        let low = lag.clamp(0, i32::from(u16::MAX)) as u16;
        self.out.push(Contribution { leaf, slot, entry, low, clamped: lag < 0, amount });
    }
}

impl United {
    /// Fills in the stages between the first and the last seen with the time of the next one seen; returns the
    /// stage at which the journey entered, if any: the earliest, of one second the first.
    fn infer(&mut self, stages: usize) -> Option<usize> {
        let mut next = Second::NEVER;
        for stage in (0..stages).rev() {
            if !self.at[stage].is_never() {
                self.seen |= 1 << stage;
                next = self.at[stage];
            } else {
                self.at[stage] = next;
            }
        }
        // Before the first seen nothing is inferred.
        let lowest = self.seen.trailing_zeros() as usize;
        self.at[..lowest.min(stages)].fill(Second::NEVER);
        let seen = (0..stages).filter(|stage| self.is_seen(*stage));
        seen.min_by_key(|stage| self.at[*stage])
    }

    fn is_seen(&self, stage: usize) -> bool {
        self.seen & 1 << stage != 0
    }

    /// Inferred stages belong to winners only: they are no evidence between neighbours, and never as the stage
    /// left.
    fn is_evidence(&self, from: usize, to: usize) -> bool {
        self.is_seen(from) && (self.is_seen(to) || to > from + 1)
    }

    /// The furthest stage below `below` seen by `at`.
    fn furthest(&self, at: Second, below: usize) -> Option<usize> {
        (0..below).rev().find(|stage| self.is_seen(*stage) && self.at[*stage] <= at)
    }
}
