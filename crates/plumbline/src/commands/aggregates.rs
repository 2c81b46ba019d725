//! `plumbline aggregates`: the funnel of files of events by scope and period of entry. No horizon applies and
//! nothing depends on the order of the events.

mod table;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use plumbline_events::{RecordView, decode_record};
use plumbline_funnel::{Applied, Cells, Fold, FoldOptions, LeafId, Measure};
use plumbline_plan::{DimensionIndex, Plan, StageIndex};
use plumbline_units::{Day, Micros};
use serde_json::{Map, Value, json};

use super::{load_plan, now};
use crate::args::{AggregatesArgs, Order, Period};
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::{Records, Request};
use crate::progress::Progress;

pub(crate) fn run(args: &AggregatesArgs, progress: Progress) -> Outcome {
    let (plan, _) = load_plan(&args.plan)?;
    let each = args.each.iter().map(|name| dimension(&plan, name.as_str())).collect::<Outcome<Vec<_>>>()?;
    let fold = fold(args, &plan, progress)?;
    let rows = Rows::collect(&plan, fold.cells(), &each, args.by);
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json { rows.write_json(&mut out) } else { table::write(&rows, &mut out) }
        .and_then(|()| out.flush())
        .or_fail(Kind::Internal)?;
    Ok(Answer::Yes)
}

fn dimension(plan: &Plan, name: &str) -> Outcome<DimensionIndex> {
    plan.dimension(name).ok_or_else(|| {
        let known: Vec<&str> = plan.dimensions.iter().map(|d| d.name.as_str()).collect();
        Kind::Arguments.says(format!("--each {name}: the plan's dimensions are {}", known.join(", ")))
    })
}

/// Folds the files' events of the workspace.
fn fold(args: &AggregatesArgs, plan: &Plan, progress: Progress) -> Outcome<Fold> {
    let mut records = Records::open(&Request {
        files: &args.events.files,
        order: Order::File,
        until: args.events.until.unwrap_or_else(now),
        progress,
    })?;
    let mut fold = Fold::new(plan, unbounded());
    let mut refused: BTreeMap<&'static str, (u64, String)> = BTreeMap::new();
    let mut record = Vec::new();
    while records.next(&mut record)? {
        // An exported log holds records that are no events.
        let RecordView::Event(event) = decode_record(&record).or_fail(Kind::Internal)? else { continue };
        if event.workspace != args.workspace.as_str() {
            continue;
        }
        if let Applied::Rejected(why) | Applied::Unpriced(why) = fold.apply(&event, None) {
            refused.entry(why.class()).or_insert_with(|| (0, why.to_string())).0 += 1;
        }
    }
    for line in records.tally().report() {
        eprintln!("{line}");
    }
    for (class, (count, example)) in refused {
        eprintln!("{count} events refused, or taken without their amount: {class} ({example})");
    }
    for (stage, count) in &fold.stats().counters.ignored_stages {
        eprintln!("{count} events name the stage `{stage}`, which the plan does not list");
    }
    Ok(fold)
}

/// A file is read once and whole: nothing is forgotten.
pub(crate) fn unbounded() -> FoldOptions {
    FoldOptions {
        horizon: None,
        max_leaves: usize::MAX,
        max_journeys: usize::MAX,
        max_statements: usize::MAX,
        max_cells: usize::MAX,
        max_members: usize::MAX,
        max_values: usize::MAX,
        ..FoldOptions::default()
    }
}

/// All rows: by scope, then period.
struct Rows<'a> {
    plan: &'a Plan,
    each: &'a [DimensionIndex],
    by: Period,
    pairs: Vec<(StageIndex, StageIndex)>,
    rows: BTreeMap<(Vec<&'a str>, Day), Row>,
}

/// The sums of one scope and period.
#[derive(Clone, Debug)]
struct Row {
    /// By stage.
    entries: Vec<i64>,
    /// By watched pair.
    conversions: Vec<i64>,
    won: i64,
    won_amount: i64,
    spend: i64,
}

impl<'a> Rows<'a> {
    fn collect(plan: &'a Plan, cells: &'a Cells, each: &'a [DimensionIndex], by: Period) -> Rows<'a> {
        let pairs = plan.watched_pairs();
        let mut rows = Rows { plan, each, by, pairs, rows: BTreeMap::new() };
        for leaf in cells.leaves() {
            rows.add_leaf(cells, leaf);
        }
        // What was retracted again, to the last event, never was.
        rows.rows.retain(|_, row| !row.is_empty());
        rows
    }

    fn add_leaf(&mut self, cells: &'a Cells, leaf: LeafId) {
        let values = cells.leaf_values(leaf);
        let scope: Vec<&'a str> = self.each.iter().map(|d| values[usize::from(d.0)].as_str()).collect();
        for stage in 0..self.plan.motion().stages.len() {
            let measure = Measure::Entered(StageIndex(stage as u8));
            self.add(cells, leaf, measure, &scope, |row| &mut row.entries[stage]);
        }
        for (pair, (from, to)) in self.pairs.clone().into_iter().enumerate() {
            // Those that skipped a stage count as much as those that are evidence.
            for measure in [Measure::Converted { from, to }, Measure::Skipped { from, to }] {
                self.add(cells, leaf, measure, &scope, |row| &mut row.conversions[pair]);
            }
        }
        self.add(cells, leaf, Measure::WonCount, &scope, |row| &mut row.won);
        self.add(cells, leaf, Measure::WonAmount, &scope, |row| &mut row.won_amount);
        self.add(cells, leaf, Measure::Spend, &scope, |row| &mut row.spend);
    }

    fn add(
        &mut self,
        cells: &Cells,
        leaf: LeafId,
        measure: Measure,
        scope: &[&'a str],
        field: impl Fn(&mut Row) -> &mut i64,
    ) {
        let empty = Row {
            entries: vec![0; self.plan.motion().stages.len()],
            conversions: vec![0; self.pairs.len()],
            won: 0,
            won_amount: 0,
            spend: 0,
        };
        for (entry, _, sum) in cells.series(leaf, measure) {
            let start = match self.by {
                Period::Day => entry,
                Period::Week => entry.week_start(),
                Period::Month => entry.month_start(),
            };
            *field(self.rows.entry((scope.to_vec(), start)).or_insert_with(|| empty.clone())) += sum;
        }
    }

    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        for ((scope, start), row) in &self.rows {
            let counts = |names: Vec<String>, counts: &[i64]| -> Map<String, Value> {
                names.into_iter().zip(counts.iter().map(|n| json!(n))).collect()
            };
            let scope: Map<String, Value> =
                self.dimension_names().into_iter().zip(scope.iter().map(|value| json!(value))).collect();
            let line = json!({
                "period": self.period(*start),
                "scope": scope,
                "entries": counts(self.stage_names(), &row.entries),
                "conversions": counts(self.pair_names(), &row.conversions),
                "won": { "count": row.won, "amount": Micros(row.won_amount).to_string() },
                "spend": Micros(row.spend).to_string(),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn dimension_names(&self) -> Vec<String> {
        self.each.iter().map(|d| self.plan.dimensions[usize::from(d.0)].name.to_string()).collect()
    }

    fn stage_names(&self) -> Vec<String> {
        self.plan.motion().stages.iter().map(ToString::to_string).collect()
    }

    fn pair_names(&self) -> Vec<String> {
        let name = |stage| self.plan.stage_name(stage);
        self.pairs.iter().map(|(from, to)| format!("{}->{}", name(*from), name(*to))).collect()
    }

    fn period(&self, start: Day) -> String {
        match self.by {
            Period::Day | Period::Week => start.to_string(),
            Period::Month => {
                let (year, month, _) = start.ymd();
                format!("{year:04}-{month:02}")
            }
        }
    }
}

impl Row {
    fn is_empty(&self) -> bool {
        let counts = self.entries.iter().chain(&self.conversions);
        counts.chain([&self.won, &self.won_amount, &self.spend]).all(|sum| *sum == 0)
    }
}
