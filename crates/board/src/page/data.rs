//! Whether the data can be trusted: what is wrong, who was heard when, what was refused.

use std::sync::Arc;

use maud::{Markup, html};

use super::{Frame, segment};
use crate::history::{Episodes, Told};
use crate::refused::DeadLetters;
use crate::view::WorkspaceView;
use crate::words;

/// Streams and stages listed.
const MAX_ROWS: usize = 200;
/// Notices listed; the page Episodes has further ones.
const MAX_NOTICES: usize = 20;

pub(crate) fn data(view: &WorkspaceView, episodes: &Episodes) -> Markup {
    let notices: Vec<&Arc<Told>> = episodes.notices().take(MAX_NOTICES).collect();
    Frame { title: "Data", workspace: Some(&view.workspace), at: "data" }.around(html! {
        h1 { "Data" }
        @if view.data.is_empty() { p { "Nothing is wrong with the data." } }
        @for problem in view.data.iter() {
            article.episode.(if problem.critical { "critical" } else { "warning" }) {
                h2 { (problem.title) }
                p { (problem.summary) }
                dl.facts {
                    dt { "Since" } dd { (problem.since.to_minute()) }
                    @if !problem.action.is_empty() { dt { "Do" } dd { (problem.action) } }
                    dt { "Verdicts" } dd { @if problem.critical { "those it would corrupt are held back until it is mended" } @else { "none is held back" } }
                }
            }
        }
        @if !notices.is_empty() {
            h2 { "Notices" }
            p.soft { "A changed plan that was refused, a limit that was reached: told when it happens, the newest first." }
            ul.episodes {
                @for notice in notices {
                    li.(notice.last.severity) {
                        a href=(format!("/e/{}", segment(&notice.last.alert_id))) { (notice.last.title) }
                        " " small { (notice.last.detected_at.to_minute()) }
                        @if let Some(mend) = &notice.last.action { br; small { (mend) } }
                    }
                }
            }
        }
        h2 { "Who was heard" }
        (table("Streams", &["input topic", "source", "last heard", "complete up to"], view.passing.streams.iter().map(|s| {
            [s.topic.clone(), s.source.clone(), s.last_received.to_minute(), s.watermark.to_minute()]
        }).collect()))
        @if !view.passing.ignored_stages.is_empty() {
            h2 { "Stages that the plan does not list" }
            (table("Ignored stages", &["stage", "events"], view.passing.ignored_stages.iter().map(|(stage, count)| {
                [stage.clone(), words::grouped(*count as f64)]
            }).collect()))
        }
        h2 { "Dead letters" }
        p { "Events that could not be accepted: " a href="/dead-letters" { "which, why and where they are" } "." }
    })
}

/// What was refused, of all workspaces.
pub(crate) fn dead_letters(letters: &DeadLetters) -> Markup {
    Frame { title: "Dead letters", workspace: None, at: "dead-letters" }.around(html! {
        h1 { "Dead letters" }
        p { "What could not be accepted lies on the dead-letter topic as it came, with the reason in its headers; of all "
            "workspaces, for of what cannot be read nobody knows whose it is. Mended, it is sent to the replay topic. All "
            "are counted in " code { "plumbline_intake_rejected_total" } " and " code { "plumbline_engine_rejected_total" }
            " on " a href="/metrics" { "/metrics" } "." }
        @if !letters.complete { p.soft { "The topic has not been read to its end yet, or cannot be: some may be missing." } }
        @if letters.newest.is_empty() && letters.complete { p { "None is there." } }
        @if !letters.newest.is_empty() {
            h2 { "Why" }
            (table("By class", &["class", "letters"], letters.classes.iter().map(|(class, count)| {
                [class.clone(), words::grouped(*count as f64)]
            }).collect()))
            h2 { "The newest" }
            (table("The newest", &["came", "class", "of", "dead letter"], letters.newest.iter().rev().map(|letter| {
                [letter.time.to_minute(), letter.class.clone(), letter.of.clone(), format!("{}@{}", letter.partition, letter.offset)]
            }).collect()))
        }
    })
}

fn table<const N: usize>(label: &str, head: &[&str; N], rows: Vec<[String; N]>) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(label) {
            table {
                thead { tr { @for column in head { th scope="col" { (column) } } } }
                tbody { @for row in rows.iter().take(MAX_ROWS) { tr { @for cell in row { td { (cell) } } } } }
            }
        }
        @if rows.len() > MAX_ROWS { p.soft { (rows.len() - MAX_ROWS) " more are not shown." } }
    }
}
