//! The status board: what each function says, the shared outcome, the funnel, and every target.

use maud::{Markup, html};

use super::targets::{Query, table};
use super::{Frame, episode, funnel, outcome, segment};
use crate::history::History;
use crate::view::{TargetView, WorkspaceView};
use crate::words;

/// Open episodes listed on the board; the page of episodes has all.
const MAX_OPEN: usize = 12;

/// The list of workspaces.
pub(crate) fn workspaces(all: &[std::sync::Arc<WorkspaceView>]) -> Markup {
    Frame { title: "Workspaces", workspace: None, at: "" }.around(html! {
        h1 { "Workspaces" }
        @if all.is_empty() {
            p { "None yet: no plan has been applied, or this instance judges no workspace. "
                a href="/readyz" { "Is it ready?" } }
        }
        ul.cards {
            @for view in all {
                li { a href=(format!("/w/{}", segment(&view.workspace))) { (view.workspace) }
                    " " small { (view.plan.name) ", revision " (view.plan.revision) } br;
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
pub(crate) fn board(view: &WorkspaceView, stale: bool, history: &History, query: &Query) -> Markup {
    let scope = query.scope.clone().filter(|scope| view.scopes.contains(scope));
    let shown = scope.clone().unwrap_or_else(|| worst_scope(view));
    let frame = Frame { title: &view.plan.name, workspace: Some(&view.workspace), at: "board" };
    frame.around(html! {
        h1 { (view.plan.name) " " small { "revision " (view.plan.revision) } }
        p.soft {
            @match view.closed {
                Some(day) => { "Judged to the end of " time { (day) } },
                None => "No day is judged yet: the first closes once its events have arrived.",
            }
            @if let Some(watermark) = view.watermark {
                " · everything up to " time datetime=(watermark) { (words::minute(watermark)) } " has arrived"
            }
            " · " (view.plan.timezone)
        }
        @if stale {
            p.notice role="alert" { "This instance no longer judges the workspace: what is shown may be old." }
        }
        p { (tally(&view.targets)) }
        @if !view.data.is_empty() { (trouble(view)) }
        (open_episodes(view, history))
        (scopes(view, &shown))
        (outcome::section(view, &shown))
        (funnel::section(view, &shown))
        (table(view, history, query))
    })
}

/// The scope whose targets need somebody most.
fn worst_scope(view: &WorkspaceView) -> String {
    let weight = |scope: &str| -> u32 {
        view.targets.iter().filter(|t| t.scope == scope).map(|t| u32::from(t.urgency()).pow(3)).sum()
    };
    let first = view.scopes.first().cloned().unwrap_or_default();
    view.scopes
        .iter()
        .fold(first, |best, scope| if weight(scope) > weight(&best) { scope.clone() } else { best })
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

fn open_episodes(view: &WorkspaceView, history: &History) -> Markup {
    let open: Vec<_> = history
        .of(&view.workspace)
        .into_iter()
        .filter(|told| !told.ended() && told.last.kind == "business" && told.last.state != "notice")
        .collect();
    html! {
        section aria-labelledby="open" {
            h2 #open { "Open" @if !open.is_empty() { " (" (open.len()) ")" } }
            @if open.is_empty() { p { "No drift is open." } }
            ul.episodes { @for told in open.iter().take(MAX_OPEN) { (episode::card(told)) } }
            @if open.len() > MAX_OPEN {
                p { a href=(format!("/w/{}/episodes", segment(&view.workspace))) { "All " (open.len()) } }
            }
        }
    }
}

/// The choice of the scope drawn below.
fn scopes(view: &WorkspaceView, shown: &str) -> Markup {
    html! {
        @if view.scopes.len() > 1 {
            form.scopes method="get" {
                label for="scope" { "Scope " }
                select #scope name="scope" {
                    @for scope in &view.scopes {
                        option value=(scope) selected[scope == shown] { (words::scope(scope)) }
                    }
                }
                " " button { "Show" }
            }
        }
    }
}
