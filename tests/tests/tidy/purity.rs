//! What is decided is decided without a clock, files, network, environment, threads or randomness: the same log
//! gives the same alerts on every machine.

use std::path::PathBuf;

use crate::{assert_none, files_below, root, shown};

/// The crates in which everything is decided.
const PURE: [&str; 6] = ["units", "events", "plan", "funnel", "drift", "engine"];

/// Crates they may use outside their tests: none reads anything but its arguments.
const ALLOWED: [&str; 13] = [
    "chrono",
    "chrono-tz",
    "ciborium",
    "crc32fast",
    "hashbrown",
    "libm",
    "prost",
    "serde",
    "serde_json",
    "sha2",
    "siphasher",
    "thiserror",
    "toml",
];

/// What must not be named in their sources, tests excepted, and what to use instead.
const FORBIDDEN: [(&str, &str); 16] = [
    ("std::time::", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("Instant::now", "time is an argument"),
    ("Utc::now", "time is an argument"),
    ("Local::now", "time is an argument"),
    ("std::fs", "bytes are arguments"),
    ("std::net", "bytes are arguments"),
    ("std::env", "settings are arguments"),
    ("std::process", "nothing is started"),
    ("std::thread", "nothing is spawned"),
    ("tokio", "nothing waits"),
    ("rdkafka", "Kafka decides nothing"),
    ("rand::", "randomness is not replayable"),
    (
        "collections::HashMap",
        "its order is random: BTreeMap, or hashbrown with a fixed hasher and sorted output",
    ),
    (
        "collections::HashSet",
        "its order is random: BTreeSet, or hashbrown with a fixed hasher and sorted output",
    ),
    ("RandomState", "randomness is not replayable"),
];

/// The sources of a pure crate without its tests.
fn sources(name: &str) -> Vec<PathBuf> {
    let folder = root().join("crates").join(name).join("src");
    let is_test = |path: &PathBuf| {
        let inner = path.strip_prefix(&folder).unwrap_or(path);
        inner.ends_with("tests.rs") || inner.components().any(|part| part.as_os_str() == "tests")
    };
    files_below(&folder, ".rs").into_iter().filter(|path| !is_test(path)).collect()
}

#[test]
fn pure_crates_name_nothing_that_reads_the_world() {
    let mut complaints = Vec::new();
    for path in PURE.iter().flat_map(|name| sources(name)) {
        let text = std::fs::read_to_string(&path).unwrap();
        // Tests stand at the end of a file.
        let decided = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in decided.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (name, instead) in FORBIDDEN.iter().filter(|(name, _)| code.contains(name)) {
                complaints.push(format!("{}:{}: {name}: {instead}", shown(&path), number + 1));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn pure_crates_use_only_pure_crates() {
    let mut complaints = Vec::new();
    for name in PURE {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let Some(dependencies) = manifest.get("dependencies").and_then(|d| d.as_table()) else { continue };
        for dependency in dependencies.keys() {
            let ours = dependency.strip_prefix("plumbline-").is_some_and(|name| PURE.contains(&name));
            if !ours && !ALLOWED.contains(&dependency.as_str()) {
                complaints.push(format!(
                    "crates/{name} uses {dependency}, which is not on the list of pure crates"
                ));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn pure_crates_carry_the_lints_that_say_so() {
    let expected = std::fs::read_to_string(root().join("crates/units/clippy.toml")).unwrap();
    let mut complaints = Vec::new();
    for name in PURE {
        let path = root().join("crates").join(name).join("clippy.toml");
        if std::fs::read_to_string(&path).ok().as_deref() != Some(expected.as_str()) {
            complaints.push(format!("{} differs from crates/units/clippy.toml", shown(&path)));
        }
    }
    assert_none(complaints);
}

#[test]
fn kafka_is_met_in_one_crate_only() {
    let mut complaints = Vec::new();
    for path in files_below(&root().join("crates"), "Cargo.toml") {
        let manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let dependencies = manifest.get("dependencies").and_then(|d| d.as_table());
        if dependencies.is_some_and(|d| d.contains_key("rdkafka")) && !path.ends_with("pipeline/Cargo.toml") {
            complaints.push(format!("{} uses rdkafka: that is for crates/pipeline", shown(&path)));
        }
    }
    assert_none(complaints);
}
