//! What the statistic says of small, known series.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_drift::stat::{Model, ScopeSeries, TableId, Window};
use plumbline_plan::{Direction, Plan, Strictness};
use support::judge::{CONVERSION, COST, SPEND, VOLUME, model};
use support::{Spec, log_normal_lags, plan, simulate};

fn on_plan(leads: f64) -> Plan {
    plan(log_normal_lags(), leads, 0.0, None)
}

/// The series as of the last day of a run.
fn last(spec: &Spec) -> ScopeSeries {
    let mut kept = None;
    simulate(spec).play(|day, series| {
        if day + 1 == spec.days {
            kept = Some(series.clone());
        }
        true
    });
    kept.unwrap()
}

fn trapped(leads: f64, after: usize) -> ScopeSeries {
    last(&Spec::trap(leads, 150, after, 5))
}

fn since_onset(model: &Model, series: &ScopeSeries) -> plumbline_drift::stat::Projection {
    let evidence = model.assess(series, None).unwrap();
    model.project(series, &Window::SinceOnset(evidence.onset.estimate)).unwrap()
}

#[test]
fn the_trap_is_named_by_its_transition_direction_and_day() {
    let series = trapped(200.0, 40);
    let model = model(&on_plan(200.0), CONVERSION);
    let evidence = model.assess(&series, None).unwrap();
    assert!(evidence.rejects() && evidence.direction == Direction::Below);
    assert!(evidence.log_below > evidence.log_above);
    assert!(
        matches!(evidence.leading, TableId::Pair { from: 1, to: 2 } | TableId::Pair { from: 0, to: 2 }),
        "{:?}",
        evidence.leading
    );
    let onset = series.first_day.plus(150);
    assert!(evidence.onset.low <= onset && onset <= evidence.onset.high, "{:?}", evidence.onset);
    assert_eq!(evidence.needed, None);
    assert_eq!(evidence.tables.len(), 7);
    let projection = since_onset(&model, &series);
    assert_eq!(model.outside_warn(projection.value.value), Some(Direction::Below));
    assert!(projection.value.contains(0.028), "{projection:?}");
    let product: f64 = projection.pairs.iter().map(|p| p.rate.value).product();
    assert!((product / projection.value.value - 1.0).abs() < 1e-12);
}

#[test]
fn cost_goes_up_when_conversion_goes_down_and_its_parts_multiply() {
    let series = trapped(200.0, 60);
    let model = model(&on_plan(200.0), COST);
    let evidence = model.assess(&series, None).unwrap();
    assert!(evidence.rejects() && evidence.direction == Direction::Above);
    assert!(evidence.critical_weight > 0.5);
    assert_eq!(evidence.tables.len(), 9);
    let projection = since_onset(&model, &series);
    let cost = projection.cost_per_lead.as_ref().unwrap();
    assert!((cost.plan - 100.0).abs() < 1e-6 && cost.cost.contains(140.0), "{cost:?}");
    let product = cost.cost.value / projection.conversion.unwrap().value;
    assert!((product / projection.value.value - 1.0).abs() < 1e-12);
    assert_eq!(model.outside_critical(projection.value.value), Some(Direction::Above));
}

#[test]
fn nothing_entered_is_no_evidence_and_little_is_not_enough() {
    let model = model(&on_plan(30.0), CONVERSION);
    let mut empty = last(&Spec::steady(30.0, 5, 1));
    for stage in &mut empty.stages {
        stage.counts.fill(0);
    }
    assert_eq!(model.assess(&empty, None), None);
    let few = model.assess(&last(&Spec::steady(30.0, 3, 1)), None).unwrap();
    let more = model.assess(&last(&Spec::steady(30.0, 12, 1)), None).unwrap();
    let (few, more) = (few.needed.unwrap(), more.needed.map_or(0, |n| n));
    assert!(few > more && few > 100 && few < 1_000, "{few} {more}");
    assert_eq!(model.assess(&last(&Spec::steady(30.0, 60, 1)), None).unwrap().needed, None);
}

#[test]
fn a_restart_forgets_the_cohorts_before_it() {
    let series = trapped(200.0, 40);
    let model = model(&on_plan(200.0), CONVERSION);
    assert!(model.assess(&series, None).unwrap().rejects());
    let restarted = model.assess(&series, Some(series.last_day)).unwrap();
    assert!(!restarted.rejects() && restarted.onset.estimate == series.last_day);
    assert_eq!(model.assess(&series, Some(series.last_day.plus(1))), None);
}

#[test]
fn the_null_is_strict_above_five_hundred_entries_a_day_unless_the_plan_says() {
    for (leads, strict, expected) in [
        (200.0, None, 0.0),
        (600.0, None, 1.0),
        (600.0, Some(Strictness::Plan), 0.0),
        (200.0, Some(Strictness::Strict), 1.0),
        (200.0, Some(Strictness::Half), 0.5),
    ] {
        let model = model(&plan(log_normal_lags(), leads, 0.0, strict), CONVERSION);
        let evidence = model.assess(&last(&Spec::steady(leads, 40, 2)), None).unwrap();
        assert_eq!(evidence.strictness, expected, "{leads} {strict:?}");
    }
}

#[test]
fn a_stage_seen_only_by_later_ones_is_no_evidence_and_the_whole_speaks() {
    let mut series = last(&Spec::steady(200.0, 150, 3));
    for stage in &mut series.stages[1..4] {
        stage.inferred = std::mem::take(&mut stage.counts);
        stage.hours.clear();
    }
    for pair in series.pairs.iter_mut().filter(|p| p.from != 0 || p.to == 1) {
        pair.converted.fill(0);
    }
    let model = model(&on_plan(200.0), CONVERSION);
    let evidence = model.assess(&series, None).unwrap();
    assert!(!evidence.rejects(), "{evidence:?}");
    let projection = model.project(&series, &Window::Trailing { not_before: None }).unwrap();
    assert_eq!(projection.pairs.len(), 1);
    assert!((projection.relative().value - 1.0).abs() < 0.15, "{projection:?}");
}

#[test]
fn a_quiet_funnel_with_enough_behind_it_excludes_critical() {
    let model = model(&on_plan(200.0), CONVERSION);
    let trailing = Window::Trailing { not_before: None };
    let quiet = model.project(&last(&Spec::steady(200.0, 180, 4)), &trailing).unwrap();
    assert!(model.excludes_critical(&quiet), "{quiet:?}");
    let young = model.project(&last(&Spec::steady(200.0, 2, 4)), &trailing).unwrap();
    assert!(!model.excludes_critical(&young), "{young:?}");
}

#[test]
fn recovery_is_shown_after_the_fix_and_not_before() {
    let spec = Spec { fixed: 200, ..Spec::trap(200.0, 150, 80, 6) };
    let model = model(&on_plan(200.0), CONVERSION);
    let table = TableId::Pair { from: 1, to: 2 };
    let since = support::first_day().plus(162);
    let shown = plumbline_drift::stat::RECOVERY_LOG_THRESHOLD;
    let drifting = last(&Spec { days: 199, ..spec.clone() });
    let evidence = |series| model.recovering(series, Direction::Below, (since, since), &[table]).0;
    assert!(evidence(&drifting) < shown);
    assert!(evidence(&last(&spec)) >= shown);
}

#[test]
fn volume_speaks_both_ways_and_keeps_quiet_inside_its_tolerance() {
    let model = model(&on_plan(100.0), VOLUME);
    for (factor, expected) in
        [(1.0, None), (1.2, None), (1.5, Some(Direction::Above)), (0.5, Some(Direction::Below))]
    {
        let spec = Spec { onset: 60, volume: factor, ..Spec::steady(100.0, 120, 7) };
        let series = last(&spec);
        let evidence = model.assess(&series, None).unwrap();
        assert_eq!(evidence.rejects().then_some(evidence.direction), expected, "{factor}: {evidence:?}");
        if expected.is_some() {
            let projected = since_onset(&model, &series).value;
            assert!((projected.value / (100.0 * factor) - 1.0).abs() < 0.1, "{projected:?}");
        }
    }
}

#[test]
fn spend_is_the_sum_of_seven_days_against_the_plan() {
    let model = model(&on_plan(30.0), SPEND);
    assert_eq!(model.assess(&last(&Spec::steady(30.0, 30, 1)), None), None);
    assert_eq!(model.spend(&last(&Spec::steady(30.0, 6, 1))), None);
    let reading = model.spend(&last(&Spec { spend: 1.4, ..Spec::trap(30.0, 20, 7, 1) })).unwrap();
    assert!((reading.plan - 21_000.0).abs() < 1.0 && (reading.ratio() - 1.4).abs() < 1e-6, "{reading:?}");
    assert_eq!(model.outside_warn(reading.spend / 7.0), Some(Direction::Above));
}

#[test]
fn equal_series_give_equal_bits() {
    let (plan, series) = (on_plan(30.0), trapped(30.0, 30));
    for target in [CONVERSION, COST, VOLUME] {
        let (a, b) = (model(&plan, target).assess(&series, None), model(&plan, target).assess(&series, None));
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }
}

#[test]
fn a_loss_spread_evenly_is_dated_by_its_weak_effects_and_not_taken_for_recovered() {
    let model = model(&on_plan(200.0), CONVERSION);
    let each = libm::pow(0.7, 0.25);
    let (mut covered, mut recovered) = (0, 0);
    for seed in 0..10 {
        let spec = Spec { rates: [each; 4], ..Spec::steady(200.0, 160, seed) };
        let series = last(&Spec { onset: 120, ..spec });
        let onset = model.assess(&series, None).unwrap().onset;
        let (day, since) = (support::first_day().plus(120), support::first_day().plus(140));
        covered += u32::from(onset.low <= day && day <= onset.high);
        let (log, _) = model.recovering(&series, Direction::Below, (onset.estimate, since), &[]);
        recovered += u32::from(log >= plumbline_drift::stat::RECOVERY_LOG_THRESHOLD);
    }
    assert!(covered >= 8 && recovered == 0, "{covered} of 10 covered, {recovered} recovered");
}

#[test]
fn a_day_or_two_without_any_leads_is_no_drift_of_volume_and_a_week_is() {
    let model = model(&on_plan(100.0), VOLUME);
    for (days, expected) in [(1, false), (2, false), (7, true)] {
        let spec = Spec { onset: 120 - days, volume: 0.0, ..Spec::steady(100.0, 120, 7) };
        let evidence = model.assess(&last(&spec), None).unwrap();
        assert_eq!(evidence.rejects(), expected, "{days} days: {evidence:?}");
    }
}

#[test]
fn a_cost_per_lead_misjudged_within_the_error_of_the_rates_is_no_drift_and_does_not_date_one() {
    // The last rate is planned a sixth too low, by two standard errors.
    let cost = |error: f64| {
        let mut plan = on_plan(30.0);
        let last = &mut plan.motions[0].transitions[3].base;
        (last.conversion, last.error) = (plumbline_units::Share::from_f64(0.34).unwrap(), error);
        model(&plan, COST)
    };
    let (promised, estimated) = (cost(0.0), cost(0.03));
    let steady = last(&Spec::steady(30.0, 150, 5));
    let dearer = |model: &Model| {
        let evidence = model.assess(&steady, None).unwrap();
        let table = evidence.tables.iter().find(|table| table.table == TableId::LeadsPerMoney);
        table.unwrap().log_above - evidence.log_threshold
    };
    let (promised_says, estimated_says) = (dearer(&promised), dearer(&estimated));
    assert!(promised_says > 0.0 && estimated_says < 0.0, "{promised_says} {estimated_says}");
    let trapped = trapped(30.0, 7);
    let days = |model: &Model| {
        let evidence = model.assess(&trapped, None).unwrap();
        assert!(evidence.rejects() && evidence.direction == Direction::Above, "{evidence:?}");
        assert_eq!(evidence.leading, TableId::LeadsPerMoney);
        trapped.last_day.since(evidence.onset.estimate)
    };
    let (promised_since, estimated_since) = (days(&promised), days(&estimated));
    assert!(promised_since > 60 && estimated_since < 12, "{promised_since} {estimated_since}");
}
