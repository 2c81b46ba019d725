//! What the tests of the stated sizes share: the process's memory as the system counts it, and plain events.

use std::collections::BTreeMap;

use plumbline_events::{Body, Envelope, Event, LeadFact};
use plumbline_funnel::{Applied, Fold};
use plumbline_units::{Name, RecordId, Timestamp};

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000;
pub const HOUR: i64 = 3_600_000;

/// Bytes of this process in memory; none where the system does not say.
#[allow(clippy::disallowed_methods)] // what is measured is the process, not the fold
pub fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

/// What has been taken since `before` must be within `stated` bytes, but for a fortieth: what the allocator keeps.
pub fn assert_resident(before: Option<usize>, stated: usize, what: &str) {
    let (Some(before), Some(now)) = (before, resident()) else { return };
    let taken = now.saturating_sub(before);
    println!("{what}: {taken} bytes resident, {stated} stated");
    assert!(taken <= stated + stated / 40, "{what}: {taken} bytes resident, {stated} stated");
}

/// A lead's event.
pub fn lead(id: i64, at: i64, attributes: &[(&str, &str)], fact: LeadFact) -> Event {
    let pair = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
    let attributes: BTreeMap<Box<str>, Box<str>> = attributes.iter().map(pair).collect();
    let lead_id = RecordId::new(&format!("L-{id:09}")).unwrap();
    event(at, attributes, Body::Lead { lead_id, fact })
}

pub fn event(at: i64, attributes: BTreeMap<Box<str>, Box<str>>, body: Body) -> Event {
    let envelope = Envelope {
        event_id: None,
        occurred_at: Timestamp::clamped(at),
        workspace: Name::new("default").unwrap(),
        source: None,
        attributes,
    };
    Event { envelope, body }
}

/// Every event counts.
pub fn take(fold: &mut Fold, event: &Event) {
    assert_eq!(super::apply(fold, event, None), Applied::Changed);
}
