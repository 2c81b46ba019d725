//! `plumbline plan draft`: a whole first plan from history.

use std::fmt::Write as _;
use std::io::Write as _;

use plumbline_drift::fit::Level;
use plumbline_plan::Plan;
use plumbline_units::Name;

use super::fit::parse;
use super::fragment::{quoted, season_text, write_transitions};
use super::history::History;
use super::infer::{Survey, survey};
use super::into::rounded;
use super::levels::ScopeLevels;
use super::numbers::{Numbers, scopes_of};
use crate::args::PlanDraftArgs;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{create, is_standard};
use crate::progress::Progress;

/// An attribute with at most so many values, each with a share of the leads worth judging, is judged by value.
const MOST_VALUES: usize = 12;
const LEAST_SHARE: f64 = 0.02;
/// Attributes with more distinct values than this are ids or texts.
const MOST_DISTINCT: usize = 500;
/// Dimensions a plan may have.
const MOST_DIMENSIONS: usize = 8;
/// Two functions that are nobody's: a person must name the teams.
const OWNERS: &str =
    "[{ function = \"marketing\", team = \"change-me\" }, { function = \"sales\", team = \"change-me\" }]";

pub(crate) fn run(args: &PlanDraftArgs, progress: Progress) -> Outcome {
    let survey = survey(&args.history, progress)?;
    // A first plan folds the history; what it shows then makes the draft.
    let mut first = String::new();
    head(&mut first, args, &survey, "1970-01-01").or_fail(Kind::Internal)?;
    let blank = first.clone() + &blank_transitions(&survey);
    let skeleton = parse(&blank)?;
    let judged: Vec<_> =
        judged_dimension(&survey).and_then(|name| skeleton.dimension(&name)).into_iter().collect();
    let history = History::read(&args.history, &skeleton, progress)?;
    let scopes = scopes_of(&skeleton, &judged);
    let mut numbers = Numbers::fit(&skeleton, false, &scopes, &history);
    // Values that cost nothing, as organic leads do, have no CAC: the whole is judged, and the values explain.
    let costs = |levels: &[ScopeLevels]| levels.iter().all(|l| l.cac.is_some());
    let by_value = match numbers.levels.0.split_first() {
        Some((whole, parts)) => whole.cac.is_none() || costs(parts),
        None => false,
    };
    if !by_value {
        numbers = Numbers::fit(&skeleton, false, &[], &history);
    }
    if !numbers.any() {
        for transition in &numbers.transitions {
            if let Err(refusal) = &transition.rate {
                let (from, to) = (skeleton.stage_name(transition.from), skeleton.stage_name(transition.to));
                eprintln!("{from} → {to} is not fitted: {refusal}");
            }
        }
        return Ok(Answer::No);
    }
    let mut text = String::new();
    let from = history.last.plus(1).to_string();
    head(&mut text, args, &survey, &from).or_fail(Kind::Internal)?;
    body(&mut text, &skeleton, &survey, &history, &numbers).or_fail(Kind::Internal)?;
    parse(&text)?;
    if is_standard(&args.output) {
        print!("{text}");
    } else {
        let attempt = || format!("cannot write {}", args.output.display());
        let mut out = create(&args.output).or_fail_with(Kind::Input, attempt)?;
        out.write_all(text.as_bytes()).or_fail_with(Kind::Input, attempt)?;
        out.finish().or_fail_with(Kind::Input, attempt)?;
        eprintln!("wrote {}: replace every CHANGE and change-me before it is used", args.output.display());
    }
    Ok(Answer::Yes)
}

fn head(out: &mut String, args: &PlanDraftArgs, survey: &Survey, from: &str) -> std::fmt::Result {
    let currency = survey.currencies.first().map_or("EUR".to_owned(), |(c, _)| c.to_string());
    writeln!(
        out,
        "# A first plan, drafted from history: what happened so far, as the promise for what comes. Read every\n\
         # line, replace every CHANGE and change-me, and set the values to what was agreed.\n\
         plan = {}\nrevision = 1\neffective_from = {from}\nlive_from = {from}\ntimezone = {}\n\
         currency = \"{currency}\"\nfiscal_year_start = \"01-01\"          # CHANGE\n\
         false_alarms_per_year = 1.0\n",
        quoted(args.name.as_str()),
        quoted(args.timezone.name())
    )?;
    let stages: Vec<String> = survey.stages.iter().map(|s| quoted(s)).collect();
    let dimensions: Vec<String> = dimensions(survey).iter().map(|(name, _)| quoted(name)).collect();
    writeln!(out, "[funnel]\nstages = [{}]\ndimensions = [{}]\n", stages.join(", "), dimensions.join(", "))?;
    for (name, values) in dimensions_with_values(survey) {
        let values: Vec<String> = values.iter().map(|v| quoted(v)).collect();
        writeln!(out, "[dimension.{}]\nvalues = [{}]\n", quoted(&name), values.join(", "))?;
    }
    for (other, count) in survey.currencies.iter().skip(1) {
        writeln!(
            out,
            "# CHANGE: {count} events are in {other}; without a rate they are refused.\n# [[rates]]\n\
             # currency = \"{other}\"\n# from = {from}\n# rate = \"1.00\"      # {currency} for one {other}\n"
        )?;
    }
    Ok(())
}

fn blank_transitions(survey: &Survey) -> String {
    let mut text = String::new();
    for pair in survey.stages.windows(2) {
        let _ = writeln!(
            text,
            "[[transition]]\nfrom = {}\nto = {}\nconversion = 0.5\n\
             lag = {{ median = \"7d\", p90 = \"30d\" }}\nowners = {OWNERS}",
            quoted(&pair[0]),
            quoted(&pair[1])
        );
    }
    text
}

/// Attributes that split the funnel, with their values where they are few.
fn dimensions(survey: &Survey) -> Vec<(String, Vec<String>)> {
    let named = survey.attributes.iter().filter(|(name, values)| {
        Name::new(name.as_str()).is_ok() && (2..=MOST_DISTINCT).contains(&values.len())
            || values.len() == 1 && survey.attributes.len() == 1
    });
    let with_values = |values: &[(String, u64)]| {
        let total: u64 = values.iter().map(|(_, n)| n).sum();
        let good: Vec<&(String, u64)> = values
            .iter()
            .filter(|(v, n)| *n as f64 >= LEAST_SHARE * total as f64 && Name::new(v.as_str()).is_ok())
            .collect();
        let covered: u64 = good.iter().map(|(_, n)| n).sum();
        let few = good.len() <= MOST_VALUES && covered as f64 >= 0.9 * total as f64;
        if few { good.into_iter().map(|(v, _)| v.clone()).collect() } else { Vec::new() }
    };
    named.map(|(name, values)| (name.clone(), with_values(values))).take(MOST_DIMENSIONS).collect()
}

fn dimensions_with_values(survey: &Survey) -> Vec<(String, Vec<String>)> {
    dimensions(survey).into_iter().filter(|(_, values)| !values.is_empty()).collect()
}

/// The dimension judged by value: the one with the fewest values, so that each has the most data.
fn judged_dimension(survey: &Survey) -> Option<String> {
    let mut declared = dimensions_with_values(survey);
    declared.sort_by_key(|(name, values)| (values.len(), name.clone()));
    declared.into_iter().next().map(|(name, _)| name)
}

fn body(
    out: &mut String,
    plan: &Plan,
    survey: &Survey,
    history: &History,
    numbers: &Numbers,
) -> std::fmt::Result {
    writeln!(
        out,
        "# Transitions: fitted to {} days of history, {} to {}.",
        history.days(),
        history.first,
        history.last
    )?;
    write_transitions(out, plan, numbers, &|index, transition| {
        let mut more = String::new();
        if transition.rate.is_err() {
            let _ = write!(
                more,
                "[[transition]]\nfrom = {}\nto = {}\nconversion = 0.5                 # CHANGE: a guess\n",
                quoted(&survey.stages[index]),
                quoted(&survey.stages[index + 1])
            );
        }
        if transition.lag.is_err() {
            more.push_str("lag = { median = \"7d\", p90 = \"30d\" }   # CHANGE: a guess\n");
        }
        let _ = writeln!(more, "owners = {OWNERS}");
        more
    })?;
    targets(out, plan, survey, numbers)
}

/// A target of each metric the history has values of.
fn targets(out: &mut String, plan: &Plan, survey: &Survey, numbers: &Numbers) -> std::fmt::Result {
    let (first, last) = (plan.stage_name(plan.first()), plan.stage_name(plan.last()));
    let judged = judged_dimension(survey);
    let scopes: Vec<&ScopeLevels> = numbers.levels.0.iter().filter(|l| l.scope.0.len() == 1).collect();
    let everywhere = numbers.levels.0.first();
    // By value only where every value has what the target needs.
    let by_value = |value: &dyn Fn(&ScopeLevels) -> Option<String>| -> Option<String> {
        let dimension = judged.as_ref().filter(|_| !scopes.is_empty())?;
        let values: Option<Vec<String>> = scopes
            .iter()
            .map(|levels| {
                Some(format!("{} = {}", quoted(levels.scope.0[0].1.as_str()), quoted(&value(levels)?)))
            })
            .collect();
        Some(format!("each = [{}]\nvalues = {{ {} }}\n", quoted(dimension), values?.join(", ")))
    };
    let whole = |value: &dyn Fn(&ScopeLevels) -> Option<String>| {
        everywhere.and_then(value).map(|value| format!("value = {}\n", quoted(&value)))
    };
    let each = judged.as_ref().filter(|_| !scopes.is_empty());
    let each_line = each.map_or(String::new(), |dimension| format!("each = [{}]\n", quoted(dimension)));
    let conversion = format!("{first}-to-{last}");
    writeln!(
        out,
        "\n[[target]]\nname = {}\nmetric = \"conversion\"\nfrom = {}\nto = {}\n{each_line}warn = \"-10%\"\n\
         critical = \"-30%\"",
        quoted(&conversion),
        quoted(first.as_str()),
        quoted(last.as_str())
    )?;
    let volume_of =
        |levels: &ScopeLevels| Some(format!("{}/day", rounded(levels.stages[0].as_ref()?.per_day)));
    let spend_of = |levels: &ScopeLevels| {
        Some(format!("{} {}/day", rounded(levels.spend.as_ref()?.per_day), plan.currency))
    };
    let cac_of = |levels: &ScopeLevels| Some(format!("{} {}", rounded(levels.cac?.0), plan.currency));
    let season = |level: Option<&Level>| {
        level
            .and_then(|l| season_text(l.weekday.as_ref(), l.quarter_week.as_ref()))
            .map_or(String::new(), |season| format!("season = {season}\n"))
    };
    // What halved or doubled lately is promised as it is now, and a person is told.
    let steps = |level: &dyn Fn(&ScopeLevels) -> Option<&Level>| {
        let told = numbers.levels.0.iter().filter_map(|levels| {
            let Level { before, days, .. } = level(levels)?;
            let (place, before) = (levels.place(plan), rounded((*before)?));
            Some(format!("# CHANGE? {place}: {before} a day before its last {days} days\n"))
        });
        told.collect::<String>()
    };
    let volume = by_value(&volume_of).or_else(|| whole(&volume_of));
    let spend = by_value(&spend_of).or_else(|| whole(&spend_of));
    let cac = by_value(&cac_of).or_else(|| whole(&cac_of));
    if let Some(values) = &cac {
        write!(
            out,
            "\n[[target]]\nname = \"cac\"\nmetric = \"cac\"\n{values}warn = \"+20%\"\ncritical = \"+50%\"\n\
             depends_on = [{}]\nowners = {OWNERS}\n",
            quoted(&format!("{conversion} below"))
        )?;
    }
    let volume_name = format!("{first}-volume");
    if let Some(values) = &volume {
        write!(
            out,
            "\n{}[[target]]\nname = {}\nmetric = \"volume\"\nstage = {}\n{values}warn = \"±25%\"\n{}owners = {OWNERS}\n",
            steps(&|levels| levels.stages[0].as_ref()),
            quoted(&volume_name),
            quoted(first.as_str()),
            season(everywhere.and_then(|l| l.stages[0].as_ref()))
        )?;
    }
    if let Some(values) = &spend {
        write!(
            out,
            "\n{}[[target]]\nname = \"spend\"\nmetric = \"spend\"\n{values}warn = \"+25%\"\n{}owners = {OWNERS}\n",
            steps(&|levels| levels.spend.as_ref()),
            season(everywhere.and_then(|l| l.spend.as_ref()))
        )?;
    }
    // The pattern's members share their `each`.
    let alike =
        |text: &Option<String>| text.as_ref().is_some_and(|t| t.starts_with("each") == each.is_some());
    if alike(&volume) && alike(&cac) {
        write!(
            out,
            "\n[[pattern]]\nname = \"lead-quality-trap\"\nall = [{}, {}, \"cac above\"]\nseverity = \"critical\"\n\
             owners = {OWNERS}\naction = \"CHANGE: what to do when more leads turn into fewer customers\"\n",
            quoted(&format!("{volume_name} not-below")),
            quoted(&format!("{conversion} below"))
        )?;
    }
    Ok(())
}
