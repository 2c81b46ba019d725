//! Variants of a plan side by side.

use std::collections::BTreeSet;
use std::fmt;

use plumbline_simulator::Yardstick;
use plumbline_units::Day;
use serde_json::{Value, json};

use super::ledger::{Ledger, ScopeValues};
use super::machine::Machine;
use super::score::{Came, Place, places};
use super::table::{Judgement, came_json, scope_words};
use crate::commands::columns::columns;

/// Several runs over the same records.
pub(crate) struct Comparison {
    labels: Vec<String>,
    with_truth: bool,
    rows: Vec<Row>,
}

/// One target or pattern in one scope, in every run.
struct Row {
    place: Place,
    runs: Vec<Cell>,
}

/// The same in one run.
#[derive(Clone, Debug, Default, PartialEq)]
struct Cell {
    openings: usize,
    pages: usize,
    first: Option<Day>,
    false_pages: Option<usize>,
    came: Option<Came>,
}

impl Comparison {
    pub(crate) fn of(machines: &[Machine<'_>], truth: Option<&Yardstick>) -> Comparison {
        let plans: Vec<Vec<Place>> =
            machines.iter().map(|m| m.plan().map(places).unwrap_or_default()).collect();
        let judgements: Vec<Option<Judgement>> =
            machines.iter().map(|machine| truth.map(|truth| Judgement::of(machine, truth))).collect();
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for place in plans.iter().flatten() {
            if seen.insert((place.name.clone(), place.scope.clone())) {
                let runs = machines.iter().zip(&judgements);
                let runs = runs.map(|(machine, judgement)| cell(&machine.ledger, judgement.as_ref(), place));
                rows.push(Row { place: place.clone(), runs: runs.collect() });
            }
        }
        let labels = machines.iter().map(|machine| machine.label.clone()).collect();
        Comparison { labels, with_truth: truth.is_some(), rows }
    }

    pub(crate) fn as_json(&self) -> Value {
        let cell = |(label, cell): (&String, &Cell)| {
            json!({
                "variant": label, "openings": cell.openings, "pages": cell.pages, "first": cell.first,
                "false_pages": cell.false_pages, "expected": cell.came.as_ref().map(came_json),
            })
        };
        let row = |row: &Row| {
            json!({
                "name": row.place.name, "scope": row.place.scope,
                "runs": self.labels.iter().zip(&row.runs).map(cell).collect::<Vec<_>>(),
            })
        };
        json!({ "comparison": {
            "variants": self.labels, "targets": self.rows.iter().map(row).collect::<Vec<_>>(),
        }})
    }
}

fn cell(ledger: &Ledger, judgement: Option<&Judgement>, place: &Place) -> Cell {
    let here = |name: &str, scope: &ScopeValues| *name == place.name && *scope == place.scope;
    let own = || ledger.told().iter().filter(|told| told.business && here(&told.name, &told.scope));
    let score = judgement
        .and_then(|judgement| judgement.scores().iter().find(|s| here(&s.place.name, &s.place.scope)));
    Cell {
        openings: own().count(),
        pages: own().filter(|told| told.paged.is_some()).count(),
        first: own().map(|told| told.opened).min(),
        false_pages: score.map(|score| score.false_pages),
        came: score.map(|score| score.came.clone()),
    }
}

impl Cell {
    fn words(&self) -> String {
        let first = self.first.map_or("–".to_owned(), |day| day.to_string());
        let mut text = format!("{} / {} / {first}", self.openings, self.pages);
        if let Some(false_pages) = self.false_pages {
            let delay = match &self.came {
                Some(Came::After(hit)) => format!("day {}", hit.delay),
                Some(Came::Before(_)) => "before".to_owned(),
                Some(Came::Never) => "NEVER".to_owned(),
                Some(Came::NotExpected) | None => "–".to_owned(),
            };
            text.push_str(&format!(" / {false_pages} / {delay}"));
        }
        text
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let truth = if self.with_truth { " / false pages / delay" } else { "" };
        writeln!(f, "openings / pages / first opening{truth}\n")?;
        let head = ["target", "scope"].into_iter().chain(self.labels.iter().map(String::as_str));
        let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
        rows.extend(self.rows.iter().map(|row| {
            let place = [row.place.name.clone(), scope_words(&row.place.scope)];
            place.into_iter().chain(row.runs.iter().map(Cell::words)).collect()
        }));
        f.write_str(&columns(&rows))
    }
}
