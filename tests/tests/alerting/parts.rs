//! Debian's Prometheus and Alertmanager as processes, and the receiver that they tell in the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use plumbline_tests::tools::present;
pub(crate) use plumbline_tests::tools::{available, not_run};
use plumbline_tests::world::eventually;
use serde_json::Value;

/// Debian calls it otherwise than its makers.
const ALERTMANAGER: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

fn alertmanager() -> &'static str {
    ALERTMANAGER.into_iter().find(|name| present(name)).unwrap_or(ALERTMANAGER[0])
}

/// Everything that the test over real parts needs.
pub(crate) fn all() -> [&'static str; 4] {
    ["prometheus", "promtool", alertmanager(), "amtool"]
}

/// The folder `deploy`.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Runs a program in the folder `deploy` to its end; its output, or a failure that holds it.
pub(crate) fn ran(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    plumbline_tests::tools::ran(&deploy(), program, arguments)
}

/// A process that ends with this one, however that ends.
struct Leashed(Child);

impl Leashed {
    fn start(program: &str, arguments: &[String], log: &Path) -> anyhow::Result<Leashed> {
        let log = std::fs::File::create(log)?;
        let child = Command::new("sh")
            .args(["-c", "\"$@\" & read -r end; kill $!; wait", "sh", program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Leashed(child))
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// `text` with each `from` replaced; a failure where one does not occur, for then the test is out of date.
pub(crate) fn replaced(text: &str, changes: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut text = text.to_owned();
    for (from, to) in changes {
        ensure!(text.contains(from), "nothing to replace: {from}");
        text = text.replace(from, to);
    }
    Ok(text)
}

/// A server of the two.
pub(crate) struct Part {
    /// Where it answers.
    pub(crate) address: SocketAddr,
    log: PathBuf,
    _process: Leashed,
}

impl Part {
    fn start(program: &str, folder: &Path, configuration: &str, more: &[&str]) -> anyhow::Result<Part> {
        let port = free_port()?;
        let (file, data, log) = (folder.join("config.yml"), folder.join("data"), folder.join("log"));
        std::fs::create_dir_all(&data)?;
        std::fs::write(&file, configuration)?;
        let mut arguments = vec![
            format!("--config.file={}", file.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        arguments.extend(more.iter().map(|text| text.replace("DATA", &data.display().to_string())));
        let _process = Leashed::start(program, &arguments, &log)?;
        let part = Part { address: SocketAddr::from(([127, 0, 0, 1], port)), log, _process };
        eventually(program, 60, || Ok(part.get("/-/ready").is_ok())).with_context(|| part.log())?;
        Ok(part)
    }

    /// Prometheus with our rules, hurried, scraping `target` and telling `alertmanagers`.
    pub(crate) fn prometheus(
        folder: &Path,
        target: SocketAddr,
        alertmanagers: &[SocketAddr],
    ) -> anyhow::Result<Part> {
        let shipped = std::fs::read_to_string(deploy().join("prometheus/prometheus.yml"))?;
        // Beside its configuration: only how long a drift waits for what inhibits it is shortened.
        let rules = std::fs::read_to_string(deploy().join("prometheus/rules.yml"))?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(
            folder.join("rules.yml"),
            replaced(&rules, &[("        for: 1m\n", "        for: 2s\n")])?,
        )?;
        let told: Vec<String> = alertmanagers.iter().map(|address| format!("\"{address}\"")).collect();
        let configuration = replaced(
            &shipped,
            &[
                ("scrape_interval: 15s", "scrape_interval: 1s"),
                ("evaluation_interval: 30s", "evaluation_interval: 1s"),
                ("\"plumbline:9464\"", &format!("\"{target}\"")),
                ("\"alertmanager:9093\"", &told.join(", ")),
            ],
        )?;
        Part::start("prometheus", folder, &configuration, &["--storage.tsdb.path=DATA"])
    }

    /// Alertmanager with our routes, hurried, telling `receiver` under `name`; whether it is always within working
    /// hours, or never.
    pub(crate) fn alertmanager(
        folder: &Path,
        receiver: SocketAddr,
        name: &str,
        working: bool,
    ) -> anyhow::Result<Part> {
        let shipped = std::fs::read_to_string(deploy().join("alertmanager/alertmanager.yml"))?;
        let hours = if working { "years: [\"2000:2200\"]" } else { "years: [\"2000\"]" };
        let configuration = replaced(
            &shipped,
            &[
                ("http://receiver.example.com/", &format!("http://{receiver}/{name}/")),
                ("group_wait: 1m", "group_wait: 3s"),
                ("group_wait: 30s", "group_wait: 3s"),
                ("group_interval: 5m", "group_interval: 1s"),
                ("weekdays: [\"monday:friday\"]", hours),
                ("weekdays: [\"monday\"]", hours),
                ("09:00", "00:00"),
                ("17:00", "24:00"),
            ],
        )?;
        let more = ["--storage.path=DATA", "--cluster.listen-address="];
        Part::start(alertmanager(), folder, &configuration, &more)
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The body of an answer of 200.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        get(self.address, path)
    }

    /// Sends it a document, which it takes.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        let body = body.to_string();
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.contains(" 200 "), "{path}: {answer}");
        Ok(())
    }

    /// Its answer as JSON.
    pub(crate) fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.get(path)?)?)
    }

    /// What Prometheus says to an expression now: labels and value of each element.
    pub(crate) fn query(&self, expression: &str) -> anyhow::Result<Vec<(Value, f64)>> {
        let answer = self.json(&format!("/api/v1/query?query={}", encoded(expression)))?;
        let result = answer["data"]["result"].as_array().context("a vector")?;
        let element = |e: &Value| {
            let number = e["value"][1].as_str().and_then(|text| text.parse().ok());
            (e["metric"].clone(), number.unwrap_or(f64::NAN))
        };
        Ok(result.iter().map(element).collect())
    }
}

/// Percent-encoded, for a query string.
pub(crate) fn encoded(text: &str) -> String {
    let byte =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

/// The body of an answer of 200. HTTP/1.0, so that it comes in one piece.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no end of the head")?;
    if !head.get(8..).is_some_and(|status| status.starts_with(" 200")) {
        bail!("{path}: {answer}");
    }
    Ok(body.to_owned())
}

/// What Alertmanager tells, by the path it was told to.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    /// Listens until the process ends.
    pub(crate) fn start() -> anyhow::Result<Receiver> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let receiver = Receiver { address: listener.local_addr()?, heard: Arc::default() };
        let heard = Arc::clone(&receiver.heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || {
                    // A connection carries many messages.
                    let mut reader = BufReader::new(stream);
                    while let Ok(message) = hear(&mut reader) {
                        if let Ok(mut heard) = heard.lock() {
                            heard.push(message);
                        }
                    }
                });
            }
        });
        Ok(receiver)
    }

    /// Every alert told under a path so far, repetitions included.
    pub(crate) fn told(&self, path: &str) -> Vec<Value> {
        let heard = self.heard.lock().map(|heard| heard.clone()).unwrap_or_default();
        let alerts = heard.into_iter().filter(|(to, _)| to == path);
        alerts.flat_map(|(_, message)| message["alerts"].as_array().cloned().unwrap_or_default()).collect()
    }
}

fn hear(reader: &mut BufReader<TcpStream>) -> anyhow::Result<(String, Value)> {
    let mut line = String::new();
    ensure!(reader.read_line(&mut line)? > 0, "closed");
    let path = line.split(' ').nth(1).context("a path")?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        ensure!(reader.read_line(&mut line)? > 0, "closed");
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", number)) => length = number.trim().parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    Ok((path, serde_json::from_slice(&body)?))
}
