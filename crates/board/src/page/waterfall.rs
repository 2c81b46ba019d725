//! Why, as bars that add up: from the plan to where the target is heading.

use maud::{Markup, html};
use plumbline_drift::judge::shown;
use plumbline_engine::alert::{Alert, Why};

use crate::words;

/// One bar, from and to in the chart's own measure.
pub(super) struct Bar {
    name: String,
    pub(super) says: String,
    pub(super) from: f64,
    pub(super) to: f64,
    /// Ends of the whole, not parts of it.
    pub(super) whole: bool,
}

/// A waterfall per explanation: the factors of a product, and the sub-segments of a rate.
pub(super) fn waterfalls(alert: &Alert) -> Markup {
    html! { @for (caption, bars) in charts(alert) { (chart(&caption, &bars)) } }
}

/// The captions with their bars.
pub(super) fn charts(alert: &Alert) -> Vec<(String, Vec<Bar>)> {
    let mut groups: Vec<(&str, bool, Vec<&Why>)> = Vec::new();
    for part in &alert.why {
        let factors = part.dimension.is_none();
        match groups.iter_mut().find(|(of, kind, _)| *of == part.of && *kind == factors) {
            Some((_, _, parts)) => parts.push(part),
            None => groups.push((&part.of, factors, vec![part])),
        }
    }
    let bars = |(of, factors, parts): &(&str, bool, Vec<&Why>)| match factors {
        true => product(of, parts),
        false => points(of, parts),
    };
    groups.iter().map(bars).collect()
}

/// Factors multiply: their logarithms are stacked, each by its share of the whole, and the bars end where the
/// whole does.
fn product(of: &str, parts: &[&Why]) -> (String, Vec<Bar>) {
    let whole = parts
        .iter()
        .copied()
        .max_by(|a, b| a.share.abs().total_cmp(&b.share.abs()))
        .map_or(0.0, |part| effect(of, part) / if part.share == 0.0 { 1.0 } else { part.share });
    let mut at = 0.0;
    let mut bars =
        vec![Bar { name: "plan".to_owned(), says: String::new(), from: 0.0, to: 0.0, whole: true }];
    for part in parts {
        let to = at + part.share * whole;
        let factor = part.factor.map(|factor| format!("×{factor:.2}, ")).unwrap_or_default();
        bars.push(Bar {
            name: shown(&part.part),
            says: format!("{factor}{} of the gap", words::percent(part.share)),
            from: at,
            to,
            whole: false,
        });
        at = to;
    }
    rest(&mut bars, at, whole, 1.0 - parts.iter().map(|part| part.share).sum::<f64>());
    // Of the factors themselves, as the alert's text has it: shares are rounded.
    let says = format!("×{:.2}", parts.iter().map(|part| effect(of, part)).sum::<f64>().exp());
    bars.push(Bar { name: "heading".to_owned(), says, from: 0.0, to: whole, whole: true });
    (format!("{}: from the plan to where it is heading, as factors", shown(of)), bars)
}

/// Effects in percentage points add up.
fn points(of: &str, parts: &[&Why]) -> (String, Vec<Bar>) {
    let mut at = 0.0;
    let mut bars = Vec::new();
    for part in parts {
        let effect = part.effect_points.unwrap_or_default();
        let kind = if part.kind == "mix" { "more or fewer of them" } else { "convert differently" };
        let dimension = part.dimension.as_deref().unwrap_or_default();
        let change = match (part.before, part.since) {
            (Some(before), Some(since)) => {
                format!(", {}\u{a0}→\u{a0}{}", words::percent(before), words::percent(since))
            }
            _ => String::new(),
        };
        bars.push(Bar {
            name: format!("{dimension} {}: {kind}", part.part),
            says: format!(
                "{} points, {} of the gap{change}",
                words::points(effect),
                words::percent(part.share)
            ),
            from: at,
            to: at + effect,
            whole: false,
        });
        at += effect;
    }
    bars.push(Bar {
        name: "together".to_owned(),
        says: format!("{} points", words::points(at)),
        from: 0.0,
        to: at,
        whole: true,
    });
    (format!("{}: by sub-segment, in percentage points", shown(of)), bars)
}

/// What the parts named leave of the whole.
fn rest(bars: &mut Vec<Bar>, at: f64, whole: f64, share: f64) {
    if share.abs() > 0.005 {
        let says = format!("{} of the gap", words::percent(share));
        bars.push(Bar { name: "others".to_owned(), says, from: at, to: whole, whole: false });
    }
}

/// What a part does to the logarithm of the whole: a lower conversion makes a customer dearer.
fn effect(of: &str, part: &Why) -> f64 {
    let log = part.factor.map_or(0.0, |factor| factor.max(1e-9).ln());
    if of == "cac" && part.part != "cost per lead" { -log } else { log }
}

fn chart(caption: &str, bars: &[Bar]) -> Markup {
    let ends = || bars.iter().flat_map(|bar| [bar.from, bar.to]);
    let (low, high) = ends().fold((0.0f64, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    let width = (high - low).max(1e-9);
    // Which way the whole went: what went the same way made the gap, the rest narrowed it.
    let gap = bars.last().map_or(0.0, |whole| whole.to - whole.from);
    let class = |bar: &Bar| match bar {
        Bar { whole: true, .. } => "whole",
        Bar { from, to, .. } if (to - from) * gap >= 0.0 => "widens",
        _ => "narrows",
    };
    let x = |value: f64| 100.0 * (value - low) / width;
    // However small, a bar is seen, and inside the drawing.
    let place = |bar: &Bar| {
        let (left, right) = (x(bar.from.min(bar.to)), x(bar.from.max(bar.to)));
        let width = (right - left).max(0.6);
        (left.min(100.0 - width), width)
    };
    html! {
        figure.waterfall {
            figcaption { (caption) }
            table {
                @for bar in bars {
                    tr {
                        th scope="row" { (bar.name) }
                        td.bar aria-hidden="true" {
                            svg viewBox="0 0 100 10" preserveAspectRatio="none" {
                                rect.(class(bar)) x=(format!("{:.1}", place(bar).0)) width=(format!("{:.1}", place(bar).1))
                                    y="1" height="8" {}
                            }
                        }
                        td { (bar.says) }
                    }
                }
            }
        }
    }
}
