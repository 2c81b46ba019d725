//! Numbers and states as people read them.

use plumbline_drift::judge::shown;

use crate::view::{Span, TargetView};

/// The verdict of a target or transition, for people.
pub(crate) fn verdict(word: &str) -> &'static str {
    match word {
        "on_plan" => "on plan",
        "watch" => "watch",
        "drifting" => "drifting",
        "not_enough_evidence" => "not enough evidence",
        "data_unhealthy" => "data unhealthy",
        _ => "no plan",
    }
}

/// A sign beside the word and the colour: neither is needed to read the other.
pub(crate) fn sign(word: &str) -> &'static str {
    match word {
        "on_plan" => "✓",
        "watch" => "◔",
        "drifting" => "▲",
        "not_enough_evidence" => "…",
        "data_unhealthy" => "✕",
        _ => "–",
    }
}

/// What has entered a stage since a day, `mql since 2026-03-04`, with the stage as titles have it.
pub fn entered(what: &str) -> String {
    match what.split_once(" since ") {
        Some((stage, day)) => format!("{} since {day}", shown(stage)),
        None => shown(what),
    }
}

/// A scope for people.
pub fn scope(label: &str) -> &str {
    if label.is_empty() { "everything" } else { label }
}

/// A share as percent, with as many decimals as its size needs.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = match value.abs() {
        size if size < 1.0 => 2,
        size if size < 10.0 => 1,
        _ => 0,
    };
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{:.decimals$}%", value.abs())
}

/// A change relative to the plan, signed.
pub fn signed(relative: f64) -> String {
    let sign = if relative < 0.0 { "−" } else { "+" };
    format!("{sign}{}", percent(relative.abs()))
}

/// Percentage points, signed.
pub(crate) fn points(points: f64) -> String {
    let sign = if points < -0.05 { "−" } else { "+" };
    format!("{sign}{:.1}", points.abs())
}

/// Thousands apart; one decimal below ten.
pub fn grouped(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    if value.abs() < 10.0 && value.fract().abs() > 1e-9 {
        return format!("{sign}{:.1}", value.abs());
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

/// A value in a target's unit.
pub fn value(value: f64, unit: Option<&str>, currency: &str) -> String {
    match unit {
        Some("share") => percent(value),
        Some("money") => format!("{} {currency}", grouped(value)),
        Some("per_day") => format!("{}/day", grouped(value)),
        Some("money_per_day") => format!("{} {currency}/day", grouped(value)),
        Some("duration") => format!("{:.1} d", value / 86_400.0),
        _ => grouped(value),
    }
}

/// An interval in a target's unit, the unit said once; what was measured has none.
pub(crate) fn span(span: Span, unit: Option<&str>, currency: &str) -> String {
    if span.low == span.high {
        return String::new();
    }
    range(span.low, span.high, unit, currency)
}

fn range(low: f64, high: f64, unit: Option<&str>, currency: &str) -> String {
    let high = value(high, unit, currency);
    match unit {
        Some("share") | None => format!("{} to {high}", value(low, unit, currency)),
        Some("duration") => format!("{:.1} to {high}", low / 86_400.0),
        Some(_) => format!("{} to {high}", grouped(low)),
    }
}

/// The bounds of a target: `≥ 3.6%`, `2,000 to 3,000 EUR`.
pub(crate) fn bounds(target: &TargetView, currency: &str) -> String {
    let text = |edge| value(edge, target.unit, currency);
    match target.plan.map(|plan| (plan.lower, plan.upper)) {
        Some((Some(lower), Some(upper))) => range(lower, upper, target.unit, currency),
        Some((Some(lower), None)) => format!("≥ {}", text(lower)),
        Some((None, Some(upper))) => format!("≤ {}", text(upper)),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (number, text) in
            [(1_234_567.4, "1,234,567"), (4.25, "4.2"), (-1500.0, "−1,500"), (-2.7, "−2.7"), (7.0, "7")]
        {
            assert_eq!(grouped(number), text);
        }
        for (share, text) in [(0.0412, "4.1%"), (0.5, "50%"), (0.0034, "0.34%")] {
            assert_eq!(percent(share), text);
        }
        assert_eq!(signed(-0.26), "−26%");
        assert_eq!(value(1_209_600.0, Some("duration"), "EUR"), "14.0 d");
        assert_eq!(value(2500.0, Some("money"), "EUR"), "2,500 EUR");
    }
}
