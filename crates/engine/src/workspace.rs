//! One workspace: its plan, fold, judge, streams and ticks.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use plumbline_drift::judge::{EpisodeChange, Judge, TickContext, explain_by_patterns};
use plumbline_events::{EventView, PlanRecord};
use plumbline_funnel::{Applied, Fold};
use plumbline_plan::{Diagnostic, Plan};
use plumbline_units::{Day, Name, Timestamp};
use serde::{Deserialize, Serialize};

use crate::health::{DataChange, DataEpisode, Health};
use crate::limits::LimitsTold;
use crate::output::{alert_output, dead_letter};
use crate::schedule::{Schedule, Watermarks, ends};
use crate::streams::{Inputs, Needs, Streams};
use crate::trend::{Trend, TrendPoint};
use crate::{EngineConfig, Output, aggregate, alert};

/// The plan in force as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSource {
    /// The plan file's text.
    pub toml: Box<str>,
    /// When it was applied.
    pub time: Timestamp,
    /// Ticks before it are historical.
    pub live_from: Timestamp,
}

/// One workspace under a plan.
pub struct WorkspaceState {
    pub(crate) name: Name,
    pub(crate) source: PlanSource,
    pub(crate) plan: Arc<Plan>,
    pub(crate) fold: Fold,
    pub(crate) judge: Judge,
    pub(crate) streams: Streams,
    /// None until the first event.
    pub(crate) schedule: Option<Schedule>,
    pub(crate) watermark: Option<Timestamp>,
    pub(crate) health: Health,
    pub(crate) commands: VecDeque<Box<str>>,
    /// Before it no evidence tick closes and the watermark stands: so it is state like the rest.
    pub(crate) next_due: Timestamp,
    /// Keys of aggregates published under an earlier plan that this one's fold does not hold.
    pub(crate) retired: BTreeSet<Vec<u8>>,
    pub(crate) trend: Trend,
    pub(crate) limits_told: LimitsTold,
    /// Counts the occasions on which ticks closed: between two of them the cells may have changed.
    pub(crate) occasion: i64,
}

impl WorkspaceState {
    /// A workspace without events under its first plan.
    pub(crate) fn new(name: Name, plan: Plan, record: &PlanRecord, config: &EngineConfig) -> WorkspaceState {
        let plan = Arc::new(plan);
        let live_from = plan.live_from.unwrap_or(record.live_from);
        WorkspaceState {
            name,
            source: PlanSource { toml: record.toml.clone(), time: record.time, live_from },
            fold: Fold::new(&plan, config.fold.clone()),
            judge: Judge::new(Arc::clone(&plan)),
            plan,
            streams: Streams::default(),
            schedule: None,
            watermark: None,
            health: Health::default(),
            commands: VecDeque::new(),
            next_due: Timestamp::MIN,
            retired: BTreeSet::new(),
            trend: Trend::default(),
            limits_told: LimitsTold::default(),
            occasion: 0,
        }
    }

    /// The tenant's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan in force as it stands in the log.
    pub fn plan_source(&self) -> &PlanSource {
        &self.source
    }

    /// The aggregates.
    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    /// Verdicts and episodes.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// What is wrong with the data now.
    pub fn data_episodes(&self) -> impl Iterator<Item = &DataEpisode> {
        self.health.episodes()
    }

    /// How a target stood in a scope (by its label) on its last days, oldest first.
    pub fn trend(&self, target: &str, scope: &str) -> impl Iterator<Item = TrendPoint> + '_ {
        self.trend.line(target, scope)
    }

    /// Streams with their progress.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The time up to which everything has probably arrived, as of the last tick.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }

    /// The next day to close, if all targets agree on nothing earlier.
    pub fn next_day(&self) -> Option<Day> {
        self.schedule.as_ref().and_then(|s| s.targets.iter().copied().min())
    }

    /// Folds one event; says whether a tick may have become due.
    pub(crate) fn event(
        &mut self,
        event: &EventView<'_>,
        now: Timestamp,
        config: &EngineConfig,
        out: &mut Vec<Output>,
    ) -> bool {
        let moved = self.streams.observe(event, self.plan.zone, config);
        self.health.observe(event, &self.plan, config);
        let overflowed = self.fold.counters().overflowed;
        match self.fold.apply(event, self.watermark) {
            Applied::Changed | Applied::Unchanged => {}
            Applied::Unpriced(reason) | Applied::Rejected(reason) => {
                out.push(Output::DeadLetter(dead_letter(reason)));
                self.tell_rejection(&reason, now, out);
            }
        }
        if self.fold.counters().overflowed > overflowed {
            self.tell_overflow(now, out);
        }
        if self.schedule.is_none() {
            let earliest =
                config.fold.horizon.map_or(event.occurred_at, |h| event.occurred_at.max(now.minus(h)));
            let first = self.plan.zone.day_of(earliest);
            self.schedule = Some(Schedule::starting(&self.plan, first, now));
        }
        moved
    }

    fn watermarks(&self, inputs: &Inputs, now: Timestamp, config: &EngineConfig) -> Watermarks {
        // Events may run ahead of a clock that awaits confirmation; ticks do not.
        let of = |needs| self.streams.watermark(needs, inputs, now, config.idle_after).min(now);
        let (funnel, spend) = (of(Needs::Funnel), of(Needs::Spend));
        Watermarks { funnel, spend, both: funnel.min(spend) }
    }

    /// Closes the hours that are over at `now`. An event that moves the clock is no part of them: it would end a
    /// silence before anybody was told of it.
    pub(crate) fn close_hours(
        &mut self,
        now: Timestamp,
        leapt: bool,
        inputs: &Inputs,
        out: &mut Vec<Output>,
    ) {
        while let Some(at) = self.schedule.as_ref().map(|s| s.next_hour).filter(|at| *at <= now) {
            let blind = leapt || inputs.behind(now) || inputs.untold(at);
            self.close_health(at, blind, out);
            if let Some(schedule) = &mut self.schedule {
                schedule.next_hour = crate::schedule::next_hour(at);
            }
        }
    }

    /// Closes every tick that is due at `now`; `leapt`: the clock jumped there, so that nobody watched the hours
    /// between.
    pub(crate) fn close_due(
        &mut self,
        now: Timestamp,
        leapt: bool,
        inputs: &Inputs,
        config: &EngineConfig,
        out: &mut Vec<Output>,
    ) {
        self.close_hours(now, leapt, inputs, out);
        let Some(mut schedule) = self.schedule.take() else { return };
        if now >= self.next_due && !inputs.behind(now) {
            self.occasion += 1;
            let watermarks = self.watermarks(inputs, now, config);
            while let Some(day) = schedule.due_day(&self.plan, watermarks) {
                self.close_day(&mut schedule, day, watermarks, now, out);
            }
            self.rewatch();
            let spends = self.streams.iter().any(|(_, _, stream)| stream.spend);
            let overall = if spends { watermarks.both } else { watermarks.funnel };
            if self.watermark.is_none_or(|before| overall > before) {
                self.watermark = Some(overall);
                self.fold.advance(overall);
            }
            self.next_due =
                schedule.targets.iter().min().map_or(Timestamp::MAX, |day| ends(self.plan.zone, *day));
        }
        self.schedule = Some(schedule);
    }

    fn close_day(
        &mut self,
        schedule: &mut Schedule,
        day: Day,
        watermarks: Watermarks,
        now: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let at = ends(self.plan.zone, day);
        let context = self.context(at, now);
        let mut changes = Vec::new();
        for target in self.judge.order().to_vec() {
            let index = usize::from(target.0);
            if schedule.target_due(&self.plan, index, day, watermarks) {
                let amended = self.amended(&context);
                changes.extend(self.judge.close_target(target, day, at, self.fold.cells(), &amended));
                let name = self.plan.target(target).name.clone();
                self.settle(&name);
                schedule.targets[index] = day.plus(1);
            }
        }
        for pattern in 0..self.plan.patterns.len() {
            // A member that closes late leaves the pattern days behind: they close in order.
            while schedule.pattern_due(&self.plan, pattern, schedule.patterns[pattern]) {
                let due = schedule.patterns[pattern];
                let at = ends(self.plan.zone, due);
                let amended = self.amended(&self.context(at, now));
                changes.extend(self.judge.close_pattern(pattern, due, at, self.fold.cells(), &amended));
                let name = self.plan.patterns[pattern].name.clone();
                self.settle(&name);
                schedule.patterns[pattern] = due.plus(1);
            }
        }
        explain_by_patterns(&mut changes);
        self.trend.take(day, self.judge.statuses());
        self.publish(changes, out);
    }

    fn context(&self, at: Timestamp, now: Timestamp) -> TickContext {
        TickContext {
            historical: at < self.source.live_from,
            holds: self.health.holds().to_vec(),
            unrecorded: self.health.unrecorded(&self.plan),
            ruled_out: self.health.ruled_out(now).into_iter().collect(),
            position: Some(self.occasion),
            ..TickContext::default()
        }
    }

    /// Data before business: the hour's health, before any verdict that it may hold back.
    fn close_health(&mut self, at: Timestamp, blind: bool, out: &mut Vec<Output>) {
        let historical = at < self.source.live_from;
        let ignored = &self.fold.counters().ignored_stages;
        let closed = self.health.close_hour(at, &self.plan, ignored, blind, historical);
        for restart in closed.restarts {
            self.judge.restart(restart.spoils, &restart.scope, restart.day);
        }
        self.publish_data(closed.changes, out);
    }

    pub(crate) fn publish_data(&self, changes: Vec<DataChange>, out: &mut Vec<Output>) {
        for change in changes {
            out.push(alert_output(&alert::data(&self.name, &self.plan, &change)));
        }
    }

    /// Publishes a data notice of this workspace.
    pub(crate) fn notice(&self, what: &str, title: &str, mend: &str, at: Timestamp, out: &mut Vec<Output>) {
        let historical = at < self.source.live_from;
        let notice = alert::notice(&self.name, &self.plan, what, title, mend, at, historical);
        out.push(alert_output(&notice));
    }

    pub(crate) fn publish(&self, changes: Vec<EpisodeChange>, out: &mut Vec<Output>) {
        for change in changes {
            let alert = alert::build(&self.name, &self.plan, &change, self.judge.statuses());
            out.push(alert_output(&alert));
        }
    }

    /// Goes over to a later revision. `refold` is the fold under the new plan where the two fold differently.
    pub(crate) fn revise(
        &mut self,
        plan: Plan,
        record: &PlanRecord,
        refolded: Option<Fold>,
        out: &mut Vec<Output>,
    ) {
        let plan = Arc::new(plan);
        if let Some(schedule) = &self.schedule {
            self.schedule = Some(schedule.for_plan(&self.plan, &plan));
        }
        let changes = self.judge.revise(Arc::clone(&plan), plan.zone.day_of(record.time), record.time);
        self.publish(changes, out);
        // What is live stays so, unless the author says otherwise.
        let live_from = plan.live_from.unwrap_or(record.live_from.min(self.source.live_from));
        self.source = PlanSource { toml: record.toml.clone(), time: record.time, live_from };
        if let Some(fold) = refolded {
            let held = aggregate::keys(self);
            self.retired.extend(held);
            self.fold = fold;
            self.health.refolded();
        }
        self.trend.keep_only(self.judge.statuses());
        self.rewatch();
        self.plan = plan;
        self.next_due = Timestamp::MIN;
    }
}

/// Reads a plan out of its record; the first complaint in words where it cannot.
pub(crate) fn parse_plan(record: &PlanRecord) -> Result<Plan, String> {
    let first =
        |diagnostics: Vec<Diagnostic>| diagnostics.first().map(ToString::to_string).unwrap_or_default();
    Plan::parse("plan.toml", &record.toml).map(|parsed| parsed.plan).map_err(first)
}
