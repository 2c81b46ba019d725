//! The plan a simulated company would have made: its null hypothesis is the mechanism before the onset.

use std::fmt::Write as _;

use crate::{LagSpec, STAGES, Spec, lag_tables};

/// 90th percentile of the standard normal distribution.
const Z90: f64 = 1.281_551_565_544_600_4;

/// Who owns each transition: always two functions.
const OWNERS: [[(&str, &str); 2]; 4] = [
    [("marketing", "demand-gen"), ("sales", "sdr")],
    [("marketing", "marketing-ops"), ("sales", "sdr")],
    [("sales", "sdr"), ("sales-engineering", "presales")],
    [("sales", "account-executives"), ("finance", "deal-desk")],
];

/// What to do about each.
const ACTIONS: [&str; 4] = [
    "Review lead scoring on the last 50 rejected leads",
    "Joint hand-off audit: 20 accepted and 20 rejected MQLs, agreed definition of sales-ready",
    "Discovery-call review",
    "Pricing and competitor review on lost deals",
];

/// The plan file for `spec`. With a weekend back-log the lags are day tables per weekday of entry, because the
/// lag then depends on it; else log-normal, which is exact.
pub fn plan_toml(spec: &Spec) -> String {
    let mut text = String::with_capacity(1 << 16);
    write_plan(&mut text, spec).expect("writing to a string does not fail");
    text
}

fn write_plan(out: &mut String, spec: &Spec) -> std::fmt::Result {
    let start = spec.start;
    writeln!(out, "# The plan of a simulated company ({}, seed {}).", spec.kind, spec.seed)?;
    writeln!(out, "plan = \"simulated-{}\"\nrevision = 1\neffective_from = {start}", spec.kind)?;
    writeln!(out, "live_from = {start}\ntimezone = \"{}\"\ncurrency = \"{}\"", spec.zone, spec.currency)?;
    writeln!(out, "fiscal_year_start = \"01-01\"\nfalse_alarms_per_year = 1.0\n")?;
    let stages: Vec<String> = STAGES.iter().map(|stage| format!("\"{stage}\"")).collect();
    writeln!(out, "[funnel]\nstages = [{}]\ndimensions = [\"segment\", \"channel\"]\n", stages.join(", "))?;
    let segments: Vec<String> = spec.segments.iter().map(|s| format!("\"{}\"", s.name)).collect();
    writeln!(out, "[dimension.segment]\nvalues = [{}]\n", segments.join(", "))?;
    write_transitions(out, spec)?;
    write_targets(out, spec)
}

fn write_transitions(out: &mut String, spec: &Spec) -> std::fmt::Result {
    let tables = (spec.weekend_backlog > 0.0).then(|| lag_tables(spec));
    for j in 0..4 {
        writeln!(out, "[[transition]]\nfrom = \"{}\"\nto = \"{}\"", STAGES[j], STAGES[j + 1])?;
        writeln!(out, "conversion = {}", decimal(spec.rates[j]))?;
        if spec.overdispersion > 0.0 {
            writeln!(out, "dispersion = {}", decimal(spec.overdispersion))?;
        }
        match &tables {
            Some(tables) => write_weekdays(out, &tables.0[j])?,
            None => write_log_normal(out, &spec.lags[j])?,
        }
        let owners = OWNERS[j].map(|(function, team)| owner(function, team)).join(", ");
        writeln!(out, "owners = [{owners}]\naction = \"{}\"\n", ACTIONS[j])?;
    }
    Ok(())
}

fn write_log_normal(out: &mut String, lag: &LagSpec) -> std::fmt::Result {
    let p90 = lag.median_days * libm::exp(lag.sigma * Z90);
    writeln!(out, "lag = {{ median = \"{}d\", p90 = \"{}d\" }}", decimal(lag.median_days), decimal(p90))
}

/// One distribution per weekday of entry, Monday first.
fn write_weekdays(out: &mut String, tables: &[Vec<f64>; 7]) -> std::fmt::Result {
    out.push_str("lag = { weekday = [\n");
    for table in tables {
        out.push_str("  { days = [");
        for (at, share) in table.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(out, "{comma}{}", decimal(*share))?;
        }
        out.push_str("] },\n");
    }
    out.push_str("] }\n");
    Ok(())
}

fn write_targets(out: &mut String, spec: &Spec) -> std::fmt::Result {
    let (marketing, sales, finance) =
        (owner("marketing", "demand-gen"), owner("sales", "sdr"), owner("finance", "fpa"));
    let currency = spec.currency;
    writeln!(
        out,
        "[[target]]\nname = \"lead-to-won\"\nmetric = \"conversion\"\nfrom = \"lead\"\nto = \"won\"\n\
         each = [\"segment\"]\nwarn = \"-10%\"\ncritical = \"-30%\"\n"
    )?;
    writeln!(
        out,
        "[[target]]\nname = \"cac\"\nmetric = \"cac\"\nowners = [{marketing}, {sales}, {finance}]\n\
         value = \"{} {currency}\"\neach = [\"segment\"]\nwarn = \"+20%\"\ncritical = \"+50%\"\n\
         depends_on = [\"lead-to-won below\"]\n",
        decimal(spec.cac())
    )?;
    let season = season(&spec.weekday_factors());
    let leads = values(spec, |share| format!("{}/day", decimal(spec.leads_per_day * share)));
    writeln!(
        out,
        "[[target]]\nname = \"lead-volume\"\nmetric = \"volume\"\nowners = [{marketing}, {sales}]\n\
         stage = \"lead\"\nvalues = {leads}\neach = [\"segment\"]\nwarn = \"±25%\"\n{season}"
    )?;
    let money = spec.leads_per_day * spec.spend_per_lead;
    let spend = values(spec, |share| format!("{} {currency}/day", decimal(money * share)));
    writeln!(
        out,
        "[[target]]\nname = \"spend\"\nmetric = \"spend\"\nowners = [{marketing}, {finance}]\n\
         values = {spend}\neach = [\"segment\"]\nwarn = \"+25%\"\n{season}"
    )?;
    writeln!(
        out,
        "[[pattern]]\nname = \"lead-quality-trap\"\n\
         all = [\"lead-volume not-below\", \"lead-to-won below\", \"cac above\"]\nseverity = \"critical\"\n\
         owners = [{marketing}, {sales}]\n\
         action = \"Freeze incremental spend on the named channels until the hand-off audit is done\""
    )
}

fn owner(function: &str, team: &str) -> String {
    format!("{{ function = \"{function}\", team = \"{team}\" }}")
}

/// A planned value per segment.
fn values(spec: &Spec, value: impl Fn(f64) -> String) -> String {
    let entries: Vec<String> = spec
        .segments
        .iter()
        .zip(spec.segment_shares())
        .map(|(segment, share)| format!("\"{}\" = \"{}\"", segment.name, value(share)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// The weekday multipliers, their mean exactly 1 as written; nothing where all are.
fn season(factors: &[f64; 7]) -> String {
    if factors.iter().all(|f| (f - 1.0).abs() < 1e-9) {
        return String::new();
    }
    let mut millionths = factors.map(|f| (f * 1e6).round() as i64);
    millionths[0] += 7_000_000 - millionths.iter().sum::<i64>();
    let texts = millionths.map(|m| decimal(m as f64 / 1e6));
    format!("season = {{ weekday = [{}] }}\n", texts.join(", "))
}

/// At most six decimals, always with a point, as TOML numbers need one.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}
