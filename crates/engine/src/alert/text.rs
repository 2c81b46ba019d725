//! The one screen an on-call person gets.

use std::fmt::Write;

use plumbline_drift::judge::shown;
use plumbline_units::Day;

use super::{Alert, Interval, Why};

const LABEL: usize = 9;
const WIDTH: usize = 78;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The alert as plain text of at most 78 columns. Lines without data are left out.
pub fn render_text(alert: &Alert) -> String {
    let mut screen = format!("{}\n\n", headline(alert));
    let mut line = |label: &str, text: String| paragraph(&mut screen, label, &text);
    line("", alert.summary.clone());
    if let Some(onset) = &alert.onset {
        line(
            "Since",
            format!(
                "about {} ({} – {}), {} {}.",
                short(onset.estimate),
                short(onset.low),
                short(onset.high),
                onset.days,
                if onset.days == 1 { "day" } else { "days" }
            ),
        );
    }
    if let Some(so_far) = &alert.so_far {
        line(
            "Seen",
            format!(
                "{} {}: {} expected by now, {} came.",
                grouped(so_far.entered as f64, 0),
                so_far.entered_what,
                grouped(so_far.expected_by_now, 0),
                grouped(so_far.actual, 0)
            ),
        );
    }
    for (index, text) in why_lines(&alert.why).into_iter().enumerate() {
        line(if index == 0 { "Why" } else { "" }, text);
    }
    if !alert.ruled_out.is_empty() {
        let all: Vec<&str> = alert.ruled_out.iter().map(|r| r.detail.as_str()).collect();
        line("Not it", all.join(" · "));
    }
    if let Some(text) = cost_line(alert) {
        line("Cost", text);
    }
    if let Some(reports) = &alert.in_reports {
        line("Reports", reports.says.clone());
    }
    if !alert.owners.is_empty() {
        let owners: Vec<String> = alert.owners.iter().map(|o| format!("{}/{}", o.function, o.team)).collect();
        line("Owners", owners.join(" · "));
    }
    if let Some(action) = &alert.action {
        line("Do", action.clone());
    }
    let links: Vec<&str> =
        alert.links.values().map(String::as_str).chain(alert.runbook_url.as_deref()).collect();
    if !links.is_empty() {
        line("Links", links.join(" · "));
    }
    if let Some(evidence) = &alert.evidence {
        line("Sure?", format!("{}. {}", capitalised(&evidence.says), urgency_says(alert)));
    }
    screen
}

fn headline(alert: &Alert) -> String {
    let word = match (alert.transition.as_str(), alert.resolution.as_deref()) {
        ("resolved", Some(resolution)) => format!("RESOLVED ({resolution})"),
        ("opened" | "carried" | "escalated", _) => alert.severity.to_uppercase(),
        (transition, _) => format!("{} ({})", transition.to_uppercase(), alert.severity),
    };
    let history = if alert.historical { " [history]" } else { "" };
    format!("{word}{history} {}", alert.title)
}

fn urgency_says(alert: &Alert) -> &'static str {
    match alert.urgency.as_str() {
        _ if alert.inhibited_by.is_some() => "Explained by another episode: nobody is paged.",
        "page" => "Act now.",
        "working_hours" => "Not urgent tonight.",
        _ => "For the next review.",
    }
}

fn why_lines(why: &[Why]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut of: Vec<(&str, bool)> = Vec::new();
    for part in why {
        let key = (part.of.as_str(), part.kind == "transition");
        if !of.contains(&key) {
            of.push(key);
        }
    }
    for (name, transitions) in of {
        let parts: Vec<&Why> =
            why.iter().filter(|w| w.of == name && (w.kind == "transition") == transitions).take(4).collect();
        let said: Vec<String> = parts.iter().map(|part| why_part(part)).collect();
        // A customer costs what a lead costs, divided by the share of leads that become customers.
        let divides = |w: &Why| name == "cac" && w.part.contains('>');
        let effect = |w: &&Why| w.factor.map(|f| if divides(w) && f != 0.0 { 1.0 / f } else { f });
        let product: f64 = parts.iter().filter_map(effect).product();
        let lead = if transitions && said.len() > 1 {
            format!("{} ×{product:.2} = ", shown(name))
        } else {
            format!("{}: ", shown(name))
        };
        lines.push(format!("{lead}{}", said.join(" · ")));
    }
    lines
}

fn why_part(part: &Why) -> String {
    let share = format!("({:.0}%)", part.share * 100.0);
    match (part.factor, part.effect_points) {
        (Some(factor), _) => format!("{} ×{factor:.2} {share}", shown(&part.part)),
        (None, Some(points)) if part.kind == "mix" => {
            format!("share of {} in the entries {points:+.1} points {share}", part.part)
        }
        (None, Some(points)) => format!("{} {points:+.1} points {share}", part.part),
        (None, None) => format!("{} {share}", part.part),
    }
}

fn cost_line(alert: &Alert) -> Option<String> {
    let cost = alert.cost.as_ref()?;
    let mut text = String::new();
    if let Some(excess) = &cost.excess_spend {
        let _ = write!(text, "{} {} so far", money(&excess.value), cost.currency);
    }
    if let Some(Interval { value, .. }) = cost.customers_short {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ =
            write!(text, "{separator}{} customers short", grouped(value, if value < 10.0 { 1 } else { 0 }));
    }
    if let Some(excess) = cost.per_week.as_ref().and_then(|week| week.excess_spend.as_ref()) {
        let _ = write!(text, "; {} {} each further week", money(excess), cost.currency);
    }
    (!text.is_empty()).then_some(text)
}

/// Wraps `text` at words behind its label.
fn paragraph(screen: &mut String, label: &str, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 {
            let _ = write!(screen, "{label:<LABEL$}{word}");
            column = LABEL + length;
        } else if column + 1 + length > WIDTH {
            let _ = write!(screen, "\n{:LABEL$}{word}", "");
            column = LABEL + length;
        } else {
            let _ = write!(screen, " {word}");
            column += 1 + length;
        }
    }
    if column > 0 {
        screen.push('\n');
    }
}

/// Decimal text with its thousands grouped, without cents.
fn money(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_string(), |value| grouped(value, 0))
}

/// A number with `decimals` decimals and commas between thousands.
fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    let zero = out.chars().all(|c| matches!(c, '0' | '.' | ','));
    if value < 0.0 && !zero { format!("-{out}") } else { out }
}

/// `4 Mar`.
fn short(day: Day) -> String {
    let (_, month, day) = day.ymd();
    format!("{day} {}", MONTHS[(month as usize - 1).min(11)])
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
