//! The plan's own fields: name, revision, dates, zone, currency, budget.

use plumbline_units::{Currency, Day, Name, Seconds, Timestamp, Zone};

use super::source::{Reader, Section};
use crate::model::Target;

/// One false alarm per target, scope and year.
const DEFAULT_FALSE_ALARMS_PER_YEAR: f64 = 1.0;
/// A larger budget would alert for the noise of each week.
const MAX_FALSE_ALARMS_PER_YEAR: f64 = 52.0;
const MIN_FALSE_ALARMS_PER_YEAR: f64 = 0.001;
/// Lags this much longer are a slower cycle, not lost conversion.
const DEFAULT_LAG_TOLERANCE: f64 = 0.15;
/// The operating review of most companies is weekly.
const DEFAULT_REVIEW_EVERY: Seconds = Seconds(7 * Seconds::DAY.0);
/// Asked more often, people would be asked again before they could have done anything; a quarter is a plan's life.
const REVIEW_EVERY: std::ops::RangeInclusive<i64> = Seconds::DAY.0..=92 * Seconds::DAY.0;
/// For all targets and scopes together.
const MAX_TOTAL: f64 = 10_000.0;

pub(crate) struct Head {
    pub(crate) name: Name,
    pub(crate) revision: u32,
    pub(crate) effective_from: Day,
    pub(crate) live_from: Option<Timestamp>,
    pub(crate) zone: Zone,
    pub(crate) fiscal_year_start: (u32, u32),
    pub(crate) lag_tolerance: f64,
    pub(crate) review_every: Seconds,
    pub(crate) budget: Budget,
}

/// False alarms accepted in a year.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// By each target in each scope.
    Each(f64),
    /// By all of them together; where it is said.
    Total(f64, usize),
}

/// The currency stands apart: it alone is needed to read on where the rest is wrong.
pub(crate) fn read(reader: &mut Reader<'_>, root: &Section<'_>) -> (Option<Currency>, Option<Head>) {
    let currency = root.require(reader, "currency", "\"EUR\"").and_then(|f| f.currency(reader));
    (currency, read_rest(reader, root))
}

fn read_rest(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Head> {
    let name =
        root.require(reader, "plan", "\"saas-emea-2026\"").and_then(|f| f.name(reader, "\"saas-emea-2026\""));
    let revision = root.require(reader, "revision", "1").and_then(|f| {
        f.item
            .get_ref()
            .as_integer()
            .and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok())
            .filter(|n| *n >= 1)
            .or_else(|| f.wrong(reader, "a whole number from 1", "start with 1 and add 1 with every change"))
    });
    let effective_from = root.require(reader, "effective_from", "2026-01-01").and_then(|f| f.day(reader));
    let zone = root.require(reader, "timezone", "\"Europe/Berlin\"").and_then(|f| f.zone(reader));
    let live_from = root.field("live_from").and_then(|f| f.instant(reader, zone.unwrap_or(Zone::UTC)));
    let fiscal_year_start = match root.field("fiscal_year_start") {
        Some(f) => f.text(reader, "\"01-01\"").and_then(|text| {
            parse_month_day(text)
                .or_else(|| f.wrong(reader, "a month and a day of every year", "write such as \"04-01\""))
        }),
        None => Some((1, 1)),
    };
    let budget = read_either_budget(reader, root);
    let lag_tolerance = read_lag_tolerance(reader, root).unwrap_or(Some(DEFAULT_LAG_TOLERANCE));
    let review_every = match root.field("review_every") {
        None => Some(DEFAULT_REVIEW_EVERY),
        Some(f) => f.duration(reader).and_then(|every| {
            REVIEW_EVERY
                .contains(&every.0)
                .then_some(every)
                .or_else(|| f.wrong(reader, "a duration from 1d to 92d", "write such as \"7d\" or \"2w\""))
        }),
    };
    Some(Head {
        name: name?,
        revision: revision?,
        effective_from: effective_from?,
        live_from,
        zone: zone?,
        fiscal_year_start: fiscal_year_start?,
        budget: budget?,
        lag_tolerance: lag_tolerance?,
        review_every: review_every?,
    })
}

/// One number for each target and scope, or one for all together.
fn read_either_budget(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Budget> {
    let each = read_budget(reader, root);
    let Some(field) = root.field("false_alarms_per_year_total") else {
        return each.unwrap_or(Some(DEFAULT_FALSE_ALARMS_PER_YEAR)).map(Budget::Each);
    };
    if each.is_some() {
        reader.error(
            field.at(),
            "`false_alarms_per_year` and `false_alarms_per_year_total` are both given",
            "keep the budget of each target and scope, or the one that all of them share",
        );
        return None;
    }
    let number = field.number().filter(|n| (MIN_FALSE_ALARMS_PER_YEAR..=MAX_TOTAL).contains(n));
    let number = number.or_else(|| {
        field.wrong(
            reader,
            "a number from 0.001 to 10000",
            "write such as 12: false alarms accepted of the whole plan per year",
        )
    });
    Some(Budget::Total(number?, field.at()))
}

/// The budget of each target and scope that has none of its own. What those have comes out of the total first; the
/// rest is shared equally, and stays so while this revision is in force.
pub(crate) fn share(reader: &mut Reader<'_>, budget: Budget, targets: &[Target]) -> Option<f64> {
    let (total, at) = match budget {
        Budget::Each(each) => return Some(each),
        Budget::Total(total, at) => (total, at),
    };
    let (mut own, mut sharing) = (0.0, 0usize);
    for target in targets {
        match target.false_alarms_per_year {
            Some(budget) => own += budget * target.scopes.len() as f64,
            None => sharing += target.scopes.len(),
        }
    }
    let each = (total - own) / sharing.max(1) as f64;
    if each < MIN_FALSE_ALARMS_PER_YEAR {
        reader.error(
            at,
            format!("{total} false alarms a year leave too few for each of {sharing} targets and scopes"),
            "raise the total, lower the targets' own budgets, or judge fewer scopes",
        );
        return None;
    }
    Some(each.min(MAX_FALSE_ALARMS_PER_YEAR))
}

/// `false_alarms_per_year`: outer `None` where absent, inner where wrong.
pub(crate) fn read_budget(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Option<f64>> {
    let field = section.field("false_alarms_per_year")?;
    let number =
        field.number().filter(|n| (MIN_FALSE_ALARMS_PER_YEAR..=MAX_FALSE_ALARMS_PER_YEAR).contains(n));
    Some(number.or_else(|| {
        field.wrong(
            reader,
            "a number from 0.001 to 52",
            "write such as 1.0: false alarms accepted per target, scope and year",
        )
    }))
}

/// `lag_tolerance`: outer `None` where absent, inner where wrong.
pub(crate) fn read_lag_tolerance(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Option<f64>> {
    let field = section.field("lag_tolerance")?;
    let share = field.any_share().filter(|s| s.parts_per_billion() > 0).map(|s| s.as_f64());
    Some(share.or_else(|| {
        field.wrong(
            reader,
            "a share above 0, at most 100%",
            "write such as \"15%\": how much longer lags may get before fewer conversions count as lost",
        )
    }))
}

/// `MM-DD`; 29 February is not a day of every year.
fn parse_month_day(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.trim().split_once('-')?;
    let digits = |t: &str| (t.len() == 2).then(|| t.parse::<u32>().ok()).flatten();
    let (month, day) = (digits(month)?, digits(day)?);
    Day::from_ymd(2001, month, day).map(|_| (month, day))
}
