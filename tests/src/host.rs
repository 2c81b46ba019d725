//! A pipeline in a process of its own, so that it can be killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use plumbline_pipeline::{CheckpointPlace, Config, ConfiguredPlan, ResetFrom};
use serde_json::{Value, json};

/// Where a host stands, as it last reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything assigned is restored and running.
    pub ready: bool,
    /// Inputs accepted since the start.
    pub accepted: u64,
    /// Inputs rejected since the start.
    pub rejected: u64,
    /// Alert records published since the start.
    pub alerts: u64,
    /// How often its group has given intake, and the engine stage, their partitions.
    pub assignments: [u64; 2],
    /// Input and log partitions that are its own now.
    pub partitions: [usize; 2],
    /// Log partitions kept as standbys, and the records they lack.
    pub standby: (usize, i64),
    /// Log partitions that were gone on from where a standby stood.
    pub warm: usize,
    /// Log records not yet committed by the engine stage, as far as known.
    pub engine_lag: Option<i64>,
}

/// A process that runs the pipeline.
pub struct Host {
    child: Child,
    /// What it was told; many plans are too much for a command line.
    _told: tempfile::NamedTempFile,
    report: Arc<Mutex<Report>>,
}

impl Host {
    /// Starts the program `program` (see `src/bin/pipeline-host.rs`) for this configuration.
    pub fn start(program: &Path, config: &Config, stages: &str) -> anyhow::Result<Host> {
        let mut told = tempfile::NamedTempFile::new()?;
        told.write_all(to_json(config, stages).to_string().as_bytes())?;
        // A file that may not grow is an error to it and not its end; what is ignored stays so in what is executed.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$1\""])
            .arg(program)
            .arg(told.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the host program")?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let report = Arc::new(Mutex::new(Report::default()));
        let shared = Arc::clone(&report);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let (Some(new), Ok(mut report)) = (parse(&line), shared.lock()) {
                    *report = new;
                }
            }
        });
        Ok(Host { child, _told: told, report })
    }

    /// What it last said.
    pub fn report(&self) -> Report {
        self.report.lock().map(|report| *report).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal by name, such as `STOP`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status()?;
        anyhow::ensure!(sent.success(), "kill -{name}");
        Ok(())
    }

    /// Lets no file of its grow beyond so many bytes (`None`: as before), as a disk that is full.
    pub fn limit_files(&self, bytes: Option<u64>) -> anyhow::Result<()> {
        let soft = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let limit = format!("--fsize={soft}:");
        let set = Command::new("prlimit").args(["--pid", &self.child.id().to_string(), &limit]).status()?;
        anyhow::ensure!(set.success(), "prlimit {limit}");
        Ok(())
    }

    /// Sets its clock so many milliseconds off.
    pub fn set_clock(&mut self, millis: i64) -> anyhow::Result<()> {
        writeln!(self.child.stdin.as_mut().context("its input")?, "{millis}")?;
        Ok(())
    }

    /// kill -9.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end and waits; true where it ended well.
    pub fn stop(mut self) -> anyhow::Result<bool> {
        self.end()
    }

    /// The same, of one that will be replaced.
    pub fn end(&mut self) -> anyhow::Result<bool> {
        drop(self.child.stdin.take());
        Ok(self.child.wait()?.success())
    }

    /// Waits until it has ended by itself; true where it ended well.
    pub fn wait(mut self) -> anyhow::Result<bool> {
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Report> {
    let value: Value = serde_json::from_str(line).ok()?;
    Some(Report {
        ready: value["ready"].as_bool()?,
        accepted: value["accepted"].as_u64()?,
        rejected: value["rejected"].as_u64()?,
        alerts: value["alerts"].as_u64()?,
        assignments: serde_json::from_value(value["assignments"].clone()).ok()?,
        partitions: serde_json::from_value(value["partitions"].clone()).ok()?,
        standby: serde_json::from_value(value["standby"].clone()).ok()?,
        warm: serde_json::from_value(value["warm"].clone()).ok()?,
        engine_lag: value["engine_lag"].as_i64(),
    })
}

/// What of a configuration the tests vary.
fn to_json(config: &Config, stages: &str) -> Value {
    let topics = &config.topics;
    json!({
        "stages": stages, "kafka": config.kafka, "instance": config.instance, "group": config.group,
        "leads": topics.leads, "opportunities": topics.opportunities, "spend": topics.spend,
        "own": [topics.replay, topics.log, topics.alerts, topics.aggregates, topics.dead_letters],
        "clock_every_ms": config.intake.clock_every.as_millis() as u64,
        "commit_messages": config.intake.commit_messages,
        "transaction_outputs": config.engine.transaction_outputs,
        "checkpoint_dir": match &config.engine.checkpoints {
            Some(CheckpointPlace::Directory(path)) => json!(path),
            _ => Value::Null,
        },
        "from_earliest": config.engine.reset_from == Some(ResetFrom::Earliest),
        "standby_partitions": config.engine.standby_partitions,
        "checkpoint_every_ms": config.engine.checkpoint_every.as_millis() as u64,
        "plans": config.plans.iter().map(|p| json!([p.workspace.as_str(), p.toml])).collect::<Vec<_>>(),
    })
}

/// The configuration a host was started with.
pub fn from_json(text: &str) -> anyhow::Result<(Config, String)> {
    let value: Value = serde_json::from_str(text)?;
    let strings = |name: &str| -> Vec<String> {
        value[name].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| value[name].as_u64().unwrap_or_default();
    let mut config = Config { instance: text("instance"), group: text("group"), ..Config::default() };
    config.kafka = serde_json::from_value(value["kafka"].clone())?;
    let topics = &mut config.topics;
    topics.leads = strings("leads");
    topics.opportunities = strings("opportunities");
    topics.spend = strings("spend");
    let own: [String; 5] = strings("own").try_into().map_err(|_| anyhow::anyhow!("five own topics"))?;
    [topics.replay, topics.log, topics.alerts, topics.aggregates, topics.dead_letters] = own;
    config.intake.clock_every = Duration::from_millis(number("clock_every_ms"));
    config.intake.commit_messages = number("commit_messages") as usize;
    config.engine.transaction_outputs = number("transaction_outputs") as usize;
    config.engine.checkpoints = value["checkpoint_dir"].as_str().map(|path| PathBuf::from(path).into());
    config.engine.reset_from = (value["from_earliest"] == true).then_some(ResetFrom::Earliest);
    config.engine.standby_partitions = number("standby_partitions") as usize;
    config.engine.checkpoint_every = Duration::from_millis(number("checkpoint_every_ms"));
    for plan in value["plans"].as_array().into_iter().flatten() {
        config.plans.push(configured_plan(
            plan[0].as_str().unwrap_or_default(),
            plan[1].as_str().unwrap_or_default(),
        )?);
    }
    Ok((config, text("stages")))
}

/// A plan as the pipeline takes it.
pub fn configured_plan(workspace: &str, toml: &str) -> anyhow::Result<ConfiguredPlan> {
    let parsed = plumbline_plan::Plan::parse("plan.toml", toml).map_err(|findings| {
        anyhow::anyhow!("{}", findings.first().map_or(String::new(), ToString::to_string))
    })?;
    Ok(ConfiguredPlan {
        workspace: workspace.parse()?,
        toml: toml.to_owned(),
        live_from: parsed.plan.live_from,
        revision: parsed.plan.revision,
        content_hash: parsed.plan.content_hash,
    })
}
