//! A company that falls into the trap and then silent, judged by the pipeline over the embedded broker, with the
//! board that Prometheus scrapes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use plumbline_board::{Board, Readiness, Shared, install_recorder};
use plumbline_engine::{Engine, STATE_MACHINE_VERSION};
use plumbline_pipeline::embedded::{Embedded, Feeder};
use plumbline_pipeline::{
    Acknowledge, Config, Feed, Observer, Options, Pipeline, PlayedClock, StatusHandle, Stop, TimeSource,
    Told, acknowledge, follow_alerts,
};
use plumbline_simulator::{ScenarioKind, Spec, plan_toml};
use plumbline_tests::host::configured_plan;
use plumbline_tests::player::{Sink, play_with};
use plumbline_tests::world::eventually;
use plumbline_units::{Day, Seconds, Timestamp};

use crate::parts::{get, replaced};

/// The company on stage.
pub(crate) struct Company {
    /// Where its board and metrics are.
    pub(crate) address: SocketAddr,
    spec: Spec,
    config: Config,
    clock: PlayedClock,
    status: StatusHandle,
    feeder: Feeder,
    _alerts: Feed,
    _pipeline: Pipeline,
    _broker: Embedded,
    _runtime: tokio::runtime::Runtime,
}

struct Look(Shared);

impl Observer for Look {
    fn observe(&mut self, partition: i32, engine: &Engine) {
        self.0.look(partition, engine);
    }
}

impl Sink for Company {
    fn send(&self, topic: &'static str, json: &str, arrival: Timestamp) -> anyhow::Result<()> {
        Ok(self.feeder.send(topic, b"", json.as_bytes(), arrival.millis(), &self.status)?)
    }

    fn flush(&self) -> anyhow::Result<()> {
        Ok(self.feeder.settle(&self.status)?)
    }
}

/// The simulated plan without its pattern, so that each target speaks for itself: spend runs away, and the hand-off
/// from marketing to sales explains what becomes of the whole.
fn plan(spec: &Spec) -> anyhow::Result<String> {
    let plan = plan_toml(spec);
    let (plan, _) = plan.split_once("[[pattern]]").context("the pattern")?;
    let spend = "metric = \"spend\"\n";
    let whole = "name = \"lead-to-won\"\n";
    let plan = replaced(
        plan,
        &[
            (spend, &format!("{spend}critical = \"+50%\"\n")),
            (whole, &format!("{whole}depends_on = [\"mql-to-sql below\"]\n")),
        ],
    )?;
    let handed = "[[target]]\nname = \"mql-to-sql\"\nmetric = \"conversion\"\nfrom = \"mql\"\nto = \"sql\"\n\
                  each = [\"segment\"]\nwarn = \"-10%\"\ncritical = \"-30%\"\n";
    Ok(plan + handed)
}

impl Company {
    /// Starts everything; nothing has happened yet.
    pub(crate) fn start() -> anyhow::Result<Company> {
        let spec = Spec {
            kind: ScenarioKind::LeadQualityTrap,
            onset: Day::from_ymd(2026, 3, 5),
            days: 110,
            leads_per_day: 60.0,
            ..Spec::default()
        };
        let mut config =
            Config { plans: vec![configured_plan("default", &plan(&spec)?)?], ..Config::default() };
        config.intake.clock_every = Duration::from_secs(1800);
        let broker = Embedded::start(&mut config)?;
        let clock = PlayedClock::new(spec.zone.start_of(spec.start));
        let metrics = install_recorder(env!("CARGO_PKG_VERSION"), STATE_MACHINE_VERSION)?;
        plumbline_pipeline::describe_metrics();
        let shown = Shared::default();
        let told = shown.clone();
        let alerts = follow_alerts(&config, move |news| match news {
            Told::Record(record) => told.told(record),
            Told::All => told.told_all(true),
            Told::Lost => told.told_all(false),
        })?;
        let options = Options {
            time: TimeSource::Played(clock.clone()),
            flows: broker.flows(),
            observer: Box::new(Look(shown.clone())),
            ..Options::default()
        };
        let pipeline = Pipeline::start(config.clone(), options)?;
        let status = pipeline.status();
        let runtime = tokio::runtime::Runtime::new()?;
        let ready = Arc::new(|| Readiness { ready: true, detail: String::new() });
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let board = runtime.block_on(Board::bind(anywhere, metrics, ready))?.showing(shown);
        let address = board.address()?;
        runtime.spawn(board.serve(std::future::pending()));
        eventually("the pipeline is ready", 30, || Ok(status.ready()))?;
        let feeder = broker.feeder()?;
        Ok(Company {
            address,
            spec,
            config,
            clock,
            status,
            feeder,
            _alerts: alerts,
            _pipeline: pipeline,
            _broker: broker,
            _runtime: runtime,
        })
    }

    /// Plays the trap, after a message that nobody can read and one that names a stage the plan does not know. What
    /// people do is done in the `morning`.
    pub(crate) fn falls_into_the_trap(
        &self,
        morning: impl FnMut(Day) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let start = self.spec.zone.start_of(self.spec.start);
        self.send("crm.leads", "{", start)?;
        self.names_a_stage(start)?;
        play_with(&self.spec, self, &self.clock, &self.status, morning)?;
        Ok(())
    }

    /// A function that owns the alert says that it knows.
    pub(crate) fn acknowledges(&self, function: &str, alert: &str) -> anyhow::Result<()> {
        let (alert, function) = (alert.to_owned(), function.to_owned());
        let said = Acknowledge { alert, function, note: "audit on Friday".to_owned(), until: None };
        acknowledge(&self.config, &said, None, &Stop::default())?;
        Ok(())
    }

    /// The newest numbers of a family of metrics, of the samples that bear all of these labels.
    pub(crate) fn told(&self, family: &str, labels: &[(&str, &str)]) -> anyhow::Result<Vec<f64>> {
        let metrics = get(self.address, "/metrics")?;
        let mut numbers = Vec::new();
        for line in metrics.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{')) {
            let (bears, number) = line.rsplit_once("} ").context("a sample")?;
            if labels.iter().all(|(label, value)| bears.contains(&format!("{label}=\"{value}\""))) {
                numbers.push(number.parse()?);
            }
        }
        Ok(numbers)
    }

    fn names_a_stage(&self, at: Timestamp) -> anyhow::Result<()> {
        let named =
            "{\"type\":\"lead.stage_reached\",\"stage\":\"demo\",\"lead_id\":\"L-0\",\"occurred_at\":";
        self.send("crm.leads", &format!("{named}\"{at}\"}}"), at)
    }

    /// Names a stage that the plan does not know, then lets hours pass in which nobody says anything, until that is
    /// told.
    pub(crate) fn falls_silent(&self) -> anyhow::Result<()> {
        let ended = self.spec.zone.start_of(self.spec.start.plus(self.spec.days as i32 + 2));
        self.names_a_stage(ended)?;
        self.flush()?;
        let told = [
            "kind=\"silent-source\",severity=\"critical\",notify=\"yes\"} ",
            "kind=\"unmapped-stage\",severity=\"warning\",notify=\"yes\"} ",
        ];
        for hour in 0..14 * 24 {
            self.clock.advance(ended.plus(Seconds::hours(hour)));
            std::thread::sleep(Duration::from_millis(150));
            let metrics = get(self.address, "/metrics")?;
            let open = |told: &&str| {
                let counts = metrics.lines().filter_map(|line| line.split_once(told));
                counts.filter(|(_, count)| *count != "0").count() > 0
            };
            if told.iter().all(open) {
                return Ok(());
            }
        }
        bail!("a fortnight of silence was told nobody")
    }
}
