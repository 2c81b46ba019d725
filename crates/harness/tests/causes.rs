//! What an alert names first is what was planted. `PLUMBLINE_SEEDS=40` runs that many seeds.

#![allow(clippy::unwrap_used)]

use plumbline_engine::EngineConfig;
use plumbline_harness::{LogWriter, run};
use plumbline_simulator::{ScenarioKind, Spec, generate, plan_toml, truth};
use plumbline_units::{Day, Seconds, Timestamp};
use serde_json::Value;

fn seeds(usual: u64) -> u64 {
    std::env::var("PLUMBLINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// The alert that first tells of the conversion after the onset.
fn first_alert(spec: &Spec, onset: Day) -> Option<Value> {
    let mut writer = LogWriter::new(Seconds::HOUR);
    let start = spec.zone.start_of(spec.start);
    writer.plan(&spec.workspace, &plan_toml(spec), start, start);
    generate(spec).for_each(|event| writer.event(event));
    let published = run(&EngineConfig::default(), &writer.finish()).unwrap();
    published.alerts().into_iter().find(|alert| {
        let at: Timestamp = alert["detected_at"].as_str().unwrap().parse().unwrap();
        let tells = alert["target"] == "lead-to-won" && alert["transition"] == "opened";
        tells && spec.zone.day_of(at).plus(-1) >= onset
    })
}

#[test]
fn the_planted_cause_is_named_first() {
    let (mut told, mut transition, mut channel, mut both, mut steps) = (0, 0, 0, 0, 0);
    for seed in 1..=seeds(4) {
        let spec = Spec {
            kind: ScenarioKind::LeadQualityTrap,
            leads_per_day: 200.0,
            days: 165,
            seed,
            ..Spec::default()
        };
        let truth = truth(&spec);
        let (onset, culprit) = (truth.yardstick.onset.unwrap(), truth.channel.unwrap());
        let Some(alert) = first_alert(&spec, onset) else {
            println!("seed {seed}: not told");
            continue;
        };
        told += 1;
        let why = alert["why"].as_array().unwrap();
        let of_transitions =
            why.iter().find(|w| w["kind"] == "transition" && w["part"].as_str().unwrap().contains('>'));
        let of_dimensions = why.iter().find(|w| w["kind"] != "transition");
        let first = of_transitions.is_some_and(|w| w["part"] == "mql>sql")
            && alert["title"].as_str().unwrap().contains("MQL→SQL");
        let second = of_dimensions.is_some_and(|w| w["part"] == culprit.as_str());
        transition += u32::from(first);
        channel += u32::from(second);
        both += u32::from(first && second);
        steps += u32::from(!alert["coincident"].as_array().unwrap().is_empty());
        if !(first && second) {
            println!("seed {seed}: {} | {why:?}", alert["title"]);
        }
        if seed == 1 {
            println!("{alert}");
        }
    }
    println!("told {told}: transition {transition}, channel {channel}, both {both}; with steps {steps}");
    assert!(f64::from(both) >= 0.95 * f64::from(told), "{both} of {told}");
}
