//! What commands say of a broker: of one that holds a log, and of one that is not there.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plumbline_events::{EventRecord, Limits, LogRecord, PlanRecord, decode_json_line, encode_record};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use crate::{example, inside, plumbline, write};

/// A log of four partitions with these records, each where its workspace lives.
fn log_of(records: &[(&str, LogRecord)]) -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("plumbline.log", 4, 1).unwrap();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
    for (workspace, record) in records {
        let mut bytes = Vec::new();
        encode_record(record, &mut bytes);
        let partition = plumbline_pipeline::partition_of(workspace, 4);
        let record: BaseRecord<'_, str, _> =
            BaseRecord::to("plumbline.log").partition(partition).payload(&bytes);
        producer.send(record).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    cluster
}

fn lead(workspace: &str) -> (&str, LogRecord) {
    let line = format!(
        r#"{{"type":"lead.created","lead_id":"L","workspace":"{workspace}","occurred_at":"2026-03-02T09:15:00Z"}}"#
    );
    let event = decode_json_line(line.as_bytes(), &Limits::default()).unwrap().0;
    let received_at = event.envelope.occurred_at;
    (workspace, LogRecord::Event(EventRecord { received_at, input: "crm.leads".into(), event }))
}

/// A configuration of these workspaces.
fn configured(folder: &tempfile::TempDir, workspaces: &[&str]) -> String {
    std::fs::copy(example("plan.toml"), inside(folder, "plan.toml")).unwrap();
    let plans = workspaces.iter().map(|name| format!("[workspace.{name}]\nplan = \"plan.toml\"\n"));
    write(folder, "plumbline.toml", plans.collect::<String>())
}

#[test]
fn no_workspace_of_a_log_is_left_out_unsaid() {
    let folder = tempfile::tempdir().unwrap();
    // They live in partitions 0 and 3.
    let cluster = log_of(&[lead("acme"), lead("globex")]);
    let brokers = cluster.bootstrap_servers();
    let export = |workspaces: &[&str], more: &[&str]| {
        let config = configured(&folder, workspaces);
        let common = ["log", "export", "--config", &config, "--brokers", &brokers];
        plumbline(&[&common, more].concat())
    };
    // workspaces configured, flags → exit code, lines, what is said
    type Case = (&'static [&'static str], &'static [&'static str], i32, usize, &'static str);
    let table: [Case; 7] = [
        (&["acme"], &[], 0, 1, "workspaces: acme"),
        (&["acme"], &[], 0, 1, "--all"),
        (&["acme", "globex"], &[], 2, 0, "Configured: acme, globex."),
        (&[], &[], 2, 0, "Configured: no workspace."),
        (&["acme", "globex"], &["--workspace", "globex"], 0, 1, "workspaces: globex"),
        (&["acme"], &["--workspace", "nobody"], 4, 0, "nothing of workspace `nobody`"),
        (&["acme"], &["--all"], 2, 0, "--output"),
    ];
    for (workspaces, flags, code, lines, said) in table {
        let run = export(workspaces, flags);
        assert_eq!(
            (run.code, run.stdout.lines().count()),
            (code, lines),
            "{workspaces:?} {flags:?}: {run:?}"
        );
        assert!(run.stderr.contains(said), "{workspaces:?} {flags:?}: {run:?}");
    }
    let backup = inside(&folder, "backup");
    let run = export(&["acme"], &["--all", "--output", &backup]);
    assert_eq!(run.code, 0, "{run:?}");
    let text: String = (0..4)
        .map(|n| {
            let bytes = std::fs::read(format!("{backup}/partition-{n}.jsonl.zst")).unwrap();
            String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap()
        })
        .collect();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\"acme\"") && text.contains("\"globex\""), "{text}");
}

#[test]
fn a_plan_that_would_be_refused_beside_those_in_the_log_is_not_put_there() {
    let text = std::fs::read_to_string(example("plan.toml")).unwrap();
    let time = "2026-03-02T09:15:00Z".parse().unwrap();
    let plan = |text: &str| {
        let workspace = "acme".parse().unwrap();
        ("acme", LogRecord::Plan(PlanRecord { workspace, time, toml: text.into(), live_from: time }))
    };
    let other = text.replace("conversion = 0.4", "conversion = 0.39");
    assert_ne!(text, other);
    let newer = text.replace("revision = 3", "revision = 4");
    let folder = tempfile::tempdir().unwrap();
    let config = configured(&folder, &["acme"]);
    // in the log, oldest first → exit code, what is said
    let table: [(&[&str], i32, &str); 4] = [
        (&[&text], 0, "revision 3 is in the log already"),
        (&[&other], 3, "another text of revision 3: raise `revision`"),
        (&[&text, &other], 0, "revision 3 is in the log already"),
        (&[&newer, &text], 3, "older than revision 4"),
    ];
    for (texts, code, said) in table {
        let records: Vec<_> = texts.iter().map(|text| plan(text)).collect();
        let cluster = log_of(&records);
        let brokers = cluster.bootstrap_servers();
        let run = plumbline(&["plan", "apply", "--config", &config, "--brokers", &brokers]);
        assert_eq!(run.code, code, "{said}: {run:?}");
        assert!(run.stdout.contains(said) || run.stderr.contains(said), "{said}: {run:?}");
        let exported = plumbline(&["log", "export", "--config", &config, "--brokers", &brokers]);
        assert_eq!(exported.stdout.lines().count(), texts.len(), "{said}: nothing was written");
    }
}

#[test]
fn a_broker_that_does_not_answer_is_named_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(&folder, &["acme"]);
    let begun = Instant::now();
    let mut service = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["run", "--config", &config, "--brokers", "127.0.0.1:1", "--listen", "127.0.0.1:0"])
        .env_remove("PLUMBLINE_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(service.stderr.take().unwrap()).lines().map_while(Result::ok);
    let lines: Vec<String> = {
        let mut seen = Vec::new();
        for line in lines {
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains("127.0.0.1:1 ")) {
                break;
            }
        }
        seen
    };
    let took = begun.elapsed();
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(lines.iter().any(|line| line.contains("no answer from Kafka at 127.0.0.1:1 ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("listening")), "what it does is said: {lines:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
