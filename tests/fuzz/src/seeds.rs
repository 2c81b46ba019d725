//! What the targets begin with: the project's own examples, in the form each target reads.

use std::fs;
use std::path::Path;

use plumbline_engine::Engine;
use plumbline_engine::task::{Checkpoint, LastRecord};
use plumbline_events::{LogRecord, proto, record_from_json, record_to_json};
use plumbline_harness::MemoryLog;
use plumbline_plan::Plan;
use prost::Message;

use crate::http::company;
use crate::log::{config, encoded, saved};

const PLAN: &str = include_str!("../../../deploy/examples/plan.toml");
const EVENTS: &str = include_str!("../../../deploy/examples/events.jsonl");
const ALERT: &str = include_str!("../../../deploy/examples/alert.json");
/// A plan of one transition and few words, which is quicker to change.
const SMALL: &str = r#"plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "Europe/Berlin"
currency = "EUR"
[funnel]
stages = ["lead", "won"]
dimensions = ["segment"]
[dimension.segment]
values = ["smb"]
aliases = { "SMB" = "smb" }
[[transition]]
from = "lead"
to = "won"
conversion = 0.1
lag = { median = "2d", p90 = "5d" }
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
"#;
/// One target of every metric for it.
const TARGETS: [(&str, &str); 6] = [
    ("conversion", "value = 0.1\nfrom = \"lead\"\nto = \"won\"\nwarn = \"-10%\""),
    ("cac", "value = \"900 EUR\"\nwarn = \"+20%\"\ncritical = \"+50%\"\neach = [\"segment\"]"),
    ("volume", "stage = \"lead\"\nvalue = \"24/day\"\nwarn = \"±25%\""),
    ("spend", "value = \"3000 EUR/day\"\nwarn = \"±10%\""),
    ("velocity", "from = \"lead\"\nto = \"won\"\nvalue = \"2d\"\nwarn = \"+20%\""),
    ("handoff", "from = \"lead\"\nto = \"won\"\nwithin = \"48h\"\nvalue = 0.8\nwarn = \"-10%\""),
];

/// Puts the first inputs of a target where `cargo fuzz` keeps its corpus; what is there already stays.
pub fn write(target: &str) {
    let seeds = match target {
        "decode" => decode(),
        "plan" => plans(),
        "fit" => fits(),
        "log" => logs(),
        "checkpoint" => checkpoints(),
        _ => requests(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let written = fs::create_dir_all(&folder).and_then(|()| {
        let numbered = (0..)
            .zip(&seeds)
            .map(|(number, seed): (usize, _)| (folder.join(format!("seed-{number:03}")), seed));
        numbered.filter(|(path, _)| !path.exists()).try_for_each(|(path, seed)| fs::write(path, seed))
    });
    written.expect("the corpus can be written");
}

fn with(how: u8, bytes: &[u8]) -> Vec<u8> {
    [&[how], bytes].concat()
}

fn decode() -> Vec<Vec<u8>> {
    let mut seeds =
        vec![with(128, ALERT.as_bytes()), with(192, &encoded_line(EVENTS.lines().next().unwrap_or("")))];
    for line in EVENTS.lines() {
        seeds.extend([with(0, line.as_bytes()), with(128, line.as_bytes())]);
        let headers = format!("e-1;hubspot;lead.created;2026-03-02T09:15:00Z\n{line}");
        seeds.push(with(32, headers.as_bytes()));
    }
    let log = company(3);
    for offset in 0..log.len().min(40) {
        let record = log.record(offset).to_owned();
        seeds.extend([with(192, &encoded(&record)), with(192, record_to_json(&record).as_bytes())]);
        // The inner messages of a log record are shaped like those of the inputs.
        if let Ok(proto::LogRecord { record: Some(proto::log_record::Record::Event(event)) }) =
            proto::LogRecord::decode(encoded(&record).as_slice())
        {
            seeds.push(with(2 | 3 << 3, &event.encode_to_vec()));
        }
    }
    for (kind, message) in produced().into_iter().enumerate() {
        seeds.push(with(2 | (kind as u8) << 3, &message));
    }
    seeds
}

fn encoded_line(line: &str) -> Vec<u8> {
    record_from_json(line).map_or(Vec::new(), |record| encoded(&record))
}

/// A lead's, an opportunity's and a spend's message as a producer writes them.
fn produced() -> [Vec<u8>; 3] {
    let occurred_at = Some(proto::google::protobuf::Timestamp { seconds: 1_772_000_000, nanos: 0 });
    let money = Some(proto::Money { micros: 12_500_000_000, currency: "EUR".into() });
    let lead = proto::LeadEvent {
        r#type: 2,
        lead_id: "L-1".into(),
        stage: "mql".into(),
        occurred_at,
        attributes: [("segment".to_owned(), "smb".to_owned())].into(),
        ..Default::default()
    };
    let deal = proto::OpportunityEvent {
        r#type: 4,
        opportunity_id: "O-1".into(),
        lead_id: "L-1".into(),
        occurred_at,
        amount: money.clone(),
        ..Default::default()
    };
    let spend = proto::SpendEvent {
        spend_id: "google_ads:acct-1:2026-03-02".into(),
        occurred_at,
        period_start: "2026-03-02".into(),
        period_end: "2026-03-03".into(),
        amount: money,
        ..Default::default()
    };
    [lead.encode_to_vec(), deal.encode_to_vec(), spend.encode_to_vec()]
}

fn plans() -> Vec<Vec<u8>> {
    let mut seeds = vec![PLAN.as_bytes().to_vec(), SMALL.as_bytes().to_vec()];
    let owners =
        "owners = [{ function = \"marketing\", team = \"growth\" }, { function = \"sales\", team = \"ae\" }]";
    for (metric, rest) in TARGETS {
        let text = format!("{SMALL}[[target]]\nname = \"t\"\nmetric = \"{metric}\"\n{rest}\n{owners}\n");
        if let Err(findings) = Plan::parse("plan.toml", &text) {
            findings.iter().for_each(|finding| eprintln!("the seed for {metric}: {finding}"));
        }
        seeds.push(text.into_bytes());
    }
    seeds
}

fn fits() -> Vec<Vec<u8>> {
    let seed = |days: u16, scale: u8, ages: u8, counts: &[u8]| {
        [&days.to_le_bytes()[..], &[scale, ages], counts].concat()
    };
    vec![
        seed(120, 3, 40, &[30, 1, 2, 3, 5, 3, 2, 1, 1]),
        seed(255 << 8, 1, 10, &[30, 25, 28, 31, 40, 3, 2]),
        seed(90, 0, 60, &[12, 0, 0, 1, 7]),
    ]
}

fn logs() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for days in [2, 10] {
        let log = company(days);
        let records: Vec<LogRecord> = (0..log.len()).map(|offset| log.record(offset).to_owned()).collect();
        let lines: Vec<String> = records.iter().take(150).map(record_to_json).collect();
        let mut framed = Vec::new();
        for record in records.iter().take(150).map(encoded) {
            framed.extend_from_slice(&(record.len() as u16).to_le_bytes());
            framed.extend_from_slice(&record);
        }
        seeds.extend([with(81, lines.join("\n").as_bytes()), with(80, &framed)]);
    }
    let small = serde_json::json!({"type": "log.plan", "workspace": "default", "time": "2026-03-02T00:00:00Z",
        "live_from": "2026-03-02T00:00:00Z", "toml": SMALL});
    let clock = |hour: u32| {
        format!("{{\"type\":\"log.clock\",\"time\":\"2026-03-02T{hour:02}:00:00Z\",\"inputs\":[]}}")
    };
    let rest: Vec<String> = (0..24).map(clock).collect();
    let text = format!("{small}\n{}\n{EVENTS}", rest.join("\n"));
    seeds.push(with(21, text.as_bytes()));
    seeds
}

fn checkpoints() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for days in [0, 2, 12] {
        let log: MemoryLog = company(days);
        let mut engine = Engine::new(config());
        let mut out = Vec::new();
        for offset in 0..log.len().min(60) {
            engine.apply(offset, &log.record(offset), &mut &log, &mut out).expect("a log of our own");
        }
        let state = saved(&engine);
        let checkpoint = Checkpoint {
            version: engine.version(),
            position: 60,
            last: LastRecord::of(59, b"x"),
            state: state.clone(),
        };
        let bytes = checkpoint.to_bytes();
        seeds.extend([bytes[..bytes.len() - 4].to_vec(), bytes, state]);
    }
    seeds
}

fn requests() -> Vec<Vec<u8>> {
    let document = include_str!("../../../crates/board/assets/openapi.json");
    let document: serde_json::Value = serde_json::from_str(document).expect("it is JSON");
    let paths = document["paths"].as_object().expect("it has paths").keys();
    let mut seeds: Vec<Vec<u8>> = paths
        .map(|path| path.replace("{workspace}", "default"))
        .chain(
            ["/", "/metrics", "/readyz", "/w/default?sort=value&verdict=drifting", "/e/x", "/w/default/data"]
                .map(str::to_owned),
        )
        .map(|path| format!("GET {path} HTTP/1.1\nhost: localhost\n\n").into_bytes())
        .collect();
    let body = r#"{"function":"sales","note":"audit on Friday","until":"2026-04-01T00:00:00Z"}"#;
    for token in ["Bearer sesame", "Bearer sesam", "Basic sesame"] {
        for path in ["/-/reload", "/api/v1/episodes/x/acknowledge"] {
            seeds.push(format!("POST {path}\nauthorization:{token}\n\n{body}").into_bytes());
        }
    }
    seeds
}
