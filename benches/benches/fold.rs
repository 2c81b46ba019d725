//! How fast events are folded with a million open journeys, decoding included, and what a journey and a cell
//! weigh.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use plumbline_benches::stream::Stream;
use plumbline_events::{RecordView, decode_record};
use plumbline_funnel::{Applied, Fold, FoldOptions};
use plumbline_plan::Plan;

const PLAN: &str = include_str!("../../deploy/examples/plan.toml");
const LEADS: u32 = 1_000_000;
/// Ninety days of them.
const PER_DAY: u32 = LEADS / 90;

fn fold(into: &mut Fold, stream: &Stream) {
    for bytes in stream.iter() {
        let RecordView::Event(event) = decode_record(bytes).unwrap() else { unreachable!() };
        assert!(!matches!(into.apply(&event, None), Applied::Rejected(_)));
    }
}

fn folding(c: &mut Criterion) {
    let plan = Plan::parse("plan.toml", PLAN).unwrap().plan;
    let (before, after) = Stream::of_leads(LEADS + LEADS / 5, PER_DAY, LEADS);
    let mut open = Fold::new(&plan, FoldOptions::default());
    fold(&mut open, &before);
    let stats = open.stats();
    println!(
        "{} open journeys with {} opportunities: {:.1} bytes per journey; {} cells in {} leaves: {:.1} bytes per cell",
        stats.journeys,
        stats.opportunities,
        stats.journey_bytes as f64 / stats.journeys as f64,
        stats.cells,
        stats.leaves,
        stats.cell_bytes as f64 / stats.cells as f64,
    );
    let mut group = c.benchmark_group("fold");
    group.sample_size(10);
    group.throughput(Throughput::Elements(after.len() as u64));
    group.bench_function("protobuf, a million open journeys", |b| {
        b.iter_batched_ref(|| open.clone(), |open| fold(open, &after), BatchSize::LargeInput);
    });
    group.throughput(Throughput::Elements(before.len() as u64));
    group.bench_function("protobuf, from none to a million", |b| {
        b.iter_batched_ref(
            || Fold::new(&plan, FoldOptions::default()),
            |empty| fold(empty, &before),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, folding);
criterion_main!(benches);
