//! The judge on small companies whose story is told in a table: day → what happens → what is to be published.

mod timeline;
mod world;

use timeline::{check, play};

#[test]
fn a_steady_company_hears_nothing() {
    check("leads 60\nlast 240\nseed 1", "");
}

#[test]
fn the_trap_opens_members_then_the_pattern_and_supersedes_them() {
    let story = "
        leads 60
        last 170
        pattern
        day 120: leads x1.2 spend x1.68 mql>sql x0.74 opportunity>won x0.95
    ";
    let changes = play(story);
    for c in &changes {
        eprintln!(
            "{} {:?} {} {:?}\n  {}\n  {}",
            c.day.number(),
            c.transition,
            c.episode.key,
            c.resolution(),
            c.episode.title,
            c.episode.summary
        );
        eprintln!("{:#?}", c.episode.assessment);
    }
}

#[test]
fn survey() {
    for (name, extra) in [
        ("steady", ""),
        (
            "trap",
            "pattern\nday 120: leads x1.2 spend x1.68 mql>sql x0.74 opportunity>won x0.95\nday 220: spend x1.0 leads x1 mql>sql x1 opportunity>won x1",
        ),
        ("mql", "day 120: mql>sql x0.6"),
        ("scoring", "day 120: lead>mql x0.8 mql>sql x1.25"),
        ("spend", "day 120: spend x1.5\nday 180: spend x1"),
        ("volume", "day 120: leads x0.6 spend x0.6\nday 180: leads x1 spend x1"),
    ] {
        for seed in 1..=4 {
            let story = format!("leads 60\nlast 330\nseed {seed}\n{extra}");
            let t = std::time::Instant::now();
            eprintln!("{name} {seed}: {:#?} {:?}", timeline::told(&play(&story)), t.elapsed());
        }
    }
}
