//! When somebody should hear of an alert.

use plumbline_plan::{Direction, Severity};
use plumbline_units::{Seconds, Timestamp, Zone};

/// Working hours start at nine on the plan's wall clock, Monday to Friday, and end at five.
const WORKDAY: std::ops::Range<u8> = 9..17;

/// Runaway spend pages; a drift in the good direction waits for the review; the rest for working hours.
pub fn urgency(metric: &str, direction: Direction, severity: Severity) -> &'static str {
    let good = matches!(
        (metric, direction),
        ("conversion" | "volume" | "handoff", Direction::Above)
            | ("cac" | "spend" | "velocity", Direction::Below)
    );
    if good {
        "review"
    } else if metric == "spend" && severity == Severity::Critical {
        "page"
    } else {
        "working_hours"
    }
}

/// `at` for pages, else the next moment in working hours; reviews wait for a Monday.
pub(crate) fn notify_at(zone: Zone, urgency: &str, at: Timestamp) -> Timestamp {
    if urgency == "page" {
        return at;
    }
    let (today, hour) = zone.day_and_hour(at);
    let workday = |weekday: usize| if urgency == "review" { weekday == 0 } else { weekday < 5 };
    if workday(today.weekday()) && WORKDAY.contains(&hour) {
        return at;
    }
    let first = if hour < WORKDAY.start { today } else { today.plus(1) };
    let day = (0..7).map(|n| first.plus(n)).find(|day| workday(day.weekday())).unwrap_or(first);
    zone.start_of(day).plus(Seconds::hours(i64::from(WORKDAY.start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_drift_is_heard_in_working_hours_and_good_news_on_mondays() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        for (urgency, at, heard) in [
            ("working_hours", "2026-03-22T23:00:00Z", "2026-03-23T08:00:00Z"),
            ("working_hours", "2026-03-24T10:00:00Z", "2026-03-24T10:00:00Z"),
            ("working_hours", "2026-03-27T20:00:00Z", "2026-03-30T07:00:00Z"),
            ("review", "2026-03-24T10:00:00Z", "2026-03-30T07:00:00Z"),
            ("page", "2026-03-22T02:00:00Z", "2026-03-22T02:00:00Z"),
        ] {
            assert_eq!(notify_at(berlin, urgency, at.parse().unwrap()).to_string(), heard, "{urgency} {at}");
        }
    }
}
