//! What is said of the values of dimensions.

use plumbline_units::Timestamp;

use super::finding::{Finding, Kind, Notice};

/// Of a value that had vanished so much of its usual share must be back, and so many leads: stragglers do not bring
/// it back.
const BACK_SHARE: f64 = 0.5;
const BACK_LEADS: f64 = 2.0;

/// Whether a value is heard as before: its recent count, its usual share and the recent count of all.
pub(super) fn back(recent: f64, share: f64, all: f64) -> bool {
    recent >= BACK_LEADS && recent >= BACK_SHARE * share * all
}

/// `to`: the value that nobody declared and that came instead.
pub(super) fn vanished(key: &str, share: f64, since: Timestamp, renamed: bool, to: Option<&str>) -> Finding {
    let mut finding = Finding::new(Kind::VanishedValue, key, since);
    let since = since.to_minute();
    finding.critical = true;
    let hint = match to {
        _ if !renamed => String::new(),
        None => ": renamed?".into(),
        Some(to) => format!(": renamed to {}?", short(to)),
    };
    finding.title = format!("no lead has {key} any more{hint}");
    let reason = match to {
        _ if !renamed => {
            "a channel that has really ended looks the same: after fourteen days its verdicts go on".into()
        }
        None => "as many leads more have a value the plan does not declare".into(),
        Some(to) => {
            format!("as many leads more have a value the plan does not declare, most of them {}", short(to))
        }
    };
    finding.summary = format!(
        "{:.0}% of the leads used to have {key} and none has had it since {since}; {reason}.",
        share * 100.0
    );
    finding.action = format!(
        "If the value was renamed, add the new spelling of {key} to the dimension's aliases in the plan"
    );
    finding
}

pub(super) fn vanished_ends(key: &str, returned: bool) -> Notice {
    let text = if returned {
        format!("Leads have {key} again.")
    } else {
        format!("No lead has had {key} for fourteen days: it is taken to have ended, and its verdicts go on.")
    };
    Notice { accepted: !returned, text }
}

/// Of a dimension that declares no values.
pub(super) fn renamed_freely(dimension: &str, from: &str, to: &str, share: f64, since: Timestamp) -> Finding {
    let (from, to) = (short(from), short(to));
    let key = format!("{dimension}={from}");
    let mut finding = Finding::new(Kind::VanishedValue, &key, since);
    let since = since.to_minute();
    finding.title = format!("no lead has {key} any more: renamed to {to}?");
    finding.summary = format!(
        "{:.0}% of the leads used to have {key} and none has had it since {since}; {dimension}={to} came as it went and \
         has its share. What explains a drift is split between the two.",
        share * 100.0
    );
    finding.action = format!("If it is the same, add {to} to the aliases of {dimension} in the plan");
    finding
}

pub(super) fn unplanned(key: &str, now: f64, before: f64, since: Timestamp) -> Finding {
    let mut finding = Finding::new(Kind::UnplannedValue, key, since);
    finding.title = format!("{:.0}% of the leads have {key}", now * 100.0);
    finding.summary = format!(
        "{:.0}% of the newest leads count as {key}, where {:.0}% used to: they are missing where they belong.",
        now * 100.0,
        before * 100.0
    );
    finding.action = "Declare the new value, or add it to the dimension's aliases, in the plan".into();
    finding
}

pub(super) fn unplanned_ends(faded: bool) -> Notice {
    let text = if faded {
        "The share is what it was."
    } else {
        "It has been so for fourteen days and is taken as it is."
    };
    Notice { accepted: !faded, text: text.into() }
}

/// A value as it may stand in a title.
fn short(value: &str) -> String {
    match value.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_string(),
    }
}
