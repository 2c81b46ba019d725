//! What the review is written from.

use plumbline_drift::judge::{TargetStatus, Verdict};
use plumbline_engine::WorkspaceState;
use plumbline_engine::alert::Alert;
use plumbline_plan::Plan;
use plumbline_units::Day;

use super::document::Document;
use super::week::Week;
use crate::commands::backtest::ledger::{Ledger, Told};

/// A workspace as of the last day judged in a week.
pub(super) struct Book<'a> {
    pub(super) workspace: &'a WorkspaceState,
    pub(super) week: Week,
    /// The last day judged in the week.
    pub(super) day: Day,
    pub(super) statuses: Vec<TargetStatus>,
    ledger: Ledger,
}

impl<'a> Book<'a> {
    /// `said` may reach beyond the week; what was said later is left out.
    pub(super) fn new(
        workspace: &'a WorkspaceState,
        week: Week,
        day: Day,
        statuses: Vec<TargetStatus>,
        said: &[Alert],
    ) -> Book<'a> {
        let zone = workspace.plan().zone;
        let end = zone.start_of(week.last().plus(1));
        let mut ledger = Ledger::default();
        for alert in said.iter().filter(|alert| alert.detected_at <= end) {
            ledger.take(alert, zone);
        }
        Book { workspace, week, day, statuses, ledger }
    }

    pub(super) fn plan(&self) -> &'a Plan {
        self.workspace.plan()
    }

    pub(super) fn currency(&self) -> String {
        self.plan().currency.to_string()
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
        let plan = self.plan();
        let title = format!("{}: review of {}", plan.name, self.week);
        let mut document = Document { title, ..Document::default() };
        document.paragraph(format!(
            "{} to {} · workspace {} · plan revision {} · as of the end of {}{}",
            self.week.first(),
            self.week.last(),
            self.workspace.name(),
            plan.revision,
            self.day,
            if self.day < self.week.last() { ", the last day judged" } else { "" },
        ));
        document.paragraph(self.in_short());
        self.targets(&mut document);
        self.business(&mut document);
        self.effects(&mut document);
        self.at_risk(&mut document);
        self.data(&mut document);
        document
    }

    /// The sentence for those who read no further.
    fn in_short(&self) -> String {
        let of = |is: fn(&Verdict) -> bool| self.statuses.iter().filter(|s| is(&s.verdict)).count();
        let drifting = of(|verdict| matches!(verdict, Verdict::Drifting(_)));
        let watched = of(|verdict| matches!(verdict, Verdict::Watch(_)));
        let opened = self.episodes(true).filter(|told| self.week.holds(told.opened)).count();
        format!(
            "Of {} targets and scopes {drifting} are drifting and {watched} are watched. {opened} episodes were \
             opened in the week, {} ended, {} are open.",
            self.statuses.len(),
            self.closed(true).count(),
            self.open(true).count(),
        )
    }
}
