//! Quantities as people read them.

use plumbline_units::{Currency, Micros, Seconds, Tolerance};

use crate::model::{Lag, RateAndLag, Value};

/// `4%`, `4.5%`: at most four significant digits.
pub(crate) fn percent(share: f64) -> String {
    format!("{}%", short(share * 100.0))
}

pub(crate) fn money(micros: Micros, currency: Currency) -> String {
    // Two decimals do for a plan; finer ones come from sums only.
    let cents = (micros.0.saturating_add(5_000 * micros.0.signum())) / 10_000 * 10_000;
    format!("{} {currency}", Micros(cents))
}

pub(crate) fn money_per_day(micros: Micros, currency: Currency) -> String {
    format!("{}/day", money(micros, currency))
}

pub(crate) fn per_day(micros: Micros) -> String {
    format!("{}/day", short(micros.units()))
}

/// `36h`, `1.5d`: in days from one day on.
pub(crate) fn duration(seconds: Seconds) -> String {
    let (unit, length) = match seconds.0 {
        s if s >= Seconds::DAY.0 => ("d", Seconds::DAY.0),
        s if s >= Seconds::HOUR.0 => ("h", Seconds::HOUR.0),
        s if s >= Seconds::MINUTE.0 => ("m", Seconds::MINUTE.0),
        _ => ("s", 1),
    };
    format!("{}{unit}", short(seconds.0 as f64 / length as f64))
}

/// A conversion, and by what it varies.
pub(crate) fn conversion(rate: &RateAndLag) -> String {
    let share = percent(rate.conversion.as_f64());
    match (rate.season.is_weekday_flat(), rate.season.is_quarter_flat()) {
        (true, true) => share,
        (false, true) => format!("{share} by weekday"),
        (true, false) => format!("{share} by week of the quarter"),
        (false, false) => format!("{share} by weekday and week of the quarter"),
    }
}

/// A lag in a few words.
pub(crate) fn lag(lag: &Lag) -> String {
    match lag {
        Lag::LogNormal { median, p90 } => format!("median {}, p90 {}", duration(*median), duration(*p90)),
        Lag::Days(shares) => format!("a table of {} days", shares.len()),
        Lag::Weekday(_) => "one per weekday of entry".to_owned(),
    }
}

pub(crate) fn value(value: Value, currency: Currency) -> String {
    match value {
        Value::Share(share) => percent(share.as_f64()),
        Value::Money(micros) => money(micros, currency),
        Value::PerDay(micros) => per_day(micros),
        Value::MoneyPerDay(micros) => money_per_day(micros, currency),
        Value::Duration(seconds) => duration(seconds),
    }
}

/// The bounds of a tolerance around a value: `below 3.6%`, `above 3000.00 EUR`, `outside 22.5/day to 37.5/day`.
pub(crate) fn bounds(planned: Value, tolerance: Tolerance, currency: Currency) -> String {
    let edge = |factor: f64| value(scaled(planned, factor), currency);
    match (tolerance.below(), tolerance.above()) {
        (Some(below), Some(above)) => format!("outside {} to {}", edge(1.0 - below), edge(1.0 + above)),
        (Some(below), None) => format!("below {}", edge(1.0 - below)),
        (None, Some(above)) => format!("above {}", edge(1.0 + above)),
        (None, None) => "none".to_owned(),
    }
}

fn scaled(planned: Value, factor: f64) -> Value {
    let micros = |m: Micros| Micros((m.0 as f64 * factor).round() as i64);
    match planned {
        Value::Share(share) => {
            let scaled = plumbline_units::Share::from_f64((share.as_f64() * factor).clamp(0.0, 1.0));
            Value::Share(scaled.unwrap_or(share))
        }
        Value::Money(m) => Value::Money(micros(m)),
        Value::PerDay(m) => Value::PerDay(micros(m)),
        Value::MoneyPerDay(m) => Value::MoneyPerDay(micros(m)),
        Value::Duration(s) => Value::Duration(Seconds((s.0 as f64 * factor).round() as i64)),
    }
}

/// At most four significant digits below 1000, whole above; no trailing zeros.
fn short(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 1000.0 => 0,
        n if n >= 100.0 => 1,
        n if n >= 10.0 => 2,
        n if n >= 1.0 => 3,
        n if n >= 0.1 => 4,
        n if n >= 0.01 => 5,
        _ => 9,
    };
    let mut text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_but_never_lose_their_first_digits() {
        for (number, text) in [
            (4.0, "4"),
            (4.5, "4.5"),
            (100.0, "100"),
            (0.0, "0"),
            (2222.2222, "2222"),
            (10.66667, "10.67"),
            (0.0004, "0.0004"),
            (12_345_678.0, "12345678"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn durations_use_the_largest_unit_that_fits() {
        for (seconds, text) in [(1, "1s"), (90, "1.5m"), (5_400, "1.5h"), (129_600, "1.5d"), (604_800, "7d")]
        {
            assert_eq!(duration(Seconds(seconds)), text);
        }
    }

    #[test]
    fn bounds_name_the_edges_a_tolerance_has() {
        let eur: Currency = "EUR".parse().unwrap();
        let share = Value::Share(plumbline_units::Share::from_f64(0.04).unwrap());
        for (planned, tolerance, text) in [
            (share, "-10%", "below 3.6%"),
            (Value::Money(Micros(2_500_000_000)), "+20%", "above 3000.00 EUR"),
            (Value::PerDay(Micros(30_000_000)), "±25%", "outside 22.5/day to 37.5/day"),
        ] {
            assert_eq!(bounds(planned, tolerance.parse().unwrap(), eur), text);
        }
    }
}
