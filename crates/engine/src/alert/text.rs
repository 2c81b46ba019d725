//! The one screen an on-call person gets.

mod why;

use std::fmt::Write;

use plumbline_drift::judge::shown;
use plumbline_units::Day;

use super::{Alert, Coincident, EvidenceSide, Handoff, Interval, SoFar};

const LABEL: usize = 9;
const WIDTH: usize = 78;
const LINES: usize = 24;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// What gives way first where a screen is too small for all.
const DISPENSABLE: [&str; 6] = ["Links", "Reports", "Not it", "Handoff", "Seen", "Cost"];

/// The alert as plain text of at most 24 lines and 78 columns. Lines without data are left out.
pub fn render_text(alert: &Alert) -> String {
    let mut sections = sections(alert);
    let mut head = String::new();
    paragraph(&mut head, "", 0, &headline(alert));
    head.push('\n');
    let screen = |sections: &[(&str, String)]| {
        let mut screen = head.clone();
        sections.iter().for_each(|(label, text)| paragraph(&mut screen, label, LABEL, text));
        screen
    };
    let mut text = screen(&sections);
    for label in DISPENSABLE {
        if text.lines().count() <= LINES {
            break;
        }
        sections.retain(|(of, _)| *of != label);
        text = screen(&sections);
    }
    if text.lines().count() <= LINES {
        return text;
    }
    text.lines().take(LINES).flat_map(|line| [line, "\n"]).collect()
}

fn sections(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut all = vec![("", alert.summary.clone())];
    let mut line = |label: &'static str, text: Option<String>| all.extend(text.map(|text| (label, text)));
    line("Since", since(alert));
    line("Seen", alert.so_far.as_ref().map(|so_far| seen(so_far, alert)));
    for (index, text) in why::lines(&alert.why).into_iter().enumerate() {
        line(if index == 0 { "Why" } else { "" }, Some(text));
    }
    line("Handoff", alert.handoff.as_ref().map(handoff));
    let ruled_out: Vec<&str> = alert.ruled_out.iter().map(|r| r.detail.as_str()).collect();
    line("Not it", (!ruled_out.is_empty()).then(|| ruled_out.join(" · ")));
    line("Cost", cost(alert));
    let reports = |says: &str| {
        let says = says.trim_start_matches("reports ");
        says.replace("of them come from leads created before", "are leads from before")
    };
    line("Reports", alert.in_reports.as_ref().map(|r| reports(&r.says)));
    let owners: Vec<String> = alert.owners.iter().map(|o| format!("{}/{}", o.function, o.team)).collect();
    line("Owners", (!owners.is_empty()).then(|| owners.join(" · ")));
    let known: Vec<&str> = alert.acknowledgements.iter().map(|a| a.function.as_str()).collect();
    line("Known", (!known.is_empty()).then(|| format!("to {}", known.join(", "))));
    line("Asked", (alert.asked_again > 0).then(|| asked_again(alert.asked_again)));
    line("Do", alert.action.clone());
    let links: Vec<&str> =
        alert.links.values().map(String::as_str).chain(alert.runbook_url.as_deref()).collect();
    line("Links", (!links.is_empty()).then(|| links.join(" · ")));
    line(
        "Changed",
        alert.revision.as_ref().map(|r| format!("{}: {} → {} ({})", r.field, r.from, r.to, r.cause)),
    );
    line("Sure?", alert.evidence.as_ref().map(|e| format!("{} {}", sure(e), urgency_says(alert))));
    all
}

fn asked_again(times: u32) -> String {
    let times = if times == 1 { "once".to_string() } else { format!("{times} times") };
    format!("again, {times}: all owners knew, and it has not recovered.")
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

fn sure(evidence: &EvidenceSide) -> String {
    let says = evidence.says.strip_prefix("a funnel on plan raises ").unwrap_or(&evidence.says);
    format!("On plan, {}.", says.replace(" in this scope", " here"))
}

fn since(alert: &Alert) -> Option<String> {
    let onset = alert.onset.as_ref()?;
    let days = if onset.days == 1 { "day" } else { "days" };
    let mut text = format!(
        "about {} ({} – {}), {} {days}.",
        short(onset.estimate),
        short(onset.low),
        short(onset.high),
        onset.days
    );
    let mut last = None;
    for Coincident { what, relative, day } in &alert.coincident {
        let step = format!("{what} {:+.0}%", relative * 100.0);
        // Steps of one day share its date.
        if last == Some(*day) {
            text.truncate(text.trim_end_matches('.').len());
            let _ = write!(text, ", {step}.");
        } else {
            let _ = write!(text, " {}: {step}.", short(*day));
        }
        last = Some(*day);
    }
    Some(text)
}

fn seen(so_far: &SoFar, alert: &Alert) -> String {
    let (what, since) = so_far.entered_what.split_once(" since ").unwrap_or((&so_far.entered_what, ""));
    let onset = alert.onset.as_ref().map(|o| o.estimate.to_string());
    let since = match since.parse::<Day>() {
        Ok(day) if onset.as_deref() != Some(since) => format!("since {}", short(day)),
        _ => "since".to_string(),
    };
    let of = alert.drift.as_ref().and_then(|d| d.of.split_once('>')).map(|(_, to)| format!(" {}", many(to)));
    format!(
        "{} {} {since}: {}{} expected by now, {} came.",
        grouped(so_far.entered as f64, 0),
        many(what),
        grouped(so_far.expected_by_now, 0),
        of.unwrap_or_default(),
        grouped(so_far.actual, 0)
    )
}

/// A stage's name for several of it: `mql` → `MQLs`.
fn many(stage: &str) -> String {
    let shown = shown(stage);
    match stage {
        "won" | "days" => shown,
        _ if stage.ends_with('y') => format!("{}ies", &shown[..shown.len() - 1]),
        _ if stage.ends_with('s') => shown,
        _ => format!("{shown}s"),
    }
}

fn handoff(split: &Handoff) -> String {
    let percent = |share: f64| format!("{:.0}%", share * 100.0);
    let stage = split.of.split_once('>').map_or(split.of.as_str(), |(from, _)| from);
    let mut text = format!(
        "of {} {} older than {}: {} advanced, {} rejected, {} untouched; before {}, {}, {}",
        grouped(split.now.entered as f64, 0),
        many(stage),
        split.older_than,
        percent(split.now.advanced),
        percent(split.now.rejected),
        percent(split.now.untouched),
        percent(split.before.advanced),
        percent(split.before.rejected),
        percent(split.before.untouched),
    );
    if split.says.is_some() {
        let _ = write!(text, "; {}", split.sentence);
        let reasons: Vec<String> = split
            .reasons
            .iter()
            .map(|r| format!("{} {} (before {})", r.reason, percent(r.now), percent(r.before)))
            .collect();
        if split.says.as_deref() == Some("quality") && !reasons.is_empty() {
            let _ = write!(text, ". {}", reasons.join(", "));
        }
    }
    text.push('.');
    text
}

fn cost(alert: &Alert) -> Option<String> {
    let cost = alert.cost.as_ref()?;
    let mut text = String::new();
    if let Some(excess) = &cost.excess_spend {
        let _ = write!(text, "{} {} so far", money(&excess.value), cost.currency);
    }
    if let Some(Interval { value, .. }) = cost.customers_short {
        let separator = if text.is_empty() { "" } else { ", " };
        let short = grouped(value, usize::from(value < 10.0));
        let _ = write!(text, "{separator}{} customers short", short.strip_suffix(".0").unwrap_or(&short));
    }
    if let Some(excess) = cost.per_week.as_ref().and_then(|week| week.excess_spend.as_ref()) {
        let _ = write!(text, "; {} {} each further week", money(excess), cost.currency);
    }
    (!text.is_empty()).then_some(text)
}

/// Wraps `text` at words behind its label, or inside a word that no line could hold.
fn paragraph(screen: &mut String, label: &str, indent: usize, text: &str) {
    let mut column = 0;
    let mut put = |word: &str| {
        let length = word.chars().count();
        if column == 0 {
            let _ = write!(screen, "{label:<indent$}{word}");
            column = indent + length;
        } else if column + 1 + length > WIDTH {
            let _ = write!(screen, "\n{:LABEL$}{word}", "");
            column = LABEL + length;
        } else {
            let _ = write!(screen, " {word}");
            column += 1 + length;
        }
    };
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some((cut, _)) = rest.char_indices().nth(WIDTH - LABEL) {
            let (head, tail) = rest.split_at(cut);
            put(head);
            rest = tail;
        }
        put(rest);
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

#[cfg(test)]
mod tests;
