//! One target-scope assessment from scratch, after half a year of data.

use criterion::{Criterion, criterion_group, criterion_main};
use plumbline_drift::stat::{Models, PairSeries, ScopeSeries, StageEntries, Window};
use plumbline_plan::{
    Lag, Metric, Motion, Plan, RateAndLag, Scope, ScopedValue, Season, StageIndex, Target, TargetIndex,
    Transition, Value,
};
use plumbline_units::{Day, Micros, Seconds, Share, Zone};

const RATES: [f64; 4] = [0.5, 0.4, 0.5, 0.4];
const LAGS: [(i64, i64); 4] = [(36, 115), (96, 269), (120, 334), (336, 1464)];
const DAYS: usize = 400;

fn main_plan() -> Plan {
    let name = |text: &str| text.parse().expect("a name");
    let share = |value| Share::from_f64(value).expect("a share");
    let first: Day = "2025-01-01".parse().expect("a day");
    let transitions = (0..4u8).map(|i| Transition {
        from: StageIndex(i),
        to: StageIndex(i + 1),
        base: RateAndLag {
            conversion: share(RATES[usize::from(i)]),
            lag: Lag::LogNormal {
                median: Seconds::hours(LAGS[usize::from(i)].0),
                p90: Seconds::hours(LAGS[usize::from(i)].1),
            },
            error: 0.0,
            dispersion: 0.0,
            season: Season::FLAT,
        },
        scopes: vec![],
        owners: vec![],
        action: None,
        runbook_url: None,
        line: 1,
    });
    let target = |text: &str, metric, value, warn: &str| Target {
        name: name(text),
        metric,
        scopes: vec![ScopedValue { scope: Scope::default(), value }],
        each: vec![],
        warn: warn.parse().expect("a tolerance"),
        critical: None,
        season: Season::FLAT,
        depends_on: vec![],
        owners: vec![],
        action: None,
        runbook_url: None,
        false_alarms_per_year: None,
        strict: None,
        lag_tolerance: None,
        line: 1,
    };
    let conversion = Metric::Conversion { from: StageIndex(0), to: StageIndex(4) };
    let volume = Metric::Volume { stage: StageIndex(0) };
    Plan {
        name: name("bench"),
        source: "plan.toml".into(),
        revision: 1,
        content_hash: [0; 32],
        effective_from: first,
        live_from: None,
        review_every: Seconds(7 * Seconds::DAY.0),
        zone: Zone::UTC,
        currency: "EUR".parse().expect("a currency"),
        fiscal_year_start: (1, 1),
        false_alarms_per_year: 1.0,
        false_alarms_per_year_total: None,
        lag_tolerance: 0.15,
        motions: vec![Motion {
            name: name("default"),
            stages: ["lead", "mql", "sql", "opportunity", "won"].map(name).to_vec(),
            opportunity: None,
            transitions: transitions.collect(),
        }],
        dimensions: vec![],
        rates: vec![],
        targets: vec![
            target("conversion", conversion, Value::Share(share(0.04)), "-10%"),
            target("cac", Metric::Cac, Value::Money(Micros(2_500_000_000)), "+20%"),
            target("volume", volume, Value::PerDay(Micros(200_000_000)), "±25%"),
        ],
        patterns: vec![],
    }
}

/// A funnel exactly on plan but for its fully matured look: the numbers matter little, their count does.
fn series() -> ScopeSeries {
    let first_day: Day = "2025-01-01".parse().expect("a day");
    let entries = |per_hour: u32| StageEntries {
        counts: vec![24 * per_hour; DAYS],
        inferred: vec![],
        hours: vec![Some([per_hour; 24]); 30],
    };
    let pair = |from: u8, to: u8, share: u32| PairSeries { from, to, converted: vec![share; DAYS] };
    ScopeSeries {
        first_day,
        last_day: first_day.plus(DAYS as i32 - 1),
        stages: vec![entries(10), entries(5), entries(2), entries(1), entries(1)],
        pairs: vec![
            pair(0, 1, 110),
            pair(1, 2, 45),
            pair(2, 3, 22),
            pair(3, 4, 8),
            pair(0, 2, 46),
            pair(0, 3, 22),
            pair(0, 4, 8),
        ],
        spend: vec![20_000_000_000; DAYS],
        won: vec![8; DAYS],
        ages: vec![],
        in_time: vec![],
        unrecorded: vec![],
    }
}

fn detect(c: &mut Criterion) {
    let plan = main_plan();
    let models = Models::new(&plan);
    let series = series();
    c.bench_function("models of a plan", |b| b.iter(|| Models::new(&plan)));
    for (index, what) in ["conversion", "cac", "volume"].into_iter().enumerate() {
        let model = models.get(TargetIndex(index as u16), 0).expect("judged");
        c.bench_function(&format!("assess {what}"), |b| b.iter(|| model.assess(&series, None)));
        let window = Window::Trailing { not_before: None };
        c.bench_function(&format!("project {what}"), |b| b.iter(|| model.project(&series, &window)));
    }
}

criterion_group!(benches, detect);
criterion_main!(benches);
