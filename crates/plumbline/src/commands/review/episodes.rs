//! Episodes: what they cost, who knew how soon, how they ended, and what moved after somebody spoke.

use plumbline_board::words;
use plumbline_engine::alert::{AcknowledgementSide, Alert};
use plumbline_units::Timestamp;

use super::book::Book;
use super::document::Document;
use super::weeks::Stood;
use crate::commands::backtest::ledger::Told;
use crate::commands::backtest::table::scope_words;

/// Days after a word before a change is read as one.
const EFFECT_DAYS: i32 = 7;

impl Book<'_> {
    pub(super) fn business(&self, document: &mut Document) {
        document.heading("Episodes");
        document.subheading("Open");
        let head =
            ["episode", "since", "opened", "severity", "cost so far", "known to", "still to speak", "to do"];
        let rows = self.open(true).map(|told| self.open_row(told)).collect();
        document.table(&head, rows, "None: nothing that anybody was told of is out of plan.");
        document.subheading("Ended in the week");
        let head = ["episode", "since", "opened", "ended", "how", "days open", "cost", "known to"];
        let rows = self.closed(true).map(|told| self.closed_row(told)).collect();
        document.table(&head, rows, "None.");
    }

    fn open_row(&self, told: &Told) -> Vec<String> {
        let last = &told.last;
        vec![
            last.title.clone(),
            since(last),
            told.opened.to_string(),
            last.severity.clone(),
            cost(last),
            known(told),
            silent(last),
            last.action.clone().unwrap_or_else(|| "–".to_owned()),
        ]
    }

    fn closed_row(&self, told: &Told) -> Vec<String> {
        let (ended, how) = told.ended.clone().map_or((self.day, String::new()), |ended| ended);
        vec![
            told.last.title.clone(),
            since(&told.last),
            told.opened.to_string(),
            ended.to_string(),
            how.replace('_', " "),
            ended.since(told.opened).to_string(),
            cost(&told.last),
            known(told),
        ]
    }

    /// For every word that a function gave: where the target stood on that day, and where it stands now.
    pub(super) fn effects(&self, document: &mut Document) {
        document.heading("What was done, and what moved since");
        let mut rows = Vec::new();
        for told in self.episodes(true) {
            let stood = self.stood(told);
            for word in &told.words {
                rows.push(vec![
                    told.last.title.clone(),
                    word.function.clone(),
                    self.plan.zone.day_of(word.at).to_string(),
                    if word.note.is_empty() { "–".to_owned() } else { word.note.clone() },
                    stood.map_or_else(|| "–".to_owned(), |stood| self.moved(told, stood, word)),
                ]);
            }
        }
        let head = ["episode", "function", "spoke on", "what it does", "since then"];
        document.table(&head, rows, "Nobody has spoken on an episode of this week.");
        document.paragraph(
            "What moved after a word need not have moved because of it; only what is measured is said here.",
        );
    }

    /// The target of an episode in its scope; a pattern has several.
    fn stood(&self, told: &Told) -> Option<&Stood> {
        let target = told.last.target.as_ref()?;
        let scope = scope_words(&told.scope);
        self.targets
            .iter()
            .find(|stood| stood.status.name == *target && words::scope(&stood.status.scope_label) == scope)
    }

    fn moved(&self, told: &Told, stood: &Stood, word: &AcknowledgementSide) -> String {
        let spoke = self.plan.zone.day_of(word.at);
        if let Some((ended, how)) = told.ended.as_ref().filter(|(_, how)| how == "recovered") {
            return format!("{how} {} days later", ended.since(spoke));
        }
        let Stood { status, .. } = stood;
        let value = |day| stood.on(day).map(|[value, ..]| value);
        let (Some(then), Some(now), Some(plan)) = (value(spoke), value(status.day), status.plan) else {
            return "not measured on both days".to_owned();
        };
        let values = format!("{} → {}", self.value(status, then), self.value(status, now));
        let nearer = (now - plan.value).abs() < (then - plan.value).abs();
        match (self.day.since(spoke) < EFFECT_DAYS, nearer) {
            (true, _) => format!("{values}, too early to tell"),
            (false, true) => format!("{values}, nearer to the plan"),
            (false, false) => format!("{values}, no nearer to the plan"),
        }
    }

    pub(super) fn data(&self, document: &mut Document) {
        document.heading("Data");
        let rows = self.episodes(false).map(|told| {
            vec![
                told.last.title.clone(),
                told.opened.to_string(),
                told.ended.as_ref().map_or_else(|| "open".to_owned(), |(day, _)| day.to_string()),
                told.last.action.clone().unwrap_or_else(|| "–".to_owned()),
            ]
        });
        let head = ["what is wrong", "opened", "ended", "to do"];
        document.table(&head, rows.collect(), "Whole: nothing was missing from the data in this week.");
    }
}

fn since(alert: &Alert) -> String {
    alert.onset.as_ref().map_or_else(|| "–".to_owned(), |onset| format!("about {}", onset.estimate))
}

/// Spend and customers since the onset.
fn cost(alert: &Alert) -> String {
    let Some(cost) = &alert.cost else { return "–".to_owned() };
    let spend = cost.excess_spend.as_ref().and_then(|spend| spend.value.parse::<f64>().ok());
    let mut parts: Vec<String> =
        spend.map(|spend| format!("{} {}", words::grouped(spend), cost.currency)).into_iter().collect();
    if let Some(customers) = cost.customers_short {
        parts.push(format!("{} customers", words::grouped(customers.value)));
    }
    if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
}

/// Who spoke, and how long after the first record for the first time; and how often that ran out.
fn known(told: &Told) -> String {
    let opened = told.first.detected_at;
    let first = told
        .words
        .iter()
        .enumerate()
        .filter(|(at, word)| told.words[..*at].iter().all(|earlier| earlier.function != word.function));
    let mut words: Vec<String> =
        first.map(|(_, word)| format!("{} after {}", word.function, after(opened, word.at))).collect();
    match told.last.asked_again {
        0 => {}
        1 => words.push("asked again once".to_owned()),
        times => words.push(format!("asked again {times} times")),
    }
    if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
}

/// Which owning functions have not spoken.
fn silent(alert: &Alert) -> String {
    let functions = alert.unspoken();
    if functions.is_empty() { "–".to_owned() } else { functions.join(", ") }
}

fn after(from: Timestamp, to: Timestamp) -> String {
    match to.millis_since(from) / 3_600_000 {
        hours if hours < 48 => format!("{hours} h"),
        hours => format!("{} days", hours / 24),
    }
}
