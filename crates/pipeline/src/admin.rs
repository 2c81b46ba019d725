//! Making the pipeline's topics, and reading how topics are set.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use crate::client::{REQUEST, admin_config};
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::read::Reader;

/// A topic as it should be.
struct Wanted<'a> {
    name: &'a str,
    partitions: i32,
    settings: &'a [(&'a str, &'a str)],
}

/// The broker stamps what we write: by default it refuses a record that is stamped more than an hour ahead of its own
/// clock, and an instance whose clock runs ahead could write nothing. What counts stands in the records.
const STAMP: (&str, &str) = ("message.timestamp.type", "LogAppendTime");
/// The log is the truth: kept for ever, and able to hold a plan of 1 MiB or an epoch record.
const LOG: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("max.message.bytes", "8388608"),
    STAMP,
];
/// Alerts are read back when a newer version takes over, so they live as long as the log.
const ALERTS: &[(&str, &str)] =
    &[("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1"), STAMP];
const AGGREGATES: &[(&str, &str)] = &[("cleanup.policy", "compact"), STAMP];
/// Thirty days to look at what was rejected, from its rejection on; its own time is in a header.
const DEAD_LETTERS: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "2592000000"), STAMP];

/// Makes the pipeline's own topics where they are missing (inputs too, where allowed); hands back what it made.
/// Existing topics are left as they are: `doctor` says what is wrong with them.
pub fn ensure_topics(config: &Config) -> Result<Vec<String>, Failure> {
    let topics = &config.topics;
    let mut wanted = vec![
        Wanted { name: &topics.log, partitions: topics.log_partitions, settings: LOG },
        Wanted { name: &topics.alerts, partitions: 1, settings: ALERTS },
        Wanted { name: &topics.aggregates, partitions: topics.log_partitions, settings: AGGREGATES },
        Wanted { name: &topics.dead_letters, partitions: 1, settings: DEAD_LETTERS },
        Wanted { name: &topics.replay, partitions: 1, settings: DEAD_LETTERS },
    ];
    let inputs = topics.inputs();
    if topics.create_inputs {
        let missing = inputs.keys().filter(|name| **name != topics.replay);
        wanted.extend(missing.map(|name| Wanted { name, partitions: 1, settings: &[] }));
    }
    let reader = Reader::new(config)?;
    let mut missing = Vec::new();
    for topic in wanted {
        if reader.partitions(topic.name)? == 0 {
            missing.push(topic);
        }
    }
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    create(config, &missing)?;
    Ok(missing.into_iter().map(|topic| topic.name.to_owned()).collect())
}

fn create(config: &Config, missing: &[Wanted<'_>]) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> = admin_config(config).create()?;
    let requests: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|topic| {
            let replication = TopicReplication::Fixed(config.topics.replication);
            let request = NewTopic::new(topic.name, topic.partitions, replication);
            topic.settings.iter().fold(request, |request, (key, value)| request.set(key, value))
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(REQUEST)).request_timeout(Some(REQUEST));
    for outcome in block_on(admin.create_topics(&requests, &options))?? {
        match outcome {
            Ok(name) => tracing::info!(topic = name, "made"),
            // Another instance was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                let message =
                    format!("topic `{name}` cannot be made: {code}. Make it by hand, or grant the right");
                return Err(Failure::new(Kind::Configuration, message));
            }
        }
    }
    await_visible(config, missing)
}

/// Brokers answer before every one of them knows the topic.
fn await_visible(config: &Config, topics: &[Wanted<'_>]) -> Result<(), Failure> {
    let until = std::time::Instant::now() + REQUEST;
    let reader = Reader::new(config)?;
    for topic in topics {
        while reader.partitions(topic.name)? == 0 {
            if std::time::Instant::now() > until {
                let message = format!("topic `{}` was made but is not there", topic.name);
                return Err(Failure::new(Kind::Unavailable, message));
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    Ok(())
}

/// The broker's settings of a topic.
pub(crate) fn topic_settings(config: &Config, topic: &str) -> Result<BTreeMap<String, String>, Failure> {
    let admin: AdminClient<DefaultClientContext> = admin_config(config).create()?;
    let options = AdminOptions::new().request_timeout(Some(REQUEST));
    let described = block_on(admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options))??;
    let mut settings = BTreeMap::new();
    for resource in described {
        let resource = resource.map_err(|code| Failure::from(rdkafka::error::KafkaError::AdminOp(code)))?;
        settings.extend(resource.entries.into_iter().filter_map(|e| Some((e.name, e.value?))));
    }
    Ok(settings)
}

/// Waits for one answer. The admin client is asynchronous; everything around it is a thread of its own.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(work))
}
