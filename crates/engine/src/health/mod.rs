//! Data before business: what is wrong with the data, judged on arrivals and the engine's clock alone, and which
//! verdicts wait meanwhile.
//!
//! At each hourly tick the sources are asked whether they are heard as usual, whether all their event types are,
//! whether leads come by the list, and whether their clock is right; the declared dimensions whether their values are
//! the usual ones; the plan whether it lists the stages that events name, and whether events name those it counts on. What is wrong is an episode from the tick
//! that found it to the tick that finds it mended, and holds back the verdicts made of what it spoils. A suspicion
//! holds them back too, without an episode, so that no evidence tick closes on data that is about to be found
//! missing.
//!
//! Hours that nobody watched prove nothing: those during which inputs held records not read yet, and those that the
//! clock jumped over.
//!
//! Bounds: [`EngineConfig::max_streams`] sources, further ones share one named `(other)`; the event types are a fixed
//! list, each with the stages of the plan; values, unmapped stages and episodes have limits of their own, beyond which nothing more is watched.

mod burst;
#[cfg(test)]
mod cases;
mod days;
mod finding;
#[cfg(test)]
mod missing;
mod pulse;
mod records;
mod source;
mod spellings;
mod stages;
#[cfg(test)]
mod tests;
mod value_words;
mod values;
mod watch;

use std::collections::BTreeMap;

use plumbline_drift::judge::{Acknowledgement, EpisodeKey, Hold, RuledOut, Spoils, Told};
use plumbline_events::{BodyView, EventView, LeadFactView};
use plumbline_plan::{Plan, Scope, Severity, StageIndex};
use plumbline_units::{Day, Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use self::burst::Burst;
use self::finding::Register;
use self::records::Records;
use self::source::Source;
use self::stages::Stages;
use self::values::Values;
use crate::EngineConfig;

pub use finding::{DataChange, DataEpisode, Kind};

const HOUR: i64 = 3_600_000;
const OTHER: &str = "(other)";
const UNNAMED: &str = "(unnamed)";
/// Sources named in what an alert rules out.
const SHOWN_SOURCES: usize = 3;
/// A source of spend that has said nothing for this long does not count for how far spend is complete.
const STALE: Seconds = Seconds(14 * 86_400);

/// The hour being closed.
pub(crate) struct Hour<'a> {
    plan: &'a Plan,
    /// The tick: its end.
    at: Timestamp,
    /// Hours since the epoch at its start.
    number: i64,
    /// Hour of the local week, Monday 0 o'clock = 0; and by the clock of eight days ago, another one after a change to
    /// or from summer time.
    bin: usize,
    former_bin: usize,
    /// It is the first hour of a local day.
    midnight: bool,
    /// Nobody watched.
    blind: bool,
}

impl Hour<'_> {
    fn ending(plan: &Plan, at: Timestamp, blind: bool) -> Hour<'_> {
        let start = at.minus(Seconds::HOUR);
        let (day, hour) = plan.zone.day_and_hour(start);
        let bin = day.weekday() * 24 + usize::from(hour);
        let week_ago = start.minus(Seconds(8 * 86_400));
        let shift = (plan.zone.offset_seconds(start) - plan.zone.offset_seconds(week_ago)) / 3600;
        let former_bin = (bin as i64 - i64::from(shift)).rem_euclid(168) as usize;
        Hour {
            plan,
            at,
            number: start.millis().div_euclid(HOUR),
            bin,
            former_bin,
            midnight: hour == 0,
            blind,
        }
    }

    /// Its hours of the week, by the present clock and by the former.
    fn bins(&self) -> [usize; 2] {
        [self.bin, self.former_bin]
    }
}

/// From this day on the cohorts of a scope are whole again; what came before is lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Restart {
    pub(crate) spoils: Spoils,
    pub(crate) scope: Scope,
    pub(crate) day: Day,
}

/// What an hourly tick found.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub(crate) changes: Vec<DataChange>,
    pub(crate) restarts: Vec<Restart>,
}

/// The health of one workspace's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Health {
    sources: BTreeMap<Box<str>, (Source, Burst)>,
    values: Values,
    stages: Stages,
    records: Records,
    register: Register,
}

impl Health {
    /// Takes an event.
    pub(crate) fn observe(&mut self, event: &EventView<'_>, plan: &Plan, config: &EngineConfig) {
        let name = if event.source.is_empty() { UNNAMED } else { event.source };
        let known = self.sources.contains_key(name);
        let name = if known || self.sources.len() < config.max_streams { name } else { OTHER };
        if !known && !self.sources.contains_key(name) {
            self.sources.insert(name.into(), (Source::new(event.received_at), Burst::default()));
        }
        let (source, burst) = self.sources.get_mut(name).expect("inserted above if it was absent");
        source.observe(event, plan);
        burst.observe(event, matches!(event.body, BodyView::Lead { fact: LeadFactView::Created, .. }));
        self.values.observe(event, plan);
        self.records.observe(event, plan);
    }

    /// Closes the hour that ends at `at`. `ignored`: the stages that the plan does not list. `blind`: nobody watched.
    pub(crate) fn close_hour(
        &mut self,
        at: Timestamp,
        plan: &Plan,
        ignored: &BTreeMap<Box<str>, u64>,
        blind: bool,
        historical: bool,
    ) -> Closed {
        let hour = Hour::ending(plan, at, blind);
        let (mut findings, mut ended, mut restarts) = (Vec::new(), Vec::new(), Vec::new());
        let funnel = |s: &Source| if s.funnel { s.watch.pulse.weekly() } else { 0.0 };
        let weekly: f64 = self.sources.values().map(|(s, _)| funnel(s)).sum();
        let scope = self.values.scope_now();
        let mut disturbed = blind;
        for (name, (source, burst)) in &mut self.sources {
            let share = if weekly > 0.0 { funnel(source) / weekly } else { 1.0 };
            let daily = source.usual_leads(&hour);
            ended.extend(source.close(name, &hour, share, &mut findings, &mut restarts));
            ended.extend(burst.close(name, &hour, daily, &scope, &mut findings, &mut restarts));
            disturbed |= burst.is_running() || (source.funnel && source.holds());
        }
        self.values.close(&hour, disturbed, &mut findings, &mut restarts, &mut ended);
        self.stages.close(plan, ignored, at, &mut findings, &mut ended);
        if !blind {
            self.records.close(&hour, &mut findings, &mut restarts, &mut ended);
        }
        let ended: BTreeMap<_, _> = ended.into_iter().collect();
        let changes = self.register.settle(plan.name.as_str(), findings, &ended, at, historical);
        Closed { changes, restarts }
    }

    /// A plan that folds otherwise came into force.
    pub(crate) fn refolded(&mut self) {
        self.values.forget();
    }

    /// What is held back now.
    pub(crate) fn holds(&self) -> &[Hold] {
        &self.register.holds
    }

    /// The stages of the plan that nobody records.
    pub(crate) fn unrecorded(&self, plan: &Plan) -> Vec<StageIndex> {
        self.records.unrecorded(plan)
    }

    /// The open episodes.
    pub(crate) fn episodes(&self) -> impl Iterator<Item = &DataEpisode> {
        self.register.episodes.values()
    }

    /// A person knows. `None` where no such episode is open, or the word has run out before it was given.
    pub(crate) fn acknowledge(&mut self, key: &str, said: &Acknowledgement) -> Option<DataChange> {
        let episode = self.register.episodes.values_mut().find(|e| e.key == key)?;
        episode.acknowledge(said.clone()).then(|| DataChange {
            transition: "acknowledged",
            revision: None,
            resolution: None,
            at: said.at,
            episode: episode.clone(),
        })
    }

    /// Takes what was published as the truth: episodes told go on as such, one told as less or more severe is handed
    /// back so, and one never published as opened, under the id that `name` gives it.
    pub(crate) fn adopt(
        &mut self,
        told: &BTreeMap<EpisodeKey, Told>,
        at: Timestamp,
        name: &dyn Fn(&str) -> Box<str>,
    ) -> Vec<DataChange> {
        let mut changes = Vec::new();
        for episode in self.register.episodes.values_mut() {
            let transition = match told.get(&EpisodeKey(episode.key.clone())) {
                Some(told) => {
                    episode.alert_id = Some(told.alert_id.clone());
                    episode.sequence = told.sequence;
                    episode.historical = told.historical;
                    // One that did not tell who knows told that somebody does: we have heard the same words.
                    if !(told.acknowledged && told.acknowledgements.is_empty()) {
                        episode.acknowledgements.clone_from(&told.acknowledgements);
                    }
                    match (told.severity, episode.critical) {
                        (Some(Severity::Warning), true) => "escalated",
                        (Some(Severity::Critical), false) => "deescalated",
                        (None, _) => "revised",
                        _ => continue,
                    }
                }
                None => {
                    episode.alert_id = Some(name(&episode.key));
                    episode.sequence = 0;
                    episode.acknowledgements.clear();
                    "opened"
                }
            };
            episode.sequence += 1;
            let (revision, resolution, episode) = (None, None, episode.clone());
            changes.push(DataChange { transition, revision, resolution, at, episode });
        }
        changes
    }

    /// What an alert may say of the data while nothing is wrong with it.
    pub(crate) fn ruled_out(&self, now: Timestamp) -> Option<RuledOut> {
        if !self.register.episodes.is_empty() || !self.register.holds.is_empty() {
            return None;
        }
        let mut heard: Vec<(&str, &Source)> = self
            .sources
            .iter()
            .map(|(name, (source, _))| (&**name, source))
            .filter(|(_, s)| s.funnel)
            .collect();
        heard.sort_by(|a, b| b.1.watch.pulse.last.cmp(&a.1.watch.pulse.last).then(a.0.cmp(b.0)));
        let ago = |(name, source): &(&str, &Source)| format!("{name} {}", ago(source.watch.pulse.last, now));
        let mut said: Vec<String> = heard.iter().take(SHOWN_SOURCES).map(ago).collect();
        let fresh = |s: &&Source| s.watch.pulse.last >= now.minus(STALE);
        let spend = self.sources.values().map(|(s, _)| s).filter(fresh).filter_map(|s| s.spend_until).min();
        said.extend(spend.map(|end| format!("spend complete to {}", end.plus(-1))));
        (!said.is_empty()).then(|| RuledOut { what: "data".into(), detail: said.join(", ") })
    }
}

/// `2 min ago`.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.millis_since(at).max(0) / 60_000;
    match minutes {
        0..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}
