//! The configuration as its text has it, before checks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plumbline_pipeline::CheckpointPlace;
use plumbline_units::{Name, Seconds};
use serde::Deserialize;

use super::{Config, Engine, Http, Intake, Limits, Secret, Topics, parse_bytes, parse_span};

/// A key and what is wrong with its value.
type Wrong = (String, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    plan: Option<PathBuf>,
    instance: Option<String>,
    group: Option<String>,
    #[serde(default)]
    workspace: BTreeMap<Name, RawWorkspace>,
    #[serde(default)]
    kafka: BTreeMap<String, Secret>,
    #[serde(default)]
    topics: RawTopics,
    #[serde(default)]
    intake: RawIntake,
    #[serde(default)]
    engine: RawEngine,
    #[serde(default)]
    http: RawHttp,
    #[serde(default)]
    limits: RawLimits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkspace {
    plan: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTopics {
    leads: Vec<String>,
    opportunities: Vec<String>,
    spend: Vec<String>,
    replay: String,
    log: String,
    alerts: String,
    aggregates: String,
    dead_letters: String,
    create: bool,
    create_inputs: bool,
    log_partitions: i32,
    replication: i32,
}

impl Default for RawTopics {
    fn default() -> Self {
        RawTopics {
            leads: vec!["crm.leads".into()],
            opportunities: vec!["crm.opportunities".into()],
            spend: vec!["ads.spend".into()],
            replay: "plumbline.replay".into(),
            log: "plumbline.log".into(),
            alerts: "plumbline.alerts".into(),
            aggregates: "plumbline.aggregates".into(),
            dead_letters: "plumbline.dead-letters".into(),
            create: true,
            create_inputs: false,
            log_partitions: 4,
            replication: -1,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawIntake {
    allow_attributes: Vec<String>,
    pseudonymise_ids: bool,
    pseudonym_key: Option<Secret>,
    clock_every: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEngine {
    checkpoint_dir: Option<String>,
    checkpoint_every: Option<String>,
    standby_partitions: usize,
    horizon: Option<String>,
    lateness: Option<String>,
    idle_after: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawHttp {
    listen: Option<SocketAddr>,
    token: Option<Secret>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    event_bytes: Option<Size>,
    attributes: Option<usize>,
    dead_letter_max: Option<Size>,
    leaves: Option<usize>,
    journeys: Option<usize>,
    cells: Option<usize>,
    workspaces: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of bytes or a text such as \"64KiB\"")]
enum Size {
    Bytes(usize),
    Text(String),
}

impl Raw {
    /// Checks every value and the relations between them; `base` is the folder relative paths start from.
    pub(super) fn check(self, base: &Path) -> Result<Config, Wrong> {
        let limits = self.limits.check()?;
        Ok(Config {
            plans: plans(self.plan, self.workspace, base)?,
            instance: named("instance", self.instance, "plumbline-0")?,
            group: named("group", self.group, "plumbline")?,
            kafka: self.kafka,
            topics: self.topics.check()?,
            intake: self.intake.check()?,
            engine: self.engine.check(base)?,
            http: Http {
                listen: self.http.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9464))),
                token: self.http.token,
            },
            limits,
        })
    }
}

fn plans(
    plan: Option<PathBuf>,
    workspaces: BTreeMap<Name, RawWorkspace>,
    base: &Path,
) -> Result<BTreeMap<Name, PathBuf>, Wrong> {
    let plans: BTreeMap<Name, PathBuf> =
        workspaces.into_iter().map(|(name, workspace)| (name, base.join(workspace.plan))).collect();
    match plan {
        Some(_) if !plans.is_empty() => {
            Err(wrong("plan", "give one plan, or one [workspace.NAME] each, not both"))
        }
        Some(path) => Ok(only(base.join(path))),
        None => Ok(plans),
    }
}

/// One plan, for the workspace of events that name none.
pub(super) fn only(path: PathBuf) -> BTreeMap<Name, PathBuf> {
    let default = Name::new("default").expect("`default` is a name");
    BTreeMap::from([(default, path)])
}

/// Part of a group's or transaction's id.
fn named(key: &str, text: Option<String>, default: &str) -> Result<String, Wrong> {
    let text = text.unwrap_or_else(|| default.to_owned());
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if text.is_empty() || text.len() > 100 || !text.bytes().all(legal) {
        return Err(wrong(key, format!("`{text}` is not a name: letters, digits, . _ -")));
    }
    Ok(text)
}

impl RawTopics {
    fn check(self) -> Result<Topics, Wrong> {
        let inputs = [&self.leads, &self.opportunities, &self.spend];
        if inputs.iter().all(|list| list.is_empty()) {
            return Err(wrong("topics", "name at least one topic of leads, opportunities or spend"));
        }
        if self.log_partitions < 1 {
            return Err(wrong("topics.log_partitions", "must be at least 1"));
        }
        let inputs: BTreeSet<&String> = inputs.into_iter().flatten().collect();
        let own = [&self.replay, &self.log, &self.alerts, &self.aggregates, &self.dead_letters];
        let mut seen = inputs.clone();
        for topic in own {
            if !seen.insert(topic) {
                return Err(wrong("topics", format!("`{topic}` is named twice: every topic has one use")));
            }
        }
        for topic in seen {
            let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if topic.is_empty() || topic.len() > 249 || !topic.bytes().all(legal) {
                return Err(wrong(
                    "topics",
                    format!("`{topic}` is not a topic name: letters, digits, . _ -"),
                ));
            }
        }
        Ok(Topics {
            leads: self.leads,
            opportunities: self.opportunities,
            spend: self.spend,
            replay: self.replay,
            log: self.log,
            alerts: self.alerts,
            aggregates: self.aggregates,
            dead_letters: self.dead_letters,
            create: self.create,
            create_inputs: self.create_inputs,
            log_partitions: self.log_partitions,
            replication: self.replication,
        })
    }
}

impl RawIntake {
    fn check(self) -> Result<Intake, Wrong> {
        if self.pseudonymise_ids && self.pseudonym_key.is_none() {
            return Err(wrong(
                "intake.pseudonymise_ids",
                "needs intake.pseudonym_key = { file = \"…\" } or { env = \"…\" }: without a key that stays \
                 the same, one person would get two pseudonyms",
            ));
        }
        Ok(Intake {
            allow_attributes: self.allow_attributes,
            pseudonymise_ids: self.pseudonymise_ids,
            pseudonym_key: self.pseudonym_key,
            clock_every: span("intake.clock_every", self.clock_every, Seconds::MINUTE)?,
        })
    }
}

impl RawEngine {
    fn check(self, base: &Path) -> Result<Engine, Wrong> {
        let engine = Engine {
            checkpoints: place(self.checkpoint_dir.as_deref().unwrap_or("checkpoints"), base),
            checkpoint_every: span("engine.checkpoint_every", self.checkpoint_every, Seconds(300))?,
            standby_partitions: self.standby_partitions,
            horizon: span("engine.horizon", self.horizon, Seconds::days(400))?,
            lateness: span("engine.lateness", self.lateness, Seconds::HOUR)?,
            idle_after: span("engine.idle_after", self.idle_after, Seconds::hours(6))?,
        };
        if engine.lateness >= engine.horizon {
            return Err(wrong(
                "engine.lateness",
                format!(
                    "{} s reaches the horizon of {} s: everything would be forgotten at once",
                    engine.lateness.0, engine.horizon.0
                ),
            ));
        }
        Ok(engine)
    }
}

/// A directory, or the URL of an object store.
fn place(text: &str, base: &Path) -> CheckpointPlace {
    match text.split_once("://") {
        None => CheckpointPlace::Directory(base.join(text)),
        Some(("file", path)) => CheckpointPlace::Directory(PathBuf::from(path)),
        Some(_) => CheckpointPlace::Url { url: text.to_owned(), options: BTreeMap::new() },
    }
}

impl RawLimits {
    fn check(self) -> Result<Limits, Wrong> {
        let limits = Limits {
            event_bytes: size("limits.event_bytes", self.event_bytes, 64 << 10)?,
            attributes: self.attributes.unwrap_or(64),
            dead_letter_max: size("limits.dead_letter_max", self.dead_letter_max, 256 << 10)?,
            leaves: self.leaves.unwrap_or(10_000),
            journeys: self.journeys.unwrap_or(20_000_000),
            cells: self.cells.unwrap_or(50_000_000),
            workspaces: self.workspaces.unwrap_or(1_000),
        };
        if limits.dead_letter_max < limits.event_bytes {
            return Err(wrong(
                "limits.dead_letter_max",
                format!("{} is less than event_bytes, {}", limits.dead_letter_max, limits.event_bytes),
            ));
        }
        for (key, value) in [
            ("limits.event_bytes", limits.event_bytes),
            ("limits.attributes", limits.attributes),
            ("limits.leaves", limits.leaves),
            ("limits.journeys", limits.journeys),
            ("limits.cells", limits.cells),
            ("limits.workspaces", limits.workspaces),
        ] {
            if value == 0 {
                return Err(wrong(key, "must be at least 1"));
            }
        }
        Ok(limits)
    }
}

fn span(key: &str, text: Option<String>, default: Seconds) -> Result<Seconds, Wrong> {
    let span = text.map_or(Ok(default), |text| parse_span(&text).map_err(|e| wrong(key, e)))?;
    if span.0 < 1 {
        return Err(wrong(key, "must be at least one second"));
    }
    Ok(span)
}

fn size(key: &str, size: Option<Size>, default: usize) -> Result<usize, Wrong> {
    match size {
        None => Ok(default),
        Some(Size::Bytes(bytes)) => Ok(bytes),
        Some(Size::Text(text)) => parse_bytes(&text).map_err(|e| wrong(key, e)),
    }
}

fn wrong(key: &str, message: impl std::fmt::Display) -> Wrong {
    (key.to_owned(), message.to_string())
}
