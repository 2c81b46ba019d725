use serde_json::json;

use super::*;

const TRAP: &str = "\
CRITICAL smb: lead-quality trap, MQL→SQL 26% below plan

         Leads are 20% above plan, but since about 4 March MQL→SQL runs 26%
         below it (12–38%) and CAC heads for 4,700 EUR against 2,500.
Since    about 4 Mar (26 Feb – 8 Mar), 19 days. 5 Mar: cost per lead +40%.
Seen     339 MQLs since: 98 SQLs expected by now, 73 came.
Why      CAC ×1.88 = cost per lead ×1.40 (53%) · MQL→SQL ×0.74 (47%)
         MQL→SQL: paid_social 34→16% (69%) · more MQLs from it (31%)
Not it   data whole · cycle times on plan
Cost     44,800 EUR so far, 7 customers short; 16,500 EUR each further week
Reports  still show wins on plan: 94% are leads from before the onset
Owners   marketing/demand-gen · sales/sdr-emea
Do       Freeze incremental spend on the named channels until the audit is
         done
Links    https://plumbline.example.com/e/7f3ac1d2 ·
         https://runbooks.example.com/handoff-audit
Sure?    On plan, fewer than one such alert a year here. Not urgent tonight.
";

const SPLIT: &str = "\
Since    about 4 Mar (26 Feb – 8 Mar), 19 days. 5 Mar: spend +68%, lead volume
         +20%. 7 Mar: share of paid_social -31%.
Seen     339 MQLs since 9 Mar: 98 SQLs expected by now, 73 came.
Why      CAC ×1.88 = cost per lead ×1.40 (53%) · MQL→SQL ×0.74 (47%)
         MQL→SQL: paid_social 34→16% (69%) · more MQLs from it (31%)
Handoff  of 210 MQLs older than 12d: 28% advanced, 52% rejected, 20%
         untouched; before 40%, 30%, 30%; more are rejected (52% against 30%):
         quality. no budget 31% (before 12%).
Not it   data whole · cycle times on plan";

/// The trap, as an alert on the topic tells it.
fn trap() -> serde_json::Value {
    json!({
        "workspace": "default", "alert_id": "7f3ac1d2",
        "episode": "saas-emea-2026/lead-quality-trap/segment=smb",
        "sequence": 1, "transition": "opened", "state": "open",
        "severity": "critical", "kind": "business", "urgency": "working_hours", "historical": false,
        "detected_at": "2026-03-22T23:00:00Z", "notify_at": "2026-03-23T08:00:00Z",
        "title": "smb: lead-quality trap, MQL→SQL 26% below plan",
        "summary": "Leads are 20% above plan, but since about 4 March MQL→SQL runs 26% below it (12–38%) and \
            CAC heads for 4,700 EUR against 2,500.",
        "scope": {"segment": "smb"}, "pattern": "lead-quality-trap", "target": "lead-to-won",
        "metric": "conversion",
        "plan": {"value": 0.04, "lower": 0.036, "upper": null, "unit": "share", "revision": 3,
            "source": "plan.toml:54"},
        "drift": {"of": "mql>sql", "relative": -0.26, "low": -0.38, "high": -0.12, "level": 0.9,
            "label": "conversion"},
        "so_far": {"entered": 339, "entered_what": "mql since 2026-03-04", "expected_by_now": 98, "actual": 73},
        "projected": {"conversion": {"value": 0.030, "low": 0.025, "high": 0.035},
            "cac": {"value": "4700", "low": "4000", "high": "5600", "currency": "EUR"},
            "note": "pulled towards the plan while the sample is small: read the interval"},
        "onset": {"estimate": "2026-03-04", "low": "2026-02-26", "high": "2026-03-08", "days": 19},
        "evidence": {"e_value": 402, "threshold": 365, "false_alarms_per_year": 1.0,
            "says": "a funnel on plan raises fewer than one such alert a year in this scope"},
        "why": [
            {"of": "cac", "kind": "transition", "part": "cost per lead", "factor": 1.40, "share": 0.53},
            {"of": "cac", "kind": "transition", "part": "mql>sql", "factor": 0.745, "share": 0.47,
                "low": 0.62, "high": 0.88},
            {"of": "mql>sql", "kind": "rate", "dimension": "channel", "part": "paid_social",
                "effect_points": -7.0, "share": 0.69, "low": -9.0, "high": -5.0, "before": 0.34, "since": 0.16},
            {"of": "mql>sql", "kind": "mix", "dimension": "channel", "part": "paid_social",
                "effect_points": -3.2, "share": 0.31, "low": -4.0, "high": -2.4, "before": 0.4, "since": 0.5}],
        "ruled_out": [{"what": "data", "detail": "data whole"},
            {"what": "velocity", "detail": "cycle times on plan"}],
        "coincident": [{"what": "cost per lead", "relative": 0.40, "day": "2026-03-05"}],
        "in_reports": {"period": "2026-03-02/2026-03-22", "won": 25, "won_plan": 25,
            "won_from_before_onset": 0.94,
            "says": "reports still show wins on plan: 94% of them come from leads created before the onset"},
        "cost": {"currency": "EUR", "excess_spend": {"value": "44800", "low": "35900", "high": "53000"},
            "customers_short": {"value": 7.0, "low": 3.4, "high": 10.3},
            "revenue_at_risk": {"value": "82400", "low": "40000", "high": "121000"},
            "per_week": {"excess_spend": "16500", "customers_short": 2.6}, "defined": ""},
        "owners": [{"function": "marketing", "team": "demand-gen"}, {"function": "sales", "team": "sdr-emea"}],
        "action": "Freeze incremental spend on the named channels until the audit is done",
        "runbook_url": "https://runbooks.example.com/handoff-audit",
        "related": [], "supersedes": [], "inhibited_by": null, "revision": null, "resolution": null,
        "links": {"episode": "https://plumbline.example.com/e/7f3ac1d2"}
    })
}

fn alert(change: impl FnOnce(&mut serde_json::Value)) -> Alert {
    let mut value = trap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

#[test]
fn the_trap_on_one_screen() {
    assert_eq!(render_text(&alert(|_| {})), TRAP);
}

#[test]
fn a_handoff_and_several_steps_of_one_day() {
    let text = render_text(&alert(|a| {
        a["coincident"] = json!([
            {"what": "spend", "relative": 0.68, "day": "2026-03-05"},
            {"what": "lead volume", "relative": 0.2, "day": "2026-03-05"},
            {"what": "share of paid_social", "relative": -0.31, "day": "2026-03-07"}]);
        a["so_far"]["entered_what"] = json!("mql since 2026-03-09");
        a["handoff"] = json!({"of": "mql>sql", "older_than": "12d", "says": "quality",
            "sentence": "more are rejected (52% against 30%): quality",
            "now": {"entered": 210, "advanced": 0.28, "rejected": 0.52, "untouched": 0.2},
            "before": {"entered": 1800, "advanced": 0.4, "rejected": 0.3, "untouched": 0.3},
            "reasons": [{"reason": "no budget", "now": 0.31, "before": 0.12}]});
    }));
    let said: Vec<&str> = text.lines().skip(4).take(9).collect();
    assert_eq!(said.join("\n"), SPLIT);
}

#[test]
fn an_end_and_a_change_say_so_first() {
    for (change, start) in [
        (json!({"transition": "resolved", "resolution": "recovered"}), "RESOLVED (recovered) smb: "),
        (json!({"transition": "revised"}), "REVISED (critical) smb: "),
        (json!({"historical": true}), "CRITICAL [history] smb: "),
    ] {
        let text = render_text(&alert(|a| {
            for (key, value) in change.as_object().unwrap() {
                a[key] = value.clone();
            }
        }));
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn what_was_revised_and_who_explains_it_is_said() {
    let text = render_text(&alert(|a| {
        a["transition"] = json!("revised");
        a["inhibited_by"] = json!("p/other/");
        a["revision"] = json!({"field": "onset", "from": "2026-03-04", "to": "2026-03-02", "cause": "late"});
    }));
    assert!(text.contains("Changed  onset: 2026-03-04 → 2026-03-02 (late)"), "{text}");
    assert!(text.contains("Explained by another") && text.contains("nobody is paged."), "{text}");
}

#[test]
fn nothing_makes_an_alert_larger_than_one_screen() {
    let long = "a very long text that goes on ".repeat(20);
    let text = render_text(&alert(|a| {
        a["title"] = json!("x".repeat(200));
        a["action"] = json!(long);
        a["runbook_url"] = json!(format!("https://example.com/{}", "y".repeat(200)));
        a["summary"] = json!(long);
    }));
    assert!(text.lines().count() <= 24, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn an_alert_with_nothing_but_a_title_is_shown() {
    let bare = alert(|a| {
        for key in ["so_far", "projected", "onset", "evidence", "in_reports", "cost", "action", "runbook_url"]
        {
            a[key] = json!(null);
        }
        for key in ["why", "ruled_out", "coincident", "owners"] {
            a[key] = json!([]);
        }
        a["links"] = json!({});
        a["summary"] = json!("");
    });
    assert_eq!(render_text(&bare), "CRITICAL smb: lead-quality trap, MQL→SQL 26% below plan\n\n");
}
