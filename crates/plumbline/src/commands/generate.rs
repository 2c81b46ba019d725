//! `plumbline generate`: a synthetic history with a known onset, its plan and its truth.

use std::io::Write;
use std::path::Path;

use plumbline_events::{EventRecord, to_json};
use plumbline_simulator::{Segment, Spec, generate, plan_toml, truth};

use crate::args::GenerateArgs;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::create;
use crate::progress::Progress;

pub(crate) fn run(args: &GenerateArgs, progress: Progress) -> Outcome {
    let spec = spec(args)?;
    if let Some(path) = &args.plan {
        write_text(path, &plan_toml(&spec))?;
    }
    if let Some(path) = &args.truth {
        let text = serde_json::to_string_pretty(&truth(&spec)).or_fail(Kind::Internal)?;
        write_text(path, &(text + "\n"))?;
    }
    let attempt = || format!("cannot write {}", args.output.display());
    let mut out = create(&args.output).or_fail_with(Kind::Input, attempt)?;
    let bar = progress.count("events", None);
    let mut count = 0u64;
    for generated in generate(&spec) {
        let record =
            EventRecord { received_at: generated.received_at, input: "file".into(), event: generated.event };
        writeln!(out, "{}", to_json(&record)).or_fail_with(Kind::Input, attempt)?;
        count += 1;
        if count.is_multiple_of(1024) {
            bar.set_position(count);
        }
    }
    out.finish().or_fail_with(Kind::Input, attempt)?;
    bar.finish_and_clear();
    let onset = spec.onset_day().map_or("no onset".to_owned(), |day| format!("onset {day}"));
    eprintln!("{count} events over {} days from {}, {onset}", spec.days, spec.start);
    Ok(Answer::Yes)
}

/// The simulated company the arguments describe.
fn spec(args: &GenerateArgs) -> Outcome<Spec> {
    let mut spec = Spec {
        kind: args.scenario,
        start: args.start,
        days: args.days,
        drain: args.drain,
        onset: args.onset,
        leads_per_day: args.leads_per_day,
        weekend_backlog: args.weekend_backlog,
        overdispersion: args.overdispersion,
        late_share: args.late,
        duplicate_share: args.duplicates,
        correction_share: args.corrections,
        merge_share: args.merges,
        workspace: args.workspace.clone(),
        seed: args.seed,
        ..Spec::default()
    };
    if !args.segments.is_empty() {
        spec.segments = args.segments.clone();
    }
    spec.check().or_fail(Kind::Arguments)?;
    Ok(spec)
}

/// `smb=0.7` or `smb`.
pub(crate) fn parse_segment(text: &str) -> Result<Segment, String> {
    let (name, share) = text.split_once('=').unwrap_or((text, "1"));
    let share = share.parse().map_err(|_| format!("`{share}` is not a share such as 0.7"))?;
    Ok(Segment { name: name.to_owned(), share })
}

fn write_text(path: &Path, text: &str) -> Outcome<()> {
    std::fs::write(path, text).or_fail_with(Kind::Input, || format!("cannot write {}", path.display()))
}
