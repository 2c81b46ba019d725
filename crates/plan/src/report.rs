//! What `plan check` prints: the plan as the program understood it.

use std::fmt::Write;

use crate::diagnostic::Diagnostic;
use crate::display::{bounds, conversion, lag, percent, short, value};
use crate::model::{Condition, Dimension, Direction, Metric, Owner, Plan, Severity, Target};

/// Values listed per dimension.
const MAX_VALUES_SHOWN: usize = 12;

/// The plan in words and numbers: funnel, targets by scope with bounds and owners, patterns, the plan's
/// arithmetic, and the warnings. Ends with a newline.
pub fn check_report(plan: &Plan, warnings: &[Diagnostic]) -> String {
    let mut out = String::new();
    head(&mut out, plan);
    transitions(&mut out, plan);
    for target in &plan.targets {
        out.push('\n');
        target_block(&mut out, plan, target);
    }
    patterns(&mut out, plan);
    arithmetic(&mut out, plan);
    if !warnings.is_empty() {
        line(&mut out, format_args!("\nWarnings"));
        for warning in warnings {
            line(&mut out, format_args!("{warning}"));
        }
    }
    summary(&mut out, plan, warnings.len());
    out
}

/// Writing to a `String` cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

fn head(out: &mut String, plan: &Plan) {
    line(out, format_args!("Plan {}, revision {} ({})", plan.name, plan.revision, plan.source));
    let live = match plan.live_from {
        Some(at) => format!("live from {at}"),
        None => "live from when it is applied".to_owned(),
    };
    line(
        out,
        format_args!(
            "Effective from {}, {live}; days of {}, money in {}",
            plan.effective_from, plan.zone, plan.currency
        ),
    );
    budget(out, plan);
    line(
        out,
        format_args!(
            "Lags up to {} longer count as a slower cycle, not as fewer conversions",
            percent(plan.lag_tolerance)
        ),
    );
    line(
        out,
        format_args!(
            "What is acknowledged without an end is asked again after {}",
            crate::display::duration(plan.review_every)
        ),
    );
    let stages: Vec<&str> = plan.motion().stages.iter().map(|s| s.as_str()).collect();
    line(out, format_args!("Funnel: {}", stages.join(" → ")));
    for dimension in &plan.dimensions {
        line(out, format_args!("Dimension {}: {}", dimension.name, values(dimension)));
    }
}

/// The budget of each, and what it means for who is called: the sum over all that are judged by evidence.
fn budget(out: &mut String, plan: &Plan) {
    let each = short(plan.false_alarms_per_year);
    match plan.false_alarms_per_year_total {
        None => line(out, format_args!("False alarms accepted per target, scope and year: {each}")),
        Some(total) => line(
            out,
            format_args!(
                "False alarms accepted per year: {} of the whole plan, {each} per target and scope",
                short(total)
            ),
        ),
    }
    let by_evidence = plan.targets.iter().filter(|t| t.metric != Metric::Spend);
    let whole: f64 = by_evidence
        .map(|t| t.false_alarms_per_year.unwrap_or(plan.false_alarms_per_year) * t.scopes.len() as f64)
        .sum();
    if whole > 0.0 {
        line(out, format_args!("A company on plan is paged at most {} for nothing", times_a_year(whole)));
    }
}

/// `12 times a year (about once a month)`.
fn times_a_year(number: f64) -> String {
    let often = match number {
        n if n >= 39.0 => format!("about {} a week", times(n / 52.0)),
        n if n >= 9.0 => format!("about {} a month", times(n / 12.0)),
        n if n >= 3.0 => format!("about {} a quarter", times(n / 4.0)),
        n if n >= 0.75 => return format!("{} a year", times(n)),
        n => format!("about once in {} years", short((1.0 / n).round())),
    };
    format!("{} times a year ({often})", short(number))
}

fn times(number: f64) -> String {
    match number.round() {
        n if n <= 1.0 => "once".to_owned(),
        2.0 => "twice".to_owned(),
        n => format!("{n:.0} times"),
    }
}

fn values(dimension: &Dimension) -> String {
    if dimension.values.is_empty() {
        return "any value; explains, is not judged".to_owned();
    }
    let shown: Vec<&str> = dimension.values.iter().take(MAX_VALUES_SHOWN).map(|v| v.as_str()).collect();
    match dimension.values.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn transitions(out: &mut String, plan: &Plan) {
    let mut rows = vec![cells(["transition", "scope", "conversion", "lag", "owners"])];
    for transition in &plan.motion().transitions {
        let name = format!("{} → {}", plan.stage_name(transition.from), plan.stage_name(transition.to));
        let base = &transition.base;
        rows.push(vec![name, String::new(), conversion(base), lag(&base.lag), owners(&transition.owners)]);
        for (scope, own) in &transition.scopes {
            rows.push(vec![
                String::new(),
                plan.scope_label(scope),
                conversion(own),
                lag(&own.lag),
                String::new(),
            ]);
        }
    }
    out.push('\n');
    table(out, &rows);
}

fn target_block(out: &mut String, plan: &Plan, target: &Target) {
    line(
        out,
        format_args!(
            "Target {}: {} ({}:{})",
            target.name,
            metric(plan, target.metric),
            plan.source,
            target.line
        ),
    );
    line(out, format_args!("  owners: {}", owners(&target.owners)));
    if let Some(how) = method(plan, target) {
        line(out, format_args!("  judged by: {how}"));
    }
    if !target.depends_on.is_empty() {
        let causes: Vec<String> = target
            .depends_on
            .iter()
            .map(|d| format!("{} {}", plan.target(d.target).name, direction(d.direction)))
            .collect();
        line(out, format_args!("  inhibited while explained by: {}", causes.join(", ")));
    }
    let mut rows = vec![cells(["scope", "plan", "warn", "critical"])];
    for scoped in &target.scopes {
        let label = match plan.scope_label(&scoped.scope) {
            label if label.is_empty() => "everything".to_owned(),
            label => label,
        };
        let edge = |tolerance| bounds(scoped.value, tolerance, plan.currency);
        rows.push(vec![
            label,
            value(scoped.value, plan.currency),
            edge(target.warn),
            target.critical.map_or("-".to_owned(), edge),
        ]);
    }
    table(out, &rows);
}

/// How the evidence is gathered, where the metric does not say so itself.
fn method(plan: &Plan, target: &Target) -> Option<String> {
    let tolerance = target.lag_tolerance.unwrap_or(plan.lag_tolerance);
    match target.metric {
        Metric::Handoff { within, .. } => Some(format!(
            "the share that gets there in time among the entries of a day, complete {} after entry; until then by \
             the planned lag",
            crate::display::duration(within)
        )),
        Metric::Velocity { .. } => Some(
            "how old the conversions of each entry day are, given how many there are: neither volume nor conversion \
             moves it"
                .to_owned(),
        ),
        Metric::Conversion { .. } | Metric::Cac if target.lag_tolerance.is_some() => {
            Some(format!("lags up to {} longer count as a slower cycle, not as fewer", percent(tolerance)))
        }
        _ => None,
    }
}

fn metric(plan: &Plan, metric: Metric) -> String {
    let word = metric.word();
    let name = |stage| plan.stage_name(stage);
    match metric {
        Metric::Conversion { from, to } | Metric::Velocity { from, to } => {
            format!("{word} {} → {}", name(from), name(to))
        }
        Metric::Handoff { from, to, within } => {
            format!("{word} {} → {} within {}", name(from), name(to), crate::display::duration(within))
        }
        Metric::Volume { stage } => format!("{word} of {}", name(stage)),
        Metric::Cac | Metric::Spend => word.to_owned(),
    }
}

fn patterns(out: &mut String, plan: &Plan) {
    for pattern in &plan.patterns {
        let severity = match pattern.severity {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        line(out, format_args!("\nPattern {} ({severity}) ({}:{})", pattern.name, plan.source, pattern.line));
        let conditions: Vec<String> = pattern.all.iter().map(|c| condition(plan, c)).collect();
        line(out, format_args!("  when: {}", conditions.join(", ")));
        line(out, format_args!("  owners: {}", owners(&pattern.owners)));
    }
}

fn condition(plan: &Plan, condition: &Condition) -> String {
    let not = if condition.negated { "not-" } else { "" };
    format!("{} {not}{}", plan.target(condition.target).name, direction(condition.direction))
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Below => "below",
        Direction::Above => "above",
    }
}

fn arithmetic(out: &mut String, plan: &Plan) {
    let lines = plan.arithmetic();
    if lines.is_empty() {
        return;
    }
    line(out, format_args!("\nThe plan's arithmetic"));
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|l| {
            let mark = if l.agrees() { "ok" } else { "!!" };
            let target = plan.target(l.target).name.to_string();
            vec![mark.to_owned(), target, plan.scope_label(&l.scope), plan.arithmetic_text(l)]
        })
        .collect();
    table(out, &rows);
}

fn summary(out: &mut String, plan: &Plan, warnings: usize) {
    let scopes: usize = plan.targets.iter().map(|t| t.scopes.len()).sum();
    let plural = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    line(
        out,
        format_args!(
            "\n{} in {} judged; {}",
            plural(plan.targets.len(), "target"),
            plural(scopes, "scope"),
            plural(warnings, "warning")
        ),
    );
}

fn owners(owners: &[Owner]) -> String {
    let names: Vec<String> = owners.iter().map(|o| format!("{}/{}", o.function, o.team)).collect();
    names.join(", ")
}

fn cells<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// Columns as wide as their widest cell, indented by two, no white space at line ends.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut text = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, " {cell:<width$} ");
        }
        line(out, format_args!("{}", text.trim_end()));
    }
}
