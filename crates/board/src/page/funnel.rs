//! The funnel as a picture: stages, and between them what is handed over, coloured by its verdict.

use maud::{Markup, html};

use crate::view::{StepView, WorkspaceView};
use crate::words;

pub(super) fn section(view: &WorkspaceView, scope: &str) -> Markup {
    let Some(funnel) = view.funnels.iter().find(|funnel| funnel.scope == scope) else { return html! {} };
    html! {
        section aria-labelledby="funnel" {
            h2 #funnel { "Funnel: " (words::scope(scope)) }
            p.soft { "Cohorts of the last 90 days, open journeys counted by how far the planned lag has matured them; \
                      in brackets the 90% interval. The verdict is by the evidence, not by this number: a drift of days hides in 90 of them." }
            ol.funnel {
                @for (at, step) in funnel.steps.iter().enumerate() {
                    @if at == 0 { li.stage { (step.from) } }
                    (transition(view, at, step))
                    li.stage { (step.to) }
                }
            }
        }
    }
}

fn transition(view: &WorkspaceView, at: usize, step: &StepView) -> Markup {
    let owners = view.plan.transitions.get(at).map(|t| t.owners.join(", ")).unwrap_or_default();
    html! {
        li.step.(step.verdict) {
            span.verdict.(step.verdict) { (words::sign(step.verdict)) " " (words::verdict(step.verdict)) }
            span.rate {
                @match step.rate {
                    Some(rate) => {
                        b { (words::percent(rate.value)) } " "
                        small { "(" (words::percent(rate.low)) "–" (words::percent(rate.high)) ")" }
                    },
                    None => b { "–" },
                }
            }
            small { "plan " (words::percent(step.plan)) }
            @if let Some(drift) = step.drift {
                strong {
                    @if let Some(since) = drift.since { "since " (since) ": " }
                    (words::signed(drift.relative.value))
                    " (" (words::signed(drift.relative.low)) " to " (words::signed(drift.relative.high)) ")"
                }
            }
            small { (words::grouped(step.entered as f64)) " in, " (words::grouped(step.converted as f64)) " on; "
                (words::grouped(step.expected.round())) " expected by now" }
            small.owners { (owners) }
        }
    }
}
