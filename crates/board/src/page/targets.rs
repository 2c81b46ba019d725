//! Every target in every scope as one table: filtered and sorted by links and a form, so that it works without a
//! script and an address shows what its sender saw.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::segment;
use super::spark::spark;
use crate::history::{Episodes, Told};
use crate::view::{TargetView, WorkspaceView};
use crate::words;

/// Rows of one page.
const ROWS: usize = 500;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Query {
    /// The scope drawn above the table.
    pub(crate) scope: Option<String>,
    /// Only this verdict.
    pub(crate) verdict: Option<String>,
    /// Only where target or scope contains it.
    pub(crate) q: Option<String>,
    /// verdict (the worst first), target, scope, gap.
    pub(crate) sort: Option<String>,
    /// From 1.
    pub(crate) page: Option<usize>,
}

impl Query {
    /// The targets asked for, in the order asked for.
    pub(crate) fn pick<'v>(&self, view: &'v WorkspaceView) -> Vec<&'v TargetView> {
        let text = self.q.as_deref().unwrap_or_default().to_lowercase();
        let has = |target: &TargetView| {
            text.is_empty()
                || [&target.target, &target.scope].iter().any(|of| of.to_lowercase().contains(&text))
        };
        let verdict = self.verdict.as_deref().filter(|verdict| !verdict.is_empty());
        let mut picked: Vec<&TargetView> = view
            .targets
            .iter()
            .filter(|target| has(target) && verdict.is_none_or(|verdict| target.verdict == verdict))
            .collect();
        // Sorting keeps the plan's order among equals.
        match self.sort.as_deref() {
            Some("target") => picked.sort_by(|a, b| a.target.cmp(&b.target)),
            Some("scope") => picked.sort_by(|a, b| a.scope.cmp(&b.scope)),
            Some("gap") => picked.sort_by(|a, b| gap(b).total_cmp(&gap(a))),
            _ => picked.sort_by_key(|target| std::cmp::Reverse(target.urgency())),
        }
        picked
    }

    /// The address with another order or page.
    fn href(&self, sort: &str, page: usize) -> String {
        let mut href = format!("?sort={}", segment(sort));
        let rest = [("scope", &self.scope), ("verdict", &self.verdict), ("q", &self.q)];
        for (key, value) in rest {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                href.push_str(&format!("&{key}={}", segment(value)));
            }
        }
        if page > 1 {
            href.push_str(&format!("&page={page}"));
        }
        href + "#targets"
    }
}

/// How far from its plan, whichever way.
fn gap(target: &TargetView) -> f64 {
    target.of_plan().map_or(0.0, |ratio| ratio.max(1e-9).ln().abs())
}

/// The live episode to ask about a target in a scope.
struct Live<'e>(BTreeMap<(&'e str, &'e str), &'e Told>);

impl<'e> Live<'e> {
    fn of(episodes: &'e Episodes) -> Live<'e> {
        let mut live: Vec<&Told> = episodes.live().map(|told| &**told).collect();
        // A pattern's before its members', for it says more.
        live.sort_by_key(|told| told.last.pattern.is_none());
        let mut of = BTreeMap::new();
        for told in live {
            for target in told.targets() {
                of.entry((target, told.scope())).or_insert(told);
            }
        }
        Live(of)
    }
}

pub(super) fn table(view: &WorkspaceView, episodes: &Episodes, query: &Query) -> Markup {
    let picked = query.pick(view);
    let live = Live::of(episodes);
    let pages = picked.len().div_ceil(ROWS).max(1);
    let page = query.page.unwrap_or(1).clamp(1, pages);
    let sort = query.sort.as_deref().unwrap_or("verdict");
    let head = |by: &'static str, text: &'static str| {
        html! {
            th.n[by == "gap"] scope="col" aria-sort=[(sort == by).then_some(if by == "verdict" || by == "gap" { "descending" } else { "ascending" })] {
                a href=(query.href(by, 1)) { (text) }
            }
        }
    };
    html! {
        section aria-labelledby="targets" {
            h2 #targets { "Targets" }
            (filter(query))
            p.soft {
                (picked.len()) " of " (view.targets.len())
                @if pages > 1 { ", page " (page) " of " (pages) }
            }
            div.scroll tabindex="0" role="group" aria-label="Targets" {
                table.targets.stacked {
                    thead { tr {
                        (head("target", "target")) (head("scope", "scope")) (head("verdict", "verdict"))
                        th.n.plain scope="col" { "now" } th.n.plain scope="col" { "plan" } th.n.plain scope="col" { "bounds" }
                        (head("gap", "of plan")) th.n.plain scope="col" { "90% interval" }
                        th.plain scope="col" { "last days" } th.plain scope="col" { "why" }
                    } }
                    tbody {
                        @for target in picked.iter().skip((page - 1) * ROWS).take(ROWS) { (row(view, &live, target)) }
                    }
                }
            }
            @if pages > 1 {
                nav.pages aria-label="Pages" {
                    @if page > 1 { a rel="prev" href=(query.href(sort, page - 1)) { "Previous" } }
                    @if page < pages { a rel="next" href=(query.href(sort, page + 1)) { "Next" } }
                }
            }
        }
    }
}

fn filter(query: &Query) -> Markup {
    let chosen = query.verdict.as_deref().unwrap_or_default();
    html! {
        form.filter method="get" action="#targets" {
            @if let Some(scope) = &query.scope { input type="hidden" name="scope" value=(scope); }
            @if let Some(sort) = &query.sort { input type="hidden" name="sort" value=(sort); }
            label for="q" { "Search " }
            input #q type="search" name="q" value=(query.q.as_deref().unwrap_or_default());
            " " label for="verdict" { "Verdict " }
            select #verdict name="verdict" {
                option value="" { "all" }
                @for word in ["drifting", "data_unhealthy", "watch", "not_enough_evidence", "on_plan", "no_plan"] {
                    option value=(word) selected[word == chosen] { (words::verdict(word)) }
                }
            }
            " " button { "Filter" }
        }
    }
}

fn row(view: &WorkspaceView, live: &Live<'_>, target: &TargetView) -> Markup {
    let currency = &view.plan.currency;
    let told = match target.verdict {
        "drifting" => live.0.get(&(target.target.as_str(), target.scope.as_str())),
        _ => None,
    };
    html! {
        tr {
            th scope="row" { (target.target) }
            td { (words::scope(&target.scope)) }
            td { span.verdict.(target.verdict) { (words::sign(target.verdict)) " " (words::verdict(target.verdict)) }
                @if let Some(severity) = target.severity { " " small { (severity) } } }
            td.n data-label="now" { @if let Some(now) = target.now() { (words::value(now, target.unit, currency)) } }
            td.n data-label="plan" { @if let Some(plan) = target.plan { (words::value(plan.value, target.unit, currency)) } }
            td.n data-label="bounds" { (words::bounds(target, currency)) }
            td.n data-label="of plan" { @if let Some(ratio) = target.of_plan() { (words::percent(ratio)) } }
            td.n data-label="90% interval" { @if let Some(span) = target.projected { (words::span(span, target.unit, currency)) } }
            td { (spark(target)) }
            td.why {
                @if let Some(reason) = &target.reason { (reason) }
                @if let Some(told) = told {
                    " " a href=(format!("/e/{}", segment(&told.last.alert_id))) { "why" }
                }
            }
        }
    }
}
