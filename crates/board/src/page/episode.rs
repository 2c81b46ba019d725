//! Episodes: the list, and the page of one: why, since when, what it costs, who does what.

use std::sync::Arc;

use maud::{Markup, html};
use plumbline_drift::judge::shown;
use plumbline_engine::alert::Alert;
use plumbline_units::Day;

use super::board::still_read;
use super::waterfall::waterfalls;
use super::{Frame, segment};
use crate::chart::Chart;
use crate::history::{Episodes, Told};
use crate::view::{TargetView, WorkspaceView};
use crate::words;

/// Episodes listed; the topic has all.
const MAX_LISTED: usize = 500;

/// All episodes of a workspace.
pub(crate) fn episodes(workspace: &str, episodes: &Episodes) -> Markup {
    let Episodes { all, complete } = episodes;
    Frame { title: "Episodes", workspace: Some(workspace), at: "episodes" }.around(html! {
        h1 { "Episodes" }
        @if !complete { (still_read()) } @else if all.is_empty() { p { "None has been told." } }
        @for (title, ended) in [("Open", false), ("Over", true)] {
            @let some: Vec<&Arc<Told>> = all.iter().filter(|told| told.ended() == ended).collect();
            @if !some.is_empty() {
                h2 { (title) " (" (some.len()) ")" }
                ul.episodes { @for told in some.iter().take(MAX_LISTED) { (card(told)) } }
                @if some.len() > MAX_LISTED { p.soft { "The newest " (MAX_LISTED) " are shown." } }
            }
        }
    })
}

/// One line of a list.
pub(super) fn card(told: &Told) -> Markup {
    let last = &told.last;
    html! {
        li.(last.severity) {
            a href=(format!("/e/{}", segment(&last.alert_id))) { (last.title) }
            " " small {
                (last.severity) ", " (last.state)
                @if let Some(resolution) = &last.resolution { " (" (resolution) ")" }
                @if last.historical { ", history" }
                @if let Some(asked) = asked_again(last) { ", " (asked) }
                // Known to all and not recovered: for how long is to be seen.
                @if last.state == "acknowledged" && let Some(since) = last.acknowledgements.iter().map(|said| said.at).max() {
                    ", known since " span.day { (since.to_minute()) }
                }
                @if let Some(by) = &last.inhibited_by { ", explained by " (by) }
                ", since "
                @match &last.onset {
                    Some(onset) => { "about " span.day { (onset.estimate) } },
                    None => span.day { (told.first.detected_at.to_minute()) },
                }
            }
            @if !last.owners.is_empty() { br; small { (owners(last)) } }
        }
    }
}

fn owners(alert: &Alert) -> String {
    let owners: Vec<String> = alert.owners.iter().map(|o| format!("{}/{}", o.function, o.team)).collect();
    owners.join(" · ")
}

/// The page of one episode. `view` is the workspace as it stands now, where it is judged here.
pub(crate) fn episode(told: &Told, view: Option<&WorkspaceView>) -> Markup {
    let last = &told.last;
    Frame { title: &last.title, workspace: Some(&last.workspace), at: "episodes" }.around(html! {
        article.episode.(last.severity) {
            p.kind { (last.severity) " · " (last.kind) " · " (last.state) @if let Some(how) = &last.resolution { " (" (how) ")" }
                @if last.historical { " · history, nobody was told" } }
            h1 { (last.title) }
            p.lead { (last.summary) }
            (facts(told))
            @if !last.why.is_empty() {
                section aria-labelledby="why" { h2 #why { "Why" } (waterfalls(last)) (ruled_out(last)) }
            }
            @if let Some(split) = &last.handoff { (handoff(split)) }
            @if let Some(target) = view.zip(last.target.as_deref()).and_then(|(v, t)| v.target(t, told.scope())) {
                (over_time(told, target, &view.map(|v| v.plan.currency.clone()).unwrap_or_default()))
            }
            (records(told))
        }
    })
}

fn facts(told: &Told) -> Markup {
    let last = &told.last;
    let row = |term: &str, text: Option<String>| {
        html! { @if let Some(text) = text.filter(|text| !text.is_empty()) { dt { (term) } dd { (text) } } }
    };
    let onset = last.onset.as_ref().map(|o| format!("about {} ({} to {})", o.estimate, o.low, o.high));
    let effect = last.drift.as_ref().map(|d| {
        let of = shown(&d.of);
        format!(
            "{of} {} ({} to {}): {}",
            words::signed(d.relative),
            words::signed(d.low),
            words::signed(d.high),
            d.label
        )
    });
    let seen = last.so_far.as_ref().map(|s| {
        let expected = words::grouped(s.expected_by_now.round());
        format!(
            "{} {}: {expected} expected by now, {} came",
            words::grouped(s.entered as f64),
            words::entered(&s.entered_what),
            words::grouped(s.actual.round())
        )
    });
    let evidence = last.evidence.as_ref().map(|e| {
        format!("{} against {}: {}", words::grouped(e.e_value), words::grouped(e.threshold), e.says)
    });
    let mut steps: Vec<(Day, Vec<String>)> = Vec::new();
    for step in &last.coincident {
        let says = format!("{} {}", step.what, words::signed(step.relative));
        match steps.last_mut() {
            Some((day, same)) if *day == step.day => same.push(says),
            _ => steps.push((step.day, vec![says])),
        }
    }
    let steps = steps.into_iter().map(|(day, says)| format!("{day}: {}", says.join(", ")));
    html! {
        dl.facts {
            (row("Detected", Some(told.first.detected_at.to_minute())))
            (row("Since", onset))
            (row("What changed then", Some(steps.collect::<Vec<_>>().join(" · "))))
            (row("Effect", effect))
            (row("Seen", seen))
            (row("Cost", cost(last)))
            (row("Reports", last.in_reports.as_ref().map(|r| r.says.clone())))
            (row("Evidence", evidence))
            (row("Owners", Some(owners(last))))
            (row("Known to", known(last)))
            (row("Not recovered", asked_again(last)))
            (row("Do", last.action.clone()))
            @if let Some(url) = last.runbook_url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
                dt { "Runbook" } dd { a href=(url) rel="noreferrer" { (url) } }
            }
            (row("Explained by", last.inhibited_by.clone()))
        }
    }
}

/// Which functions have acknowledged it, and which have still to. Data has no owners in the plan.
fn known(alert: &Alert) -> Option<String> {
    let said = alert.acknowledgements.iter().map(|a| {
        let until = a.until.map(|until| format!(" until {}", until.to_minute())).unwrap_or_default();
        let note = if a.note.is_empty() { String::new() } else { format!(": {}", a.note) };
        format!("{} since {}{until}{note}", a.function, a.at.to_minute())
    });
    let silent = alert.unspoken();
    let waits = (!silent.is_empty()).then(|| format!("not yet acknowledged by {}", silent.join(", ")));
    let words: Vec<String> = said.chain(waits).collect();
    (!words.is_empty()).then(|| words.join(" · "))
}

/// That all owners knew, and what came of it.
fn asked_again(alert: &Alert) -> Option<String> {
    let ended = alert.resolution.is_some();
    match alert.asked_again {
        _ if ended => None,
        0 => None,
        1 => Some("owners asked again once".to_owned()),
        times => Some(format!("owners asked again {times} times")),
    }
}

fn cost(alert: &Alert) -> Option<String> {
    let cost = alert.cost.as_ref()?;
    let money = |text: &str| text.parse::<f64>().map_or_else(|_| text.to_owned(), words::grouped);
    let range = |r: &plumbline_engine::alert::MoneyRange| {
        format!("{} {} ({} to {})", money(&r.value), cost.currency, money(&r.low), money(&r.high))
    };
    let mut parts = Vec::new();
    if let Some(excess) = &cost.excess_spend {
        parts.push(format!("{} spent in excess", range(excess)));
    }
    if let Some(short) = cost.customers_short {
        let (value, low, high) =
            (words::grouped(short.value), words::grouped(short.low), words::grouped(short.high));
        parts.push(format!("{value} customers short ({low} to {high})"));
    }
    if let Some(risk) = &cost.revenue_at_risk {
        parts.push(format!("{} of revenue at risk", range(risk)));
    }
    if let Some(excess) = cost.per_week.as_ref().and_then(|week| week.excess_spend.as_ref()) {
        parts.push(format!("{} {} more each week", money(excess), cost.currency));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn ruled_out(alert: &Alert) -> Markup {
    html! {
        @if !alert.ruled_out.is_empty() {
            h3 { "Not the cause" }
            ul { @for not in &alert.ruled_out { li { (not.detail) } } }
        }
    }
}

fn handoff(split: &plumbline_engine::alert::Handoff) -> Markup {
    html! {
        section aria-labelledby="handoff" {
            h2 #handoff { "The hand-off" }
            p { (split.sentence) }
            div.scroll tabindex="0" role="group" aria-label="What became of those handed over" {
                table {
                    thead { tr {
                        th scope="col" { (shown(&split.of)) ", older than " (split.older_than) }
                        @for what in ["entered", "advanced", "rejected", "untouched"] { th.n scope="col" { (what) } }
                    } }
                    tbody {
                        @for (name, side) in [("since the onset", split.now), ("before", split.before)] {
                            tr { th scope="row" { (name) } td.n { (words::grouped(side.entered as f64)) }
                                td.n { (words::percent(side.advanced)) } td.n { (words::percent(side.rejected)) }
                                td.n { (words::percent(side.untouched)) } }
                        }
                    }
                }
            }
            @if !split.reasons.is_empty() {
                p { "Rejected for: "
                    (split.reasons.iter().map(|r| format!("{} {} (before {})", r.reason, words::percent(r.now), words::percent(r.before))).collect::<Vec<_>>().join(", ")) }
            }
        }
    }
}

/// The target's number and the evidence on its last days.
fn over_time(told: &Told, target: &TargetView, currency: &str) -> Markup {
    let (Some(first), Some(last)) = (target.trend.first(), target.trend.last()) else { return html! {} };
    let days = (first.day, last.day);
    let values: Vec<(Day, f64, f64, f64)> = target
        .trend
        .iter()
        .filter_map(|p| p.value.map(|v| (p.day, f64::from(v[0]), f64::from(v[1]), f64::from(v[2]))))
        .collect();
    let onset = told.last.onset.as_ref().map(|onset| onset.estimate);
    let value = target.plan.map(|plan| {
        let all = values.iter().map(|v| v.1).chain([plan.value]).chain(plan.lower).chain(plan.upper);
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let room = (high - low).max(plan.value.abs() * 0.05) * 0.35;
        let (low, high) = ((low - room).max(0.0), high + room);
        let mut chart = Chart::new(days, (low, high));
        chart.band(plan.lower, plan.upper);
        chart.area(&values.iter().map(|v| (v.0, v.2, v.3)).collect::<Vec<_>>());
        let text = |number| words::value(number, target.unit, currency);
        chart.level("plan", plan.value, &text(plan.value));
        // A bound's label closer to the plan's would lie over it.
        let apart = |edge: &f64| (edge - plan.value).abs() > 0.09 * (high - low);
        for edge in [plan.lower, plan.upper].into_iter().flatten().filter(apart) {
            chart.label(edge, &text(edge));
        }
        chart.line("value", &values.iter().map(|v| (v.0, v.1)).collect::<Vec<_>>());
        if let Some(onset) = onset {
            chart.mark(onset, "onset");
        }
        let now = values.last().map_or(String::new(), |v| text(v.1));
        chart.figure(
            &format!("{} against the band that the plan tolerates", target.target),
            &format!("{}: now {now}, plan {}", target.target, text(plan.value)),
        )
    });
    let evidence: Vec<(Day, f64)> =
        target.trend.iter().filter_map(|p| Some((p.day, f64::from(p.log_e?).max(0.0)))).collect();
    let strength = (!evidence.is_empty()).then(|| {
        let threshold = target.threshold.max(1.0).ln();
        let most = evidence.iter().map(|e| e.1).fold(0.0, f64::max);
        let mut chart = Chart::new(days, (0.0, most.clamp(threshold * 1.4, threshold * 4.0)));
        chart.level("threshold", threshold, &words::grouped(target.threshold));
        chart.label(0.0, "1");
        chart.line("evidence", &evidence);
        if let Some(onset) = onset {
            chart.mark(onset, "onset");
        }
        let last = evidence.last().map_or(0.0, |e| e.1.exp());
        chart.figure(
            "Evidence against the plan (e-value, logarithmic); an alert needs it above the dashed line",
            &format!("evidence now {}, threshold {}", words::grouped(last), words::grouped(target.threshold)),
        )
    });
    html! {
        section aria-labelledby="time" {
            h2 #time { "Over time" }
            @for figure in [value, strength].into_iter().flatten() { (maud::PreEscaped(figure)) }
        }
    }
}

fn records(told: &Told) -> Markup {
    html! {
        section aria-labelledby="records" {
            h2 #records { "What was told" }
            div.scroll tabindex="0" role="group" aria-label="What was told" {
                table.stacked {
                    thead.plain { tr { @for what in ["when", "what", "severity", "in words"] { th scope="col" { (what) } } } }
                    tbody {
                        @for (at, change) in told.changes.iter().enumerate() {
                            @if at == 1 && told.left_out > 0 { tr { td colspan="4" { (told.left_out) " more records are on the topic" } } }
                            tr { td { (change.at.to_minute()) } td { (change.transition) } td { (change.severity) } td.why { (change.says) } }
                        }
                    }
                }
            }
        }
    }
}
