//! The shipped example is read as it stands.

use plumbline_units::{Micros, Money, Seconds, Share};

use super::example;
use crate::{Lag, Metric, Plan, Scope, StageIndex, Value, ValueClass};

fn stage(i: u8) -> StageIndex {
    StageIndex(i)
}

fn scope(plan: &Plan, value: &str) -> Scope {
    Scope(vec![(plan.dimension("segment").unwrap(), value.parse().unwrap())])
}

#[test]
fn head_and_funnel_say_what_the_text_says() {
    let plan = example();
    assert_eq!(plan.name.as_str(), "saas-emea-2026");
    assert_eq!(plan.revision, 3);
    assert_eq!(plan.effective_from.to_string(), "2026-01-01");
    // Midnight in Berlin.
    assert_eq!(plan.live_from.unwrap().to_string(), "2026-02-28T23:00:00Z");
    assert_eq!(plan.motion().stages.len(), 5);
    assert_eq!((plan.first(), plan.last()), (stage(0), stage(4)));
    assert_eq!(plan.motion().opportunity, Some(stage(3)));
    assert_eq!(plan.stage("sql"), Some(stage(2)));
    assert_eq!(plan.stage("SQL"), None);
    assert_eq!(plan.stage_name(stage(1)).as_str(), "mql");
    assert_eq!(plan.dimensions.len(), 2);
    assert_eq!((plan.targets.len(), plan.patterns.len()), (6, 1));
}

#[test]
fn rates_and_lags_come_from_the_first_matching_scope() {
    let plan = example();
    let share = |x| Share::from_f64(x).unwrap();
    let smb = plan.rate_and_lag(1, &scope(&plan, "smb"));
    assert_eq!(smb.conversion, share(0.4));
    assert_eq!(smb.lag, Lag::LogNormal { median: Seconds::days(4), p90: Seconds(967_680) });
    let mid = plan.rate_and_lag(1, &scope(&plan, "mid"));
    assert_eq!(
        (mid.conversion, &mid.lag),
        (share(0.45), &Lag::LogNormal { median: Seconds::days(5), p90: Seconds::days(14) })
    );
    assert_eq!(plan.rate_and_lag(1, &Scope::default()).conversion, share(0.4));
    assert_eq!(plan.conversion(plan.first(), plan.last(), &scope(&plan, "smb")), share(0.04));
    assert_eq!(plan.conversion(plan.first(), plan.last(), &scope(&plan, "mid")), share(0.045));
    assert_eq!(plan.conversion(stage(2), stage(2), &Scope::default()), Share::ONE);
}

#[test]
fn targets_enumerate_declared_values_with_the_value_of_each() {
    let plan = example();
    let conversion = plan.target(plan.target_named("lead-to-won").unwrap());
    let labels: Vec<String> = conversion.scopes.iter().map(|s| plan.scope_label(&s.scope)).collect();
    assert_eq!(labels, ["segment=smb", "segment=mid", "segment=seg-00", "segment=seg-01"]);
    assert_eq!(conversion.scopes[1].value, Value::Share(Share::from_f64(0.045).unwrap()));
    assert_eq!(conversion.owners.len(), 6, "the SDRs own two transitions, once");
    let volume = plan.target(plan.target_named("lead-volume").unwrap());
    assert_eq!(volume.scopes[1].value, Value::PerDay(Micros(12_000_000)));
    let spend = plan.target(plan.target_named("spend").unwrap());
    assert_eq!(spend.scopes[0].value, Value::MoneyPerDay(Micros(3_000_000_000)));
    assert_eq!(plan.review_every, plumbline_units::Seconds(7 * 86_400));
    assert_eq!((plan.lag_tolerance, plan.targets[0].lag_tolerance), (0.15, None));
    assert!(matches!(plan.targets[5].metric, Metric::Velocity { from: StageIndex(3), to: StageIndex(4) }));
    assert_eq!(plan.patterns[0].all.len(), 3);
}

#[test]
fn raw_values_are_trimmed_and_aliased_and_strangers_are_unplanned() {
    let plan = example();
    let (segment, channel) = (plan.dimension("segment").unwrap(), plan.dimension("channel").unwrap());
    let smb = plan.dimensions[0].values[0].clone();
    for raw in ["smb", " smb ", "SMB", "Small Business", "\tSmall Business\n"] {
        assert_eq!(plan.canonical_value(segment, raw), ValueClass::Declared(&smb), "{raw:?}");
    }
    for raw in ["Smb", "small business", "enterprise", ""] {
        assert_eq!(plan.canonical_value(segment, raw), ValueClass::Unplanned, "{raw:?}");
    }
    assert_eq!(plan.canonical_value(channel, " search "), ValueClass::Any("search"));
}

#[test]
fn money_is_exchanged_at_the_newest_rate_that_holds() {
    let plan = example();
    let money = |text: &str, code: &str| Money {
        micros: Micros::parse_decimal(text).unwrap(),
        currency: code.parse().unwrap(),
    };
    let day = |text: &str| text.parse().unwrap();
    for (amount, on, expected) in [
        (money("100", "EUR"), "2020-01-01", Some("100")),
        (money("100", "USD"), "2026-01-01", Some("92")),
        (money("100", "USD"), "2030-01-01", Some("92")),
        (money("100", "USD"), "2025-12-31", None),
        (money("100", "GBP"), "2026-06-01", None),
    ] {
        let expected = expected.map(|text| Micros::parse_decimal(text).unwrap());
        assert_eq!(plan.exchange(amount, day(on)), expected, "{amount:?} on {on}");
    }
}

#[test]
fn watched_pairs_are_sorted_and_unique() {
    let plan = example();
    let pairs: Vec<(u8, u8)> = plan.watched_pairs().iter().map(|(a, b)| (a.0, b.0)).collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4)]);
    assert_eq!(plan.handoffs(), [(stage(0), stage(1), Seconds::days(7))]);
}
