//! What an open journey weighs, by the fold's own count and in the process's memory. A binary of its own: nothing
//! else allocates in it.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use plumbline_events::{Body, LeadFact, OpportunityFact};
use plumbline_funnel::Fold;
use plumbline_units::{Micros, Money, Name, RecordId};
use support::size::{HOUR, START, assert_resident, event, lead, resident, take};

/// Bytes that an open journey may take.
const JOURNEY: usize = 120;
const CELL: usize = 12;
/// They come over so many hours.
const HOURS: i64 = 90 * 24;

/// `PLUMBLINE_TEST_JOURNEYS=10000000` holds as many.
#[allow(clippy::disallowed_methods)] // the test's size, not the fold's
fn journeys() -> i64 {
    std::env::var("PLUMBLINE_TEST_JOURNEYS").map_or(1_000_000, |text| text.parse().unwrap())
}

/// Of the leads half reach the second stage, a fifth the third and a tenth have an opportunity with an amount.
#[test]
fn a_million_open_journeys_take_the_stated_bytes_each() {
    let (plan, number) = (support::example(), journeys());
    let before = resident();
    let mut fold = Fold::new(&plan, support::options());
    for n in 0..number {
        let at = START + n * HOURS / number * HOUR;
        let segment = ["smb", "mid", "seg-00", "seg-01"][(n % 4) as usize];
        let channel = ["paid_social", "search", "organic", "event", "partner"][(n % 5) as usize];
        let attributes = [("segment", segment), ("channel", channel)];
        take(&mut fold, &lead(n, at, &attributes, LeadFact::Created));
        for (stage, every) in [("mql", 2), ("sql", 5)] {
            if n % every == 0 {
                let fact = LeadFact::StageReached(Name::new(stage).unwrap());
                take(&mut fold, &lead(n, at + 30 * HOUR, &[], fact));
            }
        }
        if n % 10 == 0 {
            let id = |kind: &str| RecordId::new(&format!("{kind}-{n:09}")).unwrap();
            let body = Body::Opportunity {
                opportunity_id: id("O"),
                lead_id: Some(id("L")),
                amount: Some(Money { micros: Micros(12_500_000_000), currency: "EUR".parse().unwrap() }),
                fact: OpportunityFact::Created,
            };
            take(&mut fold, &event(at + 60 * HOUR, BTreeMap::new(), body));
        }
    }
    let stats = fold.stats();
    assert_eq!((stats.journeys, stats.opportunities), (number as usize, number as usize / 10));
    println!("{} journeys of {:.1} bytes", number, stats.journey_bytes as f64 / number as f64);
    assert!(stats.journey_bytes <= JOURNEY * stats.journeys, "{} bytes", stats.journey_bytes);
    assert_resident(before, JOURNEY * stats.journeys + CELL * stats.cells, "journeys");
}
