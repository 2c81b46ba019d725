//! What each function's own number says, beside the outcome they share.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::view::{TargetView, WorkspaceView};
use crate::words;

/// What a function can reach alone.
fn is_own(metric: &str) -> bool {
    matches!(metric, "volume" | "spend" | "handoff")
}

pub(super) fn section(view: &WorkspaceView, scope: &str) -> Markup {
    let here = || view.targets.iter().filter(|target| target.scope == scope && target.plan.is_some());
    let mut own: BTreeMap<&str, Vec<&TargetView>> = BTreeMap::new();
    for target in here().filter(|target| is_own(target.metric)) {
        // The first owner is whose number it is; the others share the outcome.
        if let Some((function, _)) = target.owners.first().and_then(|owner| owner.split_once('/')) {
            own.entry(function).or_default().push(target);
        }
    }
    let shared: Vec<&TargetView> = here().filter(|target| !is_own(target.metric)).collect();
    let currency = &view.plan.currency;
    html! {
        @if !own.is_empty() || !shared.is_empty() {
            section aria-labelledby="outcome" {
                h2 #outcome { "What each function sees, and what all share: " (words::scope(scope)) }
                div.outcome {
                    @for (function, targets) in &own {
                        div.card { h3 { (function) } (numbers(targets, currency)) }
                    }
                    @if !shared.is_empty() {
                        div.card.shared { h3 { "shared outcome" } (numbers(&shared, currency)) }
                    }
                }
            }
        }
    }
}

fn numbers(targets: &[&TargetView], currency: &str) -> Markup {
    html! {
        dl {
            @for target in targets {
                dt { (target.target) }
                dd {
                    @match (target.of_plan(), target.now()) {
                        (Some(ratio), Some(now)) => {
                            b { (words::percent(ratio)) } " of plan "
                            small { (words::value(now, target.unit, currency)) }
                        },
                        _ => "no number yet",
                    }
                    " " span.verdict.(target.verdict) { (words::sign(target.verdict)) " " (words::verdict(target.verdict)) }
                }
            }
        }
    }
}
