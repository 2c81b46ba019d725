//! The configuration file in the terms of the crates it configures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use plumbline_engine::EngineConfig;
use plumbline_events::Limits;
use plumbline_funnel::FoldOptions;
use plumbline_pipeline::{self as pipeline, CheckpointPlace};
use plumbline_units::Seconds;

use crate::args::ConfigArgs;
use crate::commands::load_plan;
use crate::config::{Config, Secret};
use crate::exit::{Kind, OrFail, Outcome};

/// Reads the configuration file and lays the flags over it.
pub(crate) fn load(args: &ConfigArgs) -> Outcome<Config> {
    let mut config = Config::load(&args.config).or_fail(Kind::Configuration)?;
    if let Some(plan) = &args.plan {
        config.set_plan(plan);
    }
    if let Some(brokers) = &args.brokers {
        config.set_brokers(brokers);
    }
    if let Some(listen) = args.listen {
        config.http.listen = listen;
    }
    Ok(config)
}

/// Reads only the settings of the state machine; without a file, the defaults.
pub(crate) fn machine(path: Option<&Path>) -> Outcome<EngineConfig> {
    match path {
        None => Ok(EngineConfig::default()),
        Some(path) => Ok(engine(&Config::load(path).or_fail(Kind::Configuration)?)),
    }
}

/// The state machine's settings.
pub(crate) fn engine(config: &Config) -> EngineConfig {
    let defaults = EngineConfig::default();
    EngineConfig {
        fold: FoldOptions {
            horizon: Some(config.engine.horizon),
            max_leaves: config.limits.leaves,
            max_journeys: config.limits.journeys,
            max_cells: config.limits.cells,
            ..defaults.fold
        },
        lateness: config.engine.lateness,
        idle_after: config.engine.idle_after,
        max_workspaces: config.limits.workspaces,
        ..defaults
    }
}

/// The pipeline's settings; reads plans and secrets.
pub(crate) fn pipeline(config: &Config) -> Outcome<pipeline::Config> {
    let mut kafka = BTreeMap::from([("bootstrap.servers".to_owned(), "localhost:9092".to_owned())]);
    for (property, value) in &config.kafka {
        let value =
            value.reveal().map_err(|why| Kind::Configuration.says(format!("kafka.{property}: {why}")))?;
        kafka.insert(property.clone(), value);
    }
    let (plans, dimensions) = plans(config)?;
    let intake = &config.intake;
    let topics = &config.topics;
    Ok(pipeline::Config {
        kafka,
        instance: config.instance.clone(),
        group: config.group.clone(),
        topics: pipeline::Topics {
            leads: topics.leads.clone(),
            opportunities: topics.opportunities.clone(),
            spend: topics.spend.clone(),
            replay: topics.replay.clone(),
            log: topics.log.clone(),
            alerts: topics.alerts.clone(),
            aggregates: topics.aggregates.clone(),
            dead_letters: topics.dead_letters.clone(),
            create: topics.create,
            create_inputs: topics.create_inputs,
            log_partitions: topics.log_partitions,
            replication: topics.replication,
        },
        intake: pipeline::IntakeConfig {
            limits: Limits {
                event_bytes: config.limits.event_bytes,
                attributes: config.limits.attributes,
                ..Limits::default()
            },
            allow_attributes: Some(
                intake
                    .allow_attributes
                    .iter()
                    .cloned()
                    .chain(dimensions)
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
            ),
            pseudonymise: pseudonym_key(config)?,
            dead_letter_bytes: config.limits.dead_letter_max,
            clock_every: duration(intake.clock_every),
            ..pipeline::IntakeConfig::default()
        },
        engine: pipeline::EngineStage {
            machine: engine(config),
            checkpoints: Some(checkpoints(&config.engine.checkpoints)),
            checkpoint_every: duration(config.engine.checkpoint_every),
            standby_partitions: config.engine.standby_partitions,
            ..pipeline::EngineStage::default()
        },
        plans,
    })
}

/// Where checkpoints go; what an object store wants to know besides is in the environment, under the names its own
/// tools use.
fn checkpoints(place: &CheckpointPlace) -> CheckpointPlace {
    let mut place = place.clone();
    if let CheckpointPlace::Url { options, .. } = &mut place {
        let theirs = |name: &str| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|start| name.starts_with(start));
        options.extend(std::env::vars().filter(|(name, _)| theirs(name)));
    }
    place
}

/// The configured plans, and the names of all their dimensions.
pub(crate) fn plans(config: &Config) -> Outcome<(Vec<pipeline::ConfiguredPlan>, BTreeSet<String>)> {
    let mut plans = Vec::new();
    let mut dimensions = BTreeSet::new();
    for (workspace, path) in &config.plans {
        let (plan, toml) = load_plan(path)?;
        dimensions.extend(plan.dimensions.iter().map(|d| d.name.to_string()));
        plans.push(pipeline::ConfiguredPlan {
            workspace: workspace.clone(),
            toml,
            live_from: plan.live_from,
            revision: plan.revision,
            content_hash: plan.content_hash,
        });
    }
    Ok((plans, dimensions))
}

fn pseudonym_key(config: &Config) -> Outcome<Option<[u8; 16]>> {
    let Some(secret) = config.intake.pseudonym_key.as_ref().filter(|_| config.intake.pseudonymise_ids) else {
        return Ok(None);
    };
    let wrong = |why: &str| Kind::Configuration.says(format!("intake.pseudonym_key: {why}"));
    let text = secret.reveal().map_err(|why| wrong(&why))?;
    let number = u128::from_str_radix(text.trim(), 16).ok().filter(|_| text.trim().len() == 32);
    number
        .map(|number| Some(number.to_be_bytes()))
        .ok_or_else(|| wrong("it must be 32 hexadecimal digits, as `openssl rand -hex 16` prints"))
}

/// What writes must bear. A token that cannot be read should be known at the start, not at the first write; an
/// empty one is none.
pub(crate) fn token(config: &Config) -> Outcome<Option<String>> {
    let token = config.http.token.as_ref().map(Secret::reveal_if_set).transpose();
    token
        .map(|token| token.flatten().filter(|token| !token.is_empty()))
        .map_err(|why| Kind::Configuration.says(format!("http.token: {why}")))
}

fn duration(span: Seconds) -> Duration {
    Duration::from_secs(u64::try_from(span.0).unwrap_or(0))
}

/// A failure of the pipeline by what its user must do.
pub(crate) fn failure(failure: pipeline::Failure) -> crate::exit::Failure {
    let kind = match failure.kind() {
        pipeline::Kind::Unavailable | pipeline::Kind::Fenced | pipeline::Kind::Displaced => Kind::Broker,
        pipeline::Kind::Configuration => Kind::Configuration,
        pipeline::Kind::Data | pipeline::Kind::Outdated => Kind::Input,
        pipeline::Kind::Disk => Kind::Internal,
    };
    kind.says(failure)
}
