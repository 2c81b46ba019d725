//! Which crate may use which. Arrows point up the list only.

use std::collections::BTreeMap;

use crate::{assert_none, root};

/// Every crate with the crates of the workspace it may use, as an outsider would draw them: from the vocabulary
/// up to the binary.
const ARROWS: [(&str, &[&str]); 11] = [
    ("units", &[]),
    ("events", &["units"]),
    ("plan", &["units"]),
    ("funnel", &["units", "events", "plan"]),
    ("drift", &["units", "plan", "funnel"]),
    ("engine", &["units", "events", "plan", "funnel", "drift"]),
    ("pipeline", &["units", "events", "plan", "engine"]),
    ("board", &["units", "plan", "drift", "engine"]),
    ("simulator", &["units", "events", "plan"]),
    ("harness", &["units", "events", "plan", "engine", "simulator"]),
    (
        "plumbline",
        &["units", "events", "plan", "funnel", "drift", "engine", "pipeline", "board", "simulator"],
    ),
];

fn manifest(name: &str) -> toml::Table {
    let path = root().join("crates").join(name).join("Cargo.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn keys(table: &toml::Table, section: &str) -> Vec<String> {
    table.get(section).and_then(|s| s.as_table()).map_or(Vec::new(), |s| s.keys().cloned().collect())
}

#[test]
fn arrows_between_crates_point_one_way() {
    let mut complaints = Vec::new();
    let places: BTreeMap<&str, usize> =
        ARROWS.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    for (at, (name, allowed)) in ARROWS.iter().enumerate() {
        assert!(allowed.iter().all(|used| places[used] < at), "{name}: the list itself points downwards");
        for dependency in keys(&manifest(name), "dependencies") {
            let Some(used) = dependency.strip_prefix("plumbline-") else { continue };
            if !allowed.contains(&used) {
                complaints.push(format!("crates/{name} may not use {dependency}"));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn every_crate_is_on_the_list_and_takes_versions_and_lints_from_the_workspace() {
    let mut complaints = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !ARROWS.iter().any(|(listed, _)| *listed == name) {
            complaints.push(format!("crates/{name} is not on the list of crates"));
            continue;
        }
        let manifest = manifest(&name);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(|s| s.as_table()) else { continue };
            for (dependency, wanted) in table {
                if wanted.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    complaints.push(format!("crates/{name}: {dependency} does not say `workspace = true`"));
                }
            }
        }
        if manifest.get("lints").and_then(|l| l.get("workspace")).is_none() {
            complaints.push(format!("crates/{name} does not take the workspace's lints"));
        }
    }
    assert_none(complaints);
}
