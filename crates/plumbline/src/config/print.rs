//! The effective configuration as TOML, for `run --print-config`.

use std::fmt::Write;
use std::path::Path;

use plumbline_pipeline::CheckpointPlace;
use serde_json::{Value, json};

use super::secret::Place;
use super::{Config, Secret};

/// Parts of names of librdkafka properties whose values nobody must see.
const SECRET: [&str; 6] = ["password", "secret", "key.pem", "jaas", "token", "oauthbearer.config"];
const REDACTED: &str = "(redacted)";

impl Config {
    /// Every key with its value in force, defaults included; secrets are shown by their place or not at all.
    pub(crate) fn print(&self) -> String {
        let mut out = String::new();
        let mut section = |name: &str, keys: Vec<(String, String)>| {
            if !name.is_empty() {
                let _ = writeln!(out, "\n[{name}]");
            }
            for (key, value) in keys {
                let _ = writeln!(out, "{key} = {value}");
            }
        };
        let plain = |key: &str, value: Value| (key.to_owned(), value.to_string());
        let span = |key: &str, span: plumbline_units::Seconds| plain(key, json!(format!("{}s", span.0)));
        section("", vec![plain("instance", json!(self.instance)), plain("group", json!(self.group))]);
        for (workspace, path) in &self.plans {
            section(&format!("workspace.{}", json!(workspace.as_str())), vec![plain("plan", shown(path))]);
        }
        let kafka = self.kafka.iter().map(|(key, value)| {
            let hidden = SECRET.iter().any(|part| key.contains(part));
            (json!(key).to_string(), setting(value, hidden))
        });
        section("kafka", kafka.collect());
        let topics = &self.topics;
        section(
            "topics",
            vec![
                plain("leads", json!(topics.leads)),
                plain("opportunities", json!(topics.opportunities)),
                plain("spend", json!(topics.spend)),
                plain("replay", json!(topics.replay)),
                plain("log", json!(topics.log)),
                plain("alerts", json!(topics.alerts)),
                plain("aggregates", json!(topics.aggregates)),
                plain("dead_letters", json!(topics.dead_letters)),
                plain("create", json!(topics.create)),
                plain("create_inputs", json!(topics.create_inputs)),
                plain("log_partitions", json!(topics.log_partitions)),
                plain("replication", json!(topics.replication)),
            ],
        );
        let mut intake = vec![
            plain("allow_attributes", json!(self.intake.allow_attributes)),
            plain("pseudonymise_ids", json!(self.intake.pseudonymise_ids)),
            span("clock_every", self.intake.clock_every),
        ];
        let secret = |key: &str, secret: &Secret| (key.to_owned(), setting(secret, true));
        intake.extend(self.intake.pseudonym_key.iter().map(|key| secret("pseudonym_key", key)));
        section("intake", intake);
        section(
            "engine",
            vec![
                plain(
                    "checkpoint_dir",
                    match &self.engine.checkpoints {
                        CheckpointPlace::Directory(path) => shown(path),
                        CheckpointPlace::Url { url, .. } => json!(url),
                    },
                ),
                span("checkpoint_every", self.engine.checkpoint_every),
                plain("standby_partitions", json!(self.engine.standby_partitions)),
                span("horizon", self.engine.horizon),
                span("lateness", self.engine.lateness),
                span("idle_after", self.engine.idle_after),
            ],
        );
        let mut http = vec![plain("listen", json!(self.http.listen))];
        http.extend(self.http.token.iter().map(|token| secret("token", token)));
        section("http", http);
        section(
            "limits",
            vec![
                plain("event_bytes", json!(self.limits.event_bytes)),
                plain("attributes", json!(self.limits.attributes)),
                plain("dead_letter_max", json!(self.limits.dead_letter_max)),
                plain("leaves", json!(self.limits.leaves)),
                plain("journeys", json!(self.limits.journeys)),
                plain("cells", json!(self.limits.cells)),
                plain("workspaces", json!(self.limits.workspaces)),
            ],
        );
        out
    }
}

fn shown(path: &Path) -> Value {
    json!(path.to_string_lossy())
}

/// A place is no secret, what it holds is. JSON's strings, numbers and lists are TOML's too.
fn setting(value: &Secret, hidden: bool) -> String {
    match value {
        Secret::Place(Place::File(path)) => format!("{{ file = {} }}", shown(path)),
        Secret::Place(Place::Env(name)) => format!("{{ env = {} }}", json!(name)),
        _ if hidden => json!(REDACTED).to_string(),
        Secret::Text(text) => json!(text).to_string(),
        Secret::Integer(number) => number.to_string(),
        Secret::Boolean(flag) => flag.to_string(),
    }
}
