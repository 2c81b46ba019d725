//! Settings of the pipeline as plain data. The binary reads them from its file and environment; nothing here
//! reads either.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plumbline_engine::EngineConfig;
pub use plumbline_engine::task::ResetFrom;
use plumbline_events::InputKind;
use plumbline_units::{Name, Timestamp};

use crate::failure::{Failure, Kind};

/// All settings of one instance.
#[derive(Clone, Debug)]
pub struct Config {
    /// librdkafka properties, passed through unchanged except for those the pipeline's guarantees rest on
    /// (see [`crate::client::FORCED`]).
    pub kafka: BTreeMap<String, String>,
    /// Names this instance in transactional ids and group membership: stable over restarts, unique among the
    /// running instances. Two instances of one name fence each other.
    pub instance: String,
    /// Consumer groups are `<group>-intake` and `<group>-engine`.
    pub group: String,
    /// Where everything is read and written.
    pub topics: Topics,
    /// The stage that reads inputs.
    pub intake: IntakeConfig,
    /// The stage that reads the log.
    pub engine: EngineStage,
    /// Plans put into the log where a workspace has none yet.
    pub plans: Vec<ConfiguredPlan>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            kafka: BTreeMap::from([("bootstrap.servers".to_owned(), "localhost:9092".to_owned())]),
            instance: "plumbline-0".to_owned(),
            group: "plumbline".to_owned(),
            topics: Topics::default(),
            intake: IntakeConfig::default(),
            engine: EngineStage::default(),
            plans: Vec::new(),
        }
    }
}

/// Topic names, and how the pipeline's own topics are made where they are missing.
#[derive(Clone, Debug)]
pub struct Topics {
    /// Inputs that carry leads.
    pub leads: Vec<String>,
    /// Inputs that carry opportunities.
    pub opportunities: Vec<String>,
    /// Inputs that carry spend.
    pub spend: Vec<String>,
    /// The pipeline's own input, for replayed dead letters; always read.
    pub replay: String,
    /// The event log.
    pub log: String,
    /// Alert records.
    pub alerts: String,
    /// Compacted aggregates.
    pub aggregates: String,
    /// Rejected inputs with the reason.
    pub dead_letters: String,
    /// Make missing topics at start (inputs excepted, unless `create_inputs`).
    pub create: bool,
    /// Make missing input topics too, with one partition.
    pub create_inputs: bool,
    /// Partitions of a log made here. Never change it afterwards: workspaces are placed by it.
    pub log_partitions: i32,
    /// Replicas of topics made here; −1 takes the broker's default.
    pub replication: i32,
}

impl Default for Topics {
    fn default() -> Topics {
        Topics {
            leads: vec!["crm.leads".to_owned()],
            opportunities: vec!["crm.opportunities".to_owned()],
            spend: vec!["ads.spend".to_owned()],
            replay: "plumbline.replay".to_owned(),
            log: "plumbline.log".to_owned(),
            alerts: "plumbline.alerts".to_owned(),
            aggregates: "plumbline.aggregates".to_owned(),
            dead_letters: "plumbline.dead-letters".to_owned(),
            create: true,
            create_inputs: false,
            log_partitions: 4,
            replication: -1,
        }
    }
}

impl Topics {
    /// Every input topic with what its bare protobuf means, `replay` included, each once.
    pub fn inputs(&self) -> BTreeMap<String, InputKind> {
        let mut inputs = BTreeMap::from([(self.replay.clone(), InputKind::Any)]);
        let kinds = [
            (&self.leads, InputKind::Leads),
            (&self.opportunities, InputKind::Opportunities),
            (&self.spend, InputKind::Spend),
        ];
        for (topics, kind) in kinds {
            for topic in topics {
                // A topic listed twice carries more than one kind.
                inputs.entry(topic.clone()).and_modify(|k| *k = InputKind::Any).or_insert(kind);
            }
        }
        inputs
    }

    /// The pipeline's own topics.
    pub fn own(&self) -> [&str; 5] {
        [&self.log, &self.alerts, &self.aggregates, &self.dead_letters, &self.replay]
    }
}

/// Settings of intake.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// Sizes an input event may have.
    pub limits: plumbline_events::Limits,
    /// Attributes that enter the log; `None` lets all in. The plan's dimensions belong in it.
    pub allow_attributes: Option<Vec<String>>,
    /// Put keyed hashes in place of ids under this key.
    pub pseudonymise: Option<[u8; 16]>,
    /// Values of dead letters are cut beyond this many bytes.
    pub dead_letter_bytes: usize,
    /// A transaction ends after this time …
    pub commit_every: Duration,
    /// … or after this many input messages.
    pub commit_messages: usize,
    /// Time between clock records.
    pub clock_every: Duration,
    /// Where to start when the group has no committed offsets although the log holds records of intake.
    pub reset_from: Option<ResetFrom>,
}

impl Default for IntakeConfig {
    fn default() -> IntakeConfig {
        IntakeConfig {
            limits: plumbline_events::Limits::default(),
            allow_attributes: None,
            pseudonymise: None,
            dead_letter_bytes: 256 << 10,
            commit_every: Duration::from_millis(200),
            commit_messages: 10_000,
            clock_every: Duration::from_secs(60),
            reset_from: None,
        }
    }
}

/// Settings of the stage that runs the engine.
#[derive(Clone, Debug)]
pub struct EngineStage {
    /// Settings of the state machine.
    pub machine: EngineConfig,
    /// Where checkpoints go; `None` keeps none and replays the log at every start.
    pub checkpoints: Option<CheckpointPlace>,
    /// Time between checkpoints of a partition.
    pub checkpoint_every: Duration,
    /// The state of at most so many log partitions that others judge is kept here, too, each at the memory of one
    /// of its own: whoever takes such a partition over replays a second of the log.
    pub standby_partitions: usize,
    /// A transaction is made after this time, if there is something to commit …
    pub commit_every: Duration,
    /// … or after this many log records.
    pub commit_records: usize,
    /// At most this many outputs in one transaction.
    pub transaction_outputs: usize,
    /// Where to start when the group has no committed offset although the log has been judged before.
    pub reset_from: Option<ResetFrom>,
}

impl Default for EngineStage {
    fn default() -> EngineStage {
        EngineStage {
            machine: EngineConfig::default(),
            checkpoints: None,
            checkpoint_every: Duration::from_secs(300),
            standby_partitions: 0,
            commit_every: Duration::from_millis(200),
            commit_records: 50_000,
            transaction_outputs: 10_000,
            reset_from: None,
        }
    }
}

/// Where checkpoints are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointPlace {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An object store, which instances may share: whoever takes a partition over finds its owner's checkpoints.
    Url {
        /// `s3://bucket/prefix`, `gs://…`, `az://…` and whatever else the `object_store` crate takes.
        url: String,
        /// Its options by name, credentials among them.
        options: BTreeMap<String, String>,
    },
}

impl From<PathBuf> for CheckpointPlace {
    fn from(path: PathBuf) -> CheckpointPlace {
        CheckpointPlace::Directory(path)
    }
}

/// A plan from the configuration.
#[derive(Clone, Debug)]
pub struct ConfiguredPlan {
    /// The tenant it is for.
    pub workspace: Name,
    /// Its text.
    pub toml: String,
    /// The plan's own `live_from`; where absent, the time it is put into the log.
    pub live_from: Option<Timestamp>,
    /// Its revision, to say when the log holds another.
    pub revision: u32,
    /// Its content hash, likewise.
    pub content_hash: [u8; 32],
}

/// Which stages run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages {
    /// Inputs to log.
    pub intake: bool,
    /// Log to alerts and aggregates.
    pub engine: bool,
}

impl Stages {
    /// Both.
    pub const ALL: Stages = Stages { intake: true, engine: true };
}

impl Config {
    /// Checks what can be checked without a broker; each failure names both sides.
    pub fn check(&self) -> Result<(), Failure> {
        let wrong = |message: String| Err(Failure::new(Kind::Configuration, message));
        if !self.kafka.contains_key("bootstrap.servers") {
            return wrong("[kafka] lacks \"bootstrap.servers\"".to_owned());
        }
        let inputs = self.topics.inputs();
        for topic in
            [&self.topics.log, &self.topics.alerts, &self.topics.aggregates, &self.topics.dead_letters]
        {
            if inputs.contains_key(topic.as_str()) {
                return wrong(format!("topic `{topic}` is both an input and an output"));
            }
        }
        let mut own = self.topics.own();
        own.sort_unstable();
        if let Some(pair) = own.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(format!("topic `{}` is named for two purposes", pair[0]));
        }
        let mut workspaces: Vec<&Name> = self.plans.iter().map(|plan| &plan.workspace).collect();
        workspaces.sort_unstable();
        if let Some(pair) = workspaces.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(format!("workspace `{}` has two plans", pair[0]));
        }
        if self.topics.log_partitions < 1 {
            return wrong(format!("log_partitions is {}; at least 1 is needed", self.topics.log_partitions));
        }
        let positive = [
            ("intake.commit_messages", self.intake.commit_messages),
            ("engine.commit_records", self.engine.commit_records),
            ("engine.transaction_outputs", self.engine.transaction_outputs),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => wrong(format!("{name} is 0; at least 1 is needed")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_listed_for_two_kinds_is_read_once_and_takes_any() {
        let topics =
            Topics { leads: vec!["crm".into()], opportunities: vec!["crm".into()], ..Topics::default() };
        let inputs = topics.inputs();
        assert_eq!(inputs.len(), 3, "crm, ads.spend and the replay topic");
        assert!(matches!(inputs["crm"], InputKind::Any));
        assert!(matches!(inputs["ads.spend"], InputKind::Spend));
    }

    #[test]
    fn an_output_that_is_also_an_input_is_refused() {
        let mut config = Config::default();
        assert!(config.check().is_ok());
        config.topics.leads.push("plumbline.log".into());
        assert!(config.check().is_err());
        config.topics.leads.pop();
        config.topics.alerts = config.topics.aggregates.clone();
        assert!(config.check().is_err());
    }

    #[test]
    fn two_plans_of_one_workspace_are_refused() {
        let mut config = Config::default();
        let plan = |workspace: &str| ConfiguredPlan {
            workspace: workspace.parse().unwrap(),
            toml: String::new(),
            live_from: None,
            revision: 1,
            content_hash: [0; 32],
        };
        config.plans = vec![plan("a"), plan("b")];
        assert!(config.check().is_ok());
        config.plans.push(plan("a"));
        assert!(config.check().unwrap_err().to_string().contains("`a` has two plans"));
    }
}
