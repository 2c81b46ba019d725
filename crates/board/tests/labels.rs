//! However many names events bring along, the number of series stays that of the plan.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use plumbline_board::{Board, Readiness, Shared};
use plumbline_engine::{Engine, EngineConfig, NoHistory};
use plumbline_events::record_from_json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PLAN: &str = r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "UTC"
currency = "EUR"
[funnel]
stages = ["lead", "won"]
dimensions = ["segment", "campaign"]
[dimension.segment]
values = ["smb"]
[[transition]]
from = "lead"
to = "won"
conversion = 0.1
lag = { median = "10d", p90 = "20d" }
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
[[target]]
name = "lead-volume"
metric = "volume"
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
stage = "lead"
value = "24/day"
warn = "±25%"
each = ["segment"]
"#;

/// The series of `/metrics` after two days of events that name so many sources, values and stages each.
async fn series(names: usize) -> BTreeSet<String> {
    let plan = serde_json::json!({
        "type": "log.plan", "workspace": "default", "time": "2026-03-01T00:00:00Z",
        "live_from": "2026-03-01T00:00:00Z", "toml": PLAN,
    });
    let event = |n: usize| {
        let time = format!("2026-03-{:02}T{:02}:00:00Z", 1 + n * 2 / names, n % 24);
        let attributes = serde_json::json!({ "segment": format!("s{n}"), "campaign": format!("c{n}") });
        serde_json::json!({
            "type": "lead.stage_reached", "stage": format!("stage-{n}"), "lead_id": format!("L-{}", n % 50),
            "occurred_at": time, "source": format!("source-{n}"), "attributes": attributes,
        })
    };
    let mut engine = Engine::new(EngineConfig::default());
    let mut out = Vec::new();
    let lines = std::iter::once(plan).chain((0..names).map(event));
    for (offset, line) in (0..).zip(lines) {
        let record = record_from_json(&line.to_string()).unwrap();
        engine.apply(offset, &record.view(), &mut NoHistory, &mut out).unwrap();
    }
    let shared = Shared::default();
    shared.look(0, &engine);
    let text = metrics(shared).await;
    let name = |line: &str| line.rsplit_once(' ').map(|(series, _)| series.to_owned());
    text.lines().filter(|line| !line.starts_with('#')).filter_map(name).collect()
}

async fn metrics(shared: Shared) -> String {
    let handle = PrometheusBuilder::new().build_recorder().handle();
    let ready = Arc::new(|| Readiness { ready: true, detail: String::new() });
    let board = Board::bind(SocketAddr::from(([127, 0, 0, 1], 0)), handle, ready).await.unwrap();
    let address = board.address().unwrap();
    tokio::spawn(board.showing(shared).serve(std::future::pending()));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn no_flood_of_sources_values_or_stages_makes_more_series() {
    let (some, many) = (series(200).await, series(5_000).await);
    assert_eq!(some.len(), many.len());
    for label in ["source-", "\"c1", "\"s1"] {
        assert!(!many.iter().any(|series| series.contains(label)), "{label}");
    }
    let stages = many.iter().filter(|series| series.contains("stage=")).count();
    assert_eq!(stages, 65, "64 by name, the rest together");
    assert!(many.iter().any(|series| series.contains("stage=\"(other)\"")), "what is past the bound is said");
    assert!(many.iter().any(|series| series.contains("segment=smb")), "{many:?}");
}
