//! `season = { weekday = […], quarter_week = […] }`.

use super::source::{Field, Reader};
use crate::season::Season;

/// How far the mean of a season's multipliers may lie from 1 before it is a mistake rather than a rounding.
const SLACK: f64 = 0.01;
const WEEKDAYS: &str = "[1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.5]";

/// Which mean of the multipliers is 1.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mean {
    /// Over days: a volume of the mean day.
    OfDays,
    /// Over entries, of which weekdays have different numbers: any near 1.
    OfEntries,
}

/// A season; multipliers by day are normalised to a mean of 1.
pub(crate) fn read_season(reader: &mut Reader<'_>, field: &Field<'_>, mean: Mean) -> Option<Season> {
    let example = format!("{{ weekday = {WEEKDAYS} }}");
    let section = field.section(reader, field.name.clone(), &["weekday", "quarter_week"], &example)?;
    let mut season = Season::FLAT;
    if section.field("quarter_week").is_none() || section.field("weekday").is_some() {
        let field = section.require(reader, "weekday", WEEKDAYS)?;
        season.weekday = multipliers(reader, &field, "a week seven days", mean)?;
    }
    if let Some(field) = section.field("quarter_week") {
        season.quarter_week = multipliers(reader, &field, "a quarter thirteen weeks", mean)?;
    }
    Some(season)
}

fn multipliers<const N: usize>(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    holds: &str,
    mean_of: Mean,
) -> Option<[f64; N]> {
    let mend = if N == 7 {
        "give one multiplier per weekday, Monday first"
    } else {
        "give one multiplier per week of the fiscal quarter"
    };
    let elements = field.array(reader, WEEKDAYS)?;
    let mut read = Vec::new();
    for element in &elements {
        match element.number().filter(|n| (0.0..=N as f64).contains(n)) {
            Some(number) => read.push(number),
            None => return element.wrong(reader, &format!("a number from 0 to {N}"), mend),
        }
    }
    let Ok(mut factors) = <[f64; N]>::try_from(read) else {
        let message = format!("{} has {} numbers, {holds}", field.name, elements.len());
        reader.error(field.at(), message, mend);
        return None;
    };
    let mean = factors.iter().sum::<f64>() / N as f64;
    let slack = if mean_of == Mean::OfDays { SLACK } else { 0.5 };
    if (mean - 1.0).abs() > slack {
        reader.error(
            field.at(),
            format!("the mean of {} is {mean:.3}, not 1", field.name),
            "divide each multiplier by the mean, so that the planned value stays what it says",
        );
        return None;
    }
    if mean_of == Mean::OfDays {
        factors.iter_mut().for_each(|factor| *factor /= mean);
    }
    Some(factors)
}
