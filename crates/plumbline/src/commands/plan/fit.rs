//! `plumbline plan fit`: what a history says of a plan's numbers.

use plumbline_plan::{DimensionIndex, Plan};

use super::history::History;
use super::numbers::{Numbers, judged_scopes, scopes_of};
use super::{fragment, infer, into};
use crate::args::PlanFitArgs;
use crate::commands::load_plan;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::progress::Progress;

pub(crate) fn run(args: &PlanFitArgs, progress: Progress) -> Outcome {
    let (plan, text) = match &args.plan {
        Some(path) => load_plan(path)?,
        None => {
            let text = infer::skeleton(&args.history, progress)?;
            (parse(&text)?, text)
        }
    };
    let planned = args.plan.is_some();
    let scopes = match args.each.as_slice() {
        [] => judged_scopes(&plan),
        names => {
            let each: Outcome<Vec<DimensionIndex>> =
                names.iter().map(|name| judgeable(&plan, name.as_str())).collect();
            scopes_of(&plan, &each?)
        }
    };
    let history = History::read(&args.history, &plan, progress)?;
    let numbers = Numbers::fit(&plan, planned, &scopes, &history);
    for transition in &numbers.transitions {
        if let Err(refusal) = &transition.rate {
            let (from, to) = (plan.stage_name(transition.from), plan.stage_name(transition.to));
            eprintln!("{from} → {to} is not fitted: {refusal}");
        }
    }
    if !numbers.any() {
        return Ok(Answer::No);
    }
    if args.json {
        println!("{}", fragment::as_json(&plan, &history, &numbers));
    } else if args.into.is_none() {
        print!("{}", fragment::text(&plan, &history, &numbers));
    }
    if let Some(path) = &args.into {
        let whole = into::rewrite(&text, &plan, &history, &numbers, args.values).or_fail(Kind::Internal)?;
        parse(&whole)?;
        std::fs::write(path, whole)
            .or_fail_with(Kind::Input, || format!("cannot write {}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(Answer::Yes)
}

/// What was written must be a plan.
pub(super) fn parse(text: &str) -> Outcome<Plan> {
    let parsed = Plan::parse("the fitted plan", text).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        Kind::Internal.says(format!("the fitted plan cannot be used\n{}", lines.join("\n")))
    })?;
    Ok(parsed.plan)
}

fn judgeable(plan: &Plan, name: &str) -> Outcome<DimensionIndex> {
    let found = plan.dimension(name);
    found.filter(|d| !plan.dimensions[usize::from(d.0)].values.is_empty()).ok_or_else(|| {
        Kind::Arguments
            .says(format!("--each {name}: the plan has no dimension of that name with declared values"))
    })
}
