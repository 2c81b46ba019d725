//! Every finding with its place and mend, as one catalogue: `snapshots/` holds what each edit of the shipped
//! example leads to.

use std::fmt::Write;

use super::{EXAMPLE, listed};
use crate::{Level, Plan};

/// The example with the first occurrence of each text replaced.
fn edited(edits: &[(&str, &str)]) -> String {
    let mut text = EXAMPLE.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "the example no longer contains {from:?}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// One catalogue entry per case: its title, then what the reader finds.
fn catalogue(cases: &[(&str, &[(&str, &str)])]) -> String {
    let mut out = String::new();
    for (title, edits) in cases {
        let found = match Plan::parse("plan.toml", &edited(edits)) {
            Ok(parsed) if parsed.warnings.is_empty() => "accepted\n".to_owned(),
            Ok(parsed) => format!("accepted\n{}", listed(&parsed.warnings)),
            Err(found) => listed(&found),
        };
        let _ = writeln!(out, "# {title}\n{found}");
    }
    out
}

/// Keeps the one contradiction of the example out of catalogues that are about something else.
const SUM: (&str, &str) = ("mid = \"1200 EUR/day\"", "mid = \"1350 EUR/day\"");

#[test]
fn findings_in_the_head_and_the_funnel() {
    insta::assert_snapshot!(catalogue(&[
        ("as it stands", &[]),
        ("with the sum corrected", &[SUM]),
        ("not TOML", &[("revision = 3", "revision = = 3")]),
        ("a key twice", &[("revision = 3", "revision = 3\nrevision = 4")]),
        ("a mistyped key", &[("timezone", "timezome")]),
        ("no name", &[("plan = \"saas-emea-2026\"", "")]),
        ("revision 0", &[("revision = 3", "revision = 0")]),
        ("revision in quotes", &[("revision = 3", "revision = \"3\"")]),
        ("an impossible date", &[("effective_from = 2026-01-01", "effective_from = \"2026-02-30\"")]),
        ("live_from without offset", &[("live_from = 2026-03-01", "live_from = 2026-03-01T00:00:00")]),
        (
            "live_from with offset",
            &[SUM, ("live_from = 2026-03-01", "live_from = 2026-03-01T00:00:00+01:00")]
        ),
        ("an unknown zone", &[("Europe/Berlin", "Europe/Belrin")]),
        ("an unknown currency", &[("currency = \"EUR\"", "currency = \"euro\"")]),
        ("a leap day as start of the year", &[("\"01-01\"", "\"02-29\"")]),
        ("no budget for false alarms", &[("false_alarms_per_year = 1.0", "false_alarms_per_year = 0")]),
        ("no tolerance of lags", &[("currency = \"EUR\"", "currency = \"EUR\"\nlag_tolerance = \"0%\"")]),
        ("a review every hour", &[("currency = \"EUR\"", "currency = \"EUR\"\nreview_every = \"1h\"")]),
        (
            "a budget of each and one of all",
            &[(
                "false_alarms_per_year = 1.0",
                "false_alarms_per_year = 1.0\nfalse_alarms_per_year_total = 12"
            )]
        ),
        (
            "a budget that cannot be shared",
            &[("false_alarms_per_year = 1.0", "false_alarms_per_year_total = 0.01")]
        ),
        (
            "a budget that is no number",
            &[("false_alarms_per_year = 1.0", "false_alarms_per_year_total = \"12\"")]
        ),
        ("motions", &[("[funnel]", "[[motion]]\nname = \"new\"\n\n[funnel]")]),
        ("one stage", &[("[\"lead\", \"mql\", \"sql\", \"opportunity\", \"won\"]", "[\"lead\"]")]),
        ("a stage twice", &[("\"sql\", \"opportunity\"", "\"mql\", \"opportunity\"")]),
        ("an unknown opportunity stage", &[("[funnel]", "[funnel]\nopportunity = \"opportunities\"")]),
        ("a dimension nobody lists", &[("[dimension.segment]", "[dimension.segments]")]),
        ("a value with white space", &[("[\"smb\", \"mid\"", "[\"smb \", \"mid\"")]),
        ("an alias of nothing", &[("\"SMB\" = \"smb\"", "\"SMB\" = \"smal\"")]),
        ("an alias that is a value", &[("\"SMB\" = \"smb\"", "\"mid\" = \"smb\"")]),
        ("a rate of the own currency", &[("currency = \"USD\"", "currency = \"EUR\"")]),
        ("a rate of zero", &[("rate = \"0.92\"", "rate = 0")]),
        (
            "two rates of a day",
            &[("[[rates]]", "[[rates]]\ncurrency = \"USD\"\nfrom = 2026-01-01\nrate = 0.9\n\n[[rates]]")]
        ),
    ]));
}

#[test]
fn findings_in_transitions() {
    let lag = "lag = { median = \"1.5d\", p90 = \"4.8d\" }";
    insta::assert_snapshot!(catalogue(&[
        ("a stage that does not exist", &[("from = \"lead\"", "from = \"leed\"")]),
        ("stages that are not neighbours", &[("to = \"mql\"", "to = \"sql\"")]),
        ("the same pair twice", &[("from = \"mql\"\nto = \"sql\"", "from = \"lead\"\nto = \"mql\"")]),
        ("a conversion of everything", &[("conversion = 0.50", "conversion = 1.0")]),
        ("a conversion in percent", &[SUM, ("conversion = 0.50", "conversion = \"50%\"")]),
        ("a conversion beyond one", &[("conversion = 0.50", "conversion = 50")]),
        ("no lag", &[(lag, "")]),
        ("a lag without unit", &[(lag, "lag = { median = \"1.5\", p90 = 4.8 }")]),
        ("percentiles the wrong way round", &[(lag, "lag = { median = \"5d\", p90 = \"4d\" }")]),
        ("a lag in two forms", &[(lag, "lag = { median = \"5d\", p90 = \"9d\", days = [1.0] }")]),
        ("a day table", &[SUM, (lag, "lag = { days = [0.1, 0.4, 0.8, 1.0] }")]),
        ("a day table that falls", &[(lag, "lag = { days = [0.1, 0.4, 0.3, 1.0] }")]),
        ("a day table that stops early", &[(lag, "lag = { days = [0.1, 0.4, 0.8] }")]),
        ("six weekdays", &[(lag, "lag = { weekday = [{ days = [1] }, {}, {}, {}, {}, {}] }")]),
        (
            "seven weekdays",
            &[
                SUM,
                (
                    lag,
                    "lag = { weekday = [{ days = [1] }, { days = [1] }, { days = [1] }, { days = [1] }, \
              { days = [0, 0, 0, 1] }, { days = [0, 0, 1] }, { median = \"1d\", p90 = \"2d\" }] }"
                )
            ]
        ),
        ("weekdays in weekdays", &[(lag, "lag = { weekday = [{ weekday = [] }, {}, {}, {}, {}, {}, {}] }")]),
        ("a dispersion of one", &[("conversion = 0.50", "conversion = 0.50\ndispersion = 1")]),
        (
            "owners from one function",
            &[(
                "{ function = \"sales\", team = \"sdr-emea\" }]",
                "{ function = \"marketing\", team = \"b\" }]"
            )]
        ),
        ("an owner without team", &[("team = \"demand-gen\"", "teem = \"demand-gen\"")]),
        (
            "no owners",
            &[(
                "owners = [{ function = \"marketing\", team = \"demand-gen\" }, { function = \"sales\", team = \"sdr-emea\" }]\naction = \"Review",
                "action = \"Review"
            )]
        ),
        ("a runbook that is no address", &[("https://runbooks", "runbooks")]),
        (
            "a scope of an undeclared value",
            &[("where = { segment = \"mid\" }", "where = { segment = \"mdi\" }")]
        ),
        (
            "a scope of an alias",
            &[("where = { segment = \"mid\" }", "where = { segment = \"Small Business\" }")]
        ),
        (
            "a scope of a free dimension",
            &[("where = { segment = \"mid\" }", "where = { channel = \"search\" }")]
        ),
        ("a scope of everything", &[("where = { segment = \"mid\" }", "where = {}")]),
        (
            "a scope never used",
            &[
                SUM,
                (
                    "[[transition.scope]]",
                    "[[transition.scope]]\nwhere = { segment = \"mid\" }\nconversion = 0.45\n\n[[transition.scope]]"
                )
            ]
        ),
    ]));
}

#[test]
fn findings_in_targets() {
    insta::assert_snapshot!(catalogue(&[
        ("a mistyped key", &[("critical = \"-30%\"", "critcal = \"-30%\"")]),
        ("an unknown metric", &[("metric = \"conversion\"", "metric = \"convertion\"")]),
        ("two of one name", &[("name = \"cac\"", "name = \"lead-to-won\"")]),
        ("stages backwards", &[("from = \"lead\"\nto = \"won\"", "from = \"won\"\nto = \"lead\"")]),
        ("a key of another metric", &[("metric = \"cac\"", "metric = \"cac\"\nstage = \"lead\"")]),
        ("no bound", &[("warn = \"-10%\"\n", "")]),
        ("a bound without sign", &[("warn = \"-10%\"", "warn = \"10%\"")]),
        ("a critical bound inside the warn bound", &[("critical = \"-30%\"", "critical = \"-5%\"")]),
        ("a critical bound on the other side", &[("critical = \"-30%\"", "critical = \"+30%\"")]),
        ("a value in another currency", &[("value = \"2500 EUR\"", "value = \"2500 USD\"")]),
        ("a value without currency", &[("value = \"2500 EUR\"", "value = 2500")]),
        ("no value", &[("value = \"2500 EUR\"\n", "")]),
        ("a volume without period", &[("smb = \"30/day\"", "smb = 30")]),
        ("a volume by week", &[SUM, ("smb = \"30/day\"", "smb = \"210/week\"")]),
        (
            "a value for an undeclared scope",
            &[("values = { smb = \"30/day\"", "values = { smbb = \"30/day\"")]
        ),
        ("a scope without value", &[SUM, ("mid = \"12/day\", ", "")]),
        (
            "values without each",
            &[("seg-01 = \"3000 EUR/day\" }\neach = [\"segment\"]", "seg-01 = \"3000 EUR/day\" }")]
        ),
        ("each of a free dimension", &[("each = [\"segment\"]", "each = [\"channel\"]")]),
        ("each of an unknown dimension", &[("each = [\"segment\"]", "each = [\"segmnt\"]")]),
        (
            "each of what where fixes",
            &[("each = [\"segment\"]", "each = [\"segment\"]\nwhere = { segment = \"smb\" }")]
        ),
        (
            "no owners anywhere",
            &[(
                "owners = [{ function = \"marketing\", team = \"demand-gen\" }, { function = \"finance\", team = \"fpa\" }]\nvalues",
                "values"
            )]
        ),
        ("a season that does not average to one", &[("weekday = [1.0,", "weekday = [2.0,")]),
        ("a season of six days", &[("weekday = [1.0, 1.0,", "weekday = [1.0,")]),
        (
            "a season of a conversion",
            &[("warn = \"-10%\"", "warn = \"-10%\"\nseason = { weekday = [1, 1, 1, 1, 1, 1, 1] }")]
        ),
        (
            "a dependency on nothing",
            &[("\"lead-to-won below\"]\n\n[[target]]", "\"lead-to-one below\"]\n\n[[target]]")]
        ),
        (
            "a dependency without direction",
            &[("\"lead-to-won below\"]\n\n[[target]]", "\"lead-to-won\"]\n\n[[target]]")]
        ),
        (
            "a dependency on itself",
            &[("\"lead-to-won below\"]\n\n[[target]]", "\"cac above\"]\n\n[[target]]")]
        ),
        (
            "dependencies in a circle",
            &[("critical = \"-30%\"", "critical = \"-30%\"\ndepends_on = [\"cac above\"]")]
        ),
        (
            "a dependency on a cycle time",
            &[SUM, ("critical = \"-30%\"", "critical = \"-30%\"\ndepends_on = [\"sales-cycle above\"]")]
        ),
        (
            "own tolerances of lags",
            &[
                SUM,
                ("critical = \"-30%\"", "critical = \"-30%\"\nlag_tolerance = \"20%\""),
                ("value = \"14d\"", "lag_tolerance = \"20%\"\nvalue = \"14d\"")
            ]
        ),
        ("an unknown strictness", &[("critical = \"-30%\"", "critical = \"-30%\"\nstrict = \"very\"")]),
        ("half strict", &[SUM, ("critical = \"-30%\"", "critical = \"-30%\"\nstrict = \"half\"")]),
        (
            "a conversion that contradicts its transitions",
            &[SUM, ("warn = \"-10%\"", "value = 0.05\nwarn = \"-10%\"")]
        ),
        ("a single bracket", &[("[[rates]]", "[target]\nname = \"x\"\n\n[[rates]]")]),
    ]));
}

#[test]
fn findings_in_patterns() {
    insta::assert_snapshot!(catalogue(&[
        ("a member nobody knows", &[("\"cac above\"]\nseverity", "\"cacc above\"]\nseverity")]),
        ("a state nobody knows", &[("lead-volume not-below", "lead-volume not-low")]),
        ("a member twice", &[("\"cac above\"]\nseverity", "\"cac above\", \"cac not-above\"]\nseverity")]),
        ("nothing that drifts", &[("\"lead-to-won below\", \"cac above\"]", "\"cac not-above\"]")]),
        ("a name that is a target's", &[("name = \"lead-quality-trap\"", "name = \"cac\"")]),
        ("an unknown severity", &[("severity = \"critical\"", "severity = \"crit\"")]),
        (
            "members in other scopes",
            &[("value = \"2500 EUR\"\neach = [\"segment\"]", "value = \"2500 EUR\"")]
        ),
        ("a cycle time as member", &[SUM, ("\"cac above\"]\nseverity", "\"sales-cycle above\"]\nseverity")]),
    ]));
}

#[test]
fn several_findings_are_reported_in_the_order_of_the_text() {
    let text = edited(&[
        ("plan = ", "plam = "),
        ("conversion = 0.50", "conversion = 5"),
        ("warn = \"-10%\"", "warm = \"-10%\""),
        ("severity = \"critical\"", "severity = \"crit\""),
    ]);
    insta::assert_snapshot!(listed(&Plan::parse("plan.toml", &text).unwrap_err()));
}

#[test]
fn a_plan_beyond_the_bounds_is_refused_with_the_bound() {
    let long = format!("# {}\n{EXAMPLE}", "x".repeat(1 << 20));
    let values: String = (0..1_990).map(|i| format!("\"v{i}\", ")).collect();
    let wide = edited(&[
        ("values = [\"smb\"", &format!("values = [{values}\"smb\"")),
        ("[[transition.scope]]", "[[transition.scope]] # far"),
    ]);
    let stages: String = (0..12).map(|i| format!("\"s{i}\", ")).collect();
    let deep = edited(&[("stages = [\"lead\"", &format!("stages = [{stages}\"lead\""))]);
    let firsts: String = [long, wide, deep]
        .iter()
        .map(|text| Plan::parse("plan.toml", text).unwrap_err())
        .filter_map(|found| found.into_iter().find(|d| d.severity == Level::Error))
        .map(|first| format!("{first}\n"))
        .collect();
    insta::assert_snapshot!(firsts);
}

#[test]
fn the_report_shows_the_example_as_it_was_understood() {
    let parsed = Plan::parse("plan.toml", EXAMPLE).unwrap();
    insta::assert_snapshot!(crate::check_report(&parsed.plan, &parsed.warnings));
}

#[test]
fn a_budget_of_the_whole_plan_is_shared_by_those_without_their_own() {
    let each = |edits: &[(&str, &str)]| {
        let plan = Plan::parse("plan.toml", &edited(edits)).unwrap().plan;
        let sharing: usize =
            plan.targets.iter().filter(|t| t.false_alarms_per_year.is_none()).map(|t| t.scopes.len()).sum();
        assert_eq!(plan.false_alarms_per_year_total, Some(12.0));
        (plan.false_alarms_per_year * sharing as f64, crate::check_report(&plan, &[]))
    };
    let total = ("false_alarms_per_year = 1.0", "false_alarms_per_year_total = 12");
    let (shared, report) = each(&[total]);
    assert!((shared - 12.0).abs() < 1e-9, "{shared}");
    assert!(report.contains("False alarms accepted per year: 12 of the whole plan, "), "{report}");
    assert!(report.contains("A company on plan is paged at most "), "{report}");
    // Four scopes with half a false alarm each of their own leave ten.
    let own = ("critical = \"-30%\"", "critical = \"-30%\"\nfalse_alarms_per_year = 0.5");
    assert!((each(&[total, own]).0 - 10.0).abs() < 1e-9);
}
