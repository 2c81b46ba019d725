//! `plumbline log export`: the log as JSON lines.

use std::io::Write;
use std::path::Path;

use plumbline_pipeline::{Config, Exported, Part, export_log};

use crate::args::{LogExportArgs, LogPart};
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{create, is_standard};
use crate::settings;

pub(crate) fn export(args: &LogExportArgs) -> Outcome {
    let config = settings::pipeline(&settings::load(&args.config)?)?;
    if args.part.all {
        return all(&config, &args.output);
    }
    let part = part(&args.part, &config)?;
    let exported = write(&config, &part, &args.output)?;
    eprintln!("{}", summary(&exported));
    if exported.partitions > 1 {
        eprintln!("other partitions of the log may hold other workspaces: --all writes them all");
    }
    match &part {
        Part::Workspace(name) if !exported.workspaces.contains(name) => {
            Err(Kind::Input.says(format!("the log holds nothing of workspace `{name}`")))
        }
        _ => Ok(Answer::Yes),
    }
}

/// What the flags choose; without one the only workspace that is configured.
fn part(chosen: &LogPart, config: &Config) -> Outcome<Part> {
    if let Some(number) = chosen.partition {
        return Ok(Part::Partition(number));
    }
    if let Some(name) = &chosen.workspace {
        return Ok(Part::Workspace(name.clone()));
    }
    let names: Vec<&str> = config.plans.iter().map(|plan| plan.workspace.as_str()).collect();
    match &config.plans[..] {
        [plan] => Ok(Part::Workspace(plan.workspace.clone())),
        plans => {
            let configured = if plans.is_empty() { "no workspace".to_owned() } else { names.join(", ") };
            Err(Kind::Arguments.says(format!(
                "which part of the log? Configured: {configured}. Name one with --workspace or --partition, or take \
                 everything with --all --output FOLDER"
            )))
        }
    }
}

/// Each partition into a file of its own: a partition is a whole log, several one after another are none.
fn all(config: &Config, folder: &Path) -> Outcome {
    if is_standard(folder) {
        return Err(
            Kind::Arguments.says("--all writes one file for each partition: name their folder with --output")
        );
    }
    std::fs::create_dir_all(folder)
        .or_fail_with(Kind::Input, || format!("cannot make {}", folder.display()))?;
    let mut next = 0;
    loop {
        let path = folder.join(format!("partition-{next}.jsonl.zst"));
        let exported = write(config, &Part::Partition(next), &path)?;
        eprintln!("{}: {}", path.display(), summary(&exported));
        next += 1;
        if next >= exported.partitions {
            return Ok(Answer::Yes);
        }
    }
}

fn write(config: &Config, part: &Part, path: &Path) -> Outcome<Exported> {
    let attempt = || format!("cannot write {}", path.display());
    let mut out = create(path).or_fail_with(Kind::Input, attempt)?;
    let exported = export_log(config, part, &mut Plain(out.as_mut())).map_err(settings::failure)?;
    out.finish().or_fail_with(Kind::Input, attempt)?;
    Ok(exported)
}

fn summary(exported: &Exported) -> String {
    let Exported { partition, partitions, records, workspaces } = exported;
    let names: Vec<&str> = workspaces.iter().map(|name| name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("{records} records of log partition {partition} (of {partitions}); workspaces: {names}")
}

/// A writer as the pipeline knows it.
struct Plain<'a>(&'a mut dyn crate::input::FinishWrite);

impl Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
