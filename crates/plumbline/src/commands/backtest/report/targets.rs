//! Each target in each scope: value and evidence over time, and what was told of it.

use std::fmt::Write;

use plumbline_board::escaped;
use plumbline_board::words::scope as scope_words;
use plumbline_drift::judge::{Planned, Unit};
use plumbline_units::{Currency, Day};

use super::words::value;
use super::{Page, anchor};
use crate::commands::backtest::ledger::Told;
use crate::commands::backtest::series::{LineOf, MAX_LINES};
use crate::commands::backtest::table::scope_words as told_scope;
use plumbline_board::chart::Chart;

/// How far above its threshold the evidence is drawn: four times, in logarithms.
const MOST_EVIDENCE: f64 = 4.0;

pub(super) fn section(page: &Page<'_>) -> String {
    let mut out = String::from("<section id=\"targets\"><h2>Targets over time</h2>\n");
    out.push_str(
        "<p>The shaded band is what the plan tolerates; the line is where the target was heading on each day, with \
         its 90% interval. The evidence counts against \u{201c}all on plan\u{201d}: an alert needs it above the \
         dashed threshold and the target outside its band. Red spans are episodes.</p>\n",
    );
    let left_out = page.machine.series.left_out();
    if left_out > 0 {
        let _ = writeln!(
            out,
            "<p class=\"note\">{left_out} more targets in scopes are judged and counted above but not drawn: the page \
             shows the first {MAX_LINES} of the plan.</p>"
        );
    }
    for line in page.machine.series.lines() {
        out.push_str(&one(page, line));
    }
    out + "</section>\n"
}

fn one(page: &Page<'_>, line: &LineOf) -> String {
    let told: Vec<&Told> = page.machine.ledger.told().iter().filter(|told| concerns(told, line)).collect();
    let open = if told.is_empty() { "" } else { " open" };
    let count = match told.len() {
        0 => "quiet".to_owned(),
        1 => "1 episode".to_owned(),
        n => format!("{n} episodes"),
    };
    let mut out = format!(
        "<details{open}><summary><strong>{}</strong> <span>{}</span> <em>{count}</em></summary>\n",
        escaped(&line.name),
        escaped(scope_words(&line.scope)),
    );
    if let Some(plan) = line.plan {
        out.push_str(&value_chart(page, line, &plan, &told));
    } else {
        out.push_str("<p class=\"note\">The plan has no value here, or the metric is not judged yet.</p>");
    }
    if line.points.iter().any(|point| point.log_e.is_some()) {
        out.push_str(&evidence_chart(page, line, &told));
    }
    if !told.is_empty() {
        out.push_str("<ul class=\"plain\">");
        for told in told {
            let ended =
                told.ended.as_ref().map_or("still open".to_owned(), |(day, how)| format!("{how} {day}"));
            let _ = write!(
                out,
                "<li><a href=\"#{}\">{}</a> <small>{} · {}</small></li>",
                anchor(told),
                escaped(&told.first.title),
                told.opened,
                escaped(&ended)
            );
        }
        out.push_str("</ul>");
    }
    out + "</details>\n"
}

/// Episodes of the target itself and of patterns that it leads.
fn concerns(told: &Told, line: &LineOf) -> bool {
    let scope = if told.scope.is_empty() { String::new() } else { told_scope(&told.scope) };
    told.business && told.first.target.as_deref() == Some(&line.name) && scope == line.scope
}

fn value_chart(page: &Page<'_>, line: &LineOf, plan: &Planned, told: &[&Told]) -> String {
    let seen = line.points.iter().filter_map(|p| p.value.map(|v| (p.day, v)));
    let points: Vec<_> = seen.collect();
    // The interval of the first days is wide: the drawing keeps to what the points need.
    let around = points.iter().map(|(_, v)| v.value);
    let edges = [plan.value, plan.lower.unwrap_or(plan.value), plan.upper.unwrap_or(plan.value)];
    let all = around.chain(edges);
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let room = (high - low).max(plan.value.abs() * 0.05) * 0.35;
    let mut chart = Chart::new(page.days, ((low - room).max(0.0), high + room));
    chart.band(plan.lower, plan.upper);
    spans(page, &mut chart, told);
    chart.area(&points.iter().map(|(day, v)| (*day, v.low, v.high)).collect::<Vec<_>>());
    let currency = page.plan.currency;
    chart.level("plan", plan.value, &value(plan.value, plan.unit, currency));
    for edge in [plan.lower, plan.upper].into_iter().flatten() {
        chart.level("edge", edge, &value(edge, plan.unit, currency));
    }
    chart.line("value", &points.iter().map(|(day, v)| (*day, v.value)).collect::<Vec<_>>());
    mark(page, &mut chart);
    let says = points.last().map_or("no value yet".to_owned(), |(day, v)| {
        format!(
            "{} in {}: {} on {day} ({} to {}), plan {}",
            line.name,
            scope_words(&line.scope),
            value(v.value, plan.unit, currency),
            value(v.low, plan.unit, currency),
            value(v.high, plan.unit, currency),
            value(plan.value, plan.unit, currency)
        )
    });
    chart.figure(&caption(&line.metric, plan.unit, currency, points.last().map(|p| p.1.value)), &says)
}

fn caption(metric: &str, unit: Unit, currency: Currency, last: Option<f64>) -> String {
    let now = last.map_or(String::new(), |last| format!(", at the end {}", value(last, unit, currency)));
    match metric {
        "volume" | "spend" => format!("{metric} measured{now}"),
        _ => format!("{metric} projected{now}"),
    }
}

fn evidence_chart(page: &Page<'_>, line: &LineOf, told: &[&Told]) -> String {
    let threshold = line.threshold.max(1.0).ln();
    let points: Vec<(Day, f64)> =
        line.points.iter().filter_map(|point| Some((point.day, point.log_e?.max(0.0)))).collect();
    let most = points.iter().map(|(_, log_e)| *log_e).fold(0.0, f64::max);
    let high = most.clamp(threshold * 1.4, threshold * MOST_EVIDENCE);
    let mut chart = Chart::new(page.days, (0.0, high));
    spans(page, &mut chart, told);
    chart.level("threshold", threshold, &format!("{:.0}", line.threshold));
    chart.label(0.0, "1");
    let decades = (high / std::f64::consts::LN_10).floor();
    if decades * std::f64::consts::LN_10 > threshold * 1.3 {
        chart.label(decades * std::f64::consts::LN_10, &power_of_ten(decades as u32));
    }
    chart.line("evidence", &points);
    mark(page, &mut chart);
    let crossed = points.iter().find(|(_, log_e)| *log_e >= threshold);
    let says = match crossed {
        Some((day, _)) => format!("evidence first at its threshold of {:.0} on {day}", line.threshold),
        None => format!("evidence never at its threshold of {:.0}", line.threshold),
    };
    chart.figure("evidence against the plan (e-value, logarithmic)", &says)
}

/// `10⁷`.
fn power_of_ten(exponent: u32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = exponent.to_string();
    let raised = digits.bytes().filter_map(|digit| RAISED.get(usize::from(digit.wrapping_sub(b'0'))));
    format!("10{}", raised.collect::<String>())
}

fn spans(page: &Page<'_>, chart: &mut Chart, told: &[&Told]) {
    for told in told {
        chart.episode(told.opened, told.ended.as_ref().map_or(page.days.1, |(day, _)| *day));
    }
}

fn mark(page: &Page<'_>, chart: &mut Chart) {
    if let Some(onset) = page.truth.and_then(|truth| truth.onset) {
        chart.mark(onset, "true onset");
    }
}
