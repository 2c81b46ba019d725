//! `plumbline log export`: the log as JSON lines.

use std::io::Write;

use plumbline_pipeline::{Part, export_log};

use crate::args::{LogExportArgs, LogPart};
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::create;
use crate::settings;

pub(crate) fn export(args: &LogExportArgs) -> Outcome {
    let config = settings::pipeline(&settings::load(&args.config)?)?;
    let attempt = || format!("cannot write {}", args.output.display());
    let mut out = create(&args.output).or_fail_with(Kind::Input, attempt)?;
    let part = match &args.part {
        LogPart { partition: Some(number), .. } => Part::Partition(*number),
        LogPart { workspace, .. } => Part::Workspace(workspace.clone()),
    };
    let count = export_log(&config, &part, &mut Plain(out.as_mut())).map_err(settings::failure)?;
    out.finish().or_fail_with(Kind::Input, attempt)?;
    eprintln!("{count} records");
    Ok(Answer::Yes)
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
