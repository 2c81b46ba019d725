//! `plumbline plan check`: what is wrong with a plan, what it judges, and whether its numbers agree; and
//! `plumbline plan apply`: the configured plans into the log.

pub(crate) mod draft;
pub(crate) mod fit;
mod fragment;
mod history;
mod infer;
mod into;
mod levels;
mod numbers;
mod sight;

use std::io::Read;

use plumbline_pipeline::ConfiguredPlan;
use plumbline_plan::{Diagnostic, Level, Parsed, Plan, check_report};
use serde_json::json;

use crate::args::{PlanApplyArgs, PlanCheckArgs};
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::is_standard;
use crate::progress::Progress;
use crate::settings;

use self::sight::Sight;

pub(crate) fn check(args: &PlanCheckArgs, progress: Progress) -> Outcome {
    let (name, text) = if is_standard(&args.file) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).or_fail(Kind::Input)?;
        ("-".to_owned(), text)
    } else {
        let name = args.file.display().to_string();
        (
            name.clone(),
            std::fs::read_to_string(&args.file)
                .or_fail_with(Kind::Input, || format!("cannot read {name}"))?,
        )
    };
    let parsed: Result<Parsed, Vec<Diagnostic>> = Plan::parse(&name, &text);
    let sight = match &parsed {
        Ok(Parsed { plan, .. }) if !args.events.is_empty() => Some(Sight::look(args, plan, progress)?),
        _ => None,
    };
    if args.json {
        let mut report = as_json(&parsed);
        if let (Ok(Parsed { plan, .. }), Some(sight)) = (&parsed, &sight) {
            report["sight"] = sight.as_json(plan);
        }
        println!("{report}");
    } else {
        match &parsed {
            Ok(Parsed { plan, warnings }) => {
                print!("{}", check_report(plan, warnings));
                if let Some(sight) = &sight {
                    print!("{}", sight.text(plan));
                }
            }
            Err(diagnostics) => {
                for diagnostic in diagnostics {
                    println!("{diagnostic}");
                }
            }
        }
    }
    Ok(if parsed.is_ok() { Answer::Yes } else { Answer::No })
}

pub(crate) fn apply(args: &PlanApplyArgs) -> Outcome {
    let config = settings::pipeline(&settings::load(&args.config)?)?;
    if config.plans.is_empty() {
        return Err(Kind::Configuration
            .says("no plan is configured: name one with `plan = \"…\"` or --plan".to_owned()));
    }
    // All or none: what one of them lacks is known before any is written.
    let mut new = Vec::new();
    for plan in &config.plans {
        let texts = plumbline_pipeline::plans_in_log(&config, &plan.workspace).map_err(settings::failure)?;
        let known: Vec<Parsed> = texts.iter().filter_map(|text| Plan::parse("log", text).ok()).collect();
        new.push(is_new(plan, known.iter().map(|known| &known.plan))?);
    }
    for (plan, new) in config.plans.iter().zip(new) {
        if new {
            plumbline_pipeline::apply_plan(&config, plan).map_err(settings::failure)?;
        }
        if args.json {
            println!("{}", json!({ "workspace": plan.workspace, "revision": plan.revision, "new": new }));
        } else {
            let already = if new { "" } else { " already" };
            println!("workspace {}: revision {} is in the log{already}", plan.workspace, plan.revision);
        }
    }
    Ok(Answer::Yes)
}

/// Whether the log lacks this plan. One that the state machine would refuse beside those is refused here.
fn is_new<'a>(plan: &ConfiguredPlan, known: impl Iterator<Item = &'a Plan>) -> Outcome<bool> {
    // It takes rising revisions, and of one revision the first text.
    let mut in_force: Option<&Plan> = None;
    for known in known {
        if in_force.is_none_or(|before| known.revision > before.revision) {
            in_force = Some(known);
        }
    }
    let refuse = |why: String| Err(Kind::Configuration.says(format!("workspace {}: {why}", plan.workspace)));
    match in_force {
        Some(known) if known.revision > plan.revision => refuse(format!(
            "revision {} is older than revision {}, which is in the log",
            plan.revision, known.revision
        )),
        Some(known) if known.revision == plan.revision && known.content_hash != plan.content_hash => {
            refuse(format!("the log holds another text of revision {}: raise `revision`", plan.revision))
        }
        Some(known) => Ok(known.revision != plan.revision),
        None => Ok(true),
    }
}

fn as_json(parsed: &Result<Parsed, Vec<Diagnostic>>) -> serde_json::Value {
    let diagnostics = match parsed {
        Ok(parsed) => &parsed.warnings,
        Err(diagnostics) => diagnostics,
    };
    let diagnostics: Vec<_> = diagnostics
        .iter()
        .map(|d| {
            json!({
                "severity": severity(d.severity),
                "file": d.file, "line": d.line, "column": d.column,
                "message": d.message, "mend": d.mend,
            })
        })
        .collect();
    json!({ "usable": parsed.is_ok(), "diagnostics": diagnostics })
}

const fn severity(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}
