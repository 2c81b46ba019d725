//! The plan file of every simulated company is a plan.

#![allow(clippy::unwrap_used)]

use plumbline_plan::{Lag, Metric, Plan, Value};
use plumbline_simulator::{Channel, ScenarioKind, Segment, Spec, lag_tables, plan_toml};

fn parsed(spec: &Spec) -> Plan {
    let parsed = Plan::parse("plan.toml", &plan_toml(spec)).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    parsed.plan
}

#[test]
fn every_scenario_gives_a_plan_without_a_warning() {
    for kind in ScenarioKind::ALL {
        for (weekend_backlog, overdispersion) in [(0.8, 0.0), (0.0, 0.01)] {
            let spec = Spec { kind, weekend_backlog, overdispersion, ..Spec::default() };
            let plan = parsed(&spec);
            assert_eq!((plan.targets.len(), plan.patterns.len()), (4, 1));
            assert_eq!(plan.zone, spec.zone);
            for (transition, rate) in plan.motions[0].transitions.iter().zip(spec.rates) {
                assert!((transition.base.conversion.as_f64() - rate).abs() < 1e-6);
                assert_eq!(transition.base.dispersion, overdispersion);
            }
        }
    }
}

#[test]
fn the_lags_of_the_plan_are_those_of_the_mechanism() {
    let spec = Spec::default();
    let (plan, tables) = (parsed(&spec), lag_tables(&spec));
    for (transition, weekdays) in plan.motions[0].transitions.iter().zip(&tables.0) {
        let Lag::Weekday(planned) = &transition.base.lag else { panic!("{:?}", transition.base.lag) };
        for (planned, table) in planned.iter().zip(weekdays) {
            let Lag::Days(planned) = planned else { panic!("{planned:?}") };
            assert_eq!(planned.len(), table.len());
            assert!(planned.iter().zip(table).all(|(a, b)| (a.as_f64() - b).abs() < 1e-6));
        }
    }
    let plain = parsed(&Spec { weekend_backlog: 0.0, ..spec });
    let Lag::LogNormal { median, p90 } = plain.motions[0].transitions[3].base.lag else { panic!() };
    assert_eq!((median.0, (p90.0 as f64 / 86_400.0).round()), (14 * 86_400, 61.0));
}

#[test]
fn segments_share_the_volume_and_the_money_by_their_size() {
    let segments = [("smb", 3.0), ("Mid market", 1.0)]
        .map(|(name, share)| Segment { name: name.to_owned(), share })
        .to_vec();
    let channels =
        vec![Channel { name: "search".to_owned(), share: 1.0, account: Some("google_ads".to_owned()) }];
    let plan = parsed(&Spec { segments, channels, leads_per_day: 40.0, ..Spec::default() });
    for target in &plan.targets {
        assert_eq!(target.scopes.len(), 2);
        let values: Vec<f64> = target
            .scopes
            .iter()
            .map(|scope| match scope.value {
                Value::Share(share) => share.as_f64(),
                Value::Money(m) | Value::PerDay(m) | Value::MoneyPerDay(m) => m.units(),
                Value::Duration(seconds) => seconds.0 as f64,
            })
            .collect();
        let expected = match target.metric {
            Metric::Conversion { .. } => [0.04, 0.04],
            Metric::Cac => [2500.0, 2500.0],
            Metric::Volume { .. } => [30.0, 10.0],
            _ => [3000.0, 1000.0],
        };
        assert!(values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{values:?}");
    }
}
