//! The facts: one row per lead and per opportunity, and side tables for what is rare.
//!
//! Every register is the minimum or maximum of its facts under a total order: the instant in milliseconds, then
//! the kind of fact by name (`disqualified` < `reopened`, `lost` < `reopened` < `won`, `deleted` < `restored`,
//! `merged` < `restored`), then the bytes of the value. So the order of arrival cannot matter.

use std::collections::BTreeMap;

use plumbline_units::{Currency, IdHash, Micros, Money, Timestamp};

use crate::intern::Interner;
use crate::merge::Families;
use crate::rows::{NONE, Rows};
use crate::shape::Shape;
use crate::stamp::{Second, Stamp};

/// The lead or opportunity is deleted and not restored since.
pub(crate) const DELETED: u32 = 2;
/// The lead has a register of merges.
pub(crate) const MERGED: u32 = 4;
/// Leads were merged into the lead.
pub(crate) const PARENT: u32 = 8;

/// Words of a lead's row.
pub(crate) mod lead {
    /// Latest of disqualified and reopened.
    pub(crate) const STATUS: usize = 0;
    pub(crate) const WORDS: usize = 2;
}

/// Words of an opportunity's row.
pub(crate) mod opportunity {
    /// Row of its lead.
    pub(crate) const LEAD: usize = 0;
    /// When that was said.
    pub(crate) const LINKED: usize = 1;
    /// Earliest win.
    pub(crate) const FIRST_WON: usize = 3;
    /// Latest win.
    pub(crate) const LAST_WON: usize = 5;
    /// Latest of lost and reopened.
    pub(crate) const CLOSED: usize = 7;
    /// When the amount was said, and the number of its currency.
    pub(crate) const AMOUNT: usize = 9;
    /// The amount's millionths.
    pub(crate) const MICROS: usize = 11;
    pub(crate) const WORDS: usize = 13;
}

/// The value of a status stamp that says `reopened`; others are the number of a reason plus one.
pub(crate) const REOPENED: u32 = 0;

/// All leads and opportunities.
#[derive(Clone, Debug)]
pub(crate) struct Journeys {
    pub(crate) leads: Rows,
    pub(crate) opportunities: Rows,
    pub(crate) families: Families,
    /// The lead's id as each opportunity's latest link gives it, by row: decides between links of one instant.
    pub(crate) links: Vec<Box<str>>,
    /// Latest of deleted (0) and restored (1), by row.
    pub(crate) lead_deletions: BTreeMap<u32, Stamp>,
    pub(crate) opportunity_deletions: BTreeMap<u32, Stamp>,
    pub(crate) currencies: Vec<Currency>,
}

/// What an opportunity stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    Won { at: Second },
    Lost { at: Second, reason: u32 },
}

impl Journeys {
    pub(crate) fn new(shape: &Shape) -> Journeys {
        let rows = |own| Rows::new(own, shape.dimensions, shape.stages);
        Journeys {
            leads: rows(lead::WORDS),
            opportunities: rows(opportunity::WORDS),
            families: Families::default(),
            links: Vec::new(),
            lead_deletions: BTreeMap::new(),
            opportunity_deletions: BTreeMap::new(),
            currencies: Vec::new(),
        }
    }

    /// Whether a register of disqualified or lost, and reopened, moves from `old` to `new`.
    pub(crate) fn supersedes(reasons: &Interner, new: Stamp, old: Stamp) -> bool {
        if new.time() != old.time() {
            return new.time() > old.time();
        }
        let order = |s: Stamp| (s.value() == REOPENED, s.value().checked_sub(1).map(|n| reasons.text(n)));
        order(new) > order(old)
    }

    pub(crate) fn standing(&self, row: u32) -> Standing {
        let stamp = |at| self.opportunities.stamp(row, at);
        let (won, closed) = (stamp(opportunity::LAST_WON), stamp(opportunity::CLOSED));
        if won.time() >= closed.time() && !won.is_empty() {
            let first = stamp(opportunity::FIRST_WON);
            let at = if closed.time() > first.time() { won } else { first };
            return Standing::Won { at: at.second() };
        }
        match closed.value() {
            _ if closed.is_empty() => Standing::Open,
            REOPENED => Standing::Open,
            reason => Standing::Lost { at: closed.second(), reason: reason - 1 },
        }
    }

    /// The opportunity's amount and when it was said.
    pub(crate) fn amount(&self, row: u32) -> Option<(Money, Timestamp)> {
        let stamp = self.opportunities.stamp(row, opportunity::AMOUNT);
        if stamp.is_empty() {
            return None;
        }
        let low = self.opportunities.word(row, opportunity::MICROS);
        let high = self.opportunities.word(row, opportunity::MICROS + 1);
        let micros = Micros((u64::from(low) | u64::from(high) << 32) as i64);
        let currency = self.currencies[stamp.value() as usize];
        Some((Money { micros, currency }, Timestamp::clamped(stamp.millis())))
    }

    /// Takes the amount where it is the latest said: by instant, then the larger, then the currency's code.
    pub(crate) fn say_amount(&mut self, row: u32, money: Money, at: Timestamp) -> bool {
        if self.amount(row).is_some_and(|(held, since)| (since, held) >= (at, money)) {
            return false;
        }
        let currency = self.currency(money.currency);
        let micros = money.micros.0 as u64;
        self.opportunities.set_stamp(row, opportunity::AMOUNT, Stamp::new(at, currency));
        self.opportunities.set_word(row, opportunity::MICROS, micros as u32);
        self.opportunities.set_word(row, opportunity::MICROS + 1, (micros >> 32) as u32);
        true
    }

    /// The number of a currency. At most 17,576 codes of three letters exist.
    pub(crate) fn currency(&mut self, currency: Currency) -> u32 {
        let known = self.currencies.iter().position(|c| *c == currency);
        known.unwrap_or_else(|| {
            self.currencies.push(currency);
            self.currencies.len() - 1
        }) as u32
    }

    pub(crate) fn insert_lead(&mut self, id: IdHash) -> u32 {
        self.leads.insert(id)
    }

    pub(crate) fn insert_opportunity(&mut self, id: IdHash) -> u32 {
        let row = self.opportunities.insert(id);
        self.opportunities.set_word(row, opportunity::LEAD, NONE);
        if self.links.len() <= row as usize {
            self.links.resize(row as usize + 1, Box::default());
        }
        row
    }

    /// The row of the opportunity's lead.
    pub(crate) fn lead_of(&self, row: u32) -> Option<u32> {
        Some(self.opportunities.word(row, opportunity::LEAD)).filter(|&lead| lead != NONE)
    }

    /// Whether a link said at `at` to the lead called `id` replaces the opportunity's.
    pub(crate) fn relinks(&self, row: u32, at: Timestamp, id: &str) -> bool {
        let held = self.opportunities.stamp(row, opportunity::LINKED);
        let new = Stamp::new(at, 0);
        new.time() > held.time() || new.time() == held.time() && id > &*self.links[row as usize]
    }

    /// Moves an opportunity to a lead.
    pub(crate) fn link(&mut self, row: u32, lead: u32, at: Timestamp, id: &str) {
        self.opportunities.set_stamp(row, opportunity::LINKED, Stamp::new(at, 0));
        if &*self.links[row as usize] != id {
            self.links[row as usize] = id.into();
        }
        if self.lead_of(row) != Some(lead) {
            self.unlink(row);
            self.opportunities.set_word(row, opportunity::LEAD, lead);
            self.opportunities.set_list(row, self.leads.list(lead));
            self.leads.set_list(lead, row);
        }
    }

    /// Takes an opportunity out of its lead's list.
    pub(crate) fn unlink(&mut self, row: u32) {
        let Some(lead) = self.lead_of(row) else { return };
        let next = self.opportunities.list(row);
        let mut before = self.leads.list(lead);
        if before == row {
            self.leads.set_list(lead, next);
        } else {
            while self.opportunities.list(before) != row {
                before = self.opportunities.list(before);
            }
            self.opportunities.set_list(before, next);
        }
        self.opportunities.set_word(row, opportunity::LEAD, NONE);
    }

    /// The opportunities of a lead, the last linked first.
    pub(crate) fn opportunities_of(&self, lead: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |row: u32| (row != NONE).then_some(row);
        std::iter::successors(some(self.leads.list(lead)), move |&row| some(self.opportunities.list(row)))
    }

    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.links.iter().filter(|t| !t.is_empty()).map(|t| t.len() + 16).sum();
        // A B-tree's node is about two thirds full.
        let deletions = (self.lead_deletions.len() + self.opportunity_deletions.len()) * 24;
        self.leads.bytes()
            + self.opportunities.bytes()
            + self.links.capacity() * size_of::<Box<str>>()
            + texts
            + deletions
            + self.families.bytes()
    }
}
