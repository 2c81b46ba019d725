//! A real Apache Kafka for tests.
//!
//! `PLUMBLINE_TEST_KAFKA=host:port` names a running one. Otherwise `deploy/kafka/kafka.sh` starts one on free
//! ports, with jars fetched by Maven once and kept in `~/.cache/plumbline/kafka`. Where neither Java nor Maven
//! is to be had, tests that need a broker say loudly that they did not run; `PLUMBLINE_REQUIRE_KAFKA=1` makes
//! that a failure.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// A broker for tests.
pub struct Broker {
    address: String,
    own: Option<Own>,
}

/// One that this process started. It ends with this process, however that ends.
struct Own {
    script: Child,
    folder: PathBuf,
    ports: [u16; 2],
    arguments: Vec<String>,
}

/// The broker all tests of a process share, or `None` (said loudly) where there cannot be one.
pub fn shared(test: &str) -> Option<&'static Broker> {
    static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Broker::start().map_err(|error| format!("{error:#}"))) {
        Ok(broker) => Some(broker),
        Err(error) => {
            assert!(std::env::var_os("PLUMBLINE_REQUIRE_KAFKA").is_none(), "no Apache Kafka: {error}");
            let mut stderr = std::io::stderr().lock();
            let _ = writeln!(stderr, "\n*** NOT RUN: {test}: it needs a real Apache Kafka: {error} ***\n");
            None
        }
    }
}

impl Broker {
    /// The named broker, or a new one of our own.
    pub fn start() -> anyhow::Result<Broker> {
        if let Ok(address) = std::env::var("PLUMBLINE_TEST_KAFKA") {
            return Ok(Broker { address, own: None });
        }
        Broker::start_own()
    }

    /// A new one of our own, for tests that kill it.
    pub fn start_own() -> anyhow::Result<Broker> {
        Broker::start_with(&[], |_, _| Ok(String::new()))
    }

    /// A new one of our own with further arguments of `kafka.sh`, and with the server properties that `extra` makes
    /// of its folder and its ports.
    pub fn start_with(
        arguments: &[&str],
        extra: impl FnOnce(&Path, [u16; 2]) -> anyhow::Result<String>,
    ) -> anyhow::Result<Broker> {
        for tool in ["java", "mvn"] {
            let found =
                Command::new(tool).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            found.with_context(|| format!("`{tool}` cannot be run"))?;
        }
        let ports = free_ports()?;
        let folder =
            std::env::temp_dir().join(format!("plumbline-kafka-{}-{}", std::process::id(), ports[0]));
        std::fs::create_dir_all(&folder)?;
        let properties = folder.join("extra.properties");
        std::fs::write(&properties, extra(&folder, ports)?)?;
        let mut arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        arguments.extend(["--extra".to_owned(), properties.display().to_string()]);
        let script = launch(&folder, ports, &arguments)?;
        let address = format!("127.0.0.1:{}", ports[0]);
        let mut broker = Broker { address, own: Some(Own { script, folder, ports, arguments }) };
        broker.await_ready()?;
        Ok(broker)
    }

    /// host:port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills the broker without warning and starts it again on what it had.
    pub fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        let own = self.own.as_mut().context("not our broker")?;
        let pid = std::fs::read_to_string(own.folder.join("pid"))?;
        Command::new("kill").args(["-9", pid.trim()]).status()?;
        // Its end of the leash is still ours to drop.
        drop(own.script.stdin.take());
        own.script.wait()?;
        own.script = launch(&own.folder, own.ports, &own.arguments)?;
        self.await_ready()
    }

    fn await_ready(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(120);
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.address).set("log_level", "0").create()?;
        loop {
            let metadata = consumer.fetch_metadata(None, Duration::from_secs(2));
            if metadata.is_ok_and(|metadata| !metadata.brokers().is_empty()) {
                return Ok(());
            }
            if let Some(own) = &mut self.own
                && let Some(status) = own.script.try_wait()?
            {
                let log = std::fs::read_to_string(own.folder.join("broker.log")).unwrap_or_default();
                bail!("kafka.sh ended ({status}):\n{log}");
            }
            if Instant::now() > until {
                bail!("no broker at {} within two minutes", self.address);
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            drop(own.script.stdin.take());
            let _ = own.script.wait();
            let _ = std::fs::remove_dir_all(&own.folder);
        }
    }
}

fn launch(folder: &Path, ports: [u16; 2], arguments: &[String]) -> anyhow::Result<Child> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka/kafka.sh");
    let log = std::fs::File::options().create(true).append(true).open(folder.join("broker.log"))?;
    let child = Command::new(script)
        .args([
            "run",
            "--leashed",
            "--port",
            &ports[0].to_string(),
            "--controller-port",
            &ports[1].to_string(),
        ])
        .arg("--dir")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    child.context("deploy/kafka/kafka.sh cannot be run")
}

/// Two ports nobody listens on.
pub fn free_ports() -> anyhow::Result<[u16; 2]> {
    // Both held before either is given back, so that they differ.
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()])
}
