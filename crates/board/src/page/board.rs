//! The status board: what each function says, the shared outcome, the funnel, and every target.

use std::sync::Arc;

use maud::{Markup, html};

use super::targets::{Query, table};
use super::{Frame, episode, funnel, outcome, segment};
use crate::history::{Episodes, Told};
use crate::view::{TargetView, WorkspaceView};
use crate::words;

/// Open episodes listed on the board; the page of episodes has all.
const MAX_OPEN: usize = 12;

/// The list of workspaces, each with whether what is shown of it is old.
pub(crate) fn workspaces(all: &[(Arc<WorkspaceView>, bool)]) -> Markup {
    Frame { title: "Workspaces", workspace: None, at: "" }.around(html! {
        h1 { "Workspaces" }
        @if all.is_empty() {
            p { "None yet: no plan has been applied, or this instance judges no workspace. "
                a href="/readyz" { "Is it ready?" } }
        }
        ul.cards {
            @for (view, stale) in all {
                li { a href=(format!("/w/{}", segment(&view.workspace))) { (view.workspace) }
                    " " small { (view.plan.name) ", revision " (view.plan.revision)
                        @if *stale { ", no longer judged here: may be old" } } br;
                    (tally(&view.targets)) }
            }
        }
    })
}

/// How many targets stand how.
fn tally(targets: &[TargetView]) -> Markup {
    let words = ["drifting", "data_unhealthy", "watch", "not_enough_evidence", "on_plan", "no_plan"];
    let count = |word: &str| targets.iter().filter(|target| target.verdict == word).count();
    html! {
        span.tally {
            @for (word, count) in words.map(|word| (word, count(word))).into_iter().filter(|(_, count)| *count > 0) {
                span.verdict.(word) { (words::sign(word)) " " (count) " " (words::verdict(word)) } " "
            }
        }
    }
}

/// The board of a workspace.
pub(crate) fn board(view: &WorkspaceView, stale: bool, episodes: &Episodes, query: &Query) -> Markup {
    let scope = query.scope.as_ref().filter(|scope| view.scopes.contains(scope));
    let shown: &str = scope.map_or(&view.worst_scope, String::as_str);
    let frame = Frame { title: &view.plan.name, workspace: Some(&view.workspace), at: "board" };
    frame.around(html! {
        h1 { (view.plan.name) " " small { "revision " (view.plan.revision) } }
        p.soft {
            @match view.closed {
                Some(day) => { "Judged to the end of " time { (day) } },
                None => "No day is judged yet: the first closes once its events have arrived.",
            }
            @if let Some(watermark) = view.passing.watermark {
                " · everything up to " time datetime=(watermark) { (watermark.to_minute()) } " has arrived"
            }
            " · " (view.plan.timezone)
        }
        @if stale {
            p.notice role="alert" { "This instance no longer judges the workspace: what is shown may be old." }
        }
        p { (tally(&view.targets)) }
        @if !view.data.is_empty() { (trouble(view)) }
        (open_episodes(view, episodes))
        (scopes(view, shown))
        (outcome::section(view, shown))
        (funnel::section(view, shown))
        (table(view, episodes, query))
    })
}

fn trouble(view: &WorkspaceView) -> Markup {
    let held = view.data.iter().filter(|data| data.critical).count();
    html! {
        p.notice role="alert" {
            strong { (view.data.len()) @if view.data.len() == 1 { " problem" } @else { " problems" } " with the data" }
            @if held > 0 { ": the verdicts it would corrupt are held back" }
            ". " a href=(format!("/w/{}/data", segment(&view.workspace))) { "What, since when, what to do" }
        }
    }
}

fn open_episodes(view: &WorkspaceView, episodes: &Episodes) -> Markup {
    let of_business = |told: &&Arc<Told>| told.last.kind == "business";
    let open: Vec<&Arc<Told>> = episodes.live().filter(of_business).collect();
    html! {
        section aria-labelledby="open" {
            h2 #open { "Open" @if !open.is_empty() { " (" (open.len()) ")" } }
            @if open.is_empty() && episodes.complete && !view.drifts() { p { "No drift is open." } }
            @if open.is_empty() && view.drifts() { p { "Targets drift, see below; what was told of them is not here." } }
            @if !episodes.complete { (still_read()) }
            ul.episodes { @for told in open.iter().take(MAX_OPEN) { (episode::card(told)) } }
            @if open.len() > MAX_OPEN {
                p { a href=(format!("/w/{}/episodes", segment(&view.workspace))) { "All " (open.len()) } }
            }
        }
    }
}

/// Says that episodes may be missing.
pub(super) fn still_read() -> Markup {
    html! { p.soft { "What was told has not been read to its end yet, or cannot be: episodes may be missing here." } }
}

/// The choice of the scope drawn below.
fn scopes(view: &WorkspaceView, shown: &str) -> Markup {
    html! {
        @if view.scopes.len() > 1 {
            form.scopes method="get" {
                label for="scope" { "Scope " }
                select #scope name="scope" {
                    @for scope in view.scopes.iter() {
                        option value=(scope) selected[scope == shown] { (words::scope(scope)) }
                    }
                }
                " " button { "Show" }
            }
        }
    }
}
