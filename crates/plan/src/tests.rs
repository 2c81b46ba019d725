//! Tests of the whole plan: the shipped example, the accessors, the laws of reading.

mod example;
mod findings;
mod hostile;
mod laws;
mod season;

use crate::Plan;

/// The plan `deploy/` ships.
pub(crate) const EXAMPLE: &str = include_str!("../../../deploy/examples/plan.toml");

pub(crate) fn example() -> Plan {
    parsed(EXAMPLE)
}

/// The plan of a text that must be accepted.
pub(crate) fn parsed(text: &str) -> Plan {
    match Plan::parse("plan.toml", text) {
        Ok(parsed) => parsed.plan,
        Err(found) => panic!("{}", listed(&found)),
    }
}

/// Findings one under the other.
pub(crate) fn listed(found: &[crate::Diagnostic]) -> String {
    found.iter().map(|d| format!("{d}\n")).collect()
}
