//! The pipeline as one thing to start and stop: each stage in its own thread.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plumbline_engine::Engine;

use crate::allowed::{AllowHandle, Allowed};
use crate::config::{Config, Stages};
use crate::failure::{Failure, Kind};
use crate::flow::Flows;
use crate::status::StatusHandle;
use crate::stop::Stop;
use crate::time::TimeSource;

/// What the stages share.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) stop: Stop,
    pub(crate) status: StatusHandle,
    pub(crate) time: TimeSource,
    pub(crate) flows: Flows,
    pub(crate) allowed: Allowed,
}

/// Looks at the state machines now and then: metrics, the board, a demonstration's screen.
pub trait Observer: Send {
    /// Called for each partition about as often as [`Observer::every`] says, after each alert and when a replay is
    /// done, from the engine's thread: be quick.
    fn observe(&mut self, partition: i32, engine: &Engine);

    /// The partition is judged elsewhere from now on.
    fn gone(&mut self, partition: i32) {
        let _ = partition;
    }

    /// Time between looks at a partition that has nothing to say.
    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Looks at nothing.
impl Observer for () {
    fn observe(&mut self, _: i32, _: &Engine) {}
}

/// What a start may set besides the configuration.
pub struct Options {
    /// Which stages run here.
    pub stages: Stages,
    /// Intake's clock.
    pub time: TimeSource,
    /// Flow control towards an embedded broker.
    pub flows: Flows,
    /// Who looks on.
    pub observer: Box<dyn Observer>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            stages: Stages::ALL,
            time: TimeSource::Wall,
            flows: Flows::default(),
            observer: Box::new(()),
        }
    }
}

/// The running stages.
pub struct Pipeline {
    shared: Shared,
    threads: Vec<(&'static str, JoinHandle<Result<(), Failure>>)>,
}

/// Says what to do where the client's words do not.
fn explained(failure: Failure) -> Failure {
    match failure.kind() {
        Kind::Fenced => failure.during(
            "this instance was taken for dead while it stood still, or another runs under its name; nothing it had not \
             committed is visible. Start it again, under a name of its own",
        ),
        _ => failure,
    }
}

/// How long stages are given to commit, write their checkpoints and leave; a second of ten is left to the process.
const DRAIN: Duration = Duration::from_secs(9);

impl Pipeline {
    /// Checks the configuration, makes missing topics where allowed, and starts the stages.
    pub fn start(config: Config, options: Options) -> Result<Pipeline, Failure> {
        config.check()?;
        if config.topics.create {
            crate::admin::ensure_topics(&config)?;
        }
        let config = Arc::new(config);
        let Options { stages, time, flows, observer } = options;
        crate::metric::begin(&config, stages);
        let allowed = Allowed::new(config.intake.allow_attributes.as_deref());
        let shared = Shared { time, flows, allowed, ..Shared::default() };
        // Present from the start, so that a stage that has not reported yet is not taken for ready.
        if stages.intake {
            shared.status.intake(|_| {});
        }
        if stages.engine {
            shared.status.engine(|_| {});
        }
        let mut pipeline = Pipeline { shared, threads: Vec::new() };
        if stages.engine {
            let config = Arc::clone(&config);
            pipeline.spawn("engine", move |shared| crate::engine::run(&config, shared, observer))?;
        }
        if stages.intake {
            pipeline.spawn("intake", move |shared| crate::intake::run(&config, shared))?;
        }
        Ok(pipeline)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        stage: impl FnOnce(&Shared) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Whatever ends a stage ends the process: half a pipeline looks alive and is not.
            let outcome = stage(&shared).map_err(|failure| explained(failure).during(name));
            if let Err(failure) = &outcome {
                tracing::error!(%failure, kind = failure.kind().word(), "stage ended");
                shared.status.update(|status| {
                    status.failed.get_or_insert_with(|| failure.to_string());
                });
            }
            shared.stop.set();
            outcome
        })?;
        self.threads.push((name, thread));
        Ok(())
    }

    /// What the stages are doing.
    pub fn status(&self) -> StatusHandle {
        self.shared.status.clone()
    }

    /// A handle that lets further attributes into the log, for plans that come while the stages run.
    pub fn allowing(&self) -> AllowHandle {
        AllowHandle(self.shared.allowed.clone())
    }

    /// A handle that asks the stages to end, for signal handlers.
    pub fn stopper(&self) -> Stop {
        self.shared.stop.clone()
    }

    /// Whether a stage has ended, asked to or not.
    pub fn ended(&self) -> bool {
        self.threads.iter().any(|(_, thread)| thread.is_finished())
    }

    /// Asks the stages to end and waits for them, at most nine seconds; the first failure is handed back.
    pub fn stop(self) -> Result<(), Failure> {
        self.shared.stop.set();
        self.wait(Some(Instant::now() + DRAIN))
    }

    /// Waits until the stages end: by a failure, or because [`Pipeline::stopper`] was used.
    pub fn join(self) -> Result<(), Failure> {
        while !self.ended() && !self.shared.stop.is_set() {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.stop()
    }

    fn wait(self, until: Option<Instant>) -> Result<(), Failure> {
        let mut outcome = Ok(());
        for (name, thread) in self.threads {
            while !thread.is_finished() && until.is_none_or(|until| Instant::now() < until) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let ended = match thread.is_finished() {
                false => Err(Failure::new(Kind::Unavailable, format!("{name} did not end in time"))),
                true => thread.join().unwrap_or_else(|_| {
                    Err(Failure::new(Kind::Data, format!("{name} panicked; see the log")))
                }),
            };
            if outcome.is_ok() {
                outcome = ended;
            }
        }
        outcome
    }
}
