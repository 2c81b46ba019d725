//! What cells weigh at their full number, by the fold's own count and in the process's memory. A binary of its own:
//! nothing else allocates in it.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_events::LeadFact;
use plumbline_funnel::{Fold, Measure};
use plumbline_units::Name;
use support::size::{HOUR, START, assert_resident, lead, resident, take};

const LEAVES: i64 = 1_000;
const DAYS: i64 = 400;
const PAIRS: usize = 12;
/// Bytes that a cell and an open journey may take.
const CELL: usize = 12;
const JOURNEY: usize = 120;

/// Seven stages: six adjacent pairs, five more from the first, one of a target.
fn plan() -> String {
    let owners = r#"owners = [{ function = "marketing", team = "a" }, { function = "sales", team = "b" }]"#;
    let mut text = String::from(
        "plan = \"large\"\nrevision = 1\neffective_from = 2026-01-01\ntimezone = \"UTC\"\ncurrency = \"EUR\"\n\
         [funnel]\nstages = [\"s0\", \"s1\", \"s2\", \"s3\", \"s4\", \"s5\", \"s6\"]\ndimensions = [\"team\", \"size\"]\n",
    );
    for stage in 0..6 {
        let ends = format!("from = \"s{stage}\"\nto = \"s{}\"", stage + 1);
        let lag = "lag = { median = \"2d\", p90 = \"5d\" }";
        text.push_str(&format!("[[transition]]\n{ends}\nconversion = 0.5\n{lag}\n{owners}\n"));
    }
    let target = "name = \"inner\"\nmetric = \"conversion\"\nfrom = \"s2\"\nto = \"s5\"";
    text.push_str(&format!("[[target]]\n{target}\nvalue = 0.125\nwarn = \"-10%\"\n{owners}\n"));
    text
}

/// Each day one lead in each leaf goes all the way; in another week it takes other times.
#[test]
fn a_thousand_leaves_of_twelve_pairs_over_four_hundred_days_take_the_stated_bytes() {
    let plan = support::plan(&plan());
    assert_eq!(plan.watched_pairs().len(), PAIRS);
    let before = resident();
    let mut fold = Fold::new(&plan, support::options());
    for day in 0..DAYS {
        for leaf in 0..LEAVES {
            let (team, size) = (format!("t{}", leaf / 40), format!("s{}", leaf % 40));
            let id = day * LEAVES + leaf;
            for stage in 0..7 {
                let at = START + (day * 24 + stage * (24 + day / 7) + leaf % 24) * HOUR;
                let fact = LeadFact::StageReached(Name::new(&format!("s{stage}")).unwrap());
                let attributes = [("team", team.as_str()), ("size", size.as_str())];
                take(&mut fold, &lead(id, at, if stage == 0 { &attributes } else { &[] }, fact));
            }
        }
    }
    let stats = fold.stats();
    assert_eq!((stats.leaves, stats.journeys), (LEAVES as usize, (LEAVES * DAYS) as usize));
    let cells = fold.cells();
    let pairs = cells.leaves().flat_map(|leaf| {
        cells
            .measures(leaf)
            .into_iter()
            .filter(|m| matches!(m, Measure::Converted { .. }))
            .map(move |m| (leaf, m))
    });
    let converted: usize = pairs.map(|(leaf, measure)| cells.series(leaf, measure).count()).sum();
    // The fold counts a thirteenth, which the path of the target goes through.
    assert!(converted >= LEAVES as usize * PAIRS * DAYS as usize, "{converted}");
    println!("{} cells of {:.2} bytes", stats.cells, stats.cell_bytes as f64 / stats.cells as f64);
    assert!(stats.cell_bytes <= CELL * stats.cells, "{} bytes in {} cells", stats.cell_bytes, stats.cells);
    assert_resident(before, CELL * stats.cells + JOURNEY * stats.journeys, "cells and journeys");
}
