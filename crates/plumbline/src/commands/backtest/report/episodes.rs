//! The episodes: what was told, why, since when, at what cost, and who does what.

use std::fmt::Write;

use plumbline_board::escaped;
use plumbline_board::words::{self, grouped, percent};
use plumbline_drift::judge::shown;
use plumbline_engine::alert::{Alert, Why};

use super::{Page, anchor};
use crate::commands::backtest::ledger::Told;
use crate::commands::backtest::table::scope_words;

/// Episodes shown in full; further ones are only counted.
const MAX_EPISODES: usize = 300;

pub(super) fn section(page: &Page<'_>) -> String {
    let told = page.machine.ledger.told();
    let mut out = String::from("<section id=\"episodes\"><h2>Episodes</h2>\n");
    if told.is_empty() {
        out.push_str("<p>None: nothing left the plan, and the data was whole.</p>");
    }
    if told.len() > MAX_EPISODES {
        let _ = writeln!(out, "<p class=\"note\">The first {MAX_EPISODES} of {} are shown.</p>", told.len());
    }
    for told in told.iter().take(MAX_EPISODES) {
        out.push_str(&one(page, told));
    }
    out + "</section>\n"
}

fn one(page: &Page<'_>, told: &Told) -> String {
    let (first, last) = (&told.first, &told.last);
    let mut out = format!(
        "<article id=\"{}\" class=\"{}\"><h3>{}</h3>\n<p>{}</p>\n<dl>\n",
        anchor(told),
        escaped(&last.severity),
        escaped(&first.title),
        escaped(&last.summary),
    );
    let mut row = |term: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let _ = writeln!(out, "<dt>{term}</dt><dd>{}</dd>", escaped(&text));
        }
    };
    row("What", Some(format!("{} · {} · {}", told.name, scope_words(&told.scope), last.severity)));
    row("Opened", Some(opened(page, told)));
    row("Ended", told.ended.as_ref().map(|(day, how)| format!("{day}, {how}")));
    row("Since", last.onset.as_ref().map(|o| format!("about {} ({} to {})", o.estimate, o.low, o.high)));
    row(
        "Effect",
        last.drift.as_ref().map(|d| {
            format!(
                "{} {} ({} to {}), label {}",
                shown(&d.of),
                signed(d.relative),
                signed(d.low),
                signed(d.high),
                d.label
            )
        }),
    );
    row(
        "Seen",
        last.so_far.as_ref().map(|s| {
            let expected = grouped(s.expected_by_now.round());
            format!(
                "{} {}: {expected} expected by then, {} came",
                s.entered,
                words::entered(&s.entered_what),
                grouped(s.actual.round())
            )
        }),
    );
    row("Why", Some(last.why.iter().map(why).collect::<Vec<_>>().join(" · ")));
    row("Not it", Some(last.ruled_out.iter().map(|r| r.detail.clone()).collect::<Vec<_>>().join(" · ")));
    row("Cost", cost(last));
    row("Reports", last.in_reports.as_ref().map(|r| r.says.clone()));
    row(
        "Evidence",
        last.evidence.as_ref().map(|e| {
            format!("{} against a threshold of {}: {}", grouped(e.e_value), grouped(e.threshold), e.says)
        }),
    );
    let owners: Vec<String> = last.owners.iter().map(|o| format!("{}/{}", o.function, o.team)).collect();
    row("Owners", Some(owners.join(" · ")));
    row("Do", last.action.clone());
    out + "</dl></article>\n"
}

fn opened(page: &Page<'_>, told: &Told) -> String {
    let mut text = told.opened.to_string();
    if let Some(onset) = page.truth.and_then(|truth| truth.onset) {
        let delay = told.opened.since(onset) + 1;
        match delay {
            1.. => text.push_str(&format!(", day {delay} of the true drift")),
            _ => text.push_str(&format!(", {} days before the true onset", 1 - delay)),
        }
    }
    match told.paged {
        Some(day) if day > told.opened => text.push_str(&format!("; told the owners on {day}")),
        Some(_) => {}
        None if told.historical() => text.push_str("; history, nobody was told"),
        None => text.push_str("; explained by another episode, nobody was told"),
    }
    text
}

fn signed(relative: f64) -> String {
    let sign = if relative < 0.0 { "−" } else { "+" };
    format!("{sign}{}", percent(relative.abs()))
}

fn why(part: &Why) -> String {
    let of = match &part.dimension {
        Some(dimension) => format!("{}: {dimension} {}", shown(&part.of), part.part),
        None => shown(&part.part),
    };
    let size = match (part.factor, part.effect_points) {
        (Some(factor), _) => format!(" ×{factor:.2}"),
        (None, Some(points)) => format!(" {points:+.1} points"),
        (None, None) => String::new(),
    };
    let kind = match part.kind.as_str() {
        "transition" => "",
        "rate" => ", converts differently",
        "mix" => ", more or fewer of them",
        other => other,
    };
    format!("{of}{size} ({}{kind})", percent(part.share))
}

fn cost(alert: &Alert) -> Option<String> {
    let cost = alert.cost.as_ref()?;
    let money = |text: &str| text.parse::<f64>().map_or_else(|_| text.to_owned(), grouped);
    let mut parts = Vec::new();
    if let Some(excess) = &cost.excess_spend {
        parts.push(format!("{} {} spent in excess", money(&excess.value), cost.currency));
    }
    if let Some(short) = cost.customers_short {
        parts.push(format!("{} customers short", grouped(short.value)));
    }
    if let Some(risk) = &cost.revenue_at_risk {
        parts.push(format!("{} {} of revenue at risk", money(&risk.value), cost.currency));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
