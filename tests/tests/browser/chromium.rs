//! A headless Chromium, spoken to in the DevTools protocol over a pipe: messages are JSON, each ended by a NUL.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use serde_json::{Value, json};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser. It ends when its pipe does.
pub(crate) struct Chromium {
    process: Child,
    input: Option<ChildStdin>,
    said: Receiver<Value>,
    sent: u64,
    events: Vec<Value>,
}

impl Chromium {
    /// Starts one with an empty profile in `folder`.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Chromium> {
        // It reads from its third and writes to its fourth descriptor.
        let script = "exec 3<&0 4>&1 </dev/null >/dev/null; exec chromium \"$@\"";
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let mut process = Command::new("sh")
            .args([
                "-c",
                script,
                "sh",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args(["--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe", &profile])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("chromium.log"))?)
            .spawn()
            .context("starting chromium")?;
        let (tell, said) = channel();
        let mut output = BufReader::new(process.stdout.take().context("its output")?);
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if tell.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let input = process.stdin.take();
        Ok(Chromium { process, input, said, sent: 0, events: Vec::new() })
    }

    /// The result of a method; what is told meanwhile is kept.
    fn ask(&mut self, session: Option<&str>, method: &str, parameters: Value) -> anyhow::Result<Value> {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let input = self.input.as_mut().context("its input")?;
        input.write_all(message.to_string().as_bytes())?;
        input.write_all(&[0])?;
        loop {
            let mut said =
                self.said.recv_timeout(PATIENCE).with_context(|| format!("no answer to {method}"))?;
            if said["id"] != self.sent {
                self.events.push(said);
                continue;
            }
            if !said["error"].is_null() {
                bail!("{method}: {}", said["error"]);
            }
            return Ok(said["result"].take());
        }
    }

    /// Opens an address in a window of this width and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str, width: u32, dark: bool) -> anyhow::Result<Page<'_>> {
        let target =
            self.ask(None, "Target.createTarget", json!({ "url": "about:blank" }))?["targetId"].take();
        let attached =
            self.ask(None, "Target.attachToTarget", json!({ "targetId": target, "flatten": true }))?;
        let session = attached["sessionId"].as_str().context("a session")?.to_owned();
        let mut page = Page { browser: self, target, session };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            page.ask(domain, json!({}))?;
        }
        let window = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        page.ask("Emulation.setDeviceMetricsOverride", window)?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        page.ask("Emulation.setEmulatedMedia", media)?;
        let gone = page.ask("Page.navigate", json!({ "url": url }))?;
        if let Some(error) = gone["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        page.wait_for("Page.loadEventFired")?;
        Ok(page)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One page of it; closed when dropped.
pub(crate) struct Page<'b> {
    browser: &'b mut Chromium,
    target: Value,
    session: String,
}

impl Page<'_> {
    fn ask(&mut self, method: &str, parameters: Value) -> anyhow::Result<Value> {
        self.browser.ask(Some(&self.session), method, parameters)
    }

    fn wait_for(&mut self, event: &str) -> anyhow::Result<()> {
        let of_page = |said: &Value, session: &str| said["method"] == event && said["sessionId"] == session;
        while !self.browser.events.iter().any(|said| of_page(said, &self.session)) {
            let said = self.browser.said.recv_timeout(PATIENCE).with_context(|| format!("no {event}"))?;
            self.browser.events.push(said);
        }
        Ok(())
    }

    /// The value of a script, awaited where it is a promise.
    pub(crate) fn value(&mut self, script: &str) -> anyhow::Result<Value> {
        let parameters = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut result = self.ask("Runtime.evaluate", parameters)?;
        if !result["exceptionDetails"].is_null() {
            bail!("{}", result["exceptionDetails"]);
        }
        Ok(result["result"]["value"].take())
    }

    /// What the browser complained of: exceptions, errors and warnings of the console, what could not be loaded or was
    /// against the page's policy.
    pub(crate) fn complaints(&mut self) -> anyhow::Result<Vec<String>> {
        // Whatever was said before an answer has arrived before it.
        self.value("0")?;
        let bad = |level: &Value| matches!(level.as_str(), Some("error" | "warning" | "assert"));
        let mut complaints = Vec::new();
        for event in self.browser.events.iter().filter(|event| event["sessionId"] == *self.session) {
            let parameters = &event["params"];
            match event["method"].as_str() {
                Some("Runtime.exceptionThrown") => {
                    complaints.push(parameters["exceptionDetails"].to_string())
                }
                Some("Runtime.consoleAPICalled") if bad(&parameters["type"]) => {
                    complaints.push(parameters["args"].to_string());
                }
                Some("Log.entryAdded") if bad(&parameters["entry"]["level"]) => {
                    complaints.push(parameters["entry"].to_string());
                }
                _ => {}
            }
        }
        Ok(complaints)
    }

    /// The whole page as PNG.
    pub(crate) fn screenshot(&mut self) -> anyhow::Result<Vec<u8>> {
        let all = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.ask("Page.captureScreenshot", all)?;
        let text = taken["data"].as_str().context("a picture")?;
        Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let target = self.target.take();
        let _ = self.browser.ask(None, "Target.closeTarget", json!({ "targetId": target }));
    }
}
