//! The report: one self-contained page of HTML, styles and SVG; nothing is fetched when it is read.

mod episodes;
mod funnel;
mod targets;
mod words;

use std::fmt::Write;

use plumbline_plan::Plan;
use plumbline_simulator::Yardstick;
use plumbline_units::Day;

use plumbline_board::escaped;

use super::ledger::Told;
use super::machine::Machine;
use super::score::places;
use super::table::{Judgement, scope_words};
use plumbline_board::words::grouped;

pub(crate) const STYLE: &str = include_str!("style.css");
/// Rows of a summary table; further ones are counted.
const MAX_ROWS: usize = 200;

/// What every section reads.
struct Page<'a> {
    machine: &'a Machine<'a>,
    plan: &'a Plan,
    truth: Option<&'a Yardstick>,
    /// First and last day judged.
    days: (Day, Day),
}

/// The page of a run. Without a plan or a closed day it says so and nothing else.
pub(crate) fn page(machine: &Machine<'_>, truth: Option<&Yardstick>) -> String {
    let body = match (machine.plan(), machine.span()) {
        (Some(plan), Some(span)) => {
            let page = Page { machine, plan, truth, days: (span.first, span.last) };
            [
                header(&page),
                summary(&page),
                truth.map_or_else(String::new, |truth| judgement(machine, truth)),
                funnel::section(&page),
                targets::section(&page),
                episodes::section(&page),
            ]
            .concat()
        }
        _ => "<header><h1>Nothing was judged</h1></header><p>No day was closed: there is no plan, or the events \
              end on the day on which they begin.</p>"
            .to_owned(),
    };
    let title = machine.plan().map_or("Backtest".to_owned(), |plan| format!("Backtest of {}", plan.name));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title><style>\n{STYLE}</style></head>\n\
         <body><a class=\"skip\" href=\"#summary\">Skip to the summary</a>\n<main>{body}</main></body></html>\n",
        escaped(&title)
    )
}

/// The id of an episode's article.
fn anchor(told: &Told) -> String {
    format!("e-{}", escaped(&told.first.alert_id))
}

fn header(page: &Page<'_>) -> String {
    let truth = if page.truth.is_some() { "<a href=\"#truth\">Truth</a>" } else { "" };
    format!(
        "<header><p class=\"kind\">Backtest</p><h1>{}</h1><p>Revision {} · {} to {} · {} records</p>\
         <nav aria-label=\"Sections\"><a href=\"#summary\">Summary</a>{truth}<a href=\"#funnel\">Funnel</a>\
         <a href=\"#targets\">Targets</a><a href=\"#episodes\">Episodes</a></nav></header>\n",
        escaped(page.plan.name.as_str()),
        page.plan.revision,
        page.days.0,
        page.days.1,
        grouped(page.machine.records() as f64),
    )
}

fn summary(page: &Page<'_>) -> String {
    let told = page.machine.ledger.told();
    let business = || told.iter().filter(|t| t.business);
    let cards = [
        ("days judged", page.days.1.since(page.days.0) as usize + 1),
        ("episodes", business().count()),
        ("told to owners", business().filter(|t| t.paged.is_some()).count()),
        ("still open", business().filter(|t| t.ended.is_none()).count()),
        ("about the data", told.iter().filter(|t| !t.business).count()),
    ];
    let mut out = String::from("<section id=\"summary\"><h2>Summary</h2>\n<ul class=\"cards\">");
    for (what, count) in cards {
        let _ = write!(out, "<li><b>{}</b> {what}</li>", grouped(count as f64));
    }
    out.push_str("</ul>\n");
    let mut rows = Vec::new();
    for place in places(page.plan) {
        let own = || business().filter(|t| t.name == place.name && t.scope == place.scope);
        if own().next().is_some() {
            let first = own().map(|t| t.opened).min().map_or(String::new(), |day| day.to_string());
            rows.push([
                place.name.clone(),
                scope_words(&place.scope),
                own().count().to_string(),
                own().filter(|t| t.paged.is_some()).count().to_string(),
                own().filter(|t| t.inhibited()).count().to_string(),
                own().filter(|t| t.historical()).count().to_string(),
                first,
            ]);
        }
    }
    if rows.is_empty() {
        return out + "<p>No target left the plan.</p></section>\n";
    }
    let head = ["target", "scope", "openings", "told", "explained by another", "history", "first"];
    out.push_str(&table("Openings by target", &head, &rows));
    out + "</section>\n"
}

fn judgement(machine: &Machine<'_>, truth: &Yardstick) -> String {
    let judged = Judgement::of(machine, truth);
    let onset = truth.onset.map_or("Nothing happened".to_owned(), |day| format!("Onset {day}"));
    let missing = match judged.missing() {
        0 => "every expected alert came".to_owned(),
        1 => "1 expected alert never came".to_owned(),
        n => format!("{n} expected alerts never came"),
    };
    let [head, rows @ ..] = &judged.rows()[..] else { return String::new() };
    format!(
        "<section id=\"truth\"><h2>Against the truth</h2><p>{onset}; {missing}.</p>{}</section>\n",
        table("Scores by target", head, rows)
    )
}

/// A table that scrolls sideways where the page is narrow.
pub(crate) fn table<H: AsRef<str>, R: AsRef<[String]>>(caption: &str, head: &[H], rows: &[R]) -> String {
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table><thead><tr>",
        escaped(caption)
    );
    for cell in head {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(cell.as_ref()));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows.iter().take(MAX_ROWS) {
        out.push_str("<tr>");
        for (at, cell) in row.as_ref().iter().enumerate() {
            let (open, close) = if at == 0 { ("<th scope=\"row\">", "</th>") } else { ("<td>", "</td>") };
            let _ = write!(out, "{open}{}{close}", escaped(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>");
    if rows.len() > MAX_ROWS {
        let _ = write!(out, "<p class=\"note\">{} more rows are not shown.</p>", rows.len() - MAX_ROWS);
    }
    out
}
