//! What comes out of the generator has the rates, lags, volumes and flaws the spec asks for.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use plumbline_events::{Body, LeadFact, OpportunityFact};
use plumbline_simulator::{
    ArrivalProfile, Generated, STAGES, ScenarioKind, Segment, Spec, generate, lag_tables, truth,
};
use plumbline_units::{Day, Timestamp};

/// No late, doubled, corrected or merged messages, and every journey is followed to its end.
fn clean(kind: ScenarioKind, leads_per_day: f64, days: u32) -> Spec {
    Spec {
        kind,
        leads_per_day,
        days,
        drain: true,
        late_share: 0.0,
        duplicate_share: 0.0,
        correction_share: 0.0,
        merge_share: 0.0,
        ..Spec::default()
    }
}

#[derive(Default)]
struct Lead {
    channel: String,
    segment: String,
    /// Times in the order of [`STAGES`].
    reached: [Option<Timestamp>; 5],
}

#[derive(Default)]
struct Seen {
    leads: BTreeMap<String, Lead>,
    spend: BTreeMap<(Day, String, String), f64>,
}

fn observe(events: impl Iterator<Item = Generated>) -> Seen {
    let mut seen = Seen::default();
    for Generated { event, .. } in events {
        let at = event.envelope.occurred_at;
        let attribute =
            |key: &str| event.envelope.attributes.get(key).map(|v| v.to_string()).unwrap_or_default();
        let (id, stage) = match &event.body {
            Body::Lead { lead_id, fact: LeadFact::Created } => {
                let lead = seen.leads.entry(lead_id.as_str().to_owned()).or_default();
                (lead.channel, lead.segment) = (attribute("channel"), attribute("segment"));
                (lead_id, 0)
            }
            Body::Lead { lead_id, fact: LeadFact::StageReached(stage) } => {
                (lead_id, STAGES.iter().position(|s| *s == stage.as_str()).unwrap())
            }
            Body::Opportunity { lead_id: Some(lead), fact: OpportunityFact::Created, .. } => (lead, 3),
            Body::Opportunity { lead_id: Some(lead), fact: OpportunityFact::Won, .. } => (lead, 4),
            Body::Spend { period_start, amount, .. } => {
                let key = (*period_start, attribute("segment"), attribute("channel"));
                *seen.spend.entry(key).or_default() += amount.micros.units();
                continue;
            }
            _ => continue,
        };
        seen.leads.get_mut(id.as_str()).unwrap().reached[stage] = Some(at);
    }
    seen
}

impl Seen {
    /// Leads of the days from..until that reached each stage.
    fn reached(&self, spec: &Spec, from: Day, until: Day) -> [f64; 5] {
        let mut counts = [0.0; 5];
        for lead in self.leads.values() {
            let day = spec.zone.day_of(lead.reached[0].unwrap());
            if (from..until).contains(&day) {
                for (count, at) in counts.iter_mut().zip(lead.reached) {
                    *count += f64::from(u8::from(at.is_some()));
                }
            }
        }
        counts
    }

    fn spend(&self, from: Day, until: Day) -> f64 {
        self.spend.iter().filter(|(key, _)| (from..until).contains(&key.0)).map(|(_, money)| money).sum()
    }
}

/// Within four standard errors of a share.
fn assert_share(hits: f64, of: f64, expected: f64, what: &str) {
    let error = (expected * (1.0 - expected) / of).sqrt();
    let share = hits / of;
    assert!((share - expected).abs() < 4.0 * error, "{what}: {share} of {of}, not {expected} ± {error}");
}

#[test]
fn rates_volume_and_spend_are_the_specs() {
    let spec = clean(ScenarioKind::Steady, 500.0, 364);
    let seen = observe(generate(&spec));
    let end = spec.start.plus(364);
    let counts = seen.reached(&spec, spec.start, end);
    let leads = 500.0 * 364.0;
    assert!((counts[0] - leads).abs() < 4.0 * leads.sqrt(), "{counts:?}");
    for (j, rate) in spec.rates.iter().enumerate() {
        assert_share(counts[j + 1], counts[j], *rate, STAGES[j]);
    }
    assert!((seen.spend(spec.start, end) - leads * spec.spend_per_lead).abs() < 100.0);
    let organic = seen.leads.values().filter(|lead| lead.channel == "organic").count();
    assert_share(organic as f64, counts[0], 0.2, "organic");
    assert!(seen.spend.keys().all(|(_, _, channel)| channel != "organic"));
}

#[test]
fn lags_have_the_specs_quantiles_where_nothing_waits_for_monday() {
    let spec = Spec { weekend_backlog: 0.0, ..clean(ScenarioKind::Steady, 300.0, 300) };
    let seen = observe(generate(&spec));
    for (j, lag) in spec.lags.iter().enumerate() {
        let mut days: Vec<f64> = seen
            .leads
            .values()
            .filter_map(|lead| Some(lead.reached[j + 1]?.millis_since(lead.reached[j]?) as f64 / 864e5))
            .collect();
        days.sort_by(f64::total_cmp);
        for (share, z) in [(0.1, -1.2816), (0.5, 0.0), (0.9, 1.2816)] {
            let quantile = lag.median_days * libm::exp(lag.sigma * z);
            let below = days.iter().filter(|d| **d <= quantile).count() as f64;
            assert_share(below, days.len() as f64, share, STAGES[j]);
        }
    }
}

#[test]
fn arrivals_follow_the_hours_and_weekdays() {
    for arrival in [ArrivalProfile::BusinessHours, ArrivalProfile::Uniform] {
        let spec = Spec { arrival, ..clean(ScenarioKind::Steady, 300.0, 140) };
        let (mut hours, mut weekdays, mut total) = ([0.0; 24], [0.0; 7], 0.0);
        for lead in observe(generate(&spec)).leads.values() {
            let (day, hour) = spec.zone.day_and_hour(lead.reached[0].unwrap());
            hours[usize::from(hour)] += 1.0;
            weekdays[day.weekday()] += 1.0;
            total += 1.0;
        }
        for (hour, share) in spec.arrival.shares().into_iter().enumerate() {
            // The day on which the clock changes is stretched over its 23 hours.
            let tolerance = 0.002 + 4.0 * (share / total).sqrt();
            assert!((hours[hour] / total - share).abs() < tolerance, "{hour} o'clock");
        }
        for (weekday, factor) in spec.weekday_factors().into_iter().enumerate() {
            assert_share(weekdays[weekday], total, factor / 7.0, "weekday");
        }
    }
}

#[test]
fn the_trap_changes_volume_spend_and_exactly_its_parts_of_the_conversion() {
    for onset_channel in [Some("paid_social".to_owned()), None] {
        let spec = Spec { onset_channel, ..clean(ScenarioKind::LeadQualityTrap, 1500.0, 308) };
        let spec = Spec { onset: Some(spec.start.plus(98)), ..spec };
        let seen = observe(generate(&spec));
        let (onset, end) = (spec.start.plus(98), spec.start.plus(308));
        let (before, after) = (seen.reached(&spec, spec.start, onset), seen.reached(&spec, onset, end));
        let facts = truth(&spec);
        assert!((after[0] / before[0] * 98.0 / 210.0 - facts.volume_factor).abs() < 0.02);
        let spend = seen.spend(onset, end) / seen.spend(spec.start, onset) * 98.0 / 210.0;
        assert!((spend - facts.spend_factor).abs() < 1e-4, "{spend}");
        assert!((facts.cac_after / facts.cac_before - 2.0).abs() < 1e-8);
        for (j, transition) in facts.transitions.iter().enumerate() {
            assert_share(before[j + 1], before[j], transition.before, STAGES[j]);
            assert_share(after[j + 1], after[j], transition.after, STAGES[j]);
        }
        let parts: Vec<f64> = facts.transitions.iter().map(|t| t.log_share).collect();
        assert!((facts.conversion.factor - 0.7).abs() < 1e-8);
        assert!(parts.iter().zip([0.0, 0.85, 0.0, 0.15]).all(|(a, b)| (a - b).abs() < 1e-8), "{parts:?}");
    }
}

#[test]
fn the_trap_stays_in_its_segment_and_its_past_is_the_steady_one() {
    let segments = ["smb", "mid"].map(|name| Segment { name: name.to_owned(), share: 1.0 }).to_vec();
    let steady = Spec { segments, ..clean(ScenarioKind::Steady, 200.0, 240) };
    let trap = Spec {
        kind: ScenarioKind::LeadQualityTrap,
        onset_segment: Some("smb".to_owned()),
        onset: Some(steady.start.plus(100)),
        ..steady.clone()
    };
    let onset = steady.zone.start_of(trap.onset_day().unwrap());
    let until_onset =
        |spec: &Spec| -> Vec<Generated> { generate(spec).take_while(|g| g.received_at < onset).collect() };
    assert_eq!(until_onset(&steady), until_onset(&trap));
    let seen = observe(generate(&trap));
    let mid = |from, until| {
        let in_mid = seen.spend.iter().filter(|(key, _)| key.1 == "mid");
        in_mid.filter(|(key, _)| (from..until).contains(&key.0)).map(|(_, m)| m).sum::<f64>()
    };
    let (start, day) = (steady.start, |n| steady.start.plus(n));
    assert!((mid(start, day(98)) - mid(day(105), day(203))).abs() < 1.0);
}

#[test]
fn overdispersion_raises_the_variance_of_a_days_conversions_and_keeps_the_mean() {
    let rho = 0.02;
    let spec = Spec {
        overdispersion: rho,
        weekend_arrivals: 1.0,
        channels: Spec::default().channels[..1].to_vec(),
        ..clean(ScenarioKind::Steady, 300.0, 700)
    };
    let mut days: BTreeMap<Day, (f64, f64)> = BTreeMap::new();
    for lead in observe(generate(&spec)).leads.values() {
        let cell = days.entry(spec.zone.day_of(lead.reached[0].unwrap())).or_default();
        cell.0 += 1.0;
        cell.1 += f64::from(u8::from(lead.reached[1].is_some()));
    }
    let p = spec.rates[0];
    let phi: f64 = days
        .values()
        .map(|(n, k)| (k - n * p) * (k - n * p) / (n * p * (1.0 - p) * (1.0 + (n - 1.0) * rho)))
        .sum::<f64>()
        / days.len() as f64;
    assert!((phi - 1.0).abs() < 0.2, "{phi}");
}

#[test]
fn late_doubled_corrected_and_merged_messages_come_in_the_shares_asked_for() {
    let spec = Spec { drain: true, leads_per_day: 300.0, days: 300, ..Spec::default() };
    let (mut all, mut late, mut doubled, mut last) = (0.0, 0.0, 0.0, Timestamp::MIN);
    let (mut leads, mut merged, mut opportunities, mut corrected) = (0.0, 0.0, 0.0, 0.0);
    let mut ids = BTreeSet::new();
    for Generated { received_at, event } in generate(&spec) {
        assert!(last <= received_at && event.envelope.occurred_at < received_at);
        last = received_at;
        if !ids.insert(event.envelope.event_id.clone()) {
            doubled += 1.0;
            continue;
        }
        all += 1.0;
        let waited = received_at.millis_since(event.envelope.occurred_at);
        late += f64::from(u8::from(waited > 60_000));
        match event.body {
            Body::Lead { fact: LeadFact::Created, .. } => leads += 1.0,
            Body::Lead { fact: LeadFact::Merged(_), .. } => merged += 1.0,
            Body::Opportunity { fact: OpportunityFact::Created, .. } => opportunities += 1.0,
            Body::Opportunity { fact: OpportunityFact::AmountChanged, .. } => corrected += 1.0,
            _ => {}
        }
    }
    // One late message in 700 is less than a minute late.
    assert_share(late, all, spec.late_share * 0.9986, "late");
    assert_share(doubled, all, spec.duplicate_share, "doubled");
    assert_share(merged, leads - merged, spec.merge_share, "merged");
    assert_share(corrected, opportunities, spec.correction_share, "corrected");
}

#[test]
fn a_seed_gives_one_stream_and_another_seed_another() {
    for kind in ScenarioKind::ALL {
        let spec = Spec { kind, days: 60, overdispersion: 0.01, ..Spec::default() };
        let all: Vec<Generated> = generate(&spec).collect();
        assert!(all.len() > 1000);
        assert!(generate(&spec).eq(all.iter().cloned()), "{kind}");
        assert!(!generate(&Spec { seed: 2, ..spec.clone() }).eq(all.into_iter()), "{kind}");
    }
}

#[test]
fn a_silent_source_says_nothing_for_five_days_and_then_everything_it_would_have_said() {
    let quiet = Spec { days: 200, ..Spec::default() };
    let silent = Spec { kind: ScenarioKind::SilentSource, ..quiet.clone() };
    let silence = truth(&silent).silence.unwrap();
    assert_eq!(silence.until.millis_since(silence.from), 5 * 86_400_000);
    let crm = |g: &Generated| g.event.envelope.source.as_deref() == Some("hubspot");
    let heard: Vec<Generated> = generate(&silent).collect();
    let during = |g: &&Generated| (silence.from..silence.until).contains(&g.received_at);
    assert_eq!(heard.iter().filter(during).filter(|g| crm(g)).count(), 0);
    assert!(heard.iter().filter(during).count() >= 8, "the ad accounts go on");
    let said = |events: Vec<Generated>| -> BTreeSet<String> {
        events.into_iter().map(|g| format!("{:?}", g.event)).collect()
    };
    assert_eq!(said(heard), said(generate(&quiet).collect()));
}

#[test]
fn slow_cycles_are_slower_and_ramps_are_larger() {
    let slow = Spec { weekend_backlog: 0.0, ..clean(ScenarioKind::SlowCycle, 300.0, 300) };
    let onset = slow.onset_day().unwrap();
    let seen = observe(generate(&slow));
    let mean_log = |late: bool| {
        let logs: Vec<f64> = seen
            .leads
            .values()
            .filter(|lead| (slow.zone.day_of(lead.reached[0].unwrap()) >= onset) == late)
            .filter_map(|lead| Some(lead.reached[2]?.millis_since(lead.reached[1]?)))
            .map(|millis| libm::log(millis as f64))
            .collect();
        logs.iter().sum::<f64>() / logs.len() as f64
    };
    assert!((libm::exp(mean_log(true) - mean_log(false)) - 1.15).abs() < 0.04);

    let ramp = clean(ScenarioKind::Ramp, 300.0, 330);
    let seen = observe(generate(&ramp));
    let leads = |from, until| seen.reached(&ramp, ramp.start.plus(from), ramp.start.plus(until))[0];
    assert!((leads(190, 330) / leads(0, 70) / 2.0 - 1.5).abs() < 0.03);
}

/// Shares of those that enter a stage on a weekday and have left it by the end of each day after, against the
/// tables of the plan.
#[test]
fn a_fresh_simulation_has_the_lags_of_the_tables_on_every_weekday() {
    let spec = Spec { rates: [1.0; 4], seed: 77, ..clean(ScenarioKind::Steady, 1500.0, 280) };
    let tables = lag_tables(&spec);
    let seen = observe(generate(&spec));
    let mut counts = vec![vec![vec![0.0; 900]; 7]; 4];
    for lead in seen.leads.values() {
        let days = lead.reached.map(|at| at.map(|at| spec.zone.day_of(at)));
        for j in 0..4 {
            let (Some(from), Some(to)) = (days[j], days[j + 1]) else { continue };
            // Early weeks have few old leads: the week of later stages has not settled yet.
            if from.since(spec.start) > 100 {
                counts[j][from.weekday()][(to.since(from) as usize).min(899)] += 1.0;
            }
        }
    }
    for (j, weekdays) in counts.iter().enumerate() {
        for (weekday, counted) in weekdays.iter().enumerate() {
            let entered: f64 = counted.iter().sum();
            assert!(entered > 3_000.0, "{j} {weekday} {entered}");
            let mut by_now = 0.0;
            for (count, share) in counted.iter().zip(&tables.0[j][weekday]).take(180) {
                by_now += count;
                let error = 4.5 * (share * (1.0 - share) / entered).sqrt() + 1e-3;
                assert!(
                    (by_now / entered - share).abs() < error,
                    "{j} {weekday}: {} {share}",
                    by_now / entered
                );
            }
        }
    }
}
