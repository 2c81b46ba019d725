//! Four companies, each in one of the states that a board can show, judged in memory.

use std::net::SocketAddr;
use std::sync::Arc;

use plumbline_board::{Board, DeadLetter, Readiness, Shared, install_recorder};
use plumbline_engine::{EngineConfig, Output, STATE_MACHINE_VERSION};
use plumbline_harness::{LogWriter, MemoryLog};
use plumbline_simulator::{Generated, ScenarioKind, Spec, generate, plan_toml};
use plumbline_units::{Day, Name, Seconds, Timestamp};

/// A workspace, and the state it is in.
pub(crate) const STATES: [(&str, &str); 4] = [
    ("steady", "on plan"),
    ("trapped", "drifting"),
    ("young", "not enough evidence"),
    ("silent", "data unhealthy"),
];

/// Which leads a company has, and what befalls it.
fn spec(workspace: &str) -> Spec {
    let day = |month, day| Day::from_ymd(2026, month, day);
    let spec = Spec {
        workspace: Name::new(workspace).unwrap(),
        start: day(1, 5).unwrap(),
        days: 100,
        leads_per_day: 120.0,
        seed: 2,
        ..Spec::default()
    };
    match workspace {
        "trapped" => Spec { kind: ScenarioKind::LeadQualityTrap, onset: day(3, 10), ..spec },
        "young" => Spec { days: 9, leads_per_day: 12.0, ..spec },
        "silent" => Spec { kind: ScenarioKind::SilentSource, onset: day(3, 18), ..spec },
        _ => spec,
    }
}

/// A company's log, to the day on which its state is plain.
fn log(workspace: &str) -> MemoryLog {
    let spec = spec(workspace);
    let start = spec.zone.start_of(spec.start);
    let mut writer = LogWriter::new(Seconds::HOUR);
    writer.plan(&spec.workspace, &plan_toml(&spec), start, start);
    let mut events: Vec<Generated> = generate(&spec).collect();
    events.sort_by_key(|event| event.received_at);
    // A day and a half into the silence.
    let end = match workspace {
        "silent" => spec.onset.map(|onset| spec.zone.start_of(onset.plus(1)).plus(Seconds::hours(12))),
        _ => None,
    };
    let end = end.unwrap_or_else(|| spec.zone.start_of(spec.start.plus(spec.days as i32)));
    events.into_iter().filter(|event| event.received_at < end).for_each(|event| writer.event(event));
    writer.clock_until(end);
    writer.finish()
}

/// Shows what is known of a company.
fn show(shared: &Shared, partition: i32, workspace: &str) {
    let told = |_, output| {
        if let Output::Alert(alert) = output {
            shared.told(&alert.value);
        }
    };
    let engine = plumbline_harness::judge(&EngineConfig::default(), &log(workspace), told).unwrap();
    shared.look(partition, &engine);
}

/// The board over all of them; it serves as long as the runtime lives.
pub(crate) fn board(runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let shared = Shared::default();
    for (partition, (workspace, _)) in (0..).zip(STATES) {
        show(&shared, partition, workspace);
    }
    shared.told_all(true);
    for offset in 0..3 {
        let (class, of) = ("malformed".to_owned(), format!("crm.leads-0@{}", 70 + offset));
        let time = Timestamp::clamped(1_770_000_000_000);
        shared.refused(DeadLetter { partition: 0, offset, time, class, of });
    }
    shared.refused_all(true);
    let metrics = install_recorder(env!("CARGO_PKG_VERSION"), STATE_MACHINE_VERSION).unwrap();
    let ready = Arc::new(|| Readiness { ready: true, detail: String::new() });
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let board = runtime.block_on(Board::bind(anywhere, metrics, ready)).unwrap().showing(shared);
    let address = board.address().unwrap();
    runtime.spawn(board.serve(std::future::pending()));
    address
}
