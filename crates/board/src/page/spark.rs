//! A target's last days as a small line over the band that the plan tolerates.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use crate::view::TargetView;
use crate::words;

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 24.0;
/// Points drawn: a page may hold thousands of lines.
const POINTS: usize = 24;

pub(super) fn spark(target: &TargetView) -> Markup {
    let seen: Vec<f64> =
        target.trend.iter().filter_map(|point| point.value).map(|v| f64::from(v[0])).collect();
    let (Some(plan), true) = (target.plan, seen.len() > 1) else { return html! {} };
    let values: Vec<f64> = (0..seen.len().min(POINTS))
        .map(|at| seen[at * (seen.len() - 1) / (seen.len().min(POINTS) - 1)])
        .collect();
    let edges = [plan.lower, plan.upper].into_iter().flatten().chain([plan.value]);
    let (low, high) =
        values.iter().copied().chain(edges).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let room = ((high - low) * 0.1).max(plan.value.abs() * 0.02).max(f64::MIN_POSITIVE);
    let (low, high) = (low - room, high + room);
    let y = |value: f64| (HEIGHT * (high - value) / (high - low)).clamp(0.0, HEIGHT);
    let (top, bottom) = (plan.upper.map_or(0.0, y), plan.lower.map_or(HEIGHT, y));
    let mut path = String::with_capacity(POINTS * 8);
    for (at, value) in values.iter().enumerate() {
        let x = WIDTH * at as f64 / (values.len() - 1) as f64;
        let _ = write!(path, "{}{x:.0} {:.0}", if at == 0 { 'M' } else { 'L' }, y(*value));
    }
    let trend = match (seen.first(), seen.last()) {
        (Some(first), Some(last)) => format!(
            "{} to {} over {} days",
            words::value(*first, target.unit, ""),
            words::value(*last, target.unit, ""),
            seen.len()
        ),
        _ => String::new(),
    };
    html! {
        svg.spark role="img" aria-label=(trend) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
            rect.band y=(format!("{top:.0}")) width=(WIDTH) height=(format!("{:.0}", (bottom - top).max(1.0))) {}
            (PreEscaped(format!("<path class=\"plan\" d=\"M0 {0:.0}H{WIDTH}\"/><path d=\"{path}\"/>", y(plan.value))))
        }
    }
}
