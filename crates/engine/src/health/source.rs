//! One source: whether it is heard, whether all its event types are, and whether its clock is right.

use std::collections::BTreeMap;

use plumbline_drift::judge::Spoils;
use plumbline_events::{BodyView, EventView, LeadFactView, OpportunityFactView};
use plumbline_plan::Plan;
use plumbline_units::{Day, Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Kind, Notice, hours};
use super::watch::{Ended, Watch};
use super::{Hour, Restart};

/// Of the one false page a source may cost a year, what silence and what stopped types may; the rest is for bursts,
/// values and clocks.
const SILENCE_BUDGET: f64 = 0.5;
const TYPES_BUDGET: f64 = 0.4;
/// Nats of silence from which verdicts wait: two in a hundred silences pass it.
const SUSPICION: f64 = 4.0;
/// The same of an event type, of which a source has several.
const TYPE_SUSPICION: f64 = 5.0;
/// A source with a smaller share of the funnel's messages spoils no verdict by its silence.
const SPOILING_SHARE: f64 = 0.05;
/// Events looked at for the source's clock.
const CLOCK_EVENTS: u32 = 200;
/// An event dated later than its arrival by more than this comes from a clock that is wrong.
const AHEAD: Seconds = Seconds(300);
/// Of [`CLOCK_EVENTS`], so many ahead open an episode, and so few end it.
const AHEAD_OPENS: u32 = CLOCK_EVENTS / 20;
const AHEAD_ENDS: u32 = CLOCK_EVENTS / 100;

/// Whether a source's events are dated later than they arrive: a ring of its newest events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Clock {
    ring: Vec<bool>,
    next: u32,
    ahead: u32,
    furthest: i64,
    since: Option<Timestamp>,
}

impl Clock {
    fn observe(&mut self, occurred: Timestamp, received: Timestamp) {
        let by = occurred.millis_since(received);
        let ahead = by > AHEAD.0 * 1000;
        if ahead {
            self.furthest = self.furthest.max(by);
        }
        self.ahead += u32::from(ahead);
        if self.ring.len() < CLOCK_EVENTS as usize {
            self.ring.push(ahead);
        } else {
            self.ahead -= u32::from(std::mem::replace(&mut self.ring[self.next as usize], ahead));
        }
        self.next = (self.next + 1) % CLOCK_EVENTS;
        if self.since.is_none() && self.ahead >= AHEAD_OPENS {
            self.since = Some(received);
        } else if self.since.is_some() && self.ahead <= AHEAD_ENDS {
            self.since = None;
            self.furthest = 0;
        }
    }
}

/// Usual batches after which what a source said is forgotten: by so many its flow is known to a fifth.
const FLOW_MEMORY: f64 = 30.0;

/// How much a source has said of late, beside the usual, in batches. By the single hour chance would rule: what is
/// heard more in one hour than usual would never make up for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Flow {
    heard: f64,
    usual: f64,
}

impl Flow {
    /// The part of the usual that now flows, at most all of it.
    fn close(&mut self, heard: f64, usual: f64) -> f64 {
        let kept = 1.0 - (usual / FLOW_MEMORY).min(0.5);
        self.heard = self.heard * kept + heard;
        self.usual = self.usual * kept + usual;
        if self.usual > 0.0 { (self.heard / self.usual).min(1.0) } else { 0.0 }
    }
}

/// One event type: of all stages, and of each stage of the plan that it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Typed {
    watch: Watch,
    stages: BTreeMap<Box<str>, Watch>,
}

/// What is known of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) watch: Watch,
    types: BTreeMap<Box<str>, Typed>,
    clock: Clock,
    flow: Flow,
    pub(crate) funnel: bool,
    pub(crate) spend: bool,
    /// The end of its newest statement's period.
    pub(crate) spend_until: Option<Day>,
}

impl Source {
    pub(crate) fn new(received: Timestamp) -> Source {
        Source {
            watch: Watch::new(received),
            types: BTreeMap::new(),
            clock: Clock::default(),
            flow: Flow::default(),
            funnel: false,
            spend: false,
            spend_until: None,
        }
    }

    pub(crate) fn observe(&mut self, event: &EventView<'_>, plan: &Plan) {
        let (received, occurred) = (event.received_at, event.occurred_at);
        match event.body {
            BodyView::Spend { period_end, .. } => {
                self.spend = true;
                self.spend_until = self.spend_until.max(Some(period_end));
            }
            _ => self.funnel = true,
        }
        self.watch.heard(received, occurred);
        self.clock.observe(occurred, received);
        let label = event.body.type_name();
        if !self.types.contains_key(label) {
            let typed = Typed { watch: Watch::new(received), stages: BTreeMap::new() };
            self.types.insert(label.into(), typed);
        }
        if let Some(typed) = self.types.get_mut(label) {
            typed.watch.heard(received, occurred);
            if let Some(stage) = stage_of(&event.body).filter(|stage| plan.stage(stage).is_some()) {
                if !typed.stages.contains_key(stage) {
                    typed.stages.insert(stage.into(), Watch::new(received));
                }
                if let Some(watch) = typed.stages.get_mut(stage) {
                    watch.heard(received, occurred);
                }
            }
        }
    }

    /// Whether the source is being watched for a backlog that has not come.
    pub(crate) fn holds(&self) -> bool {
        self.watch.holds()
    }

    /// Its usual leads a day, once known.
    pub(crate) fn usual_leads(&self, hour: &Hour<'_>) -> Option<f64> {
        let leads = &self.types.get("lead.created")?.watch.pulse;
        self.watch.pulse.knows(hour.number).then(|| leads.weekly() / 7.0)
    }

    /// Closes an hour: what is wrong now, and what is wrong no longer.
    pub(crate) fn close(
        &mut self,
        name: &str,
        hour: &Hour<'_>,
        share: f64,
        findings: &mut Vec<Finding>,
        restarts: &mut Vec<Restart>,
    ) -> Vec<(String, Notice)> {
        let mut ended = Vec::new();
        let usual = self.watch.pulse.usual(hour.bin, 2);
        let now = f64::from(self.watch.pulse.arrived(hour.number).batches);
        // While the source is not heard its silence says nothing of its types.
        let flow = if hour.blind || self.watch.holds() { 0.0 } else { self.flow.close(now, usual) };
        let spoils = Spoils {
            stages: Spoils::funnel(hour.plan).stages.filter(|_| self.funnel && share >= SPOILING_SHARE),
            spend: self.spend,
            end: None,
        };
        if let Some(end) = self.watch.close(hour, 1.0, SILENCE_BUDGET, SUSPICION) {
            ended.push((Kind::SilentSource.key(name), end.says(name)));
            restarts.extend(end.restart(spoils, hour));
            if end == Ended::Gone {
                // What is not expected any more sends no types that could stop.
                self.types.clear();
            }
        }
        self.watch.tell();
        if self.watch.holds() {
            findings.push(self.silence(name, spoils));
        }
        let silent = self.watch.outage.is_some();
        // A type of a single stage is watched twice and told of once.
        let several = |typed: &Typed| if typed.stages.len() > 1 { typed.stages.len() } else { 0 };
        let watched: usize = self.types.values().map(|typed| 1 + several(typed)).sum();
        let budget = TYPES_BUDGET / watched.max(1) as f64;
        let mut close = |watch: &mut Watch, label: &str, spoils: Spoils, explained: bool| {
            let spoils = if share >= SPOILING_SHARE { spoils } else { Spoils::default() };
            let what = format!("{name}/{label}");
            if let Some(end) = watch.close(hour, flow, budget, TYPE_SUSPICION) {
                ended.push((Kind::StoppedType.key(&what), end.says(&format!("{label} from {name}"))));
                restarts.extend(end.restart(spoils, hour));
            }
            // One episode says it: what was told of by itself before stays.
            if !explained {
                watch.tell();
            }
            if watch.holds() && !silent && (!explained || watch.is_told()) {
                findings.push(stopped(name, label, watch, spoils));
            }
        };
        for (label, typed) in &mut self.types {
            let spoils = spoilt_by(label, typed, hour.plan);
            close(&mut typed.watch, label, spoils, silent);
            let explained = silent || typed.watch.outage.is_some();
            for (stage, watch) in &mut typed.stages {
                let spoils = spoilt_by_stage(stage, hour.plan);
                close(watch, &format!("{label} {stage}"), spoils, explained);
            }
            // A stage that the plan no longer lists is told of as such.
            typed.stages.retain(|stage, _| hour.plan.stage(stage).is_some());
        }
        if let Some(since) = self.clock.since {
            findings.push(self.ahead(name, since));
        }
        ended
    }

    fn silence(&self, name: &str, spoils: Spoils) -> Finding {
        let since = self.watch.outage.map_or(self.watch.pulse.last, |outage| outage.since);
        let silent = hours(self.watch.outage.map_or(self.watch.pulse.silent_hours(), |outage| outage.hours));
        let mut finding = Finding::new(Kind::SilentSource, name, since);
        finding.published = self.watch.outage.is_some();
        finding.spoils = Some(spoils);
        finding.title = format!("{name} is silent: nothing heard since {}", since.to_minute());
        finding.summary = format!(
            "Nothing has come from {name} for {silent}, longer than its rhythm explains at this time of the week; \
             what is missing would look like drift."
        );
        finding.action = format!(
            "Check the connection, credentials and jobs that deliver {name}, then deliver what was held back: late \
             events count on the day they happened"
        );
        finding.critical = spoils.stages.is_some() || spoils.spend;
        finding
    }

    fn ahead(&self, name: &str, since: Timestamp) -> Finding {
        let minutes = self.clock.furthest / 60_000;
        let mut finding = Finding::new(Kind::ClockAhead, name, since);
        finding.title = format!("{name} dates events in the future");
        finding.summary = format!(
            "At least {AHEAD_OPENS} of the last {CLOCK_EVENTS} events of {name} are dated more than five minutes after \
             they arrived, at most {minutes} minutes: they may count on the wrong day."
        );
        finding.action = format!("Check the clock and the time zone of what makes the events of {name}");
        finding
    }
}

impl Ended {
    fn says(self, what: &str) -> Notice {
        let (gone, text) = match self {
            Ended::Whole => (false, format!("{what} is heard again, and its backlog is in.")),
            Ended::Lost(_) => (
                false,
                format!(
                    "{what} is heard again, but what was missing never came: evidence starts anew with the cohorts \
                     after the loss."
                ),
            ),
            Ended::Gone => (
                true,
                format!(
                    "{what} has been silent for four weeks and is taken to be gone: verdicts go on without it."
                ),
            ),
        };
        Notice { accepted: gone, text }
    }

    fn restart(self, spoils: Spoils, hour: &Hour<'_>) -> Option<Restart> {
        let from = match self {
            Ended::Whole => return None,
            Ended::Lost(resumed) => hour.plan.zone.day_of(resumed).plus(1),
            Ended::Gone => hour.plan.zone.day_of(hour.at).plus(1),
        };
        Some(Restart { spoils, scope: plumbline_plan::Scope::default(), day: from })
    }
}

fn stopped(name: &str, label: &str, typed: &Watch, spoils: Spoils) -> Finding {
    let since = typed.outage.map_or(typed.pulse.last, |outage| outage.since);
    let mut finding = Finding::new(Kind::StoppedType, &format!("{name}/{label}"), since);
    finding.published = typed.is_told();
    finding.spoils = Some(spoils);
    finding.title = format!("{name} sends no {label} any more");
    finding.summary = format!(
        "No {label} has come from {name} since {} while its other events flow; what is missing would look like \
         drift.",
        since.to_minute()
    );
    finding.action = format!(
        "Check the subscription or export of {label} at {name}: a provider may have switched it off after errors; then \
         deliver what was held back"
    );
    finding.critical = spoils != Spoils::default();
    finding
}

/// The stage that an event says was reached.
fn stage_of<'a>(body: &BodyView<'a>) -> Option<&'a str> {
    match body {
        BodyView::Lead { fact: LeadFactView::StageReached(stage), .. }
        | BodyView::Opportunity { fact: OpportunityFactView::StageReached(stage), .. } => Some(stage),
        _ => None,
    }
}

/// Which facts are missing when a type is.
fn spoilt_by(label: &str, typed: &Typed, plan: &Plan) -> Spoils {
    let (first, last) = (plan.first(), plan.last());
    let stages = match label {
        "lead.created" => Some((first, first)),
        "lead.stage_reached" | "opportunity.stage_reached" => {
            let named = || typed.stages.keys().filter_map(|stage| plan.stage(stage));
            named().min().zip(named().max())
        }
        "opportunity.created" => plan.motion().opportunity.map(|stage| (stage, stage)),
        "opportunity.won" => Some((last, last)),
        _ => None,
    };
    Spoils { stages, spend: label == "spend.reported", end: None }
}

/// The same of one stage of a type.
fn spoilt_by_stage(stage: &str, plan: &Plan) -> Spoils {
    Spoils { stages: plan.stage(stage).map(|stage| (stage, stage)), ..Spoils::default() }
}
