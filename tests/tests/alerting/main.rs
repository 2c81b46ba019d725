//! What Plumbline says through Prometheus, Alertmanager and Grafana, in real parts: Debian's Prometheus scrapes a run,
//! its rules fire, Debian's Alertmanager routes them to a receiver, and every panel of every dashboard has something to
//! show.

// A test that cannot go on says where.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod catalogue;
mod company;
mod escalation;
mod grafana;
mod parts;
mod runbooks;

use company::Company;
use escalation::Escalation;
use parts::{Part, Receiver, all, available, deploy, encoded, ran};
use plumbline_tests::world::eventually;
use serde_json::{Value, json};

/// Makes it a failure that Prometheus or Alertmanager are not to be had.
const REQUIRED: &str = "PLUMBLINE_REQUIRE_PROMETHEUS";

#[test]
fn the_shipped_files_pass_their_own_tools() {
    if !available("the_shipped_files_pass_their_own_tools", &["promtool", "amtool"], REQUIRED) {
        return;
    }
    ran("promtool", &["check", "rules", "prometheus/rules.yml"]).unwrap();
    ran("promtool", &["check", "config", "prometheus/prometheus.yml"]).unwrap();
    ran("promtool", &["test", "rules", "prometheus/rules_test.yml"]).unwrap();
    ran("amtool", &["check-config", "alertmanager/alertmanager.yml"]).unwrap();
}

#[test]
fn alerts_are_routed_by_owner_and_urgency() {
    if !available("alerts_are_routed_by_owner_and_urgency", &["amtool"], REQUIRED) {
        return;
    }
    for (labels, receivers) in [
        ("owner=marketing urgency=working_hours", "marketing"),
        ("owner=sales urgency=working_hours", "sales"),
        ("owner=sales urgency=review", "sales"),
        ("owner=sales-engineering urgency=working_hours", "sales-engineering"),
        ("owner=finance urgency=page", "pager,finance"),
        ("owner=operations urgency=page", "pager,operations"),
        ("owner=leadership urgency=working_hours", "leadership"),
        ("owner=legal urgency=working_hours", "operations"),
        ("owner=legal urgency=page", "pager,operations"),
        ("urgency=none", "nobody"),
    ] {
        let mut arguments = vec!["config", "routes", "test", "--config.file=alertmanager/alertmanager.yml"];
        let verify = format!("--verify.receivers={receivers}");
        arguments.push(&verify);
        arguments.extend(labels.split(' '));
        ran("amtool", &arguments).unwrap();
    }
    // When: only what nobody is paged for waits, and everything that waits names its hours.
    let routes = std::fs::read_to_string(deploy().join("alertmanager/alertmanager.yml")).unwrap();
    for waiting in [
        "- matchers: [urgency=\"working_hours\"]\n          active_time_intervals: [working-hours]",
        "- matchers: [urgency=\"review\"]\n          active_time_intervals: [review]",
    ] {
        assert!(routes.contains(waiting), "{waiting}");
    }
    assert_eq!(routes.matches("active_time_intervals").count(), 2);
    // The first owner's are those of the others, and of whoever has no route.
    assert_eq!(routes.matches("*by-urgency").count(), routes.matches("matchers: [owner=").count());
    // What is told again after a week is remembered for longer.
    let compose = std::fs::read_to_string(deploy().join("compose.yaml")).unwrap();
    assert!(routes.contains("repeat_interval: 1w") && compose.contains("--data.retention=240h"));
}

#[test]
fn an_owner_without_a_route_is_woken_only_by_pages() {
    if !available("an_owner_without_a_route_is_woken_only_by_pages", &all(), REQUIRED) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().unwrap();
    for (name, working) in [("awake", true), ("asleep", false)] {
        let part = Part::alertmanager(&folder.path().join(name), receiver.address, name, working).unwrap();
        let alert = |name: &str, urgency: &str| {
            let labels = json!({"alertname": name, "owner": "legal", "urgency": urgency});
            json!({ "labels": labels })
        };
        let alerts = json!([alert("Slow", "working_hours"), alert("Good", "review"), alert("Bad", "page")]);
        part.post("/api/v2/alerts", &alerts).unwrap();
        let path = format!("/{name}/operations");
        let told = || {
            let told = receiver.told(&path);
            let names =
                told.iter().filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned));
            names.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        let expected: &[&str] = if working { &["Bad", "Good", "Slow"] } else { &["Bad"] };
        eventually(&format!("{path} hears of {expected:?}"), 30, || Ok(told() == expected)).unwrap();
        // Long enough for what else there is: it would come after the same wait.
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert_eq!(told(), expected, "{path}");
    }
}

/// Those who hear of alerts.
const OWNERS: [&str; 7] =
    ["pager", "marketing", "sales", "sales-engineering", "finance", "leadership", "operations"];

/// The alerts with these labels.
fn with<'a>(alerts: &'a [Value], labels: &[(&str, &str)]) -> Vec<&'a Value> {
    let holds = |alert: &&Value| labels.iter().all(|(label, value)| alert["labels"][label] == *value);
    alerts.iter().filter(holds).collect()
}

/// The handed-over drift as its owner `owner` hears of it, checked.
fn check_drift(alerts: &[Value], owner: &str, team: &str) {
    let told = with(alerts, &[("alertname", "PlanDriftCritical"), ("name", "mql-to-sql")]);
    let alert = told.last().unwrap();
    for (label, value) in [
        ("workspace", "default"),
        ("scope", "segment=smb"),
        ("target", "mql-to-sql"),
        ("metric", "conversion"),
        ("direction", "below"),
        ("severity", "critical"),
        ("urgency", "working_hours"),
        ("owner", owner),
        ("team", team),
    ] {
        assert_eq!(alert["labels"][label], value, "{label} of {alert}");
    }
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap();
    let summary = annotation("summary");
    assert!(summary.starts_with("mql-to-sql has left the plan in segment=smb, by -"), "{summary}");
    let description = annotation("description");
    for said in ["Since about ", " March. ", "heads for 0.", "planned 0.4. ", " customers short. "] {
        assert!(description.contains(said), "{said}: {description}");
    }
    let owners = "Owned together by marketing/marketing-ops, sales/sdr.";
    assert!(description.ends_with(owners), "{description}");
    let id = annotation("board").strip_prefix("https://plumbline.example.com/e/").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(annotation("runbook_url"), "https://plumbline.example.com/docs/oncall.md#conversion");
}

/// Alertmanager's alerts of this name and their inhibitors.
fn inhibited(alertmanager: &Part, name: &str) -> anyhow::Result<bool> {
    let filters = [format!("name=\"{name}\""), "alertname=\"PlanDriftCritical\"".to_owned()];
    let query: Vec<String> = filters.iter().map(|f| format!("filter={}", encoded(f))).collect();
    let alerts = alertmanager.json(&format!("/api/v2/alerts?{}", query.join("&")))?;
    let alerts = alerts.as_array().cloned().unwrap_or_default();
    let held = |alert: &Value| {
        alert["status"]["state"] == "suppressed"
            && alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty())
    };
    Ok(!alerts.is_empty() && alerts.iter().all(held))
}

#[test]
fn the_trap_is_told_to_each_of_its_owners_and_every_panel_has_something_to_show() {
    if !available("the_trap_is_told_to_each_of_its_owners", &all(), REQUIRED) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let company = Company::start().unwrap();
    let receiver = Receiver::start().unwrap();
    // The same alerts go to two: for one it is always within working hours, for the other never.
    let awake = Part::alertmanager(&place("awake"), receiver.address, "awake", true).unwrap();
    let asleep = Part::alertmanager(&place("asleep"), receiver.address, "asleep", false).unwrap();
    let told = [awake.address, asleep.address];
    let prometheus = Part::prometheus(&place("prometheus"), company.address, &told).unwrap();
    let mut escalation = Escalation::new(&company, &receiver);
    company.falls_into_the_trap(|day| escalation.morning(day)).unwrap();

    // Both owners of the hand-off hear of it, each by itself.
    let drift = [("alertname", "PlanDriftCritical"), ("name", "mql-to-sql")];
    for (owner, team) in [("marketing", "marketing-ops"), ("sales", "sdr")] {
        let path = format!("/awake/{owner}");
        eventually(&format!("{path} hears of the drift"), 60, || {
            Ok(!with(&receiver.told(&path), &drift).is_empty())
        })
        .unwrap_or_else(|error| panic!("{error}: {:#?}\n{}", receiver.told(&path), prometheus.log()));
        check_drift(&receiver.told(&path), owner, team);
    }
    // Spend that runs away pages, also at night, and is its owners' business as well.
    let spend = [("alertname", "PlanDriftCritical"), ("name", "spend"), ("urgency", "page")];
    for path in ["/awake/pager", "/asleep/pager", "/asleep/marketing", "/asleep/finance"] {
        eventually(&format!("{path} hears of spend"), 60, || {
            Ok(!with(&receiver.told(path), &spend).is_empty())
        })
        .unwrap();
    }
    escalation.check();
    // What the hand-off explains fires, and is told nobody.
    let explained = "ALERTS{alertname=\"PlanDriftCritical\",name=\"lead-to-won\",alertstate=\"firing\"}";
    eventually("the whole drifts, too", 60, || Ok(prometheus.query(explained)?.len() == 2)).unwrap();
    eventually("it is inhibited", 60, || inhibited(&awake, "lead-to-won")).unwrap();
    assert!(!inhibited(&awake, "mql-to-sql").unwrap());

    // Whoever looks now finds all that is documented, and something in every panel.
    catalogue::check(company.address, &prometheus);
    grafana::check_panels(&prometheus);

    // Data that stops pages at any time, and holds back what is said of the business.
    company.falls_silent().unwrap();
    let silent = [("alertname", "DataUnhealthy"), ("kind", "silent-source"), ("urgency", "page")];
    for path in ["/awake/pager", "/asleep/pager", "/asleep/operations"] {
        eventually(&format!("{path} hears of the silence"), 60, || {
            Ok(!with(&receiver.told(path), &silent).is_empty())
        })
        .unwrap();
    }
    eventually("the hand-off is held back", 60, || inhibited(&awake, "mql-to-sql")).unwrap();
    let doubt = [("alertname", "DataDoubtful"), ("kind", "unmapped-stage"), ("urgency", "working_hours")];
    eventually("operations hear of the stage by day", 60, || {
        Ok(!with(&receiver.told("/awake/operations"), &doubt).is_empty())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", parts::get(company.address, "/metrics").unwrap()));

    // What an alert links to is there.
    let mut boards = std::collections::BTreeSet::new();
    for owner in OWNERS {
        let told = receiver.told(&format!("/awake/{owner}"));
        let links = told.iter().filter_map(|alert| alert["annotations"]["board"].as_str().map(str::to_owned));
        boards.extend(links);
    }
    assert!(boards.iter().any(|link| link.contains("/e/")), "{boards:?}");
    assert!(boards.iter().any(|link| link.ends_with("/data")), "{boards:?}");
    for link in boards {
        let path = link.strip_prefix("https://plumbline.example.com").unwrap();
        eventually(&format!("the board shows {path}"), 10, || Ok(parts::get(company.address, path).is_ok()))
            .unwrap();
    }

    for owner in OWNERS {
        let (day, night) =
            (receiver.told(&format!("/awake/{owner}")), receiver.told(&format!("/asleep/{owner}")));
        for alert in day.iter().chain(&night) {
            assert_ne!(alert["labels"]["name"], "lead-to-won", "explained by another: {alert}");
            assert!(owner == "pager" || alert["labels"]["owner"] == owner, "not {owner}'s: {alert}");
            assert_ne!(alert["labels"]["urgency"], "none", "for nobody: {alert}");
        }
        let page = |alert: &Value| alert["labels"]["urgency"] == "page";
        assert!(night.iter().all(page), "{owner} is woken only by pages: {night:#?}");
        assert!(owner != "pager" || day.iter().all(page), "{day:#?}");
    }
}
