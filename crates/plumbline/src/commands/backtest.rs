//! `plumbline backtest`: the state machine of the service over files.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Instant;

use plumbline_engine::alert::{Alert, render_text};
use plumbline_engine::{Engine, History, HistoryError, Output, Stop};
use plumbline_events::{ClockRecord, LogRecord, PlanRecord, RecordView, decode_record, encode_record};
use plumbline_units::{Seconds, Timestamp};

use super::{load_plan, now};
use crate::args::BacktestArgs;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{Records, Request, is_standard};
use crate::progress::Progress;
use crate::settings;

pub(crate) fn run(args: &BacktestArgs, progress: Progress) -> Outcome {
    let started = Instant::now();
    let mut records = Records::open(&request(args, progress))?;
    let mut run = Run::new(args, progress)?;
    let screens = !args.json && io::stdout().is_terminal();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut record = Vec::new();
    let mut more = records.next(&mut record)?;
    if let Some(plan) = plan_record(args, &records, more.then_some(&record))? {
        run.apply(&plan)?;
    }
    let bar = progress.count("judging", None);
    while more {
        run.apply(&record)?;
        run.print(&mut out, screens).or_fail(Kind::Internal)?;
        if run.offset.unsigned_abs().is_multiple_of(4096) {
            bar.set_position(run.offset.unsigned_abs());
        }
        more = records.next(&mut record)?;
    }
    if let Some(until) = args.events.until {
        run.end_at(until)?;
        run.print(&mut out, screens).or_fail(Kind::Internal)?;
    }
    out.flush().or_fail(Kind::Internal)?;
    bar.finish_and_clear();
    for line in records.tally().report() {
        eprintln!("{line}");
    }
    run.summarise(started);
    Ok(Answer::Yes)
}

fn request(args: &BacktestArgs, progress: Progress) -> Request<'_> {
    Request {
        files: &args.events.files,
        order: args.order,
        until: args.events.until.unwrap_or_else(now),
        progress,
    }
}

/// The plan as the log's first record. An exported log has its own.
fn plan_record(args: &BacktestArgs, records: &Records, first: Option<&Vec<u8>>) -> Outcome<Option<Vec<u8>>> {
    let path = match (&args.plan, records.is_export()) {
        (None, true) => return Ok(None),
        (Some(_), true) => {
            return Err(Kind::Arguments.says("an exported log has its plans in it: leave --plan away"));
        }
        (None, false) => {
            return Err(Kind::Arguments.says("events need a plan to be judged by: --plan PLAN.toml"));
        }
        (Some(path), false) => path,
    };
    let (plan, toml) = load_plan(path)?;
    let time = match first.map(|bytes| decode_record(bytes)).transpose().or_fail(Kind::Internal)? {
        Some(RecordView::Event(event)) => event.received_at,
        _ => Timestamp::MIN,
    };
    let record = LogRecord::Plan(PlanRecord {
        workspace: args.workspace.clone(),
        time,
        toml: toml.into(),
        live_from: plan.live_from.unwrap_or(time),
    });
    let mut bytes = Vec::new();
    encode_record(&record, &mut bytes);
    Ok(Some(bytes))
}

/// A state machine and what it has said so far.
struct Run<'a> {
    engine: Engine,
    history: FileHistory<'a>,
    outputs: Vec<Output>,
    offset: i64,
    alerts: BTreeMap<String, u64>,
    refused: BTreeMap<&'static str, u64>,
}

impl<'a> Run<'a> {
    fn new(args: &'a BacktestArgs, progress: Progress) -> Outcome<Run<'a>> {
        Ok(Run {
            engine: Engine::new(settings::machine(args.config.as_deref())?),
            history: FileHistory { args, progress },
            outputs: Vec::new(),
            offset: 0,
            alerts: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    fn apply(&mut self, record: &[u8]) -> Outcome<()> {
        let view = decode_record(record).or_fail(Kind::Internal)?;
        self.engine.apply(self.offset, &view, &mut self.history, &mut self.outputs).or_fail(Kind::Input)?;
        self.offset += 1;
        Ok(())
    }

    /// Lets the clock reach `until`. A leap of the clock is believed once records ten minutes apart agree on it.
    fn end_at(&mut self, until: Timestamp) -> Outcome<()> {
        let mut record = Vec::new();
        for time in [until.minus(Seconds(600)), until] {
            record.clear();
            encode_record(&LogRecord::Clock(ClockRecord { time, inputs: Vec::new() }), &mut record);
            self.apply(&record)?;
        }
        Ok(())
    }

    fn print(&mut self, out: &mut impl Write, screens: bool) -> io::Result<()> {
        for output in self.outputs.drain(..) {
            match output {
                Output::Alert(alert) => {
                    let parsed: Option<Alert> = serde_json::from_slice(&alert.value).ok();
                    if let Some(alert) = &parsed {
                        *self.alerts.entry(kind_of(alert)).or_default() += 1;
                    }
                    match parsed.filter(|_| screens) {
                        Some(alert) => writeln!(out, "{}\n", render_text(&alert).trim_end())?,
                        None => {
                            out.write_all(&alert.value)?;
                            writeln!(out)?;
                        }
                    }
                }
                Output::DeadLetter(letter) => *self.refused.entry(letter.class).or_default() += 1,
            }
        }
        Ok(())
    }

    fn summarise(&self, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("{} records in {seconds:.1} s", self.offset);
        for (class, count) in &self.refused {
            eprintln!("{count} events refused: {class}");
        }
        for (name, count) in self.engine.unplanned() {
            eprintln!("{count} events of workspace {name}, which has no plan, were not judged");
        }
        if self.alerts.is_empty() {
            eprintln!("no alerts");
        }
        for (kind, count) in &self.alerts {
            eprintln!("{count} alert records: {kind}");
        }
        for workspace in self.engine.workspaces() {
            for status in workspace.judge().statuses() {
                let scope = if status.scope_label.is_empty() { "everything" } else { &status.scope_label };
                let missing = status.verdict.missing().map_or_else(String::new, |text| format!(" ({text})"));
                eprintln!("{} {} in {scope}: {}{missing}", status.day, status.name, status.verdict.word());
            }
        }
    }
}

fn kind_of(alert: &Alert) -> String {
    let when = if alert.historical { ", historical" } else { "" };
    format!("{} {}{when}", alert.kind, alert.transition)
}

/// Reads the files again from their start.
struct FileHistory<'a> {
    args: &'a BacktestArgs,
    progress: Progress,
}

impl History for FileHistory<'_> {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        let unreadable = |why: String| HistoryError::Unreadable(why);
        if self.args.events.files.iter().any(|file| is_standard(file)) {
            return Err(unreadable(
                "standard input can be read only once: write the log to a file".to_owned(),
            ));
        }
        let mut records =
            Records::open(&request(self.args, self.progress)).map_err(|e| unreadable(e.to_string()))?;
        let mut record = Vec::new();
        for offset in 0..upto {
            if !records.next(&mut record).map_err(|e| unreadable(e.to_string()))? {
                break;
            }
            let view = decode_record(&record).map_err(|e| unreadable(e.to_string()))?;
            each(offset, &view).map_err(Box::new)?;
        }
        Ok(())
    }
}
