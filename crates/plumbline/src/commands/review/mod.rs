//! `plumbline review`: what a week brought, for the meeting that looks at it.
//!
//! The state machine judges the same records as the service did, so the review says what was said live. It stands as
//! of the last day of its week: what came to be known later is not in it.

mod book;
mod document;
mod episodes;
mod targets;
mod week;
mod weeks;

use std::io::Write;

use plumbline_events::decode_record;

use self::book::Book;
pub(crate) use self::week::Week;
use self::weeks::Weeks;
use super::backtest::machine::Machine;
use super::backtest::{request, start};
use crate::args::ReviewArgs;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{Records, create, is_standard};
use crate::progress::Progress;

pub(crate) fn run(args: &ReviewArgs, progress: Progress) -> Outcome {
    let mut records = Records::open(&request(&args.judged, progress))?;
    let mut record = Vec::new();
    let mut more = records.next(&mut record)?;
    let mut machines = start(&args.judged, &[], &records, more.then_some(&record), progress)?;
    let machine = machines.first_mut().ok_or_else(|| Kind::Internal.says("no machine was started"))?;
    let mut weeks = Weeks::new(args.week);
    let mut over = false;
    let bar = progress.count("judging", None);
    while more && !over {
        let looked = machine.apply(&decode_record(&record).or_fail(Kind::Internal)?)?;
        over = looked && weeks.look(machine);
        bar.inc(1);
        more = records.next(&mut record)?;
    }
    for time in args.judged.events.until.map(|until| machine.hours_to(until)).into_iter().flatten() {
        if over {
            break;
        }
        machine.reach(time)?;
        over = weeks.look(machine);
    }
    bar.finish_and_clear();
    for line in records.tally().report() {
        eprintln!("{line}");
    }
    write(args, machine, weeks)
}

fn write(args: &ReviewArgs, machine: &Machine<'_>, weeks: Weeks) -> Outcome {
    let none = || {
        Kind::Input.says("no day was closed: the events end on the day on which they begin, or have no plan")
    };
    let (newest, whole) = weeks.newest().zip(weeks.whole()).ok_or_else(none)?;
    // The one under way is reviewed only where it is asked for.
    let week = args.week.unwrap_or(whole);
    let (standing, ledger) = weeks.take(week).ok_or_else(|| {
        let why = if week < newest {
            "no day of it was closed before days of a later week"
        } else {
            "it lies ahead"
        };
        Kind::Input.says(format!("{week} was not judged, {why}: the last day closed lies in {newest}"))
    })?;
    let workspace = machine.workspace().ok_or_else(none)?;
    let book = Book::new(workspace.name(), week, standing, ledger);
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
