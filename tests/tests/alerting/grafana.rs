//! The dashboards: what Grafana would ask of Prometheus, asked of one that scraped a real run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::parts::{Part, available, deploy, encoded, not_run, ran};

/// Panels, or queries of one, that are rightly empty in a healthy run of one instance over an embedded broker.
const EMPTY: [(&str, &str); 3] = [
    ("Dead letters of the last hour B", "intake lets nothing into the log that the engine would refuse"),
    ("Size of the last checkpoint A", "an embedded broker forgets, so no checkpoint is written over it"),
    ("Standbys behind their owners A", "another instance would have to judge something"),
];

/// Every dashboard with its file.
fn dashboards() -> Vec<(PathBuf, Value)> {
    let folder = std::fs::read_dir(deploy().join("grafana/dashboards")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, serde_json::from_str(&text).unwrap())
    };
    files.into_iter().map(read).collect()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// An expression with its variables filled in, as Grafana would.
fn filled(expression: &str, variables: &BTreeMap<String, String>) -> String {
    let mut filled = expression.replace("$__rate_interval", "1m");
    for (name, value) in variables {
        filled = filled.replace(&format!("${name}"), value);
    }
    assert!(!filled.contains('$'), "a variable that the dashboard does not have: {filled}");
    filled
}

/// The values of `label_values(series, label)`.
fn label_values(prometheus: &Part, query: &str) -> Vec<String> {
    let inside = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(')')).unwrap();
    let (series, label) = inside.rsplit_once(", ").unwrap();
    let path = format!("/api/v1/label/{label}/values?match[]={}", encoded(series));
    let answer = prometheus.json(&path).unwrap();
    items(&answer["data"]).iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// What a dashboard shows when it is opened: its first values, or all of them where it offers that.
fn variables(prometheus: &Part, dashboard: &Value, complaints: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for variable in items(&dashboard["templating"]["list"]) {
        if variable["type"] == "datasource" {
            continue;
        }
        let name = variable["name"].as_str().unwrap().to_owned();
        let values = label_values(prometheus, &filled(variable["query"]["query"].as_str().unwrap(), &known));
        if values.is_empty() {
            complaints.push(format!("{}: the variable {name} has no values", dashboard["title"]));
        }
        let shown = match variable["allValue"].as_str() {
            Some(all) => all.to_owned(),
            None => values.into_iter().next().unwrap_or_default(),
        };
        known.insert(name, shown);
    }
    known
}

/// Where Grafana's types were installed: a folder that outlives the test, made by npm once for each content of
/// `tests/grafana/package.json`.
fn types() -> anyhow::Result<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana");
    let wanted = std::fs::read_to_string(ours.join("package.json"))?;
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = home.join(".cache/plumbline/grafana-types");
    let complete = folder.join(".complete");
    if std::fs::read_to_string(&complete).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), &wanted)?;
    let place = folder.display().to_string();
    ran("npm", &["install", "--prefix", &place, "--no-audit", "--no-fund", "--ignore-scripts"])?;
    std::fs::write(complete, wanted)?;
    Ok(folder)
}

#[test]
fn the_dashboards_are_as_grafanas_own_types_want_them() {
    let (test, required) =
        ("the_dashboards_are_as_grafanas_own_types_want_them", "PLUMBLINE_REQUIRE_GRAFANA_TYPES");
    if !available(test, &["node", "npm"], required) {
        return;
    }
    let types = match types() {
        Ok(types) => types.display().to_string(),
        Err(error) => {
            not_run(test, required, &format!("{error:#}"));
            return;
        }
    };
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/check.mjs");
    let mut arguments = vec![check.display().to_string(), types];
    let boards = dashboards();
    arguments.extend(boards.iter().map(|(path, _)| path.canonicalize().unwrap().display().to_string()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    ran("node", &arguments).unwrap();
    // It must be able to fail: an option that Grafana does not have is named.
    let folder = tempfile::tempdir().unwrap();
    let spoilt = folder.path().join("spoilt.json");
    let mut board = boards[0].1.clone();
    board["panels"][0]["options"]["colourMode"] = "background".into();
    std::fs::write(&spoilt, board.to_string()).unwrap();
    let refused = ran("node", &[arguments[0], arguments[1], spoilt.to_str().unwrap()]).unwrap_err();
    assert!(refused.to_string().contains("colourMode"), "{refused}");
    // What no type says: names by which Grafana and its users find a dashboard are of one alone.
    for name in ["uid", "title"] {
        let mut names: Vec<&str> = boards.iter().map(|(_, board)| board[name].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), boards.len(), "{name}: {names:?}");
    }
}

/// Every query of every panel answers with something, and with numbers.
pub(crate) fn check_panels(prometheus: &Part) {
    let (mut complaints, mut asked) = (Vec::new(), 0);
    let mut empty = Vec::new();
    for (path, dashboard) in dashboards() {
        let variables = variables(prometheus, &dashboard, &mut complaints);
        for panel in items(&dashboard["panels"]) {
            assert!(!items(&panel["targets"]).is_empty(), "{}: {panel}", path.display());
            for target in items(&panel["targets"]) {
                let name =
                    format!("{} {}", panel["title"].as_str().unwrap(), target["refId"].as_str().unwrap());
                let expression = filled(target["expr"].as_str().unwrap(), &variables);
                asked += 1;
                match prometheus.query(&expression) {
                    Err(error) => complaints.push(format!("{name}: {expression}: {error:#}")),
                    Ok(found) if found.is_empty() => empty.push((name, expression)),
                    Ok(found) if found.iter().all(|(_, number)| number.is_nan()) => {
                        complaints.push(format!("{name}: nothing but NaN: {expression}"));
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    for (name, expression) in &empty {
        if !EMPTY.iter().any(|(rightly, _)| rightly == name) {
            complaints.push(format!("{name} is empty: {expression}"));
        }
    }
    for (rightly, why) in EMPTY {
        if !empty.iter().any(|(name, _)| name == rightly) {
            complaints.push(format!("{rightly} should be empty, because {why}"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    eprintln!("{asked} queries of panels answered");
}
