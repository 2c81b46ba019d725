//! Handing a log over from one state machine version to the next: what was published is the truth.
//!
//! The newer version has folded the log from its start by its own rules and holds the episodes that these make. At
//! the epoch record they are made to agree with the alerts that the older one left open:
//! - published and held: goes on under the published id, number and acknowledgements, whenever each version found
//!   it; it is said again where its severity, label or explanation is another;
//! - published and not held: `resolved`, as the newer version has ended it since the older one left, else as
//!   `recomputed`, also where the workspace itself is not held;
//! - held and not published: `opened`, as of the epoch, under an id of its own, though an older one may have opened
//!   and resolved it before;
//! - published and held on the other side of the plan: the one is `resolved`, the other `opened`;
//! - acknowledged since the older one left, by a word that it has not told of: told as `acknowledged`.
//!
//! All of it is a function of the log: the record holds the published alerts and where the older version left. Each
//! alert said here names both versions in its `revision`. Published alerts are read for what this needs, so that one
//! of another shape is neither orphaned nor repeated; what cannot even be named goes to the dead letters.

mod lately;
mod published;

use std::collections::{BTreeMap, BTreeSet};

use plumbline_drift::judge::{EpisodeChange, EpisodeKey, Told};
use plumbline_events::PublishedEpisode;
use plumbline_plan::Plan;
use plumbline_units::{Name, Timestamp};
use serde_json::Value;

use crate::alert::{self, Alert, Revision};
use crate::health::DataChange;
use crate::output::{alert_output, record_output};
use crate::workspace::WorkspaceState;
use crate::{DeadLetterOut, Output};
use lately::Ending;
pub(crate) use lately::Lately;
use published::Published;

const RECOMPUTED: &str = "recomputed";

/// From which version to which, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handover {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) now: Timestamp,
    /// The place in the log at which the older one left.
    pub(crate) left: i64,
}

impl Handover {
    fn revision(&self) -> Revision {
        Revision {
            field: "state_machine".into(),
            from: self.from.to_string(),
            to: self.to.to_string(),
            cause: "version".into(),
        }
    }

    /// Ends an alert that nothing held stands behind, in the words it had, and those of its ending if there was one.
    fn withdraw(&self, gone: Published, ended: Option<&Ending>, plan: Option<&Plan>, out: &mut Vec<Output>) {
        let Handover { from, to, now, .. } = self;
        let urgency = gone.record.get("urgency").and_then(Value::as_str).unwrap_or("page");
        let notify_at = plan.map_or(*now, |plan| alert::notify_at(plan.zone, urgency, *now));
        let (resolution, summary) = match ended {
            Some(ending) => (ending.resolution.as_str(), ending.summary.clone()),
            None => (
                RECOMPUTED,
                format!(
                    "Version {to} of the state machine, which judges from now on in place of {from}, does not hold \
                     this of the same events: it is withdrawn."
                ),
            ),
        };
        let revision = self.revision();
        let mut record = gone.record;
        for (field, value) in [
            ("sequence", (gone.sequence + 1).into()),
            ("transition", "resolved".into()),
            ("state", "resolved".into()),
            ("resolution", resolution.into()),
            ("detected_at", now.to_string().into()),
            ("notify_at", notify_at.to_string().into()),
            ("summary", summary.into()),
            ("revision", serde_json::json!(revision)),
            ("related", Value::Array(Vec::new())),
        ] {
            record.insert(field.into(), value);
        }
        out.extend(record_output(record));
    }
}

/// Makes the episodes held agree with the episodes published.
pub(crate) fn adopt(
    workspaces: &mut BTreeMap<Name, WorkspaceState>,
    published: &[PublishedEpisode],
    lately: &Lately,
    handover: Handover,
    out: &mut Vec<Output>,
) {
    let mut of: BTreeMap<&Name, Vec<Published>> = BTreeMap::new();
    for episode in published {
        match Published::read(episode) {
            Ok(open) => of.entry(&episode.workspace).or_default().extend(open),
            Err(why) => {
                let PublishedEpisode { workspace, episode, .. } = episode;
                let message = format!(
                    "the last alert of {workspace}/{episode} cannot be read ({why}): whoever saw it open is told no more"
                );
                out.push(Output::DeadLetter(DeadLetterOut { class: "unreadable_alert", message }));
            }
        }
    }
    for (_, orphans) in of.extract_if(.., |name, _| !workspaces.contains_key(*name)) {
        orphans.into_iter().for_each(|orphan| handover.withdraw(orphan, None, None, out));
    }
    for (name, workspace) in workspaces {
        workspace.adopt(of.remove(name).unwrap_or_default(), lately, handover, out);
    }
}

impl WorkspaceState {
    fn adopt(
        &mut self,
        published: Vec<Published>,
        lately: &Lately,
        handover: Handover,
        out: &mut Vec<Output>,
    ) {
        let held: BTreeSet<String> = self
            .judge
            .episodes()
            .keys()
            .map(ToString::to_string)
            .chain(self.health.episodes().map(|episode| episode.key.clone()))
            .collect();
        let Handover { now, left, .. } = handover;
        let mut told = BTreeMap::new();
        for published in published {
            let key = EpisodeKey(published.episode.clone());
            let ending = match held.contains(key.as_str()) {
                true if !self.has_turned(&key, &published) => {
                    told.insert(key, published.told(now));
                    continue;
                }
                true => None,
                false => lately.ending(&self.name, key.as_str(), left),
            };
            handover.withdraw(published, ending, Some(&self.plan), out);
        }
        let name = |key: &str| alert::alert_id(&self.name, key, now).into_boxed_str();
        let mut data = self.health.adopt(&told, now, &name);
        let day = self.plan.zone.day_of(now);
        let mut business = self.judge.adopt(&told, day, now, &|key| name(key.as_str()));
        self.hear(&told, lately, handover, (&mut data, &mut business));
        self.rewatch();
        let data = data.iter().map(|change| alert::data(&self.name, &self.plan, change));
        let business =
            business.iter().map(|c| alert::build(&self.name, &self.plan, c, self.judge.statuses()));
        for alert in data.chain(business) {
            out.push(alert_output(&Alert { revision: Some(handover.revision()), ..alert }));
        }
    }

    /// Whether the episode drifts the other way than was told.
    fn has_turned(&self, key: &EpisodeKey, published: &Published) -> bool {
        let held = self.judge.episodes().get(key);
        held.is_some_and(|held| published.is_opposite(&held.subject.metric, &held.assessment.drift))
    }

    /// What people have said since the older version left counts; it is told where that one has not told it.
    fn hear(
        &mut self,
        told: &BTreeMap<EpisodeKey, Told>,
        lately: &Lately,
        Handover { now, left, .. }: Handover,
        (data, business): (&mut Vec<DataChange>, &mut Vec<EpisodeChange>),
    ) {
        let day = self.plan.zone.day_of(now);
        for (key, said) in lately.words(&self.name, left) {
            let Some(told) = told.get(key) else { continue };
            let mut known = told.acknowledgements.iter();
            if !said.holds(now) || known.any(|known| known.function == said.function && known.at >= said.at) {
                continue;
            }
            let of_data = self.health.acknowledge(key.as_str(), said);
            data.extend(of_data.map(|change| DataChange { at: now, ..change }));
            let of_business = self.judge.acknowledge(key, said.clone(), day);
            business.extend(of_business.map(|change| EpisodeChange { at: now, ..change }));
        }
    }
}
