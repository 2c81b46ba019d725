//! The title and the one sentence of an episode.

use plumbline_plan::Direction;
use plumbline_units::{Currency, Day, Name};

use super::names::{COST_PER_LEAD, shown};
use super::split::OTHERS;
use super::verdict::{Assessment, Effect, Part, PartKind, Unit};
use crate::stat::{Interval, Label};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Share of a gap that the parts named in a sentence explain.
const EXPLAINED: f64 = 0.8;
/// More parts than this make no plain sentence.
const FEW: usize = 3;

/// What a text is made of.
pub(crate) struct Words<'a> {
    /// The pattern, if the episode is one's.
    pub(crate) pattern: Option<&'a Name>,
    pub(crate) target: &'a Name,
    pub(crate) scope: &'a [(Name, Name)],
    pub(crate) direction: Direction,
    pub(crate) currency: Currency,
    pub(crate) assessment: &'a Assessment,
    /// First-stage entries since the onset over the plan's, where a volume target says.
    pub(crate) volume: Option<f64>,
    /// The first stage's name.
    pub(crate) first_stage: &'a str,
}

impl Words<'_> {
    /// `smb: lead-quality trap, MQL→SQL 26% below plan`.
    pub(crate) fn title(&self) -> String {
        let place = self.place();
        let effect = &self.assessment.drift;
        let said = format!("{} {} plan", shown(&effect.of), size(effect.relative.value));
        if self.only_slower() && self.pattern.is_none() {
            return format!("{place}: {} {}", self.target, self.pace());
        }
        match (self.pattern, self.whole()) {
            (Some(pattern), _) => format!("{place}: {}, {said}", story(pattern)),
            (None, Some(whole)) if effect.transition.is_some() && effect.label != "handoff" => {
                format!(
                    "{place}: {} {} plan, {} {}",
                    self.target,
                    size(whole),
                    shown(&effect.of),
                    size(effect.relative.value)
                )
            }
            (None, Some(whole)) => format!("{place}: {} {} plan", self.target, size(whole)),
            (None, None) => format!("{place}: {} {} plan", self.target, side(self.direction)),
        }
    }

    /// One sentence: what looks well, what does not and since when, and where it leads.
    pub(crate) fn summary(&self) -> String {
        let effect = &self.assessment.drift;
        let well = self.volume.filter(|v| *v >= 1.1 && effect.label != "volume");
        let since = self.assessment.onset.map(|o| format!("since about {} ", date(o.estimate)));
        let since = since.unwrap_or_default();
        let what = if effect.transition.is_some() || effect.of == COST_PER_LEAD {
            shown(&effect.of)
        } else {
            self.target.to_string()
        };
        let runs = |plan: &str| {
            format!("{since}{what} runs {} {plan}{}", size(effect.relative.value), range(effect))
        };
        let start = match well {
            Some(volume) => {
                let more = (volume - 1.0) * 100.0;
                format!("{}s are {more:.0}% above plan, but {}", capital(self.first_stage), runs("it"))
            }
            None => capital(&runs("plan")),
        };
        if self.only_slower() {
            return format!("{start}: {}, by the ages of those that came through.", self.pace());
        }
        let (through, heads) = (self.through(), self.heads_for());
        let comma = if through.is_empty() || heads.is_empty() { "" } else { "," };
        format!("{start}{through}{comma}{heads}.")
    }

    /// The few sub-segments that explain most of the transition's change, where the first dimension names them.
    fn through(&self) -> String {
        let split = |p: &&Part| !matches!(p.kind, PartKind::Transition { .. });
        let mut parts = self.assessment.why.iter().filter(split).peekable();
        let Some(dimension) = parts.peek().map(|p| p.dimension().map(str::to_string)) else {
            return String::new();
        };
        let parts = parts.filter(|p| p.dimension().map(str::to_string) == dimension && p.part != OTHERS);
        match few(parts) {
            Some(names) => format!(", mostly through {names}"),
            None => String::new(),
        }
    }

    /// The few factors that explain most of CAC's gap.
    fn by_parts(&self) -> String {
        let product = |p: &&Part| p.of == "cac" && matches!(p.kind, PartKind::Transition { .. });
        match few(self.assessment.why.iter().filter(product)) {
            Some(names) => format!(", by {names}"),
            None => String::new(),
        }
    }

    /// Whether a drift of conversion is known to be one of pace.
    fn only_slower(&self) -> bool {
        let a = self.assessment;
        a.drift.label == Label::Velocity.word() && a.plan.unit != Unit::Duration
    }

    /// `slower than planned, not fewer`.
    fn pace(&self) -> &'static str {
        // Of what a customer costs, above is what fewer conversions make.
        let fewer = (self.direction == Direction::Below) != (self.assessment.plan.unit == Unit::Money);
        if fewer { "slower than planned, not fewer" } else { "faster than planned, not more" }
    }

    fn place(&self) -> String {
        if self.scope.is_empty() {
            return "everything".to_string();
        }
        self.scope.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" / ")
    }

    /// The target's own projection relative to its plan.
    fn whole(&self) -> Option<f64> {
        let plan = self.assessment.plan.value;
        self.assessment.projected.filter(|_| plan > 0.0).map(|p| p.value / plan - 1.0)
    }

    fn heads_for(&self) -> String {
        let a = self.assessment;
        match (a.cac, a.cac_plan, a.conversion) {
            (Some(cac), Some(plan), _) if plan > 0.0 && outside(cac, plan) => {
                let (currency, by) = (self.currency, self.by_parts());
                let (low, high) = (money(cac.low), money(cac.high));
                format!(
                    " and CAC heads for {} {currency} ({low}–{high}) against {}{by}",
                    money(cac.value),
                    money(plan)
                )
            }
            (_, _, Some(conversion)) if a.drift.transition.is_some() && a.plan.unit.word() == "share" => {
                format!(
                    " and {} heads for {} against {}",
                    self.target,
                    percent(conversion.value),
                    percent(a.plan.value)
                )
            }
            _ => String::new(),
        }
    }
}

/// The largest parts that together explain enough, if they are few.
fn few<'a>(parts: impl Iterator<Item = &'a Part>) -> Option<String> {
    let (mut names, mut explained): (Vec<String>, f64) = (Vec::new(), 0.0);
    for part in parts.filter(|p| p.share > 0.0) {
        let name = shown(&part.part);
        if !names.contains(&name) {
            names.push(name);
        }
        explained += part.share;
        if explained >= EXPLAINED || names.len() > FEW {
            break;
        }
    }
    if explained < EXPLAINED || names.len() > FEW {
        return None;
    }
    let last = names.pop()?;
    Some(if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) })
}

fn outside(value: Interval, plan: f64) -> bool {
    (value.value / plan - 1.0).abs() > 0.05
}

/// `lead-quality-trap` → `lead-quality trap`.
fn story(pattern: &Name) -> String {
    match pattern.as_str().rsplit_once('-') {
        Some((head, tail)) => format!("{head} {tail}"),
        None => pattern.to_string(),
    }
}

/// `26% below`.
fn size(relative: f64) -> String {
    let percent = (relative.abs() * 100.0).round();
    format!("{percent:.0}% {}", if relative < 0.0 { "below" } else { "above" })
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::Below => "below",
        Direction::Above => "above",
    }
}

/// ` (12–38%)`, where the interval lies on one side of the plan; else with signs.
fn range(effect: &Effect) -> String {
    let Interval { value, low, high } = effect.relative;
    if low == high {
        return String::new();
    }
    let percent = |x: f64| (x * 100.0).round();
    if low < 0.0 && high <= 0.0 {
        format!(" ({:.0}–{:.0}%)", -percent(high), -percent(low))
    } else if low >= 0.0 && value >= 0.0 {
        format!(" ({:.0}–{:.0}%)", percent(low), percent(high))
    } else {
        format!(" ({:+.0} to {:+.0}%)", percent(low), percent(high))
    }
}

/// `4 March`.
fn date(day: Day) -> String {
    let (_, month, day) = day.ymd();
    format!("{day} {}", MONTHS[(month as usize + 11) % 12])
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// A value at three significant digits, thousands apart: 4700.3 → `4,700`.
pub(crate) fn money(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let scale = libm::pow(10.0, libm::floor(libm::log10(value.abs())) - 2.0);
    let digits = format!("{:.0}", (value.abs() / scale).round() * scale);
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_few_parts_that_explain_most_are_named() {
        let part = |name: &str, share: f64| Part {
            of: "cac".to_string(),
            kind: PartKind::Transition { factor: 1.0, low: None, high: None },
            part: name.to_string(),
            share,
        };
        let said = |parts: &[(&str, f64)]| {
            let parts: Vec<Part> = parts.iter().map(|(name, share)| part(name, *share)).collect();
            few(parts.iter())
        };
        let two = said(&[("cost per lead", 0.53), ("mql>sql", 0.4), ("sql>won", 0.07)]);
        assert_eq!(two.as_deref(), Some("cost per lead and MQL→SQL"));
        assert_eq!(said(&[("mql>sql", 1.2), ("sql>won", -0.2)]).as_deref(), Some("MQL→SQL"));
        assert_eq!(said(&[("a>b", 0.3), ("b>c", 0.3)]), None);
        assert_eq!(said(&[("a>b", 0.2), ("b>c", 0.2), ("c>d", 0.2), ("d>e", 0.2), ("e>f", 0.2)]), None);
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn money_has_three_significant_digits() {
        for (value, text) in [
            (4_703.2, "4,700"),
            (44_849.0, "44,800"),
            (1_234_567.0, "1,230,000"),
            (812.4, "812"),
            (-2_500.0, "-2,500"),
            (99.5, "99.50"),
        ] {
            assert_eq!(money(value), text);
        }
    }
}
