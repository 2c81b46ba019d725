//! Forgetting: what the watermark has passed by the horizon.

use plumbline_units::{Day, Timestamp};

use crate::fold::Fold;
use crate::stamp::Second;

/// Entries are kept by the hour for this many days.
const HOUR_DAYS: i32 = 30;

impl Fold {
    /// Takes notice of the watermark. Once per day of it, journeys and statements are forgotten whose last event
    /// lies beyond the horizon (their cells stay), hours are dropped for entry days older than 30 days, and
    /// event days for entry days past the horizon.
    pub fn advance(&mut self, watermark: Timestamp) {
        let today = self.shape.zone().day_of(watermark);
        if self.swept.is_some_and(|swept| swept >= today) {
            return;
        }
        self.swept = Some(today);
        self.cells.fold_hours(today.plus(-HOUR_DAYS));
        let Some(horizon) = self.options.horizon else { return };
        let floor = watermark.minus(horizon);
        for (leaf, day) in self.cells.fold_lags(self.shape.zone().day_of(floor)) {
            self.dirty.mark(leaf, day);
        }
        self.forget(floor);
    }

    fn forget(&mut self, floor: Timestamp) {
        // Every event of a row had happened by its last second, rounded up: beyond the floor only if that is.
        let old = |last: Second| last.unix() * 1000 <= floor.millis();
        let mut group = std::mem::take(&mut self.scratch.group);
        for lead in 0..self.journeys.leads.used() {
            let leads = &self.journeys.leads;
            if leads.flags(lead) == 0 || !old(leads.last(lead)) {
                continue;
            }
            // Of a family only the root is asked, so each is looked at once.
            if group.gather(&self.journeys, lead) != lead {
                continue;
            }
            let opportunities = &self.journeys.opportunities;
            let all_old = group.leads().iter().all(|&row| old(leads.last(row)))
                && group.opportunities().iter().all(|&row| old(opportunities.last(row)));
            if all_old {
                group.opportunities().iter().for_each(|&row| self.journeys.forget_opportunity(row));
                group.leads().iter().for_each(|&row| self.journeys.forget_lead(row));
                self.counters.forgotten += 1;
            }
        }
        self.scratch.group = group;
        for row in 0..self.journeys.opportunities.used() {
            let opportunities = &self.journeys.opportunities;
            let alone = opportunities.flags(row) != 0 && self.journeys.lead_of(row).is_none();
            if alone && old(opportunities.last(row)) {
                self.journeys.forget_opportunity(row);
                self.counters.forgotten += 1;
            }
        }
        for row in 0..self.statements.rows.used() {
            if self.statements.rows.flags(row) != 0 && old(self.statements.rows.last(row)) {
                self.statements.rows.remove(row);
                self.counters.forgotten += 1;
            }
        }
    }

    /// The day of the newest watermark taken notice of.
    pub fn swept(&self) -> Option<Day> {
        self.swept
    }
}

impl crate::journeys::Journeys {
    fn forget_opportunity(&mut self, row: u32) {
        self.unlink(row);
        self.links[row as usize] = Box::default();
        self.opportunity_deletions.remove(&row);
        self.opportunities.remove(row);
    }

    fn forget_lead(&mut self, row: u32) {
        self.families.remove(row);
        self.lead_deletions.remove(&row);
        self.leads.remove(row);
    }
}
