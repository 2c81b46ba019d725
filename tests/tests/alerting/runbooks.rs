//! Every alert links to a section for whoever is on call.

use std::path::Path;

use plumbline_engine::health::Kind;
use serde_json::json;

use crate::REQUIRED;
use crate::parts::{available, deploy, ran};

/// The annotations `runbook_url` of the rules, each in one line.
fn runbooks() -> Vec<String> {
    let rules = std::fs::read_to_string(deploy().join("prometheus/rules.yml")).unwrap();
    let mut lines = rules.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(url) = line.trim_start().strip_prefix("runbook_url: ") {
            // A long one stands folded on the next line.
            found.push(if url == ">-" { lines.next().unwrap().trim() } else { url }.to_owned());
        }
    }
    found
}

#[test]
fn every_kind_of_alert_has_a_section_for_whoever_is_on_call() {
    if !available("every_kind_of_alert_has_a_section", &["promtool"], REQUIRED) {
        return;
    }
    let sections = std::fs::read_to_string(deploy().join("../docs/oncall.md")).unwrap();
    let has = |anchor: &str| sections.contains(&format!("\n## {anchor}\n"));
    let runbooks = runbooks();
    assert!(runbooks.len() > 15, "{runbooks:?}");
    for url in runbooks.iter().filter(|url| !url.contains("{{")) {
        let anchor = url.strip_prefix("https://plumbline.example.com/docs/oncall.md#").expect(url);
        assert!(has(anchor), "docs/oncall.md has no section {anchor}");
    }
    // What the others make of each metric and kind is Prometheus's to say.
    let metrics = ["conversion", "velocity", "cac", "volume", "spend", "handoff"];
    let kinds = Kind::ALL.map(|kind| kind.word());
    let folder = tempfile::tempdir().unwrap();
    for (label, values) in [("metric", &metrics[..]), ("kind", &kinds[..])] {
        let mut templates = runbooks.iter().filter(|url| url.contains(&format!("$labels.{label}")));
        let template = templates.next().expect(label);
        assert!(templates.all(|other| other == template), "one template for each {label}");
        let urls = expanded(folder.path(), template, label, values);
        assert_eq!(urls.len(), values.len(), "{urls:?}");
        for url in urls {
            let anchor = url.strip_prefix("https://plumbline.example.com/docs/oncall.md#").expect(&url);
            assert!(has(anchor), "docs/oncall.md has no section {anchor}");
        }
    }
}

/// What Prometheus makes of a template for each value of a label.
fn expanded(folder: &Path, template: &str, label: &str, values: &[&str]) -> Vec<String> {
    let rule = json!({"alert": "T", "expr": "x", "annotations": {"runbook_url": template}});
    let rules = json!({"groups": [{"name": "g", "rules": [rule]}]});
    let series = |value: &&str| json!({"series": format!("x{{{label}={value:?}}}"), "values": "1x5"});
    let series: Vec<_> = values.iter().map(series).collect();
    let nothing = json!({"eval_time": "1m", "alertname": "T", "exp_alerts": []});
    let test = json!({
        "rule_files": ["rules.yml"],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": [nothing]}],
    });
    // JSON is YAML.
    std::fs::write(folder.join("rules.yml"), rules.to_string()).unwrap();
    let path = folder.join("test.yml");
    std::fs::write(&path, test.to_string()).unwrap();
    // It is told to expect nothing, and so says what it got.
    let said = ran("promtool", &["test", "rules", path.to_str().unwrap()]).unwrap_err().to_string();
    let got = said.split("runbook_url=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    got.map(|(url, _)| url.to_owned()).collect()
}
