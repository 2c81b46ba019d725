//! `plumbline review`: what a week brought, for the meeting that looks at it.
//!
//! The state machine judges the same records as the service did, so the review says what was said live. It stands as
//! of the last day of its week: what came to be known later is not in it.

mod book;
mod document;
mod episodes;
mod targets;
mod week;

use std::collections::BTreeMap;
use std::io::Write;

use plumbline_drift::judge::TargetStatus;
use plumbline_engine::alert::Alert;
use plumbline_events::decode_record;
use plumbline_units::Day;

use self::book::Book;
pub(crate) use self::week::Week;
use super::backtest::machine::Machine;
use super::backtest::{request, start};
use crate::args::ReviewArgs;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{Records, create, is_standard};
use crate::progress::Progress;

/// How every target stood at the end of the last day judged in each week; only the newest weeks are kept.
type Weeks = BTreeMap<Week, (Day, Vec<TargetStatus>)>;
/// The last whole week and the one under way.
const WEEKS: usize = 2;

pub(crate) fn run(args: &ReviewArgs, progress: Progress) -> Outcome {
    let mut records = Records::open(&request(&args.judged, progress))?;
    let mut record = Vec::new();
    let mut more = records.next(&mut record)?;
    let mut machines = start(&args.judged, &[], &records, more.then_some(&record), progress)?;
    let machine = machines.first_mut().ok_or_else(|| Kind::Internal.says("no machine was started"))?;
    let (mut weeks, mut said) = (Weeks::new(), Vec::new());
    let bar = progress.count("judging", None);
    while more {
        machine.apply(&decode_record(&record).or_fail(Kind::Internal)?)?;
        if past(args.week, machine, &mut weeks) {
            break;
        }
        said.append(&mut machine.said());
        bar.inc(1);
        more = records.next(&mut record)?;
    }
    if let (true, Some(until)) = (!past(args.week, machine, &mut weeks), args.judged.events.until) {
        machine.end_at(until)?;
        past(args.week, machine, &mut weeks);
    }
    said.append(&mut machine.said());
    bar.finish_and_clear();
    for line in records.tally().report() {
        eprintln!("{line}");
    }
    write(args, machine, &mut weeks, said)
}

/// Takes note of a day that was closed; whether the wanted week is over.
fn past(wanted: Option<Week>, machine: &Machine<'_>, weeks: &mut Weeks) -> bool {
    let Some(workspace) = machine.workspace() else { return false };
    let Some(day) = workspace.judge().statuses().map(|status| status.day).max() else { return false };
    let week = Week::of(day);
    if weeks.get(&week).is_none_or(|(seen, _)| *seen < day) {
        if wanted.is_some_and(|wanted| week > wanted) {
            return true;
        }
        weeks.insert(week, (day, workspace.judge().statuses().cloned().collect()));
        if weeks.len() > WEEKS {
            weeks.pop_first();
        }
    }
    false
}

fn write(args: &ReviewArgs, machine: &Machine<'_>, weeks: &mut Weeks, said: Vec<Alert>) -> Outcome {
    let none = || {
        Kind::Input.says("no day was closed: the events end on the day on which they begin, or have no plan")
    };
    let newest = *weeks.last_key_value().ok_or_else(none)?.0;
    // The one under way is reviewed only where it is asked for.
    let whole = |week: &Week| weeks.get(week).is_some_and(|(day, _)| *day == week.last()) || *week < newest;
    let week = match args.week {
        Some(week) => week,
        None if whole(&newest) => newest,
        None => newest.before(),
    };
    let (day, statuses) = weeks.remove(&week).ok_or_else(|| {
        Kind::Input.says(format!("{week} was not judged: the last day closed lies in {newest}"))
    })?;
    let workspace = machine.workspace().ok_or_else(none)?;
    let book = Book::new(workspace, week, day, statuses, &said);
    let document = book.document();
    let text = match args.output.extension() {
        Some(extension) if extension == "html" => document.html(),
        _ => document.markdown(),
    };
    let attempt = || format!("cannot write {}", args.output.display());
    let mut out = create(&args.output).or_fail_with(Kind::Input, attempt)?;
    out.write_all(text.as_bytes()).or_fail_with(Kind::Input, attempt)?;
    out.finish().or_fail_with(Kind::Input, attempt)?;
    if !is_standard(&args.output) {
        eprintln!("review of {week}: {}", args.output.display());
    }
    Ok(Answer::Yes)
}
