//! Trouble with the data, through the whole state machine: it is told as such and holds business verdicts back.
//! `PLUMBLINE_SEEDS=40` runs that many seeds of each, for the numbers worth quoting.

#![allow(clippy::unwrap_used)]

use plumbline_engine::EngineConfig;
use plumbline_harness::{LogWriter, run};
use plumbline_simulator::{ScenarioKind, Segment, Spec, generate, plan_toml, truth};
use plumbline_units::{Seconds, Timestamp};

fn seeds(usual: u64) -> u64 {
    std::env::var("PLUMBLINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// One published change.
#[derive(Clone, Debug)]
struct Said {
    kind: String,
    episode: String,
    transition: String,
    at: Timestamp,
}

fn said_by(spec: &Spec) -> Vec<Said> {
    let mut writer = LogWriter::new(Seconds::HOUR);
    let start = spec.zone.start_of(spec.start);
    writer.plan(&spec.workspace, &plan_toml(spec), start, start);
    generate(spec).for_each(|event| writer.event(event));
    let published = run(&EngineConfig::default(), &writer.finish()).unwrap();
    let text = |alert: &serde_json::Value, key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    let of = |alert: serde_json::Value| Said {
        kind: text(&alert, "kind"),
        episode: text(&alert, "episode"),
        transition: text(&alert, "transition"),
        at: text(&alert, "detected_at").parse().unwrap(),
    };
    published.alerts().into_iter().map(of).collect()
}

fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.millis_since(from) as f64 / 3.6e6
}

/// An episode's target and scope, without the plan.
fn target(said: &Said) -> &str {
    said.episode.split_once('/').map_or("", |(_, target)| target)
}

/// A source is silent for five days and then delivers what it held back.
#[test]
fn a_silent_source_is_told_of_and_its_backlog_ends_it_without_a_business_page() {
    let (mut found, mut business) = (Vec::new(), Vec::new());
    for leads_per_day in [30.0, 200.0] {
        for seed in 1..=seeds(5) {
            let spec =
                Spec { kind: ScenarioKind::SilentSource, leads_per_day, days: 180, seed, ..Spec::default() };
            let silence = truth(&spec).silence.unwrap();
            let said = said_by(&spec);
            let after = |s: &&Said| s.at >= silence.from;
            let data: Vec<&Said> = said
                .iter()
                .filter(after)
                .filter(|s| s.episode.contains("/data/silent-source/hubspot"))
                .collect();
            let [opened, resolved, ..] = data.as_slice() else { panic!("{leads_per_day} {seed}: {said:?}") };
            assert_eq!((opened.transition.as_str(), resolved.transition.as_str()), ("opened", "resolved"));
            found.push((leads_per_day, hours(silence.from, opened.at), hours(silence.until, resolved.at)));
            let within_two_weeks =
                |s: &&Said| s.at >= silence.from && s.at < silence.until.plus(Seconds(14 * 86_400));
            let opened = said.iter().filter(|s| s.kind == "business" && s.transition == "opened");
            business.extend(opened.filter(within_two_weeks).cloned());
        }
    }
    println!("hours to the page and from the end to its resolution: {found:?}");
    println!("business: {business:?}");
    for (leads, opened, resolved) in found {
        assert!(opened <= if leads < 100.0 { 20.0 } else { 10.0 }, "{leads}: {opened}");
        assert!((1.0..=8.0).contains(&resolved), "{leads}: {resolved}");
    }
    assert!(business.is_empty(), "{business:?}");
}

/// No more than one false page a year for each of the three sources of a company on plan.
#[test]
fn a_healthy_company_hears_next_to_nothing_about_its_data() {
    let (mut pages, mut source_years) = (Vec::new(), 0.0);
    for (leads_per_day, usual) in [(30.0, 3), (200.0, 1)] {
        for seed in 1..=seeds(usual) {
            let spec = Spec { leads_per_day, days: 730, seed, ..Spec::default() };
            let opened = said_by(&spec).into_iter().filter(|s| s.kind == "data" && s.transition == "opened");
            pages.extend(opened.map(|s| (leads_per_day, seed, s.episode, s.at.to_string())));
            source_years += 6.0;
        }
    }
    println!("{} data pages in {source_years} source-years: {pages:#?}", pages.len());
    assert!(pages.len() as f64 <= source_years, "{pages:?}");
}

/// Event types of a source that stop, a list that is imported, a value that is renamed: the data is told of before
/// the business could be, and no business alert follows while its facts are spoilt.
#[test]
fn other_trouble_with_the_data_is_told_of_and_pages_nobody_about_the_business() {
    let mut loud = Vec::new();
    // In hours from the midnight of the onset. Of thirty leads a day so few reach a stage that a low day explains the
    // first without any: the second working day decides.
    for (kind, few, many) in [
        (ScenarioKind::StoppedType, 60.0, 26.0),
        (ScenarioKind::ImportBurst, 12.0, 12.0),
        (ScenarioKind::RenamedValue, 80.0, 26.0),
    ] {
        for (leads_per_day, within) in [(30.0, few), (200.0, many)] {
            for seed in 1..=seeds(3) {
                let segments = [("smb", 0.6), ("mid", 0.4)];
                let segments =
                    segments.map(|(name, share)| Segment { name: name.to_owned(), share }).to_vec();
                let spec = Spec { kind, leads_per_day, segments, days: 180, seed, ..Spec::default() };
                let onset = spec.zone.start_of(spec.onset_day().unwrap());
                let expected = truth(&spec).expected_data[0].clone();
                let said = said_by(&spec);
                let opened: Vec<&Said> =
                    said.iter().filter(|s| s.at >= onset && s.transition == "opened").collect();
                let told = opened.iter().find(|s| s.episode.ends_with(&expected)).map(|s| hours(onset, s.at));
                let two_weeks = onset.plus(Seconds(14 * 86_400));
                // The same company without the trouble: what chance pages there, the trouble is not to blame for.
                let twin = said_by(&Spec { kind: ScenarioKind::Steady, ..spec.clone() });
                let by_chance = |s: &Said| {
                    let same = |t: &&Said| target(t) == target(s) && hours(t.at, s.at).abs() <= 48.0;
                    twin.iter().filter(|t| t.transition == "opened").any(|t| same(&t))
                };
                let business = opened.iter().filter(|s| s.kind == "business" && s.at < two_weeks);
                let (chance, business): (Vec<_>, Vec<_>) = business
                    .map(|s| (by_chance(s), target(s).to_owned(), hours(onset, s.at) / 24.0))
                    .partition(|(chance, ..)| *chance);
                let others: Vec<_> = opened.iter().filter(|s| s.kind == "data").map(|s| &s.episode).collect();
                println!(
                    "{kind} {leads_per_day} {seed}: after {told:?} h, business {business:?}, by chance {chance:?}, \
                     data {others:?}"
                );
                if told.is_none_or(|h| h > within) || !business.is_empty() {
                    loud.push((kind, leads_per_day, seed));
                }
            }
        }
    }
    assert!(loud.is_empty(), "{loud:?}");
}
