use std::path::Path;

use super::*;

const EXAMPLE: &str = include_str!("../../../../deploy/examples/plumbline.toml");

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment = environment.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    Config::parse(Path::new("/etc/plumbline/plumbline.toml"), text, environment).map_err(|e| e.to_string())
}

#[test]
fn the_example_is_accepted_as_it_stands() {
    let config = parse(EXAMPLE, &[]).unwrap();
    assert_eq!(config.plans.len(), 1);
    assert_eq!(config.plans.values().next().unwrap(), Path::new("/etc/plumbline/plan.toml"));
    assert_eq!(config.kafka["bootstrap.servers"].reveal().unwrap(), "localhost:9092");
    assert_eq!(config.topics.leads, ["crm.leads"]);
    assert_eq!(config.topics.replay, "plumbline.replay");
    assert_eq!(config.intake.allow_attributes, ["segment", "channel"]);
    assert_eq!(config.engine.checkpoint_every, Seconds(300));
    assert_eq!(config.engine.checkpoints, PathBuf::from("/etc/plumbline/checkpoints").into());
    assert_eq!(config.limits.event_bytes, 65_536);
    assert_eq!(config.limits.leaves, 10_000);
}

#[test]
fn every_key_has_a_default() {
    let config = parse("", &[]).unwrap();
    assert!(config.plans.is_empty());
    assert_eq!(config.topics.log, "plumbline.log");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9464");
    assert_eq!(config.engine.horizon, Seconds::days(400));
}

#[test]
fn the_environment_overrides_the_file() {
    let config = parse(
        EXAMPLE,
        &[
            ("PLUMBLINE_HTTP__LISTEN", "0.0.0.0:9000"),
            ("PLUMBLINE_KAFKA__BOOTSTRAP_SERVERS", "kafka-1:9092,kafka-2:9092"),
            ("PLUMBLINE_KAFKA__SASL_PASSWORD", "{ env = \"KAFKA_PASSWORD\" }"),
            ("PLUMBLINE_LIMITS__LEAVES", "77"),
            ("PLUMBLINE_INTAKE__ALLOW_ATTRIBUTES", "[\"region\"]"),
            ("PLUMBLINE_INTAKE__PSEUDONYMISE_IDS", "false"),
            ("PLUMBLINE_PLAN", "/plans/a.toml"),
            ("PLUMBLINE_TOKEN", "not a setting of the file"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(config.kafka["bootstrap.servers"].reveal().unwrap(), "kafka-1:9092,kafka-2:9092");
    assert!(matches!(&config.kafka["sasl.password"], Secret::Place(_)));
    assert_eq!(config.limits.leaves, 77);
    assert_eq!(config.intake.allow_attributes, ["region"]);
    assert_eq!(config.plans.values().next().unwrap(), Path::new("/plans/a.toml"));
}

#[test]
fn workspaces_have_plans_of_their_own() {
    let config =
        parse("[workspace.acme]\nplan = \"acme.toml\"\n[workspace.beta]\nplan = \"beta.toml\"", &[]).unwrap();
    let names: Vec<&str> = config.plans.keys().map(Name::as_str).collect();
    assert_eq!(names, ["acme", "beta"]);
}

#[test]
fn mistakes_are_named_with_their_key_and_the_mend() {
    for (text, environment, expected) in [
        ("[topics]\nlaeds = []", [].as_slice(), "unknown field `laeds`"),
        (
            "[engine]\ncheckpoint_every = \"5 minutes\"",
            &[],
            "engine.checkpoint_every: `5 minutes` is not a span",
        ),
        ("[limits]\nevent_bytes = \"64KB\"", &[], "limits.event_bytes: `64KB` is not a size"),
        (
            "[limits]\nevent_bytes = \"1MiB\"",
            &[],
            "limits.dead_letter_max: 262144 is less than event_bytes, 1048576",
        ),
        ("[topics]\nlog = \"crm.leads\"", &[], "`crm.leads` is named twice"),
        ("[topics]\nlog = \"a b\"", &[], "`a b` is not a topic name"),
        ("[topics]\nleads = []\nopportunities = []\nspend = []", &[], "name at least one topic"),
        ("plan = \"a\"\n[workspace.b]\nplan = \"b\"", &[], "not both"),
        ("[intake]\npseudonymise_ids = true", &[], "needs intake.pseudonym_key"),
        ("[engine]\nlateness = \"900d\"", &[], "reaches the horizon"),
        ("[http]\nlisten = \"here\"", &[], "invalid socket address"),
        ("[http\n", &[], "line 1, column"),
        ("", &[("PLUMBLINE_ENGIN__HORIZON", "1d")], "the environment overrides"),
        ("", &[("PLUMBLINE_LIMITS__LEAVES", "many")], "the environment overrides"),
    ] {
        let message = parse(text, environment).unwrap_err();
        assert!(message.contains(expected), "{text:?} gave {message}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    let config = parse("[kafka]\n\"sasl.password\" = \"hunter2\"\n[http]\ntoken = \"hunter3\"", &[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter"));
}

#[test]
fn a_secret_file_loses_its_last_line_break() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let text = format!("[http]\ntoken = {{ file = {:?} }}", file.path());
    assert_eq!(parse(&text, &[]).unwrap().http.token.unwrap().reveal().unwrap(), "s3cret");
    let missing = parse("[http]\ntoken = { env = \"PLUMBLINE_SURELY_UNSET\" }", &[]).unwrap();
    assert_eq!(missing.http.token.unwrap().reveal_if_set(), Ok(None));
}

#[test]
fn spans_and_sizes_read_as_people_write_them() {
    for (text, seconds) in
        [("90s", 90), ("5m", 300), ("1.5h", 5_400), ("2w", 1_209_600), ("400 d", 34_560_000)]
    {
        assert_eq!(parse_span(text), Ok(Seconds(seconds)), "{text}");
    }
    for text in ["", "5", "m", "-5m", "1e3s", "5 min", "99999999d"] {
        assert!(parse_span(text).is_err(), "{text}");
    }
    assert_eq!(parse_bytes("2MiB"), Ok(2 << 20));
    assert_eq!(parse_bytes("10"), Ok(10));
    assert!(parse_bytes("64KB").is_err());
}

#[test]
fn what_is_printed_is_the_configuration_in_force_without_its_secrets() {
    let text = r#"
        plan = "plan.toml"
        [kafka]
        "bootstrap.servers" = "kafka:9092"
        "sasl.username" = "plumbline"
        "sasl.password" = "hunter2"
        "ssl.key.password" = { env = "KEY_PASSWORD" }
        "socket.timeout.ms" = 5000
        [intake]
        pseudonym_key = "00112233445566778899aabbccddeeff"
        [http]
        token = "open sesame"
    "#;
    let config = parse(text, &[("PLUMBLINE_LIMITS__LEAVES", "77")]).unwrap();
    let printed = config.print();
    for secret in ["hunter2", "00112233", "sesame"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    for shown in
        ["KEY_PASSWORD", "sasl.username\" = \"plumbline", "leaves = 77", "socket.timeout.ms\" = 5000"]
    {
        assert!(printed.contains(shown), "{shown} in {printed}");
    }
    let again = parse(&printed, &[]).unwrap();
    assert_eq!(again.print(), printed, "what is printed is a configuration itself");
    assert_eq!((again.topics, again.plans), (config.topics, config.plans));
}

#[test]
fn checkpoints_go_to_a_directory_or_to_a_url() {
    let url = |url: &str| CheckpointPlace::Url { url: url.to_owned(), options: BTreeMap::new() };
    for (text, expected) in [
        ("state", PathBuf::from("/etc/plumbline/state").into()),
        ("/var/lib/plumbline", PathBuf::from("/var/lib/plumbline").into()),
        ("file:///var/lib/plumbline", PathBuf::from("/var/lib/plumbline").into()),
        ("s3://bucket/plumbline", url("s3://bucket/plumbline")),
        ("gs://bucket", url("gs://bucket")),
    ] {
        let config = parse(&format!("[engine]\ncheckpoint_dir = \"{text}\""), &[]).unwrap();
        assert_eq!(config.engine.checkpoints, expected, "{text}");
    }
}

/// What a workspace at its bounds takes, as docs/ops.md has it: a journey 120 bytes, a cell 12, all twice while a
/// checkpoint is written, beside what the process takes anyway.
fn bytes_at_the_bounds(limits: &Limits) -> usize {
    2 * (limits.journeys * 120 + limits.cells * 12) + 100_000_000
}

#[test]
fn what_is_shipped_with_a_memory_limit_is_bounded_within_it() {
    const CONFIGURATION: &str = include_str!("../../../../deploy/kubernetes/config/plumbline.toml");
    const POD: &str = include_str!("../../../../deploy/kubernetes/stateful-set.yaml");
    const UNIT: &str = include_str!("../../../../deploy/systemd/plumbline.service");
    assert!(POD.contains("limits: { memory: 1Gi }"));
    let limits = parse(CONFIGURATION, &[]).unwrap().limits;
    assert!(bytes_at_the_bounds(&limits) <= 1 << 30, "{limits:?}");

    assert!(UNIT.contains("\nMemoryMax=2G\n"));
    let environment: Vec<_> = UNIT
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
        .filter(|(name, _)| name.starts_with("PLUMBLINE_LIMITS__"))
        .collect();
    let limits = parse(EXAMPLE, &environment).unwrap().limits;
    assert!(bytes_at_the_bounds(&limits) <= 2 << 30, "{limits:?}");
}
