//! Handing a log over from one state machine version to the next: what was published is the truth.
//!
//! The newer version has folded the log from its start by its own rules and holds the episodes that these make. At
//! the epoch record they are made to agree with the alerts that the older one left open:
//! - published and held: goes on under the published id, number and acknowledgements, whenever each version found
//!   it; it is said again where its severity, label or explanation is another;
//! - published and not held: `resolved` as `recomputed`, also where the workspace itself is not held;
//! - held and not published: `opened`, as of the epoch, under an id of its own, though an older one may have opened
//!   and resolved it before.
//!
//! All of it is a function of the log: the record holds the published alerts. Each alert said here names both
//! versions in its `revision`. Published alerts are read for what this needs, so that one of another shape is
//! neither orphaned nor repeated.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_drift::judge::{Acknowledgement, EpisodeKey, Told};
use plumbline_events::PublishedEpisode;
use plumbline_plan::{Plan, Severity};
use plumbline_units::{Name, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Output;
use crate::alert::{self, AcknowledgementSide, Alert, Revision};
use crate::output::{alert_output, record_output};
use crate::workspace::WorkspaceState;

/// From which version to which, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handover {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) now: Timestamp,
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

    /// Ends an alert that nothing held stands behind, in the words it had.
    fn withdraw(&self, gone: Published, plan: Option<&Plan>, out: &mut Vec<Output>) {
        let Handover { from, to, now } = self;
        let urgency = gone.record.get("urgency").and_then(Value::as_str).unwrap_or("page");
        let notify_at = plan.map_or(*now, |plan| alert::notify_at(plan.zone, urgency, *now));
        let revision = self.revision();
        let mut record = gone.record;
        for (field, value) in [
            ("sequence", (gone.head.sequence + 1).into()),
            ("transition", "resolved".into()),
            ("state", "resolved".into()),
            ("resolution", "recomputed".into()),
            ("detected_at", now.to_string().into()),
            ("notify_at", notify_at.to_string().into()),
            (
                "summary",
                format!(
                    "Version {to} of the state machine, which judges from now on in place of {from}, does not find \
                     this in the same events: it is withdrawn."
                )
                .into(),
            ),
            ("revision", serde_json::json!(revision)),
            ("related", Value::Array(Vec::new())),
        ] {
            record.insert(field.into(), value);
        }
        out.extend(record_output(record));
    }
}

/// What this needs of an alert, whatever version wrote it.
#[derive(Deserialize)]
struct Head {
    alert_id: Box<str>,
    episode: String,
    sequence: u32,
    severity: Word,
    #[serde(default)]
    state: String,
    #[serde(default)]
    historical: bool,
    #[serde(default)]
    drift: Option<Label>,
    #[serde(default)]
    inhibited_by: Option<String>,
    #[serde(default)]
    acknowledgements: Vec<AcknowledgementSide>,
    #[serde(default)]
    asked_again: u32,
}

#[derive(Deserialize)]
struct Label {
    label: String,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Warning,
    Critical,
}

/// The last alert of an episode that is open to its readers.
struct Published {
    head: Head,
    record: Map<String, Value>,
}

impl Published {
    /// `None` for what no version could have published.
    fn read(bytes: &[u8]) -> Option<Published> {
        let record: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let head = Head::deserialize(Value::Object(record.clone())).ok()?;
        // A notice is said once and never resolved.
        let open = head.state != "resolved" && head.state != "notice";
        open.then_some(Published { head, record })
    }

    fn told(&self) -> Told {
        let Head { alert_id, sequence, severity, historical, .. } = &self.head;
        let said = |a: &AcknowledgementSide| Acknowledgement {
            function: a.function.clone(),
            note: a.note.clone(),
            at: a.at,
            until: a.until,
        };
        Told {
            alert_id: alert_id.clone(),
            sequence: *sequence,
            severity: match severity {
                Word::Warning => Severity::Warning,
                Word::Critical => Severity::Critical,
            },
            label: self.head.drift.as_ref().map(|drift| drift.label.clone()),
            inhibited_by: self.head.inhibited_by.clone().map(EpisodeKey),
            historical: *historical,
            acknowledged: self.head.state == "acknowledged",
            acknowledgements: self.head.acknowledgements.iter().map(said).collect(),
            asked_again: self.head.asked_again,
        }
    }
}

/// Makes the episodes held agree with the episodes published.
pub(crate) fn adopt(
    workspaces: &mut BTreeMap<Name, WorkspaceState>,
    published: &[PublishedEpisode],
    handover: Handover,
    out: &mut Vec<Output>,
) {
    let mut of: BTreeMap<&Name, Vec<Published>> = BTreeMap::new();
    for episode in published {
        of.entry(&episode.workspace).or_default().extend(Published::read(&episode.last_alert));
    }
    for (_, orphans) in of.extract_if(.., |name, _| !workspaces.contains_key(*name)) {
        orphans.into_iter().for_each(|orphan| handover.withdraw(orphan, None, out));
    }
    for (name, workspace) in workspaces {
        workspace.adopt(of.remove(name).unwrap_or_default(), handover, out);
    }
}

impl WorkspaceState {
    fn adopt(&mut self, published: Vec<Published>, handover: Handover, out: &mut Vec<Output>) {
        let held: BTreeSet<String> = self
            .judge
            .episodes()
            .keys()
            .map(ToString::to_string)
            .chain(self.health.episodes().map(|episode| episode.key.clone()))
            .collect();
        let mut told = BTreeMap::new();
        for published in published {
            if held.contains(&published.head.episode) {
                told.insert(EpisodeKey(published.head.episode.clone()), published.told());
            } else {
                handover.withdraw(published, Some(&self.plan), out);
            }
        }
        let Handover { now, .. } = handover;
        let name = |key: &str| alert::alert_id(&self.name, key, now).into_boxed_str();
        let data = self.health.adopt(&told, now, &name);
        let day = self.plan.zone.day_of(now);
        let business = self.judge.adopt(&told, day, now, &|key| name(key.as_str()));
        self.rewatch();
        let data = data.iter().map(|change| alert::data(&self.name, &self.plan, change));
        let business =
            business.iter().map(|c| alert::build(&self.name, &self.plan, c, self.judge.statuses()));
        for alert in data.chain(business) {
            out.push(alert_output(&Alert { revision: Some(handover.revision()), ..alert }));
        }
    }
}
