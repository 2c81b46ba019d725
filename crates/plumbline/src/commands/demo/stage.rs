//! The service around an embedded broker, and its clock.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plumbline_board::{Board, ReadinessSource, Shared, install_recorder};
use plumbline_drift::judge::TargetStatus;
use plumbline_engine::{Engine, STATE_MACHINE_VERSION};
use plumbline_pipeline::embedded::{Embedded, Feeder, STATISTICS};
use plumbline_pipeline::{
    self as pipeline, ConfiguredPlan, Feed, Observer, Options, Pipeline, PlayedClock, StatusHandle,
    TimeSource, read_topic,
};
use plumbline_units::{Name, Timestamp};

use super::story::{Message, Story};
use crate::commands::run::{Display, follow, readiness};
use crate::exit::{Kind, OrFail, Outcome};
use crate::settings;

/// The whole play takes about this long.
const PLAY: Duration = Duration::from_secs(30);
/// No played day takes longer than this only for being watched.
const SLOWEST_DAY: Duration = Duration::from_millis(250);
/// How long a fetch waits for something to come.
const FETCH_WAIT: Duration = Duration::from_millis(5);
/// Time between looks at the engine: a played day is short.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Joining both groups takes the embedded broker about three seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the engine saw last.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The engine's clock.
    pub(super) now: Option<Timestamp>,
    /// How every target stands in every scope.
    pub(super) statuses: Vec<TargetStatus>,
}

/// Broker, pipeline, metrics and clock.
pub(super) struct Stage {
    config: pipeline::Config,
    feeder: Feeder,
    pipeline: Pipeline,
    status: StatusHandle,
    clock: PlayedClock,
    view: Arc<Mutex<View>>,
    alerts_seen: u64,
    day: Duration,
    day_began: Instant,
    address: SocketAddr,
    /// Ends with the play.
    _feeds: [Feed; 2],
    /// Last, so that it outlives its clients.
    _broker: Embedded,
}

impl Stage {
    /// Starts everything and waits until both groups have joined.
    pub(super) fn set(
        runtime: &tokio::runtime::Runtime,
        listen: SocketAddr,
        story: &Story,
    ) -> Outcome<Stage> {
        let mut config = pipeline::Config {
            plans: vec![ConfiguredPlan {
                workspace: Name::new("default").or_fail(Kind::Internal)?,
                toml: story.toml.clone(),
                live_from: story.plan.live_from,
                revision: story.plan.revision,
                content_hash: story.plan.content_hash,
            }],
            ..pipeline::Config::default()
        };
        config.intake.clock_every = Duration::from_secs(600);
        let broker = Embedded::start(&mut config).map_err(settings::failure)?;
        // The embedded broker answers a fetch that finds nothing only after the whole wait, and says only then that
        // a partition's end has been reached: a played day would take seconds.
        config.kafka.insert("fetch.wait.max.ms".to_owned(), FETCH_WAIT.as_millis().to_string());
        let clock = PlayedClock::new(story.begins);
        let view = Arc::new(Mutex::new(View::default()));
        let metrics =
            install_recorder(env!("CARGO_PKG_VERSION"), STATE_MACHINE_VERSION).or_fail(Kind::Internal)?;
        pipeline::describe_metrics();
        let shown = Shared::default();
        let options = Options {
            time: TimeSource::Played(clock.clone()),
            flows: broker.flows(),
            observer: Box::new(Watcher { view: Arc::clone(&view), display: Display(shown.clone()) }),
            ..Options::default()
        };
        let pipeline = Pipeline::start(config.clone(), options).map_err(settings::failure)?;
        let status = pipeline.status();
        let source: ReadinessSource = {
            let status = status.clone();
            Arc::new(move || readiness(&status.get()))
        };
        let board = runtime.block_on(async {
            match Board::bind(listen, metrics.clone(), Arc::clone(&source)).await {
                Ok(board) => Ok(board),
                // The port is taken, perhaps by another demo: any free one will do.
                Err(_) => Board::bind(SocketAddr::new(listen.ip(), 0), metrics, source).await,
            }
        });
        let board = board.or_fail(Kind::Arguments)?;
        let address = board.address().or_fail(Kind::Internal)?;
        let feeds = follow(&config, &shown)?;
        runtime.spawn(board.showing(shown).serve(std::future::pending()));
        let stage = Stage {
            feeder: broker.feeder().map_err(settings::failure)?,
            config,
            pipeline,
            status,
            clock,
            view,
            alerts_seen: 0,
            day: (PLAY / story.days.max(1)).min(SLOWEST_DAY),
            day_began: Instant::now(),
            address,
            _feeds: feeds,
            _broker: broker,
        };
        stage.wait_until_ready()?;
        Ok(stage)
    }

    fn wait_until_ready(&self) -> Outcome<()> {
        let began = Instant::now();
        while !self.status.ready() {
            let status = self.status.get();
            if let Some(failed) = status.failed {
                return Err(Kind::Internal.says(failed));
            }
            if began.elapsed() > PATIENCE {
                return Err(Kind::Internal.says(format!("not ready: {}", readiness(&status).detail)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Where the status board and `/metrics` are.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a message on its topic.
    pub(super) fn send(&mut self, message: &Message) -> Outcome<()> {
        let (key, value) = (message.key.as_bytes(), message.value.as_bytes());
        self.feeder
            .send(message.topic, key, value, message.at.millis(), &self.status)
            .map_err(settings::failure)
    }

    /// Waits until everything sent has been judged, lets the clock reach `time`, and holds the pace.
    pub(super) fn end_of_day(&mut self, time: Timestamp) -> Outcome<()> {
        self.feeder.settle(&self.status).map_err(settings::failure)?;
        // Days close only while intake knows that it has read everything.
        std::thread::sleep(3 * STATISTICS);
        self.clock.advance(time);
        std::thread::sleep(self.day.saturating_sub(self.day_began.elapsed()));
        self.day_began = Instant::now();
        Ok(())
    }

    /// What the engine saw last.
    pub(super) fn view(&self) -> View {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The alert records on the topic that have not been handed out yet.
    pub(super) fn new_alerts(&mut self) -> Outcome<Vec<Vec<u8>>> {
        let published = self.status.get().engine.map_or(0, |engine| engine.alerts);
        if published <= self.alerts_seen {
            return Ok(Vec::new());
        }
        let mut records = Vec::new();
        read_topic(&self.config, &self.config.topics.alerts, |record| {
            records.extend(record.value);
            ControlFlow::Continue(())
        })
        .map_err(settings::failure)?;
        let new = records.split_off(records.len().min(self.alerts_seen as usize));
        self.alerts_seen += new.len() as u64;
        Ok(new)
    }

    /// Ends the stages.
    pub(super) fn strike(self) -> Outcome<()> {
        self.pipeline.stop().map_err(settings::failure)
    }
}

/// Keeps what the engine sees for the screen, and shows it as gauges.
struct Watcher {
    view: Arc<Mutex<View>>,
    display: Display,
}

impl Observer for Watcher {
    fn observe(&mut self, partition: i32, engine: &Engine) {
        self.display.observe(partition, engine);
        let statuses = engine.workspaces().flat_map(|workspace| workspace.judge().statuses().cloned());
        let view = View { now: engine.now(), statuses: statuses.collect() };
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = view;
    }

    fn gone(&mut self, partition: i32) {
        self.display.gone(partition);
    }

    fn every(&self) -> Duration {
        LOOK_EVERY
    }
}
