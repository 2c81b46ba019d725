//! Fitted numbers as text: a part of a plan with comments, or JSON.

use std::fmt::Write as _;

use plumbline_drift::fit::{FittedRate, Level, QUARTER_DAYS};
use plumbline_plan::{Lag, Plan, Scope};
use serde_json::json;

use super::history::History;
use super::numbers::{FittedTransition, Numbers};

/// The transitions as TOML.
pub(super) fn text(plan: &Plan, history: &History, numbers: &Numbers) -> String {
    let mut out = String::new();
    write(&mut out, plan, history, numbers).expect("writing to a string does not fail");
    out
}

fn write(out: &mut String, plan: &Plan, history: &History, numbers: &Numbers) -> std::fmt::Result {
    writeln!(out, "# Fitted to {} days of history, {} to {}.", history.days(), history.first, history.last)?;
    if history.days() < QUARTER_DAYS as i32 {
        writeln!(out, "# Weeks of the fiscal quarter are not looked at: that takes {QUARTER_DAYS} days.")?;
    }
    if let Some((rate, low, high)) = numbers.end_to_end() {
        writeln!(
            out,
            "# End to end {:.3}% convert (90% interval {:.3}% to {:.3}%).",
            rate * 100.0,
            low * 100.0,
            high * 100.0
        )?;
    }
    for line in numbers.levels.0.iter().flat_map(|levels| levels.in_words(plan)) {
        writeln!(out, "# {line}")?;
    }
    write_transitions(out, plan, numbers, &|_, _| String::new())
}

/// The transitions; `more` gives lines after each one's own, such as owners.
pub(super) fn write_transitions(
    out: &mut String,
    plan: &Plan,
    numbers: &Numbers,
    more: &dyn Fn(usize, &FittedTransition) -> String,
) -> std::fmt::Result {
    for (index, transition) in numbers.transitions.iter().enumerate() {
        writeln!(out)?;
        let (from, to) = (plan.stage_name(transition.from), plan.stage_name(transition.to));
        for note in comments(transition) {
            writeln!(out, "# {note}")?;
        }
        let Ok(rate) = &transition.rate else {
            out.push_str(&more(index, transition));
            continue;
        };
        writeln!(out, "[[transition]]\nfrom = {}\nto = {}", quoted(from.as_str()), quoted(to.as_str()))?;
        write_rate(out, rate)?;
        if let Ok(lag) = &transition.lag {
            writeln!(out, "lag = {}", lag_text(&lag.lag))?;
        }
        out.push_str(&more(index, transition));
        for own in &transition.scopes {
            writeln!(out, "\n# {}", rate_in_words(&own.rate))?;
            writeln!(out, "[[transition.scope]]\nwhere = {}", selector(plan, &own.scope))?;
            write_rate(out, &own.rate)?;
            if let Some(lag) = &own.lag {
                writeln!(out, "lag = {}", lag_text(&lag.lag))?;
            }
        }
    }
    Ok(())
}

fn write_rate(out: &mut String, rate: &FittedRate) -> std::fmt::Result {
    for (key, value) in rate_fields(rate) {
        if let Some(value) = value {
            writeln!(out, "{key} = {value}")?;
        }
    }
    Ok(())
}

/// What a plan says of a rate: keys and values, none where a key is to be absent.
pub(super) fn rate_fields(rate: &FittedRate) -> [(&'static str, Option<String>); 4] {
    [
        ("conversion", Some(share(rate.rate))),
        ("conversion_error", Some(share(rate.error.min(rate.rate / 4.1)))),
        ("dispersion", shown_dispersion(rate).map(share)),
        ("season", season_text(rate.weekday.as_ref(), rate.quarter_week.as_ref())),
    ]
}

/// `{ weekday = […], quarter_week = […] }`; none where no day differs.
pub(super) fn season_text(weekday: Option<&[f64; 7]>, quarter_week: Option<&[f64; 13]>) -> Option<String> {
    let list = |factors: &[f64]| factors.iter().map(|f| share(*f)).collect::<Vec<_>>().join(", ");
    let parts = [
        weekday.map(|factors| format!("weekday = [{}]", list(factors))),
        quarter_week.map(|factors| format!("quarter_week = [{}]", list(factors))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(", ")))
}

/// ρ where history shows it, within what a plan takes.
pub(super) fn shown_dispersion(rate: &FittedRate) -> Option<f64> {
    rate.dispersion.filter(|d| d.is_shown()).map(|d| d.rho.min(0.49))
}

/// What a transition's numbers rest on, line by line.
pub(super) fn comments(transition: &FittedTransition) -> Vec<String> {
    let mut lines = Vec::new();
    match &transition.rate {
        Ok(rate) => lines.push(rate_in_words(rate)),
        Err(refusal) => lines.push(format!("not fitted: {refusal}")),
    }
    if let Ok(lag) = &transition.lag {
        let kind = match lag.lag {
            Lag::Weekday(_) => "weekdays of entry differ",
            _ => "weekdays of entry do not differ",
        };
        lines.push(format!(
            "lag: half within {} days, nine of ten within {}; {kind}; beyond {} days ({:.1}% of conversions) \
             extrapolated",
            lag.median,
            lag.p90,
            lag.reach,
            lag.tail * 100.0
        ));
    }
    lines.extend(transition.notes.iter().cloned());
    lines
}

pub(super) fn rate_in_words(rate: &FittedRate) -> String {
    let mut text = format!(
        "{:.2}% (90% interval {:.2}% to {:.2}%) from {} entries, {} of them converted so far",
        rate.rate * 100.0,
        rate.low * 100.0,
        rate.high * 100.0,
        rate.entries,
        rate.conversions
    );
    if rate.weekday.is_some() {
        text.push_str("; weekdays of entry differ");
    }
    if rate.quarter_week.is_some() {
        text.push_str("; weeks of the quarter differ");
    }
    if let Some(dispersion) = rate.dispersion {
        let what = if dispersion.is_shown() { "over-dispersion" } else { "no clear over-dispersion:" };
        let _ = write!(text, "; {what} {:.4} ± {:.4}", dispersion.rho, dispersion.error);
    }
    text
}

/// `{ segment = "smb" }`.
pub(super) fn selector(plan: &Plan, scope: &Scope) -> String {
    let pairs: Vec<String> = scope
        .0
        .iter()
        .map(|(d, value)| {
            format!(
                "{} = {}",
                quoted(plan.dimensions[usize::from(d.0)].name.as_str()),
                quoted(value.as_str())
            )
        })
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// The lag in the plan's syntax: short tables on one line, seven on nine.
pub(super) fn lag_text(lag: &Lag) -> String {
    match lag {
        Lag::LogNormal { median, p90 } => {
            format!("{{ median = \"{}s\", p90 = \"{}s\" }}", median.0, p90.0)
        }
        Lag::Days(shares) => {
            let shares: Vec<String> = shares.iter().map(|s| share(s.as_f64())).collect();
            format!("{{ days = [{}] }}", shares.join(", "))
        }
        Lag::Weekday(lags) => {
            let lags: Vec<String> = lags.iter().map(|lag| format!("  {},\n", lag_text(lag))).collect();
            format!("{{ weekday = [\n{}] }}", lags.concat())
        }
    }
}

/// At most five decimals, always with a point.
pub(super) fn share(value: f64) -> String {
    let text = format!("{value:.5}");
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// The numbers as JSON.
pub(super) fn as_json(plan: &Plan, history: &History, numbers: &Numbers) -> serde_json::Value {
    let rate_json = |rate: &FittedRate| {
        json!({
            "conversion": rate.rate, "low": rate.low, "high": rate.high,
            "entries": rate.entries, "conversions": rate.conversions,
            "error": rate.error, "weekday": rate.weekday, "quarter_week": rate.quarter_week,
            "dispersion": rate.dispersion.map(|d| json!({
                "rho": d.rho, "error": d.error, "shown": d.is_shown() })),
        })
    };
    let transitions: Vec<_> = numbers
        .transitions
        .iter()
        .map(|t| {
            json!({
                "from": plan.stage_name(t.from), "to": plan.stage_name(t.to),
                "rate": t.rate.as_ref().ok().map(rate_json),
                "lag": t.lag.as_ref().ok().map(|lag| json!({
                    "median_days": lag.median, "p90_days": lag.p90, "reach_days": lag.reach,
                    "extrapolated": lag.tail, "toml": lag_text(&lag.lag) })),
                "refused": t.rate.as_ref().err().or(t.lag.as_ref().err()).map(ToString::to_string),
                "notes": t.notes,
                "scopes": t.scopes.iter().map(|s| json!({
                    "scope": plan.scope_label(&s.scope), "rate": rate_json(&s.rate),
                    "own_lag": s.lag.as_ref().map(|lag| lag_text(&lag.lag)) })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "first_day": history.first.to_string(), "last_day": history.last.to_string(),
        "days": history.days(), "transitions": transitions,
        "levels": numbers.levels.0.iter().map(|levels| json!({
            "scope": plan.scope_label(&levels.scope),
            "volumes": levels.stages.iter().map(|l| l.as_ref().map(level_json)).collect::<Vec<_>>(),
            "spend": levels.spend.as_ref().map(level_json),
            "cac": levels.cac.map(|(value, low, high)| json!({ "value": value, "low": low, "high": high })),
        })).collect::<Vec<_>>(),
    })
}

fn level_json(level: &Level) -> serde_json::Value {
    json!({
        "per_day": level.per_day, "low": level.low, "high": level.high, "days": level.days,
        "before": level.before,
        "weekday": level.weekday, "quarter_week": level.quarter_week,
    })
}
