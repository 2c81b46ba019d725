//! One version of the state machine takes a log over from another: no open alert is orphaned, none repeated.

#![allow(clippy::unwrap_used)]

mod cases;
mod meanwhile;
mod turns;
mod world;

use world::Version;

/// Finds a drift of leads from 24 to 14 a day after 15 days.
const PLAIN: Version = Version { number: 7, reads: &[] };
/// … after 6 days.
const KEEN: Version = Version { number: 7, reads: &[("±25%", "±12%")] };
/// … never.
const DULL: Version = Version { number: 7, reads: &[("±25%", "±35%")] };
/// … after 5 days, as critical.
const GRAVE: Version = Version { number: 7, reads: &[("±25%\"", "±10%\"\ncritical = \"±20%\"")] };

/// A second target beside the first, somewhat off by itself.
const MORE: &str = r#"±25%"
[[target]]
name = "more"
metric = "volume"
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
stage = "lead"
value = "26/day"
warn = "±25%""#;

const LEADS: &str = "w/p/leads/";

/// The same under the next version number.
fn newer(version: Version) -> Version {
    Version { number: version.number + 1, ..version }
}
