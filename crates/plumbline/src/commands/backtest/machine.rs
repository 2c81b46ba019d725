//! One state machine over the records of a run, and what it has said.

use std::collections::BTreeMap;
use std::io::{self, Write};

use plumbline_engine::alert::{Alert, render_text};
use plumbline_engine::{Engine, History, HistoryError, Output, Stop, WorkspaceState};
use plumbline_events::{ClockRecord, LogRecord, RecordView, decode_record, encode_record};
use plumbline_plan::Plan;
use plumbline_units::{Seconds, Timestamp, Zone};

use super::ledger::Ledger;
use super::score::Span;
use super::series::Series;
use crate::args::JudgedArgs;
use crate::exit::{Kind, OrFail, Outcome};
use crate::input::{Records, is_standard};
use crate::progress::Progress;
use crate::settings;

/// What becomes of alert records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// As they stand on the topic.
    Lines,
    /// One screen each.
    Screens,
    /// Only counted.
    Nothing,
}

/// A state machine and what it has said so far.
pub(crate) struct Machine<'a> {
    /// The variant's assignments; `plan` for the plan as it stands.
    pub(crate) label: String,
    pub(crate) ledger: Ledger,
    pub(crate) series: Series,
    engine: Engine,
    history: FileHistory<'a>,
    workspace: &'a str,
    outputs: Vec<Output>,
    offset: i64,
    /// The hour of the clock at which the statuses were last looked at.
    looked: Option<i64>,
    alerts: BTreeMap<String, u64>,
    refused: BTreeMap<&'static str, u64>,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(args: &'a JudgedArgs, label: String, progress: Progress) -> Outcome<Machine<'a>> {
        Ok(Machine {
            label,
            ledger: Ledger::default(),
            series: Series::default(),
            engine: Engine::new(settings::machine(args.config.as_deref())?),
            history: FileHistory { args, progress },
            workspace: args.workspace.as_str(),
            outputs: Vec::new(),
            offset: 0,
            looked: None,
            alerts: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    /// Records applied so far, its plan included.
    pub(crate) fn records(&self) -> i64 {
        self.offset
    }

    /// Applies the next record; whether ticks may have closed with it.
    pub(crate) fn apply(&mut self, record: &RecordView<'_>) -> Outcome<bool> {
        self.engine.apply(self.offset, record, &mut self.history, &mut self.outputs).or_fail(Kind::Input)?;
        self.offset += 1;
        // A tick closes as the clock passes an hour or soon after a stream has moved on: within the hour it is seen.
        let hour = self.engine.now().map(|now| now.millis().div_euclid(Seconds::HOUR.0 * 1000));
        let look = self.looked != hour || !self.outputs.is_empty();
        if look {
            self.looked = hour;
            if let Some(workspace) = self.engine.workspace(self.workspace) {
                self.series.look(workspace.judge().statuses());
            }
        }
        Ok(look)
    }

    /// The hours between the clock and `until`, then `until`: a clock that goes on through them closes day after day
    /// as it does live, and never leaps.
    pub(crate) fn hours_to(&self, until: Timestamp) -> impl Iterator<Item = Timestamp> + use<> {
        let hour = Seconds::HOUR.0 * 1000;
        let first = self
            .engine
            .now()
            .map_or(until, |now| Timestamp::clamped((now.millis().div_euclid(hour) + 1) * hour));
        let next = |at: &Timestamp| Some(at.plus(Seconds::HOUR));
        std::iter::successors(Some(first), next).take_while(move |at| *at < until).chain([until])
    }

    /// Lets the clock reach a time.
    pub(crate) fn reach(&mut self, time: Timestamp) -> Outcome<bool> {
        let mut record = Vec::new();
        encode_record(&LogRecord::Clock(ClockRecord { time, inputs: Vec::new() }), &mut record);
        self.apply(&decode_record(&record).or_fail(Kind::Internal)?)
    }

    /// Takes what was said since the last call into the ledger, and shows it.
    pub(crate) fn tell(&mut self, out: &mut impl Write, show: Show) -> io::Result<()> {
        if self.outputs.is_empty() {
            return Ok(());
        }
        let zone = self.workspace().map_or(Zone::UTC, |w| w.plan().zone);
        for output in std::mem::take(&mut self.outputs) {
            match output {
                Output::Alert(record) => {
                    let alert: Option<Alert> = serde_json::from_slice(&record.value).ok();
                    if let Some(alert) = &alert {
                        *self.alerts.entry(kind_of(alert)).or_default() += 1;
                        if alert.workspace == self.workspace {
                            self.ledger.take(alert, zone);
                        }
                    }
                    match (show, alert) {
                        (Show::Nothing, _) => {}
                        (Show::Screens, Some(alert)) => {
                            writeln!(out, "{}\n", render_text(&alert).trim_end())?;
                        }
                        _ => {
                            out.write_all(&record.value)?;
                            writeln!(out)?;
                        }
                    }
                }
                Output::DeadLetter(letter) => *self.refused.entry(letter.class).or_default() += 1,
            }
        }
        Ok(())
    }

    /// What was said of the workspace since the last call.
    pub(crate) fn said(&mut self) -> Vec<Alert> {
        let said = std::mem::take(&mut self.outputs).into_iter().filter_map(|output| match output {
            Output::Alert(record) => serde_json::from_slice::<Alert>(&record.value).ok(),
            Output::DeadLetter(_) => None,
        });
        said.filter(|alert| alert.workspace == self.workspace).collect()
    }

    /// The workspace judged, once it has a plan.
    pub(crate) fn workspace(&self) -> Option<&WorkspaceState> {
        self.engine.workspace(self.workspace)
    }

    /// The plan in force at the end.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.workspace().map(WorkspaceState::plan)
    }

    /// The days judged; `None` where no tick has closed.
    pub(crate) fn span(&self) -> Option<Span> {
        let (first, last) = self.series.span()?;
        let workspace = self.workspace()?;
        let live = workspace.plan().zone.day_of(workspace.plan_source().live_from);
        Some(Span { first, live: live.max(first), last })
    }

    /// What happened, for people, on standard error.
    pub(crate) fn summarise(&self, seconds: f64) {
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
    args: &'a JudgedArgs,
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
        let request = super::request(self.args, self.progress);
        let mut records = Records::open(&request).map_err(|e| unreadable(e.to_string()))?;
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
