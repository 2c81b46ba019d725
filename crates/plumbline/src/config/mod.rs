//! `plumbline.toml`: every key has a default; the environment overrides the file; flags override both.
//!
//! An environment variable `PLUMBLINE_SECTION__KEY` overrides `key` of `[section]`; under `PLUMBLINE_KAFKA__`
//! an underscore stands for the point of a librdkafka property. Names without `__` are not settings of the
//! file, except `PLUMBLINE_PLAN`, `PLUMBLINE_INSTANCE` and `PLUMBLINE_GROUP`.

mod overlay;
mod print;
mod raw;
mod secret;
mod size;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plumbline_pipeline::CheckpointPlace;
use plumbline_units::{Name, Seconds};

pub(crate) use secret::Secret;
use size::{parse_bytes, parse_span};

/// The whole configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// The plan file of each workspace, paths relative to the configuration file's folder resolved.
    pub(crate) plans: BTreeMap<Name, PathBuf>,
    /// Names this instance: stable over restarts, unique among the running ones.
    pub(crate) instance: String,
    /// The consumer groups are `<group>-intake` and `<group>-engine`.
    pub(crate) group: String,
    /// librdkafka properties, passed through unchanged.
    pub(crate) kafka: BTreeMap<String, Secret>,
    pub(crate) topics: Topics,
    pub(crate) intake: Intake,
    pub(crate) engine: Engine,
    pub(crate) http: Http,
    pub(crate) limits: Limits,
}

/// Topic names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Topics {
    pub(crate) leads: Vec<String>,
    pub(crate) opportunities: Vec<String>,
    pub(crate) spend: Vec<String>,
    pub(crate) replay: String,
    pub(crate) log: String,
    pub(crate) alerts: String,
    pub(crate) aggregates: String,
    pub(crate) dead_letters: String,
    /// Make missing topics of our own at start.
    pub(crate) create: bool,
    /// Make missing input topics too.
    pub(crate) create_inputs: bool,
    /// Partitions of a log made here; never change it afterwards.
    pub(crate) log_partitions: i32,
    /// Replicas of topics made here; −1 is the broker's default.
    pub(crate) replication: i32,
}

/// What intake lets into the log.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Attributes kept besides the plan's dimensions.
    pub(crate) allow_attributes: Vec<String>,
    /// Whether keyed hashes take the place of ids.
    pub(crate) pseudonymise_ids: bool,
    /// The key of those hashes.
    pub(crate) pseudonym_key: Option<Secret>,
    /// How often the time is written into the log.
    pub(crate) clock_every: Seconds,
}

/// The state machine's surroundings and its settings.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) checkpoints: CheckpointPlace,
    pub(crate) checkpoint_every: Seconds,
    /// The state of at most so many log partitions that others judge is kept here, too.
    pub(crate) standby_partitions: usize,
    pub(crate) horizon: Seconds,
    pub(crate) lateness: Seconds,
    pub(crate) idle_after: Seconds,
}

/// The HTTP listener.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    /// Needed for every write; without one there are no writes.
    pub(crate) token: Option<Secret>,
}

/// Bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) event_bytes: usize,
    pub(crate) attributes: usize,
    pub(crate) dead_letter_max: usize,
    pub(crate) leaves: usize,
    pub(crate) journeys: usize,
    pub(crate) cells: usize,
    /// Workspaces of one log partition.
    pub(crate) workspaces: usize,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// The TOML reader's own message, which shows the place.
    #[error("{}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("the environment overrides {}: {message}", path.display())]
    Environment { path: PathBuf, message: String },
    #[error("{}: {key}: {message}", path.display())]
    Value { path: PathBuf, key: String, message: String },
}

impl Config {
    /// Reads and checks a configuration file under the process's environment.
    pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        Config::parse(path, &text, std::env::vars())
    }

    /// One plan, for the workspace `default`, in place of the file's.
    pub(crate) fn set_plan(&mut self, path: &Path) {
        self.plans = raw::only(path.to_owned());
    }

    /// Other brokers than the file's.
    pub(crate) fn set_brokers(&mut self, brokers: &str) {
        self.kafka.insert("bootstrap.servers".to_owned(), Secret::Text(brokers.to_owned()));
    }

    /// Reads and checks a configuration text; `environment` is what the process was started with.
    pub(crate) fn parse(
        path: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        // First the file alone: its mistakes are shown at their place in the text.
        let syntax = |message: String| ConfigError::Syntax { path: path.to_owned(), message };
        toml::from_str::<raw::Raw>(text).map_err(|e| syntax(format!("\n{e}")))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|e| syntax(format!("\n{e}")))?;
        overlay::apply(&mut table, environment);
        let raw: raw::Raw = table.try_into().map_err(|e: toml::de::Error| ConfigError::Environment {
            path: path.to_owned(),
            message: e.message().to_owned(),
        })?;
        raw.check(path.parent().unwrap_or(Path::new(""))).map_err(|(key, message)| ConfigError::Value {
            path: path.to_owned(),
            key,
            message,
        })
    }
}
