//! What the review is written from.

use std::sync::Arc;

use plumbline_drift::judge::Verdict;
use plumbline_plan::Plan;
use plumbline_units::{Day, Name};

use super::document::Document;
use super::week::Week;
use super::weeks::{Standing, Stood};
use crate::commands::backtest::ledger::{Ledger, Told};

/// A workspace as of the last day judged in a week.
pub(super) struct Book<'a> {
    workspace: &'a Name,
    pub(super) week: Week,
    /// The last day judged in the week.
    pub(super) day: Day,
    /// The plan in force then.
    pub(super) plan: Arc<Plan>,
    pub(super) targets: Vec<Stood>,
    ledger: Ledger,
}

impl<'a> Book<'a> {
    pub(super) fn new(workspace: &'a Name, week: Week, standing: Standing, ledger: Ledger) -> Book<'a> {
        let Standing { day, plan, targets } = standing;
        Book { workspace, week, day, plan, targets, ledger }
    }

    pub(super) fn currency(&self) -> String {
        self.plan.currency.to_string()
    }

    /// Episodes that somebody was told of and that stood in the week, in the order in which they opened.
    pub(super) fn episodes(&self, business: bool) -> impl Iterator<Item = &Told> {
        self.ledger.told().iter().filter(move |told| {
            let ended_before = told.ended.as_ref().is_some_and(|(day, _)| *day < self.week.first());
            told.business == business && !ended_before && (told.paged.is_some() || !business)
        })
    }

    pub(super) fn open(&self, business: bool) -> impl Iterator<Item = &Told> {
        self.episodes(business).filter(|told| told.ended.is_none())
    }

    pub(super) fn closed(&self, business: bool) -> impl Iterator<Item = &Told> {
        self.episodes(business).filter(|told| told.ended.is_some())
    }

    pub(super) fn document(&self) -> Document {
        let plan = &self.plan;
        let title = format!("{}: review of {}", plan.name, self.week);
        let mut document = Document { title, ..Document::default() };
        document.paragraph(format!(
            "{} to {} · workspace {} · plan revision {} · as of the end of {}{}",
            self.week.first(),
            self.week.last(),
            self.workspace,
            plan.revision,
            self.day,
            if self.day < self.week.last() { ", the last day judged" } else { "" },
        ));
        document.paragraph(self.in_short());
        self.against_plan(&mut document);
        self.business(&mut document);
        self.effects(&mut document);
        self.at_risk(&mut document);
        self.data(&mut document);
        document
    }

    /// The sentence for those who read no further.
    fn in_short(&self) -> String {
        let of =
            |is: fn(&Verdict) -> bool| self.targets.iter().filter(|stood| is(&stood.status.verdict)).count();
        let drifting = of(|verdict| matches!(verdict, Verdict::Drifting(_)));
        let watched = of(|verdict| matches!(verdict, Verdict::Watch(_)));
        let opened = self.episodes(true).filter(|told| self.week.holds(told.opened)).count();
        format!(
            "Of {} targets and scopes {drifting} are drifting and {watched} are watched. {opened} episodes were \
             opened in the week, {} ended, {} are open.",
            self.targets.len(),
            self.closed(true).count(),
            self.open(true).count(),
        )
    }
}
