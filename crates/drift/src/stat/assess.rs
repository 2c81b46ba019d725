//! The evidence of a target: its tables scored, scanned and mixed, M = Σ_j w_j·M_j with equal weights.

use std::cell::OnceCell;

use plumbline_plan::Direction;
use plumbline_units::Day;

use super::counts::{self, DayCount};
use super::evidence::{Evidence, Interval, Onset, TableEvidence, TableId, WATCHED, Window};
use super::gate;
use super::grid::Side;
use super::model::{Cac, Kind, Model, Rates};
use super::scan::{Parts, Peak, Scores, Sums, log_sum};
use super::series::{ScopeSeries, at};
use super::table::PairTable;
use super::timing::Timing;

/// One table after its walk or scan.
pub(super) struct Line<'a> {
    pub(super) table: TableId,
    pub(super) parts: Parts,
    pub(super) rows: Rows<'a>,
}

/// A(τ, r) of a line.
pub(super) enum Rows<'a> {
    Summed(Sums),
    /// A walk kept none: the table scans once they are asked for.
    Of(&'a PairTable, OnceCell<Sums>),
    /// The same of a cycle time, its null so strict.
    Paced(&'a Timing, f64, OnceCell<Sums>),
}

/// The tables of a target, and what they are expected to gather at the critical effect.
pub(super) struct Lines<'a> {
    pub(super) lines: Vec<Line<'a>>,
    /// How many tables share the weight; unrecorded ones keep theirs, which errs on the quiet side.
    pub(super) tables: usize,
    /// Expected log growth by now at the critical effect: the mean over the places the cause may lie in.
    pub(super) growth: f64,
    /// The same per entry into the target's first stage, once matured.
    pub(super) growth_per_entry: f64,
    pub(super) strictness: f64,
}

impl Model {
    /// The evidence as of the series' last day. Onset candidates start at `restart` (the day the last drift had
    /// recovered), at the plan's first day or where the window begins, whichever is latest. `None` where nothing
    /// has entered yet, and for `spend`.
    pub fn assess(&self, series: &ScopeSeries, restart: Option<Day>) -> Option<Evidence> {
        self.assess_if(series, restart, None, true)
    }

    /// The same of a scope where a drift in the direction `standing` stands, if any: while somebody would watch what
    /// speaks for it, that is read, however much more speaks for the other. Unless `dated`, evidence that nobody watches
    /// does not say since when, and what does not refute the plan not by which effects. That is nearly all evidence, and
    /// most of the work.
    pub(crate) fn assess_if(
        &self,
        series: &ScopeSeries,
        restart: Option<Day>,
        standing: Option<Direction>,
        dated: bool,
    ) -> Option<Evidence> {
        let first = self.first(series, restart);
        let scanned = match &self.kind {
            Kind::Conversion(rates) => self.conversions(rates, series, first)?,
            Kind::Cac(cac) => self.money(cac, series, first)?,
            Kind::Volume { stage, per_day } => self.volume(*stage, *per_day, series, first)?,
            Kind::Velocity(velocity) => self.cycle(velocity, series, first)?,
            Kind::Spend { .. } => return None,
        };
        let mut evidence = self.conclude(scanned, series, first, (standing, dated));
        if evidence.watches() && (dated || evidence.rejects()) {
            // Several tables, each off by less, may take the metric beyond its bound together.
            let projected = self.project(series, &Window::SinceOnset(evidence.onset.estimate));
            let heading = projected.map(|projected| gate::heading(&projected, &evidence));
            let beyond = heading.map_or(0.0, |heading| self.beyond_critical(heading, evidence.direction));
            evidence.critical_weight = evidence.critical_weight.max(beyond);
        }
        Some(evidence)
    }

    /// Posterior weight of the metric lying beyond its critical bound, by where it is heading over its plan.
    pub fn beyond_critical(&self, heading: Interval, direction: Direction) -> f64 {
        let edge = self.critical.and_then(|critical| match direction {
            Direction::Below => critical.below().map(|w| 1.0 - w),
            Direction::Above => critical.above().map(|w| 1.0 + w),
        });
        let Some(edge) = edge else { return 0.0 };
        let past = match direction {
            Direction::Below => libm::log(edge / heading.value),
            Direction::Above => libm::log(heading.value / edge),
        };
        0.5 * libm::erfc(-past / (heading.log_deviation().max(1e-9) * std::f64::consts::SQRT_2))
    }

    pub(super) fn line(&self, table: TableId, sums: Sums) -> Line<'static> {
        Line { table, parts: sums.parts(&self.grid.effects), rows: Rows::Summed(sums) }
    }

    /// The suffix sums of a line over the cohorts from position `first` on, as it was read: those of one side are
    /// enough where nobody asks for the other. What was walked is scanned at the first call.
    pub(super) fn sums<'l>(
        &self,
        line: &'l Line<'_>,
        only: Option<Side>,
        series: &ScopeSeries,
        first: usize,
    ) -> &'l Sums {
        match &line.rows {
            Rows::Summed(sums) => sums,
            Rows::Of(table, sums) => sums.get_or_init(|| table.score(series, first).scores.accumulate()),
            Rows::Paced(timing, strictness, sums) => sums.get_or_init(|| {
                let score = |ages| timing.score(series, ages, first, &self.grid, *strictness, (0, only));
                let timed = series.ages(timing.from, timing.to).map(score);
                timed.map_or(Scores::new(0), |timed| timed.scores).accumulate()
            }),
        }
    }

    /// The line of a pair's table, with its expected log growth at the critical effect.
    fn pair_line<'a>(&self, table: &'a PairTable, series: &ScopeSeries, first: usize) -> (Line<'a>, f64) {
        let id = TableId::Pair { from: table.pair.from, to: table.pair.to };
        let walked = table.walk(series, first);
        if let Some((parts, growth)) = walked.and_then(|(w, g)| Some((w.parts(&self.grid.effects)?, g))) {
            return (Line { table: id, parts, rows: Rows::Of(table, OnceCell::new()) }, growth);
        }
        let scored = table.score(series, first);
        (self.line(id, scored.scores.accumulate()), scored.growth)
    }

    /// The conversion tables. A stage that is mostly inferred is not recorded: tables that touch it say nothing. At
    /// the end of the path what is inferred counts.
    pub(super) fn conversions<'a>(
        &self,
        rates: &'a Rates,
        series: &ScopeSeries,
        first: usize,
    ) -> Option<Lines<'a>> {
        let start = rates.end_to_end().from;
        series.entered(start).get(first..)?.iter().find(|n| **n > 0)?;
        let tables = rates.tables(series, first);
        let (mut lines, mut growth, mut growth_per_entry, mut reach) = (Vec::new(), 0.0, 0.0, 1.0);
        for (position, table) in tables.iter().enumerate() {
            let pair = &table.pair;
            let adjacent = position < rates.transitions;
            if adjacent {
                growth_per_entry += reach * table.mature_growth();
                reach *= pair.rate;
            }
            let ends = pair.to == rates.end_to_end().to && !adjacent;
            if !series.records(pair.from, first) || !series.records(pair.to, first) && !ends {
                continue;
            }
            let (line, expected) = self.pair_line(table, series, first);
            if adjacent {
                growth += expected;
            }
            lines.push(line);
        }
        let places = rates.transitions as f64;
        Some(Lines {
            lines,
            tables: tables.len(),
            growth: growth / places,
            growth_per_entry: growth_per_entry / places,
            strictness: tables.first().map_or(0.0, |t| t.strictness),
        })
    }

    /// The conversion tables with leads per money (μ = spend/CPL₀, no lag) and wins per money (μ = spend/CAC₀·F).
    pub(super) fn money<'a>(&self, cac: &'a Cac, series: &ScopeSeries, first: usize) -> Option<Lines<'a>> {
        let mut all = self.conversions(&cac.rates, series, first)?;
        let leads = self.leads_per_money(cac, series, first);
        let wins = self.wins_of(cac, series, first, &leads);
        let nulls = self.grid.nulls(all.strictness);
        all.tables += 2;
        // Without any spend nothing is known of its price.
        if leads.iter().map(|day| day.expected).sum::<f64>() > 0.0 {
            let spread = self.leads_spread(cac, series);
            let thinned = self.thinned(cac, spread);
            let leads = counts::sums(&leads, &self.grid, nulls, spread, cac.doubt());
            let wins = counts::sums(&wins, &self.grid, nulls, thinned, 0.0);
            all.lines.push(self.line(TableId::LeadsPerMoney, leads));
            all.lines.push(self.line(TableId::WinsPerMoney, wins));
        }
        Some(all)
    }

    /// Leads and planned leads of each day from position `first` on.
    pub(crate) fn leads_per_money(&self, cac: &Cac, series: &ScopeSeries, first: usize) -> Vec<DayCount> {
        let leads = series.entered(cac.rates.end_to_end().from);
        (first..series.len())
            .map(|index| DayCount {
                count: f64::from(at(leads, index)),
                expected: at(&series.spend, index) as f64 / 1e6 / cac.cost_per_lead
                    * self.money_season[series.day(index).weekday()],
            })
            .collect()
    }

    /// Won customers and those planned to be won by now, by entry day from position `first` on.
    pub(crate) fn wins_per_money(&self, cac: &Cac, series: &ScopeSeries, first: usize) -> Vec<DayCount> {
        self.wins_of(cac, series, first, &self.leads_per_money(cac, series, first))
    }

    fn wins_of(&self, cac: &Cac, series: &ScopeSeries, first: usize, leads: &[DayCount]) -> Vec<DayCount> {
        let end_to_end = cac.rates.end_to_end();
        leads
            .iter()
            .zip(first..)
            .map(|(day, index)| DayCount {
                count: f64::from(at(&series.won, index)),
                expected: day.expected * end_to_end.rate * end_to_end.matured(series, index),
            })
            .collect()
    }

    /// φ of wins per money: thinning by the conversion rate thins the over-dispersion of the leads.
    pub(crate) fn wins_spread(&self, cac: &Cac, series: &ScopeSeries) -> f64 {
        self.thinned(cac, self.leads_spread(cac, series))
    }

    fn thinned(&self, cac: &Cac, spread: f64) -> f64 {
        1.0 + (spread - 1.0) * cac.rates.end_to_end().rate
    }

    /// φ of daily leads per money, from the whole window whatever the restart.
    pub(crate) fn leads_spread(&self, cac: &Cac, series: &ScopeSeries) -> f64 {
        let first = self.first(series, None);
        counts::dispersion(&self.leads_per_money(cac, series, first), series.day(first).weekday())
    }

    /// φ of daily volume, from the whole window whatever the restart.
    pub(crate) fn volume_spread(&self, stage: u8, per_day: f64, series: &ScopeSeries) -> f64 {
        let days = self.volume_days(stage, per_day, series, self.first(series, None)).unwrap_or_default();
        counts::dispersion(&days, series.day(series.len() - days.len()).weekday())
    }

    /// Daily counts against μ·season, each side against its own warn bound as the null.
    fn volume(&self, stage: u8, per_day: f64, series: &ScopeSeries, first: usize) -> Option<Lines<'static>> {
        let days = self.volume_days(stage, per_day, series, first)?;
        let spread = self.volume_spread(stage, per_day, series);
        let nulls = self.grid.nulls(1.0);
        let per_event = counts::growth(&self.grid, nulls, spread, self.grid.critical_effect());
        let scores = counts::score(&days, &self.grid, nulls, spread);
        let scores = counts::by_more_than_two_days(scores, &days, self.log_threshold);
        // Positions before the first whole day hold no evidence.
        let skipped = series.len() - first - days.len();
        let mut padded = Scores::new(series.len() - first);
        scores.copy_into(&mut padded, skipped);
        Some(Lines {
            lines: vec![self.line(TableId::Volume { stage }, padded.accumulate())],
            tables: 1,
            growth: days.iter().map(|d| d.expected * per_event).sum(),
            growth_per_entry: per_event,
            strictness: 1.0,
        })
    }

    /// The days from the first whole day with entries on: the day on which a source starts is seldom whole.
    pub(crate) fn volume_days(
        &self,
        stage: u8,
        per_day: f64,
        series: &ScopeSeries,
        first: usize,
    ) -> Option<Vec<DayCount>> {
        let begun = (0..series.len()).find(|&index| series.reached(stage, index) > 0)?;
        let days: Vec<DayCount> = (first.max(begun + 1)..series.len())
            .map(|index| DayCount {
                count: f64::from(series.reached(stage, index)),
                expected: per_day * self.seasonal(series.day(index)),
            })
            .collect();
        (!days.is_empty()).then_some(days)
    }

    /// Mixes the tables and names the direction, the leading table, the onset and what is still missing.
    fn conclude(
        &self,
        scanned: Lines<'_>,
        series: &ScopeSeries,
        first: usize,
        (standing, dated): (Option<Direction>, bool),
    ) -> Evidence {
        let log_weight = -libm::log(scanned.tables as f64);
        let total = |part: &dyn Fn(&Parts) -> f64| {
            log_sum(scanned.lines.iter().map(|line| part(&line.parts))) + log_weight
        };
        let (down, up) = (total(&|p| p.down), total(&|p| p.up));
        let stands = [Side::Down, Side::Up].into_iter().find(|side| standing == Some(self.direction(*side)));
        let side = side_read((down, up), stands, self.log_threshold - WATCHED);
        let part = |p: &Parts| if side == Side::Down { p.down } else { p.up };
        let critical = match side {
            Side::Down => libm::exp(total(&|p| p.critical_down) - down),
            Side::Up => libm::exp(total(&|p| p.critical_up) - up),
        };
        let flipped = self.direction(Side::Down) == Direction::Above;
        let by_metric = |p: &Parts| if flipped { (p.up, p.down) } else { (p.down, p.up) };
        let mut leading: Option<(f64, &Line<'_>)> = None;
        for line in &scanned.lines {
            let log = part(&line.parts);
            if leading.is_none_or(|(most, _)| log > most) {
                leading = Some((log, line));
            }
        }
        let log_e = log_sum([down, up].into_iter());
        let detailed = dated || log_e >= self.log_threshold;
        let peak = leading.filter(|_| detailed || log_e >= self.log_threshold - WATCHED);
        let only = (!detailed).then_some(side);
        let peak = peak.and_then(|(_, line)| self.peak(line, (side, only), series, first));
        let (leading, onset) = match (leading, peak) {
            (Some((_, line)), Some(peak)) => (line.table, self.onset(line.table, peak, series, first)),
            (line, _) => {
                let table = line.map_or(TableId::Volume { stage: 0 }, |(_, line)| line.table);
                let day = series.day(series.len().saturating_sub(1));
                (table, Onset { estimate: day, low: day, high: day })
            }
        };
        let table = |line: &Line<'_>| {
            let (log_below, log_above) = by_metric(&line.parts);
            if !detailed {
                return TableEvidence { table: line.table, log_below, log_above, effect: 1.0, moved: 0.0 };
            }
            let stronger = if line.parts.down >= line.parts.up { Side::Down } else { Side::Up };
            let sums = self.sums(line, only, series, first);
            let effect = sums.likeliest(&self.grid.effects, stronger);
            let since = peak.map_or(0, |peak| peak.best);
            let moved =
                if gate::spans(leading, line.table) { 1.0 } else { sums.moved(&self.grid.effects, since) };
            TableEvidence { table: line.table, log_below, log_above, effect, moved }
        };
        let tables = scanned.lines.iter().map(table).collect();
        let (log_below, log_above) = if flipped { (up, down) } else { (down, up) };
        let missing = self.log_threshold - scanned.growth;
        let needed = (missing > 0.0).then(|| (missing / scanned.growth_per_entry.max(1e-12)).ceil() as u64);
        Evidence {
            log_e,
            log_threshold: self.log_threshold,
            log_below,
            log_above,
            direction: self.direction(side),
            critical_weight: critical.min(1.0),
            leading,
            tables,
            onset,
            strictness: scanned.strictness,
            needed,
        }
    }

    /// τ̂ and its interval; the lower end goes back by the p90 of the lag upstream, because entries after the
    /// onset still contain journeys from before it.
    fn onset(&self, table: TableId, peak: Peak, series: &ScopeSeries, first: usize) -> Onset {
        let upstream = match (table, self.rates()) {
            (TableId::Pair { from, .. }, Some(rates)) => rates.lead_time(from),
            _ => 0,
        };
        let low = (first + peak.low).saturating_sub(upstream);
        Onset {
            estimate: series.day(first + peak.best),
            low: series.day(low),
            high: series.day(first + peak.high),
        }
    }
}

/// The side of M that is read, of the logarithms of its parts: that of a drift which `stands`, from `watched` on, or
/// else the larger.
fn side_read((down, up): (f64, f64), stands: Option<Side>, watched: f64) -> Side {
    match stands {
        Some(Side::Down) if down >= watched => Side::Down,
        Some(Side::Up) if up >= watched => Side::Up,
        _ if down >= up => Side::Down,
        _ => Side::Up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_that_stands_is_read_by_its_own_side_while_that_is_watched() {
        for (parts, stands, read) in [
            ((5.0, 4.0), None, Side::Down),
            ((4.0, 5.0), None, Side::Up),
            ((4.0, 5.0), Some(Side::Down), Side::Down),
            ((3.0, 5.0), Some(Side::Down), Side::Up),
            ((5.0, 4.0), Some(Side::Up), Side::Up),
            ((5.0, 3.0), Some(Side::Up), Side::Down),
        ] {
            assert_eq!(side_read(parts, stands, 3.6), read, "{parts:?} {stands:?}");
        }
    }
}
