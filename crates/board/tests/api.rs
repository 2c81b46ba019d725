//! The board over a judged company: every answer of the API held against the document that describes it, and every
//! page that another links to.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use plumbline_board::{Board, DeadLetter, Readiness, Shared};
use plumbline_engine::{EngineConfig, Output};
use plumbline_events::{Body, LeadFact};
use plumbline_harness::LogWriter;
use plumbline_simulator::{Generated, ScenarioKind, Spec, generate, plan_toml};
use plumbline_units::{Name, Seconds, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A company that falls into the trap, judged to its end; and another that calls a stage by a name that the plan does
/// not know, and then is not heard of.
fn companies() -> Shared {
    judged(str::to_owned)
}

/// The same by plans changed as `edit` says.
fn judged(edit: impl Fn(&str) -> String) -> Shared {
    let trapped = Spec { kind: ScenarioKind::LeadQualityTrap, days: 200, seed: 7, ..Spec::default() };
    let silent = Spec { workspace: Name::new("silent").unwrap(), days: 60, seed: 8, ..Spec::default() };
    let mut writer = LogWriter::new(Seconds::HOUR);
    for spec in [&trapped, &silent] {
        let start = spec.zone.start_of(spec.start);
        writer.plan(&spec.workspace, &edit(&plan_toml(spec)), start, start);
    }
    let mut events: Vec<Generated> = generate(&trapped).collect();
    for (n, mut event) in generate(&silent).enumerate() {
        if let (0, Body::Lead { fact: LeadFact::StageReached(stage), .. }) = (n % 50, &mut event.event.body) {
            *stage = Name::new("nurtured").unwrap();
        }
        events.push(event);
    }
    events.sort_by_key(|event| event.received_at);
    events.into_iter().for_each(|event| writer.event(event));
    let shared = Shared::default();
    let told = |_, output| {
        if let Output::Alert(alert) = output {
            shared.told(&alert.value);
        }
    };
    let engine = plumbline_harness::judge(&EngineConfig::default(), &writer.finish(), told).unwrap();
    shared.told_all(true);
    let (class, of) = ("malformed".to_owned(), "crm.leads-0@7".to_owned());
    shared.refused(DeadLetter { partition: 0, offset: 3, time: Timestamp::clamped(0), class, of });
    shared.refused_all(true);
    shared.look(0, &engine);
    shared
}

async fn serve(shared: Shared) -> SocketAddr {
    let handle = PrometheusBuilder::new().build_recorder().handle();
    let ready = Arc::new(|| Readiness { ready: true, detail: String::new() });
    let board = Board::bind(SocketAddr::from(([127, 0, 0, 1], 0)), handle, ready).await.unwrap();
    let address = board.address().unwrap();
    tokio::spawn(board.showing(shared).serve(std::future::pending()));
    address
}

/// Status and body of an answer.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let (status, _, body) = ask(address, path).await;
    (status, body)
}

/// Status, head and body of an answer.
async fn ask(address: SocketAddr, path: &str) -> (u16, String, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
}

async fn json(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Holds values against the schemas of a document.
struct Check<'d> {
    document: &'d Value,
    complaints: Vec<String>,
    /// Whether something was in an array, by its place in the document: nothing has been held against the schema of
    /// one that is always empty.
    arrays: BTreeMap<String, bool>,
}

impl Check<'_> {
    /// Whether a value is what a schema says: types, properties (no more, no fewer), items and enumerations.
    fn value(&mut self, schema: &Value, value: &Value, at: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            let named = &self.document["components"]["schemas"][name];
            assert!(named.is_object(), "{at}: no schema {name}");
            return self.value(named, value, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let mut fits = 0;
            for choice in choices {
                let (document, arrays) = (self.document, BTreeMap::new());
                let mut against = Check { document, complaints: Vec::new(), arrays };
                against.value(choice, value, at);
                if against.complaints.is_empty() {
                    fits += 1;
                    against.arrays.into_iter().for_each(|(at, filled)| self.array(at, filled));
                }
            }
            if fits != 1 {
                self.complaints.push(format!("{at}: {value} is none of its choices"));
            }
            return;
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
            _ => panic!("{at}: no type in {schema}"),
        };
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let fits = types.contains(&found) || found == "integer" && types.contains(&"number");
        if !fits {
            self.complaints.push(format!("{at}: {found} where {types:?} is described"));
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            self.complaints.push(format!("{at}: {value} is not described"));
        }
        if let Some(items) = value.as_array() {
            self.array(at.to_owned(), !items.is_empty());
            items.iter().for_each(|item| self.value(&schema["items"], item, &format!("{at}[]")));
        }
        if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
            let described: BTreeSet<&String> = properties.keys().collect();
            let present: BTreeSet<&String> = object.keys().collect();
            if described != present {
                let differ = described.symmetric_difference(&present);
                self.complaints.push(format!("{at}: differs in {:?}", differ.collect::<Vec<_>>()));
            }
            for (key, value) in object.iter().filter(|(key, _)| properties.contains_key(*key)) {
                self.value(&properties[key], value, &format!("{at}.{key}"));
            }
        }
    }

    fn array(&mut self, at: String, filled: bool) {
        *self.arrays.entry(at).or_default() |= filled;
    }
}

#[tokio::test]
async fn every_answer_is_as_described_and_every_link_of_every_page_leads_somewhere() {
    let address = serve(companies()).await;
    let document = json(address, "/api/v1/openapi.json").await;
    let episodes = json(address, "/api/v1/workspaces/default/episodes").await;
    assert_eq!(episodes["complete"], true);
    let alert_id = episodes["episodes"][0]["alert_id"].as_str().unwrap().to_owned();
    let targets = json(address, "/api/v1/workspaces/default/targets").await;
    let (target, scope) = (&targets["targets"][0]["target"], &targets["targets"][0]["scope"]);
    let described = document["paths"].as_object().unwrap();
    assert_eq!(described.len(), 11);
    let mut check = Check { document: &document, complaints: Vec::new(), arrays: BTreeMap::new() };
    for (path, operations) in described.iter().filter(|(_, operations)| operations["get"].is_object()) {
        let query = if path.ends_with("/series") {
            format!("?target={}&scope={}", target.as_str().unwrap(), scope.as_str().unwrap())
        } else {
            String::new()
        };
        let asked = path.replace("{alert_id}", &alert_id) + &query;
        let schema = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        for workspace in ["default", "silent"] {
            check.value(schema, &json(address, &asked.replace("{workspace}", workspace)).await, path);
        }
        if path.contains("{workspace}") && !path.ends_with("/episodes") {
            let elsewhere = asked.replace("{workspace}", "elsewhere");
            let (status, body) = get(address, &elsewhere).await;
            assert_eq!(status, 404, "{elsewhere}");
            let error = &operations["get"]["responses"]["404"]["content"]["application/json"]["schema"];
            check.value(error, &serde_json::from_str(&body).unwrap(), path);
        }
    }
    assert!(check.complaints.is_empty(), "{:#?}", check.complaints);
    let empty: Vec<&String> = check.arrays.iter().filter(|(_, filled)| !**filled).map(|(at, _)| at).collect();
    assert!(empty.is_empty() && check.arrays.len() >= 12, "never filled: {empty:?} of {:?}", check.arrays);
    let drifting = json(address, "/api/v1/workspaces/default/targets?verdict=drifting").await;
    assert!(drifting["total"].as_u64().unwrap() > 0, "{drifting}");
    let scopes = json(address, "/api/v1/workspaces/default/scopes").await;
    let sum = |of: &str| scopes["scopes"].as_array().unwrap().iter().map(|s| s[of].as_u64().unwrap()).sum();
    let counted: (u64, u64) = (sum("targets"), sum("drifting"));
    assert_eq!((targets["total"].as_u64(), drifting["total"].as_u64()), (Some(counted.0), Some(counted.1)));
    let drifts = |scope: &Value| (scope["worst"] == "drifting") == (scope["drifting"] != 0);
    assert!(scopes["scopes"].as_array().unwrap().iter().all(drifts), "{scopes}");
    let series = json(
        address,
        &format!(
            "/api/v1/workspaces/default/series?target={}&scope={}",
            target.as_str().unwrap(),
            scope.as_str().unwrap()
        ),
    )
    .await;
    assert_eq!(series["points"].as_array().unwrap().len(), 120);
    links(address).await;
}

/// Follows every link from the first page on.
async fn links(address: SocketAddr) {
    let (mut seen, mut html) = (BTreeSet::new(), 0);
    let mut ahead = vec!["/w/default".to_owned(), "/".to_owned(), "/w/elsewhere".to_owned()];
    while let Some(path) = ahead.pop() {
        let path = path.split('#').next().unwrap().replace("&amp;", "&");
        if path.is_empty() || !seen.insert(path.clone()) {
            continue;
        }
        let (status, head, body) = ask(address, &path).await;
        assert_eq!(status, if path == "/w/elsewhere" { 404 } else { 200 }, "{path}");
        if body.starts_with("<!DOCTYPE html>") {
            for header in [
                "content-security-policy: default-src 'none';",
                "script-src 'self';",
                "frame-ancestors 'none'",
                "x-content-type-options: nosniff",
                "referrer-policy: no-referrer",
            ] {
                assert!(head.contains(header), "{path}: {header} is missing in {head}");
            }
            html += 1;
        }
        if path.starts_with("/w/") || path.starts_with("/e/") {
            let base = path.split('?').next().unwrap();
            for attribute in ["href=\"", "src=\""] {
                for link in body.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                    match link.chars().next() {
                        Some('/') => ahead.push(link.to_owned()),
                        Some('?') => ahead.push(format!("{base}{link}")),
                        _ => {}
                    }
                }
            }
        }
    }
    assert!(html >= 12, "{html} pages");
    let pages = |prefix: &str| seen.iter().filter(|path| path.starts_with(prefix)).count();
    assert!(pages("/e/") >= 2 && pages("/w/default?sort=") >= 4 && pages("/assets/") == 3, "{seen:?}");
}

#[tokio::test]
async fn a_listener_is_told_of_each_change_and_a_crowd_is_turned_away() {
    let shared = companies();
    let address = serve(shared.clone()).await;
    let mut listeners = Vec::new();
    for at in 0..24 {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let of = ["?workspace=default", "", "?workspace=other"][if at == 23 { 2 } else { at % 2 }];
        let request = format!("GET /changes{of} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        listeners.push(stream);
    }
    assert_eq!(get(address, "/changes").await.0, 503);
    let alert = include_str!("../../../deploy/examples/alert.json");
    shared.told(alert.as_bytes());
    for listener in &mut listeners[..2] {
        let mut told = String::new();
        while !told.contains("data: ") {
            let mut bytes = [0; 512];
            let n = listener.read(&mut bytes).await.unwrap();
            assert!(n > 0, "closed: {told}");
            told.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    }
    // Nothing has come of another workspace.
    let quiet = listeners.last_mut().unwrap();
    let mut bytes = [0; 4096];
    let heard = tokio::time::timeout(std::time::Duration::from_secs(2), async {
        let mut heard = String::new();
        while !heard.contains("data: ") {
            let n = quiet.read(&mut bytes).await.unwrap();
            heard.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    });
    assert!(heard.await.is_err(), "told of what changed elsewhere");
    drop(listeners);
    for _ in 0..100 {
        if get_status_only(address).await == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("whoever has left still takes room");
}

/// The status of a stream that is left at once.
async fn get_status_only(address: SocketAddr) -> u16 {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /changes HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    String::from_utf8_lossy(&head[9..]).parse().unwrap()
}

/// The samples of a family, as `/metrics` has them.
async fn samples(address: SocketAddr, family: &str) -> Vec<String> {
    let (status, body) = get(address, "/metrics").await;
    assert_eq!(status, 200, "{body}");
    let start = format!("{family}{{");
    body.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_open_episode_is_told_to_prometheus_once_for_each_owner_and_severity_reached() {
    let address = serve(companies()).await;
    let trap = |line: &&String| line.contains("name=\"lead-quality-trap\"");
    let owners = samples(address, "plumbline_episode_owner_info").await;
    for severity in ["warning", "critical"] {
        for (owner, team) in [("marketing", "demand-gen"), ("sales", "sdr")] {
            let ends = format!(
                "severity=\"{severity}\",urgency=\"working_hours\",owner=\"{owner}\",team=\"{team}\"}} 1"
            );
            assert_eq!(owners.iter().filter(trap).filter(|line| line.ends_with(&ends)).count(), 1, "{ends}");
        }
    }
    assert_eq!(owners.iter().filter(trap).count(), 4, "{owners:#?}");
    let episodes = json(address, "/api/v1/workspaces/default/episodes").await;
    let of_trap = |e: &&Value| e["episode"].as_str().is_some_and(|key| key.contains("/lead-quality-trap/"));
    let episode = episodes["episodes"].as_array().unwrap().iter().find(of_trap).unwrap();
    let id = format!("alert_id=\"{}\"", episode["alert_id"].as_str().unwrap());
    let info = samples(address, "plumbline_episode_info").await;
    assert!(info.iter().filter(trap).all(|line| line.contains(&id)), "{id}: {info:#?}");
}

#[tokio::test]
async fn what_is_history_has_no_owner_to_be_told() {
    let live = |plan: &str| {
        let (before, after) = plan.split_once("live_from = ").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        format!("{before}live_from = 2030-01-01\n{after}")
    };
    let address = serve(judged(live)).await;
    assert!(samples(address, "plumbline_episode_owner_info").await.is_empty());
    let info = samples(address, "plumbline_episode_info").await;
    assert!(!info.is_empty() && info.iter().all(|line| line.contains("historical=\"yes\"")), "{info:#?}");
}

#[tokio::test]
async fn a_listener_does_not_hold_up_the_end() {
    let handle = PrometheusBuilder::new().build_recorder().handle();
    let ready = Arc::new(|| Readiness { ready: true, detail: String::new() });
    let board = Board::bind(SocketAddr::from(([127, 0, 0, 1], 0)), handle, ready).await.unwrap();
    let address = board.address().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(board.showing(Shared::default()).serve(async move {
        let _ = stopped.await;
    }));
    let mut listener = tokio::net::TcpStream::connect(address).await.unwrap();
    listener
        .write_all(b"GET /changes HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut head = [0; 15];
    listener.read_exact(&mut head).await.unwrap();
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(15), serving).await;
    ended.expect("it ends though somebody listens").unwrap().unwrap();
    let mut rest = Vec::new();
    listener.read_to_end(&mut rest).await.unwrap();
}
