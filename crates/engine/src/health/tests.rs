//! Whole rhythms through the watch, hour by hour: what must speak does, and what must not does not.

use plumbline_plan::Plan;
use plumbline_units::{Timestamp, Zone};

use super::Hour;
use super::watch::{Ended, Watch};

const HOUR: i64 = 3_600_000;
/// Monday, 5 January 2026.
const START: &str = "2026-01-05T00:00:00Z";

pub(super) fn plan(zone: &str) -> Plan {
    Plan::parse("plan.toml", &plan_text(zone)).unwrap().plan
}

pub(super) fn plan_text(zone: &str) -> String {
    format!(
        r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "{zone}"
currency = "EUR"
[funnel]
stages = ["lead", "won"]
dimensions = ["segment"]
[dimension.segment]
values = ["smb", "mid"]
[[transition]]
from = "lead"
to = "won"
conversion = 0.1
lag = {{ median = "10d", p90 = "20d" }}
owners = [{{ function = "marketing", team = "growth" }}, {{ function = "sales", team = "ae" }}]
[[target]]
name = "lead-volume"
metric = "volume"
owners = [{{ function = "marketing", team = "growth" }}, {{ function = "sales", team = "ae" }}]
stage = "lead"
value = "24/day"
warn = "±25%"
"#
    )
}

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn poisson(&mut self, mean: f64) -> usize {
        let (mut count, mut time) = (0, -libm::log(1.0 - self.uniform()));
        while time < mean {
            count += 1;
            time -= libm::log(1.0 - self.uniform());
        }
        count
    }
}

/// Local time of an hour.
struct Local {
    /// Days since the start.
    day: i64,
    weekday: usize,
    hour: u8,
    /// Hour of the day by UTC.
    utc: u8,
}

/// Minutes of arrivals in an hour.
type Rhythm = Box<dyn FnMut(&Local, &mut Random) -> Vec<i64>>;

/// The hours at which an outage was found, with the hours of silence then, and how each ended.
#[derive(Debug, Default)]
struct Told {
    found: Vec<(i64, u32)>,
    ended: Vec<Ended>,
    suspicious: u32,
}

fn play(rhythm: &mut Rhythm, days: i64, seed: u64, zone: &str, silent: std::ops::Range<i64>) -> Told {
    play_telling(true, rhythm, days, seed, zone, silent)
}

/// `tells`: whether somebody is told of what is found.
fn play_telling(
    tells: bool,
    rhythm: &mut Rhythm,
    days: i64,
    seed: u64,
    zone: &str,
    silent: std::ops::Range<i64>,
) -> Told {
    let plan = plan(zone);
    let zone: Zone = plan.zone;
    let start = START.parse::<Timestamp>().unwrap().millis();
    let mut random = Random(seed);
    let mut told = Told::default();
    let mut watch: Option<Watch> = None;
    for n in 0..days * 24 {
        let begins = Timestamp::clamped(start + n * HOUR);
        let (day, hour) = zone.day_and_hour(begins);
        let local = Local { day: n / 24, weekday: day.weekday(), hour, utc: (n % 24) as u8 };
        let minutes = rhythm(&local, &mut random);
        for minute in minutes.into_iter().filter(|_| !silent.contains(&n)) {
            let at = Timestamp::clamped(begins.millis() + minute * 60_000);
            watch.get_or_insert_with(|| Watch::new(at)).heard(at, at);
        }
        let Some(watch) = &mut watch else { continue };
        let before = watch.outage.is_some();
        let hour = Hour::ending(&plan, Timestamp::clamped(begins.millis() + HOUR), false);
        told.ended.extend(watch.close(&hour, 1.0, 0.5, 4.0));
        told.suspicious += u32::from(watch.suspicious);
        if tells {
            watch.tell();
        }
        if let Some(outage) = watch.outage.filter(|_| !before) {
            told.found.push((n, outage.hours));
        }
    }
    told
}

/// Poisson arrivals by weekday and office hour, `daily` on a working day, a quarter at weekends.
fn people(daily: f64, factor: impl Fn(&Local) -> f64 + 'static) -> Rhythm {
    Box::new(move |local, random| {
        let weekday = if local.weekday < 5 { 1.0 } else { 0.25 };
        let share = match local.hour {
            8..=17 => 0.085,
            7 | 18..=19 => 0.03,
            _ => 0.06 / 11.0,
        };
        let count = random.poisson(daily * weekday * share * factor(local));
        let mut minutes: Vec<i64> = (0..count).map(|_| (random.uniform() * 60.0) as i64).collect();
        minutes.sort_unstable();
        minutes
    })
}

/// Poisson arrivals by day and night and at weekends as on any day.
fn always(daily: f64, factor: impl Fn(&Local) -> f64 + 'static) -> Rhythm {
    Box::new(move |local, random| {
        let count = random.poisson(daily / 24.0 * factor(local));
        (0..count).map(|_| (random.uniform() * 60.0) as i64).collect()
    })
}

/// Poisson arrivals in office hours of working days only.
fn office(daily: f64, factor: impl Fn(&Local) -> f64 + 'static) -> Rhythm {
    Box::new(move |local, random| {
        let open = local.weekday < 5 && (8..18).contains(&local.hour);
        let count = if open { random.poisson(daily / 10.0 * factor(local)) } else { 0 };
        (0..count).map(|_| (random.uniform() * 60.0) as i64).collect()
    })
}

/// One batch when `when` says so, a few minutes past the hour.
fn batch(when: impl Fn(&Local) -> bool + 'static) -> Rhythm {
    Box::new(
        move |local, random| if when(local) { vec![2 + (random.uniform() * 3.0) as i64] } else { Vec::new() },
    )
}

const NEVER: std::ops::Range<i64> = 0..0;

/// Makes a source anew for each run.
type Make = Box<dyn Fn() -> Rhythm>;

#[test]
fn usual_rhythms_are_left_in_peace() {
    let flat = |_: &Local| 1.0;
    let ramp = |l: &Local| 1.0 + 0.5 * ((l.day - 100) as f64 / 60.0).clamp(0.0, 1.0);
    let campaign = |l: &Local| if (150..164).contains(&l.day) { 3.0 } else { 1.0 };
    let holidays =
        |l: &Local| if (200..202).contains(&l.day) || (290..292).contains(&l.day) { 0.2 } else { 1.0 };
    // Seven public holidays a year, two of them in a row and two about a weekend (days 88 and 91 are a Friday and
    // the Monday after), none in the first twelve weeks.
    let closed = |l: &Local| {
        if matches!(l.day % 365, 88 | 91 | 121 | 130 | 276 | 359 | 360) { 0.0 } else { 1.0 }
    };
    let cases: Vec<(&str, i64, &str, f64, Make)> = vec![
        ("day and night, 65 a day", 365, "Europe/Berlin", 1.0, Box::new(move || always(65.0, flat))),
        ("day and night, 5 a day", 730, "UTC", 2.0, Box::new(move || always(5.0, flat))),
        ("day and night, 200 a day", 365, "UTC", 1.0, Box::new(move || always(200.0, flat))),
        ("day and night, two-day holidays", 365, "UTC", 1.0, Box::new(move || always(65.0, holidays))),
        ("an office closed on holidays, 5 a day", 365, "UTC", 1.0, Box::new(move || office(5.0, closed))),
        ("an office closed on holidays, 30 a day", 365, "UTC", 1.0, Box::new(move || office(30.0, closed))),
        ("an office closed on holidays, 400 a day", 365, "UTC", 1.0, Box::new(move || office(400.0, closed))),
        ("weekends and nights, 30 a day", 365, "Europe/Berlin", 1.0, Box::new(move || people(30.0, flat))),
        ("weekends and nights, 400 a day", 365, "Europe/Berlin", 1.0, Box::new(move || people(400.0, flat))),
        ("five a day for two years", 730, "UTC", 2.0, Box::new(move || people(5.0, flat))),
        ("a ramp", 365, "UTC", 1.0, Box::new(move || people(60.0, ramp))),
        ("a campaign and its end", 365, "UTC", 1.0, Box::new(move || people(60.0, campaign))),
        ("two-day holidays", 365, "UTC", 1.0, Box::new(move || people(60.0, holidays))),
        ("a daily batch at six", 365, "Europe/Berlin", 1.0, Box::new(|| batch(|l| l.hour == 6))),
        ("a daily batch by UTC", 365, "Europe/Berlin", 1.0, Box::new(|| batch(|l| l.utc == 6))),
        ("an hourly batch", 365, "Europe/Berlin", 1.0, Box::new(|| batch(|_| true))),
        (
            "a batch on working days",
            365,
            "Europe/Berlin",
            1.0,
            Box::new(|| batch(|l| l.weekday < 5 && l.hour == 6)),
        ),
        (
            "a batch on Mondays",
            365,
            "Europe/Berlin",
            1.0,
            Box::new(|| batch(|l| l.weekday == 0 && l.hour == 6)),
        ),
    ];
    let mut loud = Vec::new();
    for (name, days, zone, years, rhythm) in cases {
        let seeds = 10;
        let (mut pages, mut suspicious) = (0, 0);
        for seed in 1..=seeds {
            let told = play(&mut rhythm(), days, seed, zone, NEVER);
            pages += told.found.len();
            suspicious += told.suspicious;
        }
        let a_year = pages as f64 / (years * seeds as f64);
        let held = f64::from(suspicious) / (days * 24 * seeds as i64) as f64;
        println!("{name}: {a_year:.2} false pages a year, suspicious {:.2}% of the hours", held * 100.0);
        if a_year > 0.5 || held > 0.05 {
            loud.push((name, a_year, held));
        }
    }
    assert!(loud.is_empty(), "{loud:?}");
}

#[test]
fn a_silence_is_found_soon_after_what_the_rhythm_allows_and_ends_with_the_next_arrival() {
    let flat = |_: &Local| 1.0;
    let cases: Vec<(&str, u32, Make)> = vec![
        ("day and night, 65 a day", 5, Box::new(move || always(65.0, flat))),
        ("day and night, 5 a day", 46, Box::new(move || always(5.0, flat))),
        ("day and night, 200 a day", 3, Box::new(move || always(200.0, flat))),
        ("an office, 30 a day", 26, Box::new(move || office(30.0, flat))),
        ("30 a day", 60, Box::new(move || people(30.0, flat))),
        ("400 a day", 12, Box::new(move || people(400.0, flat))),
        ("5 a day", 400, Box::new(move || people(5.0, flat))),
        ("a daily batch at six", 26, Box::new(|| batch(|l| l.hour == 6))),
        ("an hourly batch", 5, Box::new(|| batch(|_| true))),
    ];
    for (name, within, rhythm) in cases {
        for seed in 1..=5 {
            let silent = 100 * 24 + 9..125 * 24;
            let told = play(&mut rhythm(), 140, seed, "UTC", silent.clone());
            let found: Vec<_> = told.found.iter().filter(|(n, _)| silent.contains(n)).collect();
            println!("{name}: after {:?} silent hours", found);
            let [(n, hours)] = found.as_slice() else { panic!("{name}: {told:?}") };
            assert!(*hours <= within, "{name}: {hours}");
            assert!(*n >= silent.start);
            assert!(matches!(told.ended.last(), Some(Ended::Lost(_))), "{name}: {told:?}");
        }
    }
}

#[test]
fn evidence_is_thrown_away_only_for_a_loss_that_was_told_of_and_is_beyond_doubt() {
    let source = || people(10.0, |_| 1.0);
    let (mut suspected, mut doubtful, mut lost) = (0, 0, 0);
    for seed in 1..=3 {
        for silence in (12..30 * 24).step_by(12) {
            let begins = 100 * 24 + 9;
            let silent = begins..begins + silence;
            let untold = play_telling(false, &mut source(), 160, seed, "UTC", silent.clone());
            assert_eq!(untold.ended, [], "nobody was told of it");
            let told = play(&mut source(), 160, seed, "UTC", silent);
            let losses = told.ended.iter().filter(|end| matches!(end, Ended::Lost(_))).count();
            match (told.found.as_slice(), losses) {
                ([], 0) => suspected += u32::from(told.suspicious > 0),
                ([_, ..], 0) => doubtful += 1,
                ([..], 1) => {
                    // With what was not heard before and after.
                    assert!(silence >= 20, "{silence}: {told:?}");
                    lost += 1;
                }
                _ => panic!("{silence}: {told:?}"),
            }
        }
    }
    println!("suspected {suspected}, found but in doubt {doubtful}, lost {lost}");
    assert!(suspected >= 3 && doubtful >= 3 && lost >= 30, "{suspected} {doubtful} {lost}");
}
