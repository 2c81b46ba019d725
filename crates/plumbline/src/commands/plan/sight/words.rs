//! What the plan can see, in words for those who answer for the revenue, and as JSON for programs.

use std::fmt::Write;

use plumbline_drift::power::{Days, LIMIT_DAYS, Notice};
use plumbline_plan::{Metric, Plan};
use serde_json::{Value, json};

use super::seen::Unknown;
use super::{Beside, COHORT_DAYS, PERIOD_DAYS, RUNS, Seeing, Sight};
use crate::commands::columns::columns;

/// Unknown names listed; further ones are counted.
const MAX_LISTED: usize = 12;

impl Sight {
    /// The report.
    pub(in crate::commands) fn text(&self, plan: &Plan) -> String {
        let mut out = format!("\nThe events: {} of them, {} to {}\n", self.events, self.days.0, self.days.1);
        if self.rejected > 0 {
            let _ = writeln!(out, "  {} lines are no events and were left out", self.rejected);
        }
        self.write_power(plan, &mut out);
        self.write_false_pages(plan, &mut out);
        self.write_rates(plan, &mut out);
        self.write_unknown(plan, &mut out);
        self.write_missing(&mut out);
        out
    }

    fn write_power(&self, plan: &Plan, out: &mut String) {
        out.push_str("\nHow soon a drift is noticed at the volume in the events\n\n");
        let head = ["target", "scope", "entries a day", "at the warn bound", "at the critical bound"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for seeing in &self.scopes {
            let target = plan.target(seeing.target);
            let mut row = vec![
                target.name.to_string(),
                scope(&seeing.scope).to_owned(),
                format!("{:.1}", seeing.per_day),
            ];
            match &seeing.power {
                Some(power) => {
                    row.push(power.warn.as_ref().map_or("–".to_owned(), notice));
                    row.push(power.critical.as_ref().map_or("–".to_owned(), notice));
                }
                None => row.push(why_not(seeing)),
            }
            rows.push(row);
        }
        out.push_str(&indented(&columns(&rows)));
        let _ = writeln!(
            out,
            "\n  Half of such drifts are noticed by the first day, nine of ten by the second; day 1 is the day the\n  \
             drift begins. Measured on {RUNS} simulated runs each, with the plan's own rates, lags and thresholds.\n  \
             The drift is spread evenly over the steps of the funnel; one in the last step alone takes longer.\n  \
             Where a target has no critical bound, a drift twice as far as its warn bound is meant."
        );
        if self.ends_only {
            out.push_str(
                "\n  Only the first and the last stage are recorded. Whatever the method, nobody notices a loss of 30%\n  \
                 at 30 leads a day in under about 48 days then. Recording the stages between makes it two to five\n  \
                 times faster.\n",
            );
        }
    }

    fn write_false_pages(&self, plan: &Plan, out: &mut String) {
        let judged = || self.judged(plan);
        let count = judged().count();
        if count == 0 {
            return;
        }
        let budget: f64 = judged().map(|seeing| budget(plan, seeing)).sum();
        let simulated: f64 =
            judged().filter_map(|seeing| seeing.power.as_ref()).map(|p| p.false_pages_per_year).sum();
        let _ = writeln!(
            out,
            "\nFalse pages of the whole plan\n\n  At most {} a year over {count} targets in scopes, while everything \
             runs to plan; in simulation about {}.",
            plain(budget),
            plain(simulated),
        );
        let mut counted: Vec<&str> = judged()
            .filter(|seeing| seeing.power.is_none())
            .map(|seeing| plan.target(seeing.target).name.as_str())
            .collect();
        counted.dedup();
        if !counted.is_empty() {
            let _ = writeln!(out, "  Counted by their budget, not simulated: {}.", counted.join(", "));
        }
        let measured = self.scopes.iter().filter(|s| plan.target(s.target).metric == Metric::Spend).count();
        if measured > 0 {
            let _ = writeln!(
                out,
                "  {measured} more for spend, which is measured and not sampled: what is outside its bound is so."
            );
        }
    }

    /// Those with a budget of false pages: whatever is sampled, of which there is something.
    fn judged<'s>(&'s self, plan: &'s Plan) -> impl Iterator<Item = &'s Seeing> {
        self.scopes.iter().filter(|s| s.per_day > 0.0 && plan.target(s.target).metric != Metric::Spend)
    }

    fn write_rates(&self, plan: &Plan, out: &mut String) {
        if self.rates.is_empty() {
            return;
        }
        out.push_str("\nReports by period beside cohorts\n\n");
        let period = format!("last {PERIOD_DAYS} days");
        let cohorts = format!("cohorts of {COHORT_DAYS} days");
        let mut rows = vec![["target", "scope", &period, &cohorts, "plan", ""].map(str::to_owned).to_vec()];
        rows.extend(self.rates.iter().map(|beside| {
            let seen = beside.cohorts.rate;
            let ratio = beside.period.ratio().map_or("–".to_owned(), percent);
            let words = seen.map_or("–".to_owned(), |rate| {
                format!("{} ({} to {})", percent(rate.value), percent(rate.low), percent(rate.high))
            });
            let verdict = match seen {
                Some(rate) if rate.high < beside.cohorts.plan => "below plan",
                Some(rate) if rate.low > beside.cohorts.plan => "above plan",
                Some(_) => "agrees with the plan",
                None => "too early to say",
            };
            vec![
                plan.target(beside.target).name.to_string(),
                scope(&beside.scope).to_owned(),
                ratio,
                words,
                percent(beside.cohorts.plan),
                verdict.to_owned(),
            ]
        }));
        out.push_str(&indented(&columns(&rows)));
        out.push_str(
            "\n  A report by period divides this month's wins by this month's leads, which are not the same people: it\n  \
             moves when the volume moves. Cohorts follow the same leads and allow for those still on their way.\n",
        );
    }

    fn write_unknown(&self, plan: &Plan, out: &mut String) {
        if self.unknown.is_empty() {
            return;
        }
        out.push_str("\nIn the events and not in the plan\n\n");
        let mut kinds: Vec<Unknown> = self.unknown.iter().map(|(what, ..)| *what).collect();
        kinds.dedup();
        for kind in kinds {
            let of_kind = || self.unknown.iter().filter(|(what, ..)| *what == kind);
            let mut names: Vec<(&str, u64)> = of_kind().map(|(_, name, n)| (name.as_str(), *n)).collect();
            names.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
            let listed: Vec<String> = names
                .iter()
                .take(MAX_LISTED)
                .map(|(name, count)| format!("{name} ({count} event{})", if *count == 1 { "" } else { "s" }))
                .collect();
            let more = names.len().saturating_sub(MAX_LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let _ = writeln!(out, "  {}: {}{more}", kind_words(plan, kind), listed.join(", "));
        }
    }

    fn write_missing(&self, out: &mut String) {
        if self.silent.is_empty() && !self.spendless {
            return;
        }
        out.push_str("\nIn the plan and in no event\n\n");
        if !self.silent.is_empty() {
            let _ = writeln!(
                out,
                "  stages: {}. What begins or ends at one waits until it is recorded; what lies across it is judged\n  \
                 from end to end.",
                self.silent.join(", ")
            );
        }
        if self.spendless {
            out.push_str("  statements of spend. The targets of spend and CAC wait for them.\n");
        }
    }

    /// The same for programs.
    pub(in crate::commands) fn as_json(&self, plan: &Plan) -> Value {
        let seeing = |seeing: &Seeing| {
            let power = seeing.power.as_ref();
            json!({
                "target": plan.target(seeing.target).name, "scope": seeing.scope, "entries_per_day": seeing.per_day,
                "warn": power.and_then(|p| p.warn.as_ref()).map(notice_json),
                "critical": power.and_then(|p| p.critical.as_ref()).map(notice_json),
                "false_pages_per_year": power.map(|p| p.false_pages_per_year),
                "not_simulated": if power.is_none() { Some(why_not(seeing)) } else { None },
            })
        };
        let rate = |beside: &Beside| {
            let cohorts = beside.cohorts.rate;
            json!({
                "target": plan.target(beside.target).name, "scope": beside.scope,
                "plan": beside.cohorts.plan,
                "period": { "days": PERIOD_DAYS, "entered": beside.period.entered,
                            "reached": beside.period.reached, "ratio": beside.period.ratio() },
                "cohorts": { "days": COHORT_DAYS, "entered": beside.cohorts.entered,
                             "converted": beside.cohorts.converted, "expected_by_now": beside.cohorts.expected,
                             "rate": cohorts.map(|r| r.value), "low": cohorts.map(|r| r.low),
                             "high": cohorts.map(|r| r.high) },
            })
        };
        let unknown = |(what, name, count): &(Unknown, String, u64)| json!({ "what": kind_words(plan, *what), "name": name, "events": count });
        json!({
            "events": self.events, "first_day": self.days.0, "last_day": self.days.1,
            "runs": RUNS, "limit_days": LIMIT_DAYS,
            "targets": self.scopes.iter().map(seeing).collect::<Vec<_>>(),
            "false_pages_per_year_at_most": self.judged(plan).map(|s| budget(plan, s)).sum::<f64>(),
            "rates": self.rates.iter().map(rate).collect::<Vec<_>>(),
            "not_in_plan": self.unknown.iter().map(unknown).collect::<Vec<_>>(),
            "stages_without_events": self.silent,
            "no_spend_stated": self.spendless,
            "only_ends_recorded": self.ends_only,
        })
    }
}

fn budget(plan: &Plan, seeing: &Seeing) -> f64 {
    plan.target(seeing.target).false_alarms_per_year.unwrap_or(plan.false_alarms_per_year)
}

fn scope(label: &str) -> &str {
    if label.is_empty() { "everything" } else { label }
}

fn why_not(seeing: &Seeing) -> String {
    let why = match (seeing.skipped, seeing.per_day > 0.0) {
        (true, _) => "not simulated: too many different scopes",
        (false, false) => "nothing enters",
        (false, true) => "not simulated",
    };
    why.to_owned()
}

fn notice(notice: &Notice) -> String {
    let drift = format!("{:+.0}%", (notice.factor - 1.0) * 100.0).replace('-', "−");
    let days = |days| match days {
        Days::Within(days) => format!("day {days}"),
        Days::Beyond => "not within a year".to_owned(),
    };
    match (notice.median, notice.p90) {
        (Days::Beyond, _) => format!("{drift}: not within a year"),
        (median, p90) => format!("{drift}: {} ({})", days(median), days(p90)),
    }
}

fn notice_json(notice: &Notice) -> Value {
    let days = |days| match days {
        Days::Within(days) => Some(days),
        Days::Beyond => None,
    };
    json!({ "factor": notice.factor, "median_days": days(notice.median), "p90_days": days(notice.p90) })
}

fn kind_words(plan: &Plan, kind: Unknown) -> String {
    match kind {
        Unknown::Stage => "stages".to_owned(),
        Unknown::Currency => "currencies without a rate".to_owned(),
        Unknown::Value(dimension) => {
            let name = plan.dimensions.get(usize::from(dimension.0)).map(|d| d.name.as_str());
            format!("values of {}", name.unwrap_or_default())
        }
    }
}

fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value < 10.0 { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

fn plain(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
