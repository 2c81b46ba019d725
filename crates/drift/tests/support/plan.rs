//! The plan the simulated company promises.

use plumbline_drift::fit::{fit_lag, fit_rate};
use plumbline_plan::{
    Lag, Metric, Motion, Plan, RateAndLag, Scope, ScopedValue, Season, StageIndex, Strictness, Target,
    Transition, Value,
};
use plumbline_units::{Micros, Seconds, Share, Zone};

use super::{CAC, HANDOFF_DAYS, LAGS, RATES, Run, first_day};

/// A plan of five stages with the targets lead-to-won (−10% / −30%), cac (+20% / +50%), volume (±25%) and spend
/// (+25%), in this order, then the cycle from opportunity to won and from lead to MQL (+25%) and the hand-off from
/// lead to MQL (−15%); each over everything.
pub fn plan(lags: [Lag; 4], leads: f64, dispersion: f64, strict: Option<Strictness>) -> Plan {
    let stages = ["lead", "mql", "sql", "opportunity", "won"];
    let name = |text: &str| text.parse().unwrap();
    let transitions = lags.into_iter().enumerate().map(|(i, lag)| Transition {
        from: StageIndex(i as u8),
        to: StageIndex(i as u8 + 1),
        base: RateAndLag {
            error: 0.0,
            conversion: Share::from_f64(RATES[i]).unwrap(),
            lag,
            dispersion,
            season: Season::FLAT,
        },
        scopes: vec![],
        owners: vec![],
        action: None,
        runbook_url: None,
        line: 1,
    });
    let target = |text: &str, metric, value, warn: &str, critical: Option<&str>| Target {
        name: name(text),
        metric,
        scopes: vec![ScopedValue { scope: Scope::default(), value }],
        each: vec![],
        warn: warn.parse().unwrap(),
        critical: critical.map(|c| c.parse().unwrap()),
        season: Season::FLAT,
        depends_on: vec![],
        owners: vec![],
        action: None,
        runbook_url: None,
        false_alarms_per_year: None,
        lag_tolerance: None,
        strict,
        line: 1,
    };
    let conversion = Metric::Conversion { from: StageIndex(0), to: StageIndex(4) };
    let volume = Metric::Volume { stage: StageIndex(0) };
    let cycle = Metric::Velocity { from: StageIndex(3), to: StageIndex(4) };
    let first_step = Metric::Velocity { from: StageIndex(0), to: StageIndex(1) };
    let within = Seconds((HANDOFF_DAYS * 86_400.0) as i64);
    let handoff = Metric::Handoff { from: StageIndex(0), to: StageIndex(1), within };
    let median = |i: usize| Seconds((LAGS[i].0 * 86_400.0) as i64);
    // Of a log-normal lag, what comes within the hand-off's days.
    let z = libm::log(HANDOFF_DAYS / LAGS[0].0) / LAGS[0].1;
    let in_time = Share::from_f64(RATES[0] * 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)).unwrap();
    let share = Share::from_f64(RATES.iter().product()).unwrap();
    let per_day = Micros((leads * 1e6) as i64);
    let money = Micros((leads * 0.04 * CAC * 1e6) as i64);
    let targets = vec![
        target("lead-to-won", conversion, Value::Share(share), "-10%", Some("-30%")),
        target("cac", Metric::Cac, Value::Money(Micros((CAC * 1e6) as i64)), "+20%", Some("+50%")),
        target("volume", volume, Value::PerDay(per_day), "±25%", None),
        target("spend", Metric::Spend, Value::MoneyPerDay(money), "+25%", None),
        target("cycle", cycle, Value::Duration(median(3)), "+25%", None),
        target("first-step", first_step, Value::Duration(median(0)), "+25%", None),
        target("handoff", handoff, Value::Share(in_time), "-15%", None),
    ];
    Plan {
        name: name("simulated"),
        source: "plan.toml".into(),
        revision: 1,
        content_hash: [0; 32],
        effective_from: first_day(),
        live_from: None,
        review_every: Seconds(7 * Seconds::DAY.0),
        zone: Zone::UTC,
        currency: "EUR".parse().unwrap(),
        fiscal_year_start: (1, 1),
        false_alarms_per_year: 1.0,
        lag_tolerance: 0.15,
        false_alarms_per_year_total: None,
        motions: vec![Motion {
            name: name("default"),
            stages: stages.map(name).to_vec(),
            opportunity: Some(StageIndex(3)),
            transitions: transitions.collect(),
        }],
        dimensions: vec![],
        rates: vec![],
        targets,
        patterns: vec![],
    }
}

/// The plan with rates and lags fitted to the first `days` days of a run, as `plan fit` writes them.
pub fn fitted(run: &Run, days: usize, leads: f64) -> Plan {
    let fits = run.cohorts(days).map(|cohorts| {
        let lag = fit_lag(&cohorts, 8).unwrap();
        let rate = fit_rate(&cohorts, &|weekday, age| lag.share(weekday, age), (1, 1), 8).unwrap();
        (lag, rate)
    });
    let mut plan = plan(fits.clone().map(|(lag, _)| lag.lag), leads, 0.0, None);
    for (transition, (_, rate)) in plan.motions[0].transitions.iter_mut().zip(&fits) {
        transition.base.conversion = Share::from_f64(rate.rate).unwrap();
        transition.base.error = rate.error;
    }
    plan
}
