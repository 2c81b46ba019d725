//! Numbers as people read them.

use plumbline_drift::judge::Unit;
use plumbline_units::Currency;

/// A scope for people.
pub(super) fn scope_words(label: &str) -> &str {
    if label.is_empty() { "everything" } else { label }
}

/// A share as percent, with as many decimals as its size needs.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = if value.abs() < 1.0 {
        2
    } else if value.abs() < 10.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$}%")
}

/// A value in its unit.
pub(super) fn value(value: f64, unit: Unit, currency: Currency) -> String {
    match unit {
        Unit::Share => percent(value),
        Unit::Money => format!("{} {currency}", grouped(value)),
        Unit::PerDay => format!("{}/day", grouped(value)),
        Unit::MoneyPerDay => format!("{} {currency}/day", grouped(value)),
        Unit::Duration => format!("{:.1} d", value / 86_400.0),
    }
}

/// Thousands apart; one decimal below ten.
pub(super) fn grouped(value: f64) -> String {
    if value.abs() < 10.0 && value.fract().abs() > 1e-9 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if value < -0.5 { format!("−{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (number, text) in
            [(1_234_567.4, "1,234,567"), (999.6, "1,000"), (4.25, "4.2"), (-1500.0, "−1,500"), (7.0, "7")]
        {
            assert_eq!(grouped(number), text);
        }
        for (share, text) in [(0.0412, "4.1%"), (0.5, "50%"), (0.0034, "0.34%")] {
            assert_eq!(percent(share), text);
        }
    }
}
