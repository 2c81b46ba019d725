//! `plumbline doctor`: everything a start needs, looked at before it.

use plumbline_pipeline::{self as pipeline, Check, ensure_topics};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::exit::{Answer, Outcome};
use crate::settings;

pub(crate) fn run(args: &DoctorArgs) -> Outcome {
    let config = settings::load(&args.config)?;
    let pipeline = settings::pipeline(&config)?;
    settings::token(&config)?;
    let mut checks = vec![plans(&pipeline)];
    if args.create_topics {
        for topic in ensure_topics(&pipeline).map_err(settings::failure)? {
            eprintln!("made topic {topic}");
        }
    }
    checks.extend(pipeline::doctor(&pipeline));
    let mut answer = Answer::Yes;
    for check in &checks {
        if check.outcome == pipeline::Outcome::Bad {
            answer = Answer::No;
        }
        if args.json {
            println!(
                "{}",
                json!({ "subject": check.subject, "outcome": word(check.outcome), "detail": check.detail })
            );
        } else {
            println!("{:<5} {:<28} {}", word(check.outcome), check.subject, check.detail);
        }
    }
    Ok(answer)
}

/// Plans that cannot be parsed have ended the command before; what is left is whether there is one.
fn plans(config: &pipeline::Config) -> Check {
    let names: Vec<String> =
        config.plans.iter().map(|plan| format!("{} revision {}", plan.workspace, plan.revision)).collect();
    let (outcome, detail) = if names.is_empty() {
        (
            pipeline::Outcome::Doubtful,
            "none configured: only workspaces whose plan is in the log are judged".to_owned(),
        )
    } else {
        (pipeline::Outcome::Good, names.join(", "))
    };
    Check { subject: "plan".to_owned(), outcome, detail }
}

const fn word(outcome: pipeline::Outcome) -> &'static str {
    match outcome {
        pipeline::Outcome::Good => "ok",
        pipeline::Outcome::Doubtful => "warn",
        pipeline::Outcome::Bad => "bad",
    }
}
