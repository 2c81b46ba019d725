//! `plumbline backtest`: the state machine of the service over files, judged by what really happened, beside
//! variants of the plan, and as a page.

mod compare;
pub(crate) mod ledger;
pub(crate) mod machine;
pub(crate) mod report;
mod score;
mod series;
pub(crate) mod table;
mod variant;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use plumbline_events::{LogRecord, PlanRecord, RecordView, decode_record, encode_record};
use plumbline_plan::Plan;
use plumbline_simulator::Yardstick;
use plumbline_units::Timestamp;

use self::machine::{Machine, Show};
use self::series::Series;
use self::variant::Variant;
use super::{load_plan, now, parse_plan};
use crate::args::{BacktestArgs, JudgedArgs};
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{Records, Request};
use crate::progress::Progress;

pub(crate) fn run(args: &BacktestArgs, progress: Progress) -> Outcome {
    let started = Instant::now();
    let truth = args.truth.as_deref().map(load_truth).transpose()?;
    let variants: Vec<Variant> = args
        .what_if
        .iter()
        .map(|text| Variant::parse(text).map_err(|why| Kind::Arguments.says(format!("--what-if {why}"))))
        .collect::<Outcome<_>>()?;
    let mut records = Records::open(&request(&args.judged, progress))?;
    let mut record = Vec::new();
    let mut more = records.next(&mut record)?;
    let mut machines = start(&args.judged, &variants, &records, more.then_some(&record), progress)?;
    if let (Some(_), Some(base)) = (&args.report, machines.first_mut()) {
        base.series = Series::kept();
    }
    let show = match (variants.is_empty(), args.json || !io::stdout().is_terminal()) {
        (false, _) => Show::Nothing,
        (true, true) => Show::Lines,
        (true, false) => Show::Screens,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let bar = progress.count("judging", None);
    let mut count = 0u64;
    while more {
        let view = decode_record(&record).or_fail(Kind::Internal)?;
        for machine in &mut machines {
            machine.apply(&view)?;
            machine.tell(&mut out, show).or_fail(Kind::Internal)?;
        }
        count += 1;
        if count.is_multiple_of(4096) {
            bar.set_position(count);
        }
        more = records.next(&mut record)?;
    }
    if let Some(until) = args.judged.events.until {
        for machine in &mut machines {
            for time in machine.hours_to(until) {
                machine.reach(time)?;
                machine.tell(&mut out, show).or_fail(Kind::Internal)?;
            }
        }
    }
    bar.finish_and_clear();
    for line in records.tally().report() {
        eprintln!("{line}");
    }
    // Silence about nothing must not look like a company on plan.
    if records.tally().accepted == 0 {
        return Err(Kind::Input.says("not one event could be taken: nothing was judged"));
    }
    conclude(args, &machines, truth.as_ref(), started, &mut out)
}

/// The verdicts on the run, after its last record.
fn conclude(
    args: &BacktestArgs,
    machines: &[Machine<'_>],
    truth: Option<&Yardstick>,
    started: Instant,
    out: &mut impl Write,
) -> Outcome {
    let Some(base) = machines.first() else { return Ok(Answer::Yes) };
    base.summarise(started.elapsed().as_secs_f64());
    let mut answer = Answer::Yes;
    if let Some(truth) = truth {
        let judgement = table::Judgement::of(base, truth);
        if judgement.missing() > 0 {
            answer = Answer::No;
        }
        if args.json && machines.len() == 1 {
            writeln!(out, "{}", judgement.as_json()).or_fail(Kind::Internal)?;
        } else {
            eprint!("{judgement}");
        }
    }
    if machines.len() > 1 {
        let comparison = compare::Comparison::of(machines, truth);
        if args.json {
            writeln!(out, "{}", comparison.as_json()).or_fail(Kind::Internal)?;
        } else {
            write!(out, "{comparison}").or_fail(Kind::Internal)?;
        }
    }
    out.flush().or_fail(Kind::Internal)?;
    if let Some(path) = &args.report {
        let page = report::page(base, truth);
        std::fs::write(path, page)
            .or_fail_with(Kind::Input, || format!("cannot write {}", path.display()))?;
        eprintln!("report: {}", path.display());
    }
    Ok(answer)
}

pub(crate) fn request(args: &JudgedArgs, progress: Progress) -> Request<'_> {
    Request {
        files: &args.events.files,
        order: args.order,
        until: args.events.until.unwrap_or_else(now),
        progress,
    }
}

fn load_truth(path: &Path) -> Outcome<Yardstick> {
    let attempt = || format!("cannot read the truth {}", path.display());
    let text = std::fs::read_to_string(path).or_fail_with(Kind::Input, attempt)?;
    serde_json::from_str(&text).or_fail_with(Kind::Input, attempt)
}

/// The machines with their plans: the plan as it stands, then each variant.
pub(crate) fn start<'a>(
    args: &'a JudgedArgs,
    variants: &[Variant],
    records: &Records,
    first: Option<&Vec<u8>>,
    progress: Progress,
) -> Outcome<Vec<Machine<'a>>> {
    let mut base = Machine::new(args, "plan".to_owned(), progress)?;
    let path = match (&args.plan, records.is_export()) {
        (None, true) if variants.is_empty() => return Ok(vec![base]),
        (None, true) => {
            return Err(Kind::Arguments.says(
                "an exported log has its plans in it: --what-if needs plain events and --plan PLAN.toml",
            ));
        }
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
    let mut machines = Vec::new();
    for variant in variants {
        let refused = |why| Kind::Arguments.says(format!("--what-if {}: {why}", variant.label));
        let toml = variant.edit(&toml).map_err(refused)?;
        let name = format!("{} with {}", path.display(), variant.label);
        let plan = parse_plan(&name, &toml).map_err(refused)?.plan;
        let mut machine = Machine::new(args, variant.label.clone(), progress)?;
        give_plan(&mut machine, args, &plan, &toml, time)?;
        machines.push(machine);
    }
    give_plan(&mut base, args, &plan, &toml, time)?;
    machines.insert(0, base);
    Ok(machines)
}

/// The plan as the log's first record. An exported log has its own.
fn give_plan(
    machine: &mut Machine<'_>,
    args: &JudgedArgs,
    plan: &Plan,
    toml: &str,
    time: Timestamp,
) -> Outcome<()> {
    let record = LogRecord::Plan(PlanRecord {
        workspace: args.workspace.clone(),
        time,
        toml: toml.into(),
        live_from: plan.live_from.unwrap_or(time),
    });
    let mut bytes = Vec::new();
    encode_record(&record, &mut bytes);
    machine.apply(&decode_record(&bytes).or_fail(Kind::Internal)?)?;
    Ok(())
}
