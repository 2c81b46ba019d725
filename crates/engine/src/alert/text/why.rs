//! The parts of an alert in few words: a line for each product, then one for each rate that was split.

use plumbline_drift::judge::shown;

use super::super::Why;

/// Parts named on a line.
const PARTS: usize = 3;
/// Lines about dimensions.
const SPLITS: usize = 2;
/// What is not named one by one.
const OTHERS: &str = "(others)";

pub(super) fn lines(why: &[Why]) -> Vec<String> {
    let mut keys: Vec<(&str, Option<&str>)> = Vec::new();
    for part in why {
        let key = (part.of.as_str(), part.dimension.as_deref());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let parts = |(of, dimension): (&str, Option<&str>)| -> Vec<&Why> {
        why.iter().filter(|w| w.of == of && w.dimension.as_deref() == dimension).collect()
    };
    let products = keys.iter().filter(|k| k.1.is_none()).map(|&k| product(k.0, &parts(k)));
    let splits = keys.iter().filter(|k| k.1.is_some()).take(SPLITS).map(|&k| split(k.0, &parts(k)));
    products.chain(splits).collect()
}

/// `CAC ×1.88 = cost per lead ×1.40 (53%) · MQL→SQL ×0.75 (47%)`.
fn product(of: &str, parts: &[&Why]) -> String {
    // A customer costs what a lead costs, divided by the share of leads that become customers.
    let divides = |w: &Why| of == "cac" && w.part.contains('>');
    let effect = |w: &&Why| w.factor.map(|f| if divides(w) && f != 0.0 { 1.0 / f } else { f });
    let product: f64 = parts.iter().filter_map(effect).product();
    let said: Vec<String> = parts
        .iter()
        .take(PARTS)
        .map(|w| format!("{} ×{:.2} {}", shown(&w.part), w.factor.unwrap_or(1.0), share(w)))
        .collect();
    if parts.len() > 1 {
        format!("{} ×{product:.2} = {}", shown(of), said.join(" · "))
    } else {
        format!("{}: {}", shown(of), said.join(" · "))
    }
}

/// `MQL→SQL: paid_social 34→16% (69%) · more leads from it (31%)`.
fn split(of: &str, parts: &[&Why]) -> String {
    let stage = of.split_once('>').map_or("entries", |(from, _)| from);
    let mut said: Vec<String> = Vec::new();
    let mut before: Option<&str> = None;
    for part in parts.iter().filter(|w| w.part != OTHERS).take(PARTS) {
        let sides = (part.before.unwrap_or(0.0) * 100.0, part.since.unwrap_or(0.0) * 100.0);
        let text = if part.kind == "mix" {
            let change = if sides.1 > sides.0 { "more" } else { "fewer" };
            let place = if before == Some(&part.part) { "it" } else { &part.part };
            format!("{change} {} from {place} {}", super::many(stage), share(part))
        } else {
            format!("{} {}→{}% {}", part.part, number(sides.0), number(sides.1), share(part))
        };
        said.push(text);
        before = Some(&part.part);
    }
    if said.is_empty() {
        said = parts.iter().take(PARTS).map(|w| format!("{} {}", w.part, share(w))).collect();
    }
    format!("{}: {}", shown(of), said.join(" · "))
}

/// Percent: one decimal where a whole number would say little.
fn number(percent: f64) -> String {
    if percent < 10.0 { format!("{percent:.1}") } else { format!("{percent:.0}") }
}

fn share(part: &Why) -> String {
    format!("({:.0}%)", part.share * 100.0)
}
