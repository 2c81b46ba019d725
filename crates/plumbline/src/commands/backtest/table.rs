//! The judgement of a run, for people and for programs.

use std::fmt;

use plumbline_simulator::Yardstick;
use serde_json::{Value, json};

use super::ledger::ScopeValues;
use super::machine::Machine;
use super::score::{Came, Hit, Score, Span, places, scores};
use crate::commands::columns::columns;

/// A run against the truth.
pub(crate) struct Judgement {
    truth: Yardstick,
    span: Option<Span>,
    scores: Vec<Score>,
    data_episodes: usize,
}

impl Judgement {
    pub(crate) fn of(machine: &Machine<'_>, truth: &Yardstick) -> Judgement {
        let span = machine.span();
        let places = machine.plan().map(places).unwrap_or_default();
        // Without a single tick there is nothing to score, and whatever is expected has not come.
        let days = span.unwrap_or_else(|| {
            let day = truth.onset.unwrap_or_default();
            Span { first: day, live: day, last: day }
        });
        Judgement {
            truth: truth.clone(),
            span,
            scores: scores(&places, &machine.ledger, truth, days),
            data_episodes: machine.ledger.told().iter().filter(|told| !told.business).count(),
        }
    }

    /// The scores by the plan's order.
    pub(crate) fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// How many expected alerts never came, those of unknown targets included.
    pub(crate) fn missing(&self) -> usize {
        let never = self.scores.iter().filter(|score| score.came == Came::Never).count();
        never + self.unknown().count()
    }

    /// Expected names that the plan does not have.
    fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = |name: &str| self.scores.iter().any(|score| score.place.name == name);
        self.truth.expected.iter().map(|e| e.name.as_str()).filter(move |name| !known(name))
    }

    /// The scores as a table, its head first.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let head = [
            "target",
            "scope",
            "false pages",
            "a year",
            "inhibited",
            "history",
            "after onset",
            "expected alert",
            "delay",
            "onset interval",
            "named first",
            "label",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for score in &self.scores {
            let per_year = score.false_pages_per_year.map_or("–".to_owned(), |rate| format!("{rate:.2}"));
            let mut row = vec![
                score.place.name.clone(),
                scope_words(&score.place.scope),
                score.false_pages.to_string(),
                per_year,
                score.inhibited.to_string(),
                score.historical.to_string(),
                score.unexpected.to_string(),
            ];
            row.extend(came_words(&score.came));
            rows.push(row);
        }
        rows
    }

    pub(crate) fn as_json(&self) -> Value {
        let span = self.span.map(|span| {
            json!({
                "first": span.first, "live": span.live, "last": span.last,
                "years_before_onset": rounded(span.quiet_years(self.truth.onset)),
            })
        });
        json!({ "judgement": {
            "onset": self.truth.onset,
            "days": span,
            "missing": self.missing(),
            "not_in_plan": self.unknown().collect::<Vec<_>>(),
            "data_episodes": self.data_episodes,
            "targets": self.scores.iter().map(score_json).collect::<Vec<_>>(),
        }})
    }
}

/// A scope as the rest of the program writes it.
pub(crate) fn scope_words(scope: &ScopeValues) -> String {
    if scope.is_empty() {
        return "everything".to_owned();
    }
    scope.iter().map(|(dimension, value)| format!("{dimension}={value}")).collect::<Vec<_>>().join(",")
}

/// What became of an expected alert, as one object.
pub(crate) fn came_json(came: &Came) -> Value {
    match came {
        Came::NotExpected => Value::Null,
        Came::Never => json!({ "came": false }),
        Came::Before(day) => json!({ "came": true, "open_before_onset_since": day }),
        Came::After(hit) => json!({
            "came": true, "day": hit.day, "delay_days": hit.delay, "told_by": hit.by,
            "inhibited": hit.inhibited, "historical": hit.historical,
            "onset_covered": hit.onset_covered, "named_first": hit.named, "cause_first": hit.cause_first,
            "label": hit.label,
        }),
    }
}

fn score_json(score: &Score) -> Value {
    json!({
        "name": score.place.name, "scope": score.place.scope,
        "false_pages": score.false_pages,
        "false_pages_per_year": score.false_pages_per_year.map(rounded),
        "inhibited": score.inhibited, "historical": score.historical,
        "pages_after_onset_not_expected": score.unexpected,
        "expected": came_json(&score.came),
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn yes(answer: Option<bool>, yes: &str, no: &str) -> String {
    answer.map_or("–", |answer| if answer { yes } else { no }).to_owned()
}

/// Day, delay, onset, cause and label of an expected alert, in words.
fn came_words(came: &Came) -> Vec<String> {
    let words = |words: [&str; 5]| words.map(str::to_owned).to_vec();
    match came {
        Came::NotExpected => words(["not expected", "", "", "", ""]),
        Came::Never => words(["NEVER CAME", "", "", "", ""]),
        Came::Before(day) => words([&format!("open since {day}, before the onset"), "", "", "", ""]),
        Came::After(hit) => {
            let named = hit.named.clone().unwrap_or_else(|| "–".to_owned());
            vec![
                format!("{}{}", hit.day, notes(hit)),
                format!("day {}", hit.delay),
                yes(hit.onset_covered, "covered", "missed"),
                match hit.cause_first {
                    None => named,
                    Some(true) => format!("{named} (right)"),
                    Some(false) => format!("{named} (wrong)"),
                },
                hit.label.clone().unwrap_or_else(|| "–".to_owned()),
            ]
        }
    }
}

fn notes(hit: &Hit) -> String {
    let by = hit.by.as_ref().map(|by| format!("told by {by}"));
    let inhibited = hit.inhibited.then(|| "explained by another".to_owned());
    let historical = hit.historical.then(|| "before the plan was live".to_owned());
    let notes: Vec<String> = [by, inhibited, historical].into_iter().flatten().collect();
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let onset = self.truth.onset.map_or("no onset".to_owned(), |day| format!("onset {day}"));
        let years = self.span.map_or(0.0, |span| span.quiet_years(self.truth.onset));
        let until = if self.truth.onset.is_some() { "before it" } else { "in all" };
        writeln!(f, "\nAgainst the truth: {onset}, {years:.2} live years {until}\n")?;
        f.write_str(&columns(&self.rows()))?;
        let pages: usize = self.scores.iter().map(|score| score.false_pages).sum();
        let scopes = self.scores.len();
        write!(f, "\n{pages} false pages over {scopes} targets in scopes")?;
        if years > 0.0 {
            write!(f, ", {:.2} a year in each", pages as f64 / years / scopes.max(1) as f64)?;
        }
        if self.data_episodes > 0 {
            write!(f, "; {} episodes about the data", self.data_episodes)?;
        }
        writeln!(f)?;
        for name in self.unknown() {
            writeln!(f, "the truth expects `{name}`, which the plan does not have")?;
        }
        match self.missing() {
            0 => Ok(()),
            1 => writeln!(f, "1 expected alert never came"),
            n => writeln!(f, "{n} expected alerts never came"),
        }
    }
}
