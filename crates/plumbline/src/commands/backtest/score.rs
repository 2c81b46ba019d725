//! A run against what really happened: false pages before the onset, the delay after it, and whether the first
//! record told the truth.
//!
//! A page is an episode's first record that is neither historical nor explained by another episode. Before the
//! onset every page is false; after it those that the truth neither expects nor implies. The delay counts 1 on
//! the onset day. A target is told of by its own episode, or by that of a pattern it belongs to.

use plumbline_plan::{Direction, Plan, Scope};
use plumbline_simulator::{Expected, Yardstick};
use plumbline_units::Day;

use super::ledger::{Ledger, ScopeValues, Told};

/// The days of a run that were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first day closed.
    pub(crate) first: Day,
    /// The first day that could page: not before the plan was live.
    pub(crate) live: Day,
    /// The last day closed.
    pub(crate) last: Day,
}

impl Span {
    /// Years in which a page would have been false whatever it said: live days before the onset, or all.
    pub(crate) fn quiet_years(self, onset: Option<Day>) -> f64 {
        let end = onset.unwrap_or(self.last.plus(1)).min(self.last.plus(1));
        f64::from(end.since(self.live).max(0)) / 365.25
    }
}

/// A target or pattern of the plan in one of its scopes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// The target's or pattern's name.
    pub(crate) name: String,
    /// Where.
    pub(crate) scope: ScopeValues,
    /// The patterns that tell of it.
    pub(crate) patterns: Vec<String>,
}

/// How one place did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Score {
    /// What is scored.
    pub(crate) place: Place,
    /// Pages before the onset, or of the whole run where there is none.
    pub(crate) false_pages: usize,
    /// The same per year; `None` where no day of it was live.
    pub(crate) false_pages_per_year: Option<f64>,
    /// Episodes of that time that another one explained and that never paged.
    pub(crate) inhibited: usize,
    /// Episodes of that time from before the plan was live that never paged.
    pub(crate) historical: usize,
    /// Pages from the onset on that the truth does not expect.
    pub(crate) unexpected: usize,
    /// What became of the alert the truth expects here.
    pub(crate) came: Came,
}

/// What became of an expected alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Came {
    /// The truth expects none here.
    NotExpected,
    /// It never came.
    Never,
    /// It stood already when the onset came.
    Before(Day),
    /// It came.
    After(Hit),
}

/// An alert that was right, by its first record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hit {
    /// The day whose tick opened it.
    pub(crate) day: Day,
    /// Days from the onset, which counts 1.
    pub(crate) delay: i32,
    /// The pattern that told of the target, where its own episode did not come first.
    pub(crate) by: Option<String>,
    /// Another episode explained it: nobody was paged.
    pub(crate) inhibited: bool,
    /// It belongs to the time before the plan was live.
    pub(crate) historical: bool,
    /// Whether the onset's interval covers the truth; `None` where none was told.
    pub(crate) onset_covered: Option<bool>,
    /// What was named first.
    pub(crate) named: Option<String>,
    /// Whether that is the cause; `None` where the truth names none.
    pub(crate) cause_first: Option<bool>,
    /// `conversion`, `velocity`, …
    pub(crate) label: Option<String>,
}

/// Every target and pattern in each of its scopes, in the order of the plan.
pub(crate) fn places(plan: &Plan) -> Vec<Place> {
    let values = |scope: &Scope| -> ScopeValues {
        let name = |at: u8| plan.dimensions.get(usize::from(at)).map(|d| d.name.to_string());
        scope.0.iter().filter_map(|(d, value)| Some((name(d.0)?, value.to_string()))).collect()
    };
    let mut all = Vec::new();
    for (target, index) in plan.targets.iter().zip(0u16..) {
        let telling = |p: &&plumbline_plan::Pattern| p.all.iter().any(|c| !c.negated && c.target.0 == index);
        let patterns: Vec<String> =
            plan.patterns.iter().filter(telling).map(|p| p.name.to_string()).collect();
        all.extend(target.scopes.iter().map(|s| Place {
            name: target.name.to_string(),
            scope: values(&s.scope),
            patterns: patterns.clone(),
        }));
    }
    for pattern in &plan.patterns {
        let member = pattern.all.iter().find(|c| !c.negated);
        let Some(target) = member.and_then(|c| plan.targets.get(usize::from(c.target.0))) else { continue };
        all.extend(target.scopes.iter().map(|s| Place {
            name: pattern.name.to_string(),
            scope: values(&s.scope),
            patterns: Vec::new(),
        }));
    }
    all
}

/// Scores each place by the truth.
pub(crate) fn scores(places: &[Place], ledger: &Ledger, truth: &Yardstick, span: Span) -> Vec<Score> {
    places.iter().map(|place| score(place, ledger, truth, span)).collect()
}

fn score(place: &Place, ledger: &Ledger, truth: &Yardstick, span: Span) -> Score {
    let own =
        || ledger.told().iter().filter(|t| t.business && t.name == place.name && t.scope == place.scope);
    let onset = truth.onset;
    let before = |day: Day| onset.is_none_or(|onset| day < onset);
    let expected = truth.expected.iter().find(|e| e.name == place.name);
    let quiet = || own().filter(|told| before(told.opened));
    let false_pages = own().filter(|told| told.paged.is_some_and(before)).count();
    let years = span.quiet_years(onset);
    let implied = |told: &&Told| {
        expected.is_some_and(|e| right_way(e, told)) && reach(&truth.scopes, &told.scope) != Reach::Elsewhere
    };
    Score {
        place: place.clone(),
        false_pages,
        false_pages_per_year: (years > 0.0).then(|| false_pages as f64 / years),
        inhibited: quiet().filter(|told| told.paged.is_none() && told.inhibited()).count(),
        historical: quiet().filter(|told| told.paged.is_none() && told.historical()).count(),
        unexpected: own().filter(|told| told.paged.is_some_and(|day| !before(day)) && !implied(told)).count(),
        came: match (expected, onset) {
            (Some(expected), Some(onset)) if reach(&truth.scopes, &place.scope) == Reach::Inside => {
                came(place, expected, ledger, onset)
            }
            _ => Came::NotExpected,
        },
    }
}

/// Where a scope lies against those in which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Within one of them: an alert must come.
    Inside,
    /// Around one of them: an alert is right, but none is owed.
    Around,
    Elsewhere,
}

fn reach(hit: &[ScopeValues], scope: &ScopeValues) -> Reach {
    let within =
        |inner: &ScopeValues, outer: &ScopeValues| outer.iter().all(|(k, v)| inner.get(k) == Some(v));
    if hit.is_empty() || hit.iter().any(|hit| within(scope, hit)) {
        Reach::Inside
    } else if hit.iter().any(|hit| within(hit, scope)) {
        Reach::Around
    } else {
        Reach::Elsewhere
    }
}

fn right_way(expected: &Expected, told: &Told) -> bool {
    let word = told.direction.map(|direction| match direction {
        Direction::Below => "below",
        Direction::Above => "above",
    });
    expected.direction.is_none() || word.is_none() || expected.direction.as_deref() == word
}

fn came(place: &Place, expected: &Expected, ledger: &Ledger, onset: Day) -> Came {
    let tells = |told: &&Told| {
        let own = told.name == place.name && right_way(expected, told);
        told.business && told.scope == place.scope && (own || place.patterns.contains(&told.name))
    };
    let mut all = ledger.told().iter().filter(tells);
    if let Some(standing) = all.clone().find(|t| t.opened < onset && t.stands_on(onset)) {
        return Came::Before(standing.opened);
    }
    let Some(told) = all.find(|told| told.opened >= onset) else { return Came::Never };
    let alert = &told.first;
    let named = alert.drift.as_ref().map(|d| d.of.clone()).filter(|of| Some(of) != alert.metric.as_ref());
    let named = named.or_else(|| alert.why.iter().find(|w| w.kind == "transition").map(|w| w.part.clone()));
    Came::After(Hit {
        day: told.opened,
        delay: told.opened.since(onset) + 1,
        by: (told.name != place.name).then(|| told.name.clone()),
        inhibited: told.inhibited(),
        historical: told.historical(),
        onset_covered: alert.onset.as_ref().map(|o| o.low <= onset && onset <= o.high),
        cause_first: expected.cause.as_ref().map(|cause| named.as_ref() == Some(cause)),
        named,
        label: alert.drift.as_ref().map(|drift| drift.label.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::record;
    use super::*;
    use plumbline_units::Zone;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn place(name: &str, segment: &str) -> Place {
        let patterns = if name == "lead-to-won" { vec!["trap".to_owned()] } else { vec![] };
        Place { name: name.into(), scope: ScopeValues::from([("segment".into(), segment.into())]), patterns }
    }

    fn truth(onset: Option<&str>) -> Yardstick {
        Yardstick {
            onset: onset.map(day),
            scopes: vec![ScopeValues::from([("segment".into(), "smb".into())])],
            expected: vec![Expected {
                name: "lead-to-won".into(),
                direction: Some("below".into()),
                cause: Some("mql>sql".into()),
            }],
        }
    }

    const SPAN: (&str, &str, &str) = ("2025-03-04", "2025-03-04", "2026-06-01");

    fn span((first, live, last): (&str, &str, &str)) -> Span {
        Span { first: day(first), live: day(live), last: day(last) }
    }

    /// One score as a line: false pages, inhibited, historical, unexpected, what came.
    fn line(score: &Score) -> String {
        let came = match &score.came {
            Came::NotExpected => "-".to_owned(),
            Came::Never => "never".to_owned(),
            Came::Before(day) => format!("before {day}"),
            Came::After(hit) => format!(
                "day {}{}{} onset {:?} cause {:?}",
                hit.delay,
                hit.by.as_ref().map_or(String::new(), |by| format!(" by {by}")),
                if hit.inhibited { " inhibited" } else { "" },
                hit.onset_covered.unwrap_or_default(),
                hit.cause_first.unwrap_or_default(),
            ),
        };
        format!("{} {} {} {} {came}", score.false_pages, score.inhibited, score.historical, score.unexpected)
    }

    #[test]
    fn pages_before_the_onset_are_false_and_the_delay_counts_one_on_the_onset_day() {
        // (name, id, day, flags) of the records in segment smb → the line of lead-to-won there
        type Records = &'static [(&'static str, &'static str, &'static str, &'static str)];
        let table: [(Records, &str); 9] = [
            (&[], "0 0 0 0 never"),
            (&[("lead-to-won", "a", "2026-03-04", "")], "0 0 0 0 day 1 onset true cause true"),
            (&[("lead-to-won", "a", "2026-03-23", "")], "0 0 0 0 day 20 onset true cause true"),
            (
                &[
                    ("lead-to-won", "a", "2026-01-05", ""),
                    ("lead-to-won", "a", "2026-02-01", "ended"),
                    ("lead-to-won", "b", "2026-03-10", "inhibited"),
                ],
                "1 0 0 0 day 7 inhibited onset true cause true",
            ),
            (&[("lead-to-won", "a", "2026-02-20", "")], "1 0 0 0 before 2026-02-20"),
            (
                &[
                    ("lead-to-won", "a", "2026-02-20", "inhibited"),
                    ("lead-to-won", "a", "2026-03-01", "ended"),
                ],
                "0 1 0 0 never",
            ),
            (
                &[
                    ("lead-to-won", "a", "2026-02-20", "historical"),
                    ("lead-to-won", "a", "2026-03-01", "ended"),
                ],
                "0 0 1 0 never",
            ),
            (&[("lead-to-won", "a", "2026-03-10", "above")], "0 0 0 1 never"),
            (&[("trap", "a", "2026-03-10", "pattern")], "0 0 0 0 day 7 by trap onset true cause true"),
        ];
        for (records, expected) in table {
            let mut ledger = Ledger::default();
            for (name, id, on, what) in records {
                ledger.take(&record(name, "smb", id, on, what), Zone::UTC);
            }
            let place = place("lead-to-won", "smb");
            let scores = scores(&[place], &ledger, &truth(Some("2026-03-04")), span(SPAN));
            assert_eq!(line(&scores[0]), expected, "{records:?}");
        }
    }

    #[test]
    fn without_an_onset_every_page_of_the_run_is_false() {
        let mut ledger = Ledger::default();
        for (id, on) in [("a", "2025-06-01"), ("b", "2026-05-01")] {
            ledger.take(&record("lead-to-won", "smb", id, on, ""), Zone::UTC);
        }
        let span = span(("2024-06-02", "2025-06-02", "2026-06-01"));
        let [score] = &scores(&[place("lead-to-won", "smb")], &ledger, &truth(None), span)[..] else {
            panic!("one place")
        };
        assert_eq!(line(score), "2 0 0 0 -");
        assert!((score.false_pages_per_year.unwrap() - 2.0).abs() < 0.01, "{score:?}");
    }

    #[test]
    fn a_scope_that_nothing_happens_in_owes_no_alert_and_pages_falsely_after_the_onset_too() {
        let mut ledger = Ledger::default();
        ledger.take(&record("lead-to-won", "mid", "a", "2026-03-10", ""), Zone::UTC);
        let scores = scores(&[place("lead-to-won", "mid")], &ledger, &truth(Some("2026-03-04")), span(SPAN));
        assert_eq!(line(&scores[0]), "0 0 0 1 -");
    }

    #[test]
    fn quiet_years_are_live_days_before_the_onset_or_all_of_them() {
        for ((first, live, last), onset, days) in [
            (("2026-01-01", "2026-01-01", "2026-12-31"), Some("2026-01-11"), 10),
            (("2026-01-01", "2026-01-06", "2026-12-31"), Some("2026-01-11"), 5),
            (("2026-01-01", "2026-02-01", "2026-12-31"), Some("2026-01-11"), 0),
            (("2026-01-01", "2026-01-01", "2026-01-20"), None, 20),
            (("2026-01-01", "2026-01-01", "2026-01-20"), Some("2027-01-01"), 20),
        ] {
            let years = span((first, live, last)).quiet_years(onset.map(day));
            assert_eq!((years * 365.25).round() as i32, days, "{onset:?}");
        }
    }
}
