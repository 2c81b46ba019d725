//! What people say of alerts: through the log like everything else.

use std::collections::BTreeMap;

use plumbline_engine::alert::Alert;
use plumbline_pipeline::{Acknowledge, Stop, acknowledge};
use plumbline_tests::host::configured_plan;
use plumbline_tests::world::{World, eventually};

use crate::engine::{send_events, settled, topics_equal_backtest, trap};
use crate::support::{host, world};

/// The newest record of each alert.
fn alerts(world: &World) -> anyhow::Result<BTreeMap<String, Alert>> {
    let mut newest = BTreeMap::new();
    for record in world.read(&world.config.topics.alerts)? {
        let alert: Alert = serde_json::from_slice(&record.value)?;
        newest.insert(alert.alert_id.clone(), alert);
    }
    Ok(newest)
}

/// How often a word on the alert was told.
fn words_told(world: &World, alert_id: &str) -> anyhow::Result<usize> {
    let mut count = 0;
    for record in world.read(&world.config.topics.alerts)? {
        let alert: Alert = serde_json::from_slice(&record.value)?;
        count += usize::from(alert.alert_id == alert_id && alert.transition == "acknowledged");
    }
    Ok(count)
}

#[test]
fn an_alert_is_acknowledged_once_each_of_its_owners_has_spoken_and_a_replay_says_the_same() {
    let spec = trap();
    let Some(mut world) = world("acknowledged") else { return };
    world.config.plans = vec![configured_plan("default", &plumbline_simulator::plan_toml(&spec)).unwrap()];
    let sent = send_events(&world, plumbline_simulator::generate(&spec));
    let host = host(&world.config, "all");
    settled(&world, &host, sent);
    let open = |alert: &&Alert| alert.resolution.is_none() && alert.owners.len() > 1;
    let found = || anyhow::Ok(alerts(&world)?.values().find(open).cloned());
    eventually("an alert with owners is open", 60, || Ok(found()?.is_some())).unwrap();
    let alert = found().unwrap().unwrap();
    let say = |function: &str, note: &str| {
        let said = Acknowledge {
            alert: alert.alert_id[..12].to_owned(),
            function: function.to_owned(),
            note: note.to_owned(),
            until: None,
        };
        acknowledge(&world.config, &said, None, &Stop::default())
    };
    for (function, note, complaint) in [
        ("catering", "", "owns no part of it"),
        (alert.owners[0].function.as_str(), "x".repeat(501).as_str(), "500 are allowed"),
    ] {
        let refused = say(function, note).unwrap_err().to_string();
        assert!(refused.contains(complaint), "{refused}");
    }
    let mut functions: Vec<&str> = alert.owners.iter().map(|owner| owner.function.as_str()).collect();
    functions.dedup();
    for (n, function) in functions.iter().enumerate() {
        say(function, "audit on Friday").unwrap();
        // Who is not sure that it was heard says it again.
        say(function, "audit on Friday").unwrap();
        eventually("the word is told", 30, || {
            let now = &alerts(&world)?[&alert.alert_id];
            Ok(now.acknowledgements.len() == n + 1)
        })
        .unwrap();
        let now = alerts(&world).unwrap().remove(&alert.alert_id).unwrap();
        let all = n + 1 == functions.len();
        assert_eq!(now.state == "acknowledged", all, "{function}: {}", now.state);
        assert_eq!(words_told(&world, &alert.alert_id).unwrap(), n + 1, "each word is told once");
        assert_eq!(now.acknowledgements[n].note, "audit on Friday");
    }
    assert!(host.stop().unwrap());
    assert!(topics_equal_backtest(&world, sent) > functions.len());
}
