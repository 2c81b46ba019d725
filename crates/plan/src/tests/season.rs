//! Seasons and estimated conversions of transitions.

use super::{EXAMPLE, listed, parsed};
use crate::{Plan, Scope, Season};

const CONVERSION: &str = "conversion = 0.50\n";
const WEEKS: &str = "[1.1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.9]";

fn with(more: &str) -> String {
    EXAMPLE.replacen(CONVERSION, &format!("{CONVERSION}{more}\n"), 1)
}

#[test]
fn a_transition_has_a_season_by_weekday_and_week_of_the_quarter() {
    let week = "weekday = [1.1, 1, 1, 1, 1, 0.9, 0.9]";
    let plan = parsed(&with(&format!("season = {{ {week}, quarter_week = {WEEKS} }}")));
    let season = plan.rate_and_lag(0, &Scope::default()).season;
    assert_eq!((season.weekday[0], season.weekday[6]), (1.1, 0.9));
    assert_eq!((season.quarter_week[0], season.quarter_week[12]), (1.1, 0.9));
    let report = crate::check_report(&plan, &[]);
    assert!(report.contains("50% by weekday and week of the quarter"), "{report}");
    let plan = parsed(&with(&format!("season = {{ quarter_week = {WEEKS} }}")));
    assert!(plan.rate_and_lag(0, &Scope::default()).season.is_weekday_flat());
}

#[test]
fn without_one_all_days_are_alike_and_a_conversion_is_a_promise() {
    let rate = parsed(EXAMPLE).rate_and_lag(0, &Scope::default()).clone();
    assert_eq!((rate.season, rate.error), (Season::FLAT, 0.0));
}

#[test]
fn an_override_inherits_season_and_error_unless_it_states_its_own_conversion() {
    let text = EXAMPLE.replacen(
        "conversion = 0.40\n",
        "conversion = 0.40\nconversion_error = 0.02\nseason = { weekday = [1.1, 1, 1, 1, 1, 0.9, 0.9] }\n",
        1,
    );
    let plan = parsed(&text);
    let transition = &plan.motion().transitions[1];
    assert_eq!(transition.base.error, 0.02);
    let own = &transition.scopes[0].1;
    assert_eq!((own.error, own.season), (0.0, transition.base.season));
    let plan = parsed(&text.replacen("conversion = 0.45\n", "", 1));
    assert_eq!(plan.motion().transitions[1].scopes[0].1.error, 0.02);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (more, message) in [
        ("season = { weekday = [2.2, 1, 1, 1, 1, 0.5, 0.3] }", "raises its conversion to 110%"),
        ("season = { weekday = [3, 3, 3, 3, 3, 3, 3] }", "is 3.000, not 1"),
        ("season = { quarter_week = [1, 1] }", "has 2 numbers, a quarter thirteen weeks"),
        ("conversion_error = 0.2", "a number from 0 to a quarter of the conversion"),
    ] {
        let found = Plan::parse("plan.toml", &with(more)).expect_err(more);
        assert!(listed(&found).contains(message), "{more}: {}", listed(&found));
    }
}
