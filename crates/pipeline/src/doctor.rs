//! Checks before a start. Nothing here changes anything: what it writes, it aborts.

use plumbline_events::{RecordView, decode_record};
use rdkafka::Message;
use std::ops::ControlFlow;

use crate::admin::topic_settings;
use crate::config::Config;
use crate::failure::Failure;
use crate::read::{Reader, nothing};
use crate::stop::Stop;
use crate::time::wall;
use crate::transaction::{Outgoing, Transactions};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good,
    /// Works, but somebody should know.
    Doubtful,
    /// The service would not work.
    Bad,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, and the mend where it is not good.
    pub detail: String,
}

impl Check {
    fn new(outcome: Outcome, subject: impl Into<String>, detail: impl Into<String>) -> Check {
        Check { subject: subject.into(), outcome, detail: detail.into() }
    }
}

/// Looks at everything a start needs from the broker.
pub fn check(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Err(failure) = config.check() {
        checks.push(Check::new(Outcome::Bad, "configuration", failure.to_string()));
        return checks;
    }
    let reader = match Reader::new(config) {
        Ok(reader) => reader,
        Err(failure) => {
            checks.push(Check::new(Outcome::Bad, "client", failure.to_string()));
            return checks;
        }
    };
    let missing = match topics(config, &reader, &mut checks) {
        Ok(missing) => missing,
        Err(failure) => {
            checks.push(Check::new(Outcome::Bad, "broker", failure.to_string()));
            return checks;
        }
    };
    settings(config, &missing, &mut checks);
    if missing.is_empty() {
        checks.push(transaction(config));
        checks.push(clock(config, &reader));
    }
    checks
}

/// Checks that every topic is there; hands back which are not.
fn topics(config: &Config, reader: &Reader, checks: &mut Vec<Check>) -> Result<Vec<String>, Failure> {
    let mut missing = Vec::new();
    let inputs = config.topics.inputs();
    let own = config.topics.own();
    let names = inputs.keys().map(String::as_str).filter(|name| !own.contains(name)).chain(own);
    for name in names {
        let partitions = reader.partitions(name)?;
        let made = own.contains(&name) && config.topics.create;
        let subject = format!("topic {name}");
        checks.push(match partitions {
            0 if made => Check::new(Outcome::Good, subject, "missing; the start makes it"),
            0 => Check::new(Outcome::Bad, subject, missing_topic(own.contains(&name))),
            1 => Check::new(Outcome::Good, subject, "1 partition"),
            n => Check::new(Outcome::Good, subject, format!("{n} partitions")),
        });
        if partitions == 0 {
            missing.push(name.to_owned());
        }
    }
    Ok(missing)
}

/// How a topic comes about that no start makes.
const fn missing_topic(own: bool) -> &'static str {
    match own {
        true => "missing: `plumbline doctor --create-topics` makes it; or correct [topics]",
        false => {
            "missing: make it, or let `plumbline doctor --create-topics` make it with create_inputs = true in [topics] \
             (PLUMBLINE_TOPICS__CREATE_INPUTS=true); or correct [topics]"
        }
    }
}

fn settings(config: &Config, missing: &[String], checks: &mut Vec<Check>) {
    let topics = &config.topics;
    let there = |name: &str| !missing.iter().any(|m| m == name);
    let mut log_retention = None;
    if there(&topics.log) {
        match topic_settings(config, &topics.log) {
            Ok(settings) => {
                log_retention = number(&settings, "retention.ms");
                checks.push(log_settings(config, &settings));
                checks.extend(stamping(&topics.log, &settings));
            }
            Err(failure) => checks.push(unreadable(&topics.log, &failure)),
        }
    }
    if there(&topics.alerts) {
        checks.push(match topic_settings(config, &topics.alerts) {
            Ok(settings) => {
                let alerts = number(&settings, "retention.ms");
                let shorter = alerts.is_some_and(|a| a >= 0 && log_retention.is_none_or(|l| l < 0 || a < l));
                let subject = format!("retention of {}", topics.alerts);
                match shorter {
                    false => Check::new(Outcome::Good, subject, "as long as the log's"),
                    true => Check::new(
                        Outcome::Doubtful,
                        subject,
                        "shorter than the log's: an upgrade may forget open episodes. Set retention.ms=-1",
                    ),
                }
            }
            Err(failure) => unreadable(&topics.alerts, &failure),
        });
    }
    if there(&topics.aggregates) {
        checks.push(match topic_settings(config, &topics.aggregates) {
            Ok(settings) if settings.get("cleanup.policy").is_some_and(|p| p.contains("compact")) => {
                Check::new(Outcome::Good, format!("cleanup of {}", topics.aggregates), "compacted")
            }
            Ok(_) => Check::new(
                Outcome::Doubtful,
                format!("cleanup of {}", topics.aggregates),
                "not compacted: old values pile up or vanish. Set cleanup.policy=compact",
            ),
            Err(failure) => unreadable(&topics.aggregates, &failure),
        });
    }
}

/// Brokers refuse what is stamped too far ahead of their own clock, unless they stamp it themselves.
fn stamping(log: &str, settings: &std::collections::BTreeMap<String, String>) -> Option<Check> {
    let by_writer = settings.get("message.timestamp.type").is_some_and(|by| by == "CreateTime");
    let ahead =
        number(settings, "message.timestamp.after.max.ms").filter(|ms| by_writer && *ms < i64::MAX)?;
    let detail = format!(
        "an instance whose clock runs {} min ahead of the broker's could write nothing. Set \
         message.timestamp.type=LogAppendTime",
        ahead / 60_000
    );
    Some(Check::new(Outcome::Doubtful, format!("stamps of {log}"), detail))
}

fn log_settings(config: &Config, settings: &std::collections::BTreeMap<String, String>) -> Check {
    let subject = format!("retention of {}", config.topics.log);
    if settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
        return Check::new(
            Outcome::Bad,
            subject,
            "compacted: it would lose events. Set cleanup.policy=delete",
        );
    }
    if number(settings, "retention.bytes").is_some_and(|bytes| bytes >= 0) {
        return Check::new(Outcome::Bad, subject, "limited by size. Set retention.bytes=-1");
    }
    let Some(kept) = number(settings, "retention.ms").filter(|ms| *ms >= 0) else {
        return Check::new(Outcome::Good, subject, "for ever");
    };
    let days = kept / 86_400_000;
    match config.engine.machine.fold.horizon {
        Some(horizon) if kept / 1000 >= horizon.0 => Check::new(
            Outcome::Doubtful,
            subject,
            format!(
                "{days} days: enough for the horizon, but not for a replay from the start. Set retention.ms=-1"
            ),
        ),
        _ => Check::new(
            Outcome::Bad,
            subject,
            format!(
                "{days} days, shorter than the horizon: restarts would lose journeys. Set retention.ms=-1"
            ),
        ),
    }
}

fn number(settings: &std::collections::BTreeMap<String, String>, key: &str) -> Option<i64> {
    settings.get(key)?.parse().ok()
}

fn unreadable(topic: &str, failure: &Failure) -> Check {
    let detail = format!("cannot be read ({failure}): check retention and cleanup by hand");
    Check::new(Outcome::Doubtful, format!("settings of {topic}"), detail)
}

/// Writes to every output in one transaction and aborts it.
fn transaction(config: &Config) -> Check {
    let attempt = || -> Result<(), Failure> {
        let mut transactions = Transactions::take_over(config, "doctor", Stop::default())?;
        transactions.begin()?;
        let topics = &config.topics;
        for topic in [&topics.log, &topics.alerts, &topics.aggregates, &topics.dead_letters] {
            let outgoing = Outgoing::new(topic, Some(b"doctor"), Some(b"aborted"));
            transactions.send(outgoing).map_err(|broken| broken.failure().during(topic))?;
        }
        transactions.flush()?;
        transactions.abort()
    };
    match attempt() {
        Ok(()) => Check::new(Outcome::Good, "rights", "a transaction over all outputs was begun and aborted"),
        Err(failure) => Check::new(
            Outcome::Bad,
            "rights",
            format!("a test transaction failed: {failure}. Grant write rights"),
        ),
    }
}

/// Compares our clock with the newest clock records of the log.
fn clock(config: &Config, reader: &Reader) -> Check {
    let log = config.topics.log.as_str();
    let newest = || -> Result<Option<i64>, Failure> {
        let bounds = reader.bounds(log, 0)?;
        let mut newest = None;
        reader.read::<()>(
            (log, 0),
            Some((bounds.high - 1_000).max(bounds.low)),
            None,
            nothing,
            |message| {
                if let Ok(RecordView::Clock(clock)) = decode_record(message.payload().unwrap_or_default()) {
                    newest = newest.max(Some(clock.time.millis()));
                }
                ControlFlow::Continue(())
            },
        )?;
        Ok(newest)
    };
    match newest() {
        Err(failure) => Check::new(Outcome::Bad, "clock", format!("the log cannot be read: {failure}")),
        Ok(Some(told)) if told > wall().millis() + 60_000 => Check::new(
            Outcome::Bad,
            "clock",
            format!(
                "the log's clock is {} s ahead of this machine: set the time",
                (told - wall().millis()) / 1000
            ),
        ),
        Ok(_) => Check::new(Outcome::Good, "clock", "not behind the log's"),
    }
}
