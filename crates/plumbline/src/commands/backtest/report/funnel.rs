//! The funnel against the plan: what each transition's newest cohorts are heading for.

use std::fmt::Write;

use plumbline_board::escaped;
use plumbline_board::words::{grouped, percent, scope as scope_words};
use plumbline_drift::judge::scope_series;
use plumbline_drift::power::{CohortRate, cohort_rates};
use plumbline_drift::stat::Interval;
use plumbline_plan::{Metric, Plan, Scope};

use super::Page;

/// Days of cohorts.
const COHORT_DAYS: usize = 90;
/// Scopes shown beside everything together.
const MAX_SCOPES: usize = 24;
/// The strip shows rates from half the plan to half as much again.
const REACH: f64 = 0.5;

pub(super) fn section(page: &Page<'_>) -> String {
    let mut out = format!(
        "<section id=\"funnel\"><h2>Funnel against plan</h2>\n<p>Cohorts of the last {COHORT_DAYS} days to {}, open \
         journeys counted by how far the planned lag has matured them, with 90% intervals. The line in the middle of \
         a strip is the plan, its ends are half of it and half as much again.</p>\n",
        page.days.1
    );
    let scopes = scopes(page.plan);
    for scope in scopes.iter().take(MAX_SCOPES + 1) {
        let Some(workspace) = page.machine.workspace() else { continue };
        let series = scope_series(page.plan, workspace.fold().cells(), scope, page.days.1);
        let rates = cohort_rates(page.plan, scope, &series, COHORT_DAYS);
        let label = page.plan.scope_label(scope);
        table(&mut out, page.plan, scope_words(&label), &rates);
    }
    if scopes.len() > MAX_SCOPES + 1 {
        let _ = writeln!(
            out,
            "<p class=\"note\">{} more scopes are not shown.</p>",
            scopes.len() - MAX_SCOPES - 1
        );
    }
    out + "</section>\n"
}

/// Everything, then the scopes of targets that rest on transitions.
fn scopes(plan: &Plan) -> Vec<Scope> {
    let mut scopes = vec![Scope::default()];
    let of_funnel =
        |metric| matches!(metric, Metric::Conversion { .. } | Metric::Cac | Metric::Handoff { .. });
    for scoped in plan.targets.iter().filter(|t| of_funnel(t.metric)).flat_map(|t| &t.scopes) {
        if !scopes.contains(&scoped.scope) {
            scopes.push(scoped.scope.clone());
        }
    }
    scopes
}

fn table(out: &mut String, plan: &Plan, scope: &str, rates: &[CohortRate]) {
    let _ = writeln!(
        out,
        "<h3>{0}</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Funnel of {0}\"><table><thead>\
         <tr><th scope=\"col\">transition</th><th scope=\"col\">plan</th><th scope=\"col\">cohorts</th>\
         <th scope=\"col\">against plan</th><th scope=\"col\">entered</th><th scope=\"col\">expected by now</th>\
         <th scope=\"col\">came</th></tr></thead><tbody>",
        escaped(scope)
    );
    for rate in rates {
        let (observed, strip) = match rate.rate {
            Some(seen) => (
                format!("{} ({} – {})", percent(seen.value), percent(seen.low), percent(seen.high)),
                strip(seen.times(1.0 / rate.plan.max(1e-9))),
            ),
            None => ("–".to_owned(), String::new()),
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{} → {}</th><td>{}</td><td>{observed}</td><td>{strip}</td><td>{}</td><td>{}</td>\
             <td>{}</td></tr>",
            escaped(plan.stage_name(rate.from).as_str()),
            escaped(plan.stage_name(rate.to).as_str()),
            percent(rate.plan),
            grouped(rate.entered as f64),
            grouped(rate.expected.round()),
            grouped(rate.converted as f64),
        );
    }
    out.push_str("</tbody></table></div>\n");
}

/// Interval and point relative to the plan, which lies in the middle.
fn strip(relative: Interval) -> String {
    let x = |value: f64| ((value - 1.0 + REACH) / (2.0 * REACH)).clamp(0.0, 1.0) * 100.0;
    let away = if relative.contains(1.0) { "" } else { " away" };
    format!(
        "<svg class=\"strip{away}\" role=\"img\" aria-label=\"{} of plan\" viewBox=\"0 0 100 16\" \
         preserveAspectRatio=\"none\"><path class=\"plan\" d=\"M50 0V16\"/><rect x=\"{:.1}\" y=\"5\" width=\"{:.1}\" \
         height=\"6\"/><path class=\"point\" d=\"M{:.1} 2V14\"/></svg>",
        percent(relative.value),
        x(relative.low),
        (x(relative.high) - x(relative.low)).max(0.5),
        x(relative.value),
    )
}
