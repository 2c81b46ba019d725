//! The documented metrics against a scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::parts::{Part, deploy, get};

/// What a healthy run of one instance over an embedded broker does not tell, and why.
const ABSENT: [(&str, &str); 5] = [
    ("plumbline_standby_held", "another instance would have to judge something"),
    ("plumbline_standby_lag_records", "another instance would have to judge something"),
    ("plumbline_checkpoint_bytes", "an embedded broker forgets, so no checkpoint is written over it"),
    ("plumbline_checkpoint_position", "an embedded broker forgets, so no checkpoint is written over it"),
    ("plumbline_engine_rejected_total", "intake lets nothing into the log that the engine would refuse"),
];

/// Type and labels by name, as `docs/metrics.md` has them: `| name | type | labels | meaning |`.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(deploy().join("../docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `plumbline_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(cells.len() == 6 && !cells[4].is_empty(), "name, type, labels, meaning: {row}");
        let labels = cells[3].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels))
    })
    .collect()
}

/// The names of a sample's labels. Their values hold no quotes here.
fn labels(sample: &str) -> BTreeSet<String> {
    let Some((_, inside)) = sample.split_once('{') else { return BTreeSet::new() };
    let names = inside.split('"').step_by(2).filter_map(|text| text.strip_suffix('='));
    names.map(|name| name.trim_start_matches(',').to_owned()).filter(|name| name != "le").collect()
}

/// The same of a scrape.
fn scraped(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let (mut name, mut helped) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (of, says) = help.split_once(' ').unwrap();
            assert!(!says.is_empty() && helped.insert(of.to_owned()), "one HELP each: {line}");
        } else if let Some((of, kind)) = line.strip_prefix("# TYPE ").and_then(|t| t.split_once(' ')) {
            assert!(helped.contains(of), "no HELP: {line}");
            name = of.to_owned();
            assert!(
                found.insert(name.clone(), (kind.to_owned(), BTreeSet::new())).is_none(),
                "twice: {line}"
            );
        } else {
            assert!(line.starts_with(&name), "outside its family: {line}");
            found.get_mut(&name).unwrap().1.extend(labels(line));
        }
    }
    found
}

/// Nothing is told that is not documented, nothing documented that is not told, and Prometheus knows type and unit.
pub(crate) fn check(address: SocketAddr, prometheus: &Part) {
    let (documented, scraped) = (documented(), scraped(&get(address, "/metrics").unwrap()));
    let mut complaints = Vec::new();
    for (name, told) in &scraped {
        match documented.get(name) {
            None => complaints.push(format!("not documented: {name} {told:?}")),
            Some(said) if said != told => complaints.push(format!("{name} is {told:?}, documented {said:?}")),
            Some(_) => {}
        }
    }
    for name in documented.keys().filter(|name| !scraped.contains_key(*name)) {
        if !ABSENT.iter().any(|(absent, _)| absent == name) {
            complaints.push(format!("documented and not told: {name}"));
        }
    }
    for (absent, why) in ABSENT {
        if scraped.contains_key(absent) || !documented.contains_key(absent) {
            complaints.push(format!("{absent} should be documented and absent, because {why}"));
        }
    }
    let metadata = prometheus.json("/api/v1/metadata").unwrap();
    for (name, (kind, _)) in &scraped {
        // In OpenMetrics a counter's family has no suffix.
        let family = name.strip_suffix("_total").unwrap_or(name);
        let known = &metadata["data"][family][0];
        let unit = ["seconds", "bytes", "ratio"].into_iter().find(|unit| name.ends_with(unit));
        if known["type"] != **kind || known["unit"] != unit.unwrap_or_default() {
            complaints.push(format!("Prometheus takes {name} for {known}"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
