//! The events plans are made from, folded.

use std::collections::BTreeMap;

use plumbline_events::{EventView, RecordView, decode_record};
use plumbline_funnel::{Applied, Cells, Fold};
use plumbline_plan::Plan;
use plumbline_units::{Day, Timestamp};

use crate::args::{HistoryArgs, Order};
use crate::commands::aggregates::unbounded;
use crate::commands::now;
use crate::exit::{Kind, OrFail, Outcome};
use crate::input::{Records, Request, is_standard};
use crate::progress::Progress;

/// Days an event may be late at most and still hold back the last complete day: imports of the past arrive whole.
const MOST_LATE: usize = 7;

/// Folded events and the days of them that are complete.
pub(super) struct History {
    fold: Fold,
    pub(super) first: Day,
    pub(super) last: Day,
}

impl History {
    /// Reads the files under a plan's stages, dimensions, zone, currency and rates.
    pub(super) fn read(args: &HistoryArgs, plan: &Plan, progress: Progress) -> Outcome<History> {
        let mut fold = Fold::new(plan, unbounded());
        let mut refused: BTreeMap<&'static str, (u64, String)> = BTreeMap::new();
        let mut lateness = Lateness::default();
        each_event(args, progress, &mut |event| {
            lateness.see(event);
            if let Applied::Rejected(rejection) = fold.apply(event, None) {
                refused.entry(rejection.class()).or_insert_with(|| (0, rejection.to_string())).0 += 1;
            }
        })?;
        for (class, (count, example)) in refused {
            eprintln!("{count} events refused: {class} ({example})");
        }
        for (stage, count) in &fold.stats().counters.ignored_stages {
            eprintln!("{count} events name the stage `{stage}`, which the plan does not list");
        }
        let first = args.from.or(fold.cells().first_entry_day());
        let complete = lateness.last_complete_day(plan);
        let (Some(first), Some(complete)) = (first, complete) else {
            return Err(Kind::Input.says(format!("no event of workspace {} was read", args.workspace)));
        };
        let last = args.to.map_or(complete, |day| day.min(complete));
        if last < first {
            return Err(Kind::Input.says(format!("no complete day: the first is {first}, the last {last}")));
        }
        Ok(History { fold, first, last })
    }

    pub(super) fn cells(&self) -> &Cells {
        self.fold.cells()
    }

    /// How many days there are.
    pub(super) fn days(&self) -> i32 {
        self.last.since(self.first) + 1
    }
}

/// Calls `each` with the workspace's events received in time; tells of lines rejected.
pub(super) fn each_event(
    args: &HistoryArgs,
    progress: Progress,
    each: &mut dyn FnMut(&EventView<'_>),
) -> Outcome<()> {
    if args.files.iter().any(|file| is_standard(file)) {
        return Err(Kind::Arguments.says("standard input cannot be read twice: write the events to a file"));
    }
    let until = args.until.unwrap_or_else(now);
    // A history may be simulated, or replayed after its time: what lies after `until` is left out, not refused.
    let latest = until.max(now());
    let mut records =
        Records::open(&Request { files: &args.files, order: Order::File, until: latest, progress })?;
    let mut record = Vec::new();
    while records.next(&mut record)? {
        // An exported log holds records that are no events.
        let RecordView::Event(event) = decode_record(&record).or_fail(Kind::Internal)? else { continue };
        if event.workspace == args.workspace.as_str() && event.received_at <= until {
            each(&event);
        }
    }
    for line in records.tally().report() {
        eprintln!("{line}");
    }
    Ok(())
}

/// How late events arrive, and the last arrival.
#[derive(Default)]
struct Lateness {
    by_days: [u64; MOST_LATE + 1],
    last: Option<Timestamp>,
}

impl Lateness {
    fn see(&mut self, event: &EventView<'_>) {
        let days = event.received_at.millis_since(event.occurred_at) / 86_400_000;
        self.by_days[usize::try_from(days).unwrap_or(0).min(MOST_LATE)] += 1;
        let at = event.received_at.max(event.occurred_at);
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }

    /// The last day before the last arrival's of which 999 of 1000 events have arrived.
    fn last_complete_day(&self, plan: &Plan) -> Option<Day> {
        let total: u64 = self.by_days.iter().sum();
        let mut later = total;
        let late = self.by_days.iter().take_while(|n| {
            later -= **n;
            later * 1000 > total
        });
        let late = late.count().min(MOST_LATE);
        // A source that stops early is no reason to take its silence for facts, nor is a clock ahead: the last
        // arrival is what the file says.
        self.last.map(|at| plan.zone.day_of(at).plus(-1 - late as i32))
    }
}
