//! `plumbline ack`: one of the owning functions knows of an alert.

use plumbline_pipeline::{Acknowledge, Stop, acknowledge};

use crate::args::AckArgs;
use crate::exit::{Answer, Outcome};
use crate::settings;

pub(crate) fn run(args: &AckArgs) -> Outcome {
    let config = settings::pipeline(&settings::load(&args.config)?)?;
    let said = Acknowledge {
        alert: args.alert.clone(),
        function: args.function.clone(),
        note: args.note.clone(),
        until: args.until,
    };
    let alert = acknowledge(&config, &said, None, &Stop::default()).map_err(settings::failure)?;
    let spoke = |function: &str| {
        function == args.function || alert.acknowledgements.iter().any(|a| a.function == function)
    };
    let mut missing: Vec<&str> = alert.owners.iter().map(|owner| owner.function.as_str()).collect();
    missing.dedup();
    missing.retain(|function| !spoke(function));
    println!("{} knows of: {}", args.function, alert.title);
    if !missing.is_empty() {
        println!("still to speak: {}", missing.join(", "));
    }
    Ok(Answer::Yes)
}
