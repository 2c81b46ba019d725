//! `plumbline run`: the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_board::{
    AcknowledgeSource, Acknowledgement, Board, DeadLetter, Readiness, ReadinessSource, Shared, Writes,
    install_recorder,
};
use plumbline_engine::{Engine, STATE_MACHINE_VERSION};
use plumbline_pipeline::{self as pipeline, Observer, Options, Pipeline, ResetFrom, Status};

use crate::args::{Reset, RunArgs, Stages};
use crate::config::Config;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::reload::{Cause, Reloader};
use crate::settings;

/// Time between looks at the plan files.
const LOOK_AT_FILES: Duration = Duration::from_secs(5);
/// The process is to be gone ten seconds after it was asked to end; requests under way are answered until then.
const END: Duration = Duration::from_millis(9_600);
/// The least they are given.
const LEAST: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &RunArgs) -> Outcome {
    let config = settings::load(&args.config)?;
    if args.print_config {
        print!("{}", config.print());
        return Ok(Answer::Yes);
    }
    let mut settings = settings::pipeline(&config)?;
    let token = settings::token(&config)?;
    let reset = args.reset_from.map(|from| match from {
        Reset::Earliest => ResetFrom::Earliest,
        Reset::Checkpoint => ResetFrom::Checkpoint,
        Reset::Latest => ResetFrom::Latest,
    });
    settings.intake.reset_from = reset;
    settings.engine.reset_from = reset;
    let runtime = super::runtime()?;
    let ended = runtime.block_on(serve(config, token, settings, stages(args.stages)));
    // What still waits for a broker then is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(250));
    ended
}

fn stages(stages: Stages) -> pipeline::Stages {
    pipeline::Stages { intake: stages != Stages::Engine, engine: stages != Stages::Intake }
}

async fn serve(
    file: Config,
    token: Option<String>,
    config: pipeline::Config,
    stages: pipeline::Stages,
) -> Outcome {
    let listen = file.http.listen;
    let metrics =
        install_recorder(env!("CARGO_PKG_VERSION"), STATE_MACHINE_VERSION).or_fail(Kind::Internal)?;
    pipeline::describe_metrics();
    // The address is taken before Kafka is touched: a second instance by mistake ends here.
    let (told, status) = tokio::sync::watch::channel::<Option<pipeline::StatusHandle>>(None);
    let readiness: ReadinessSource = Arc::new(move || match &*status.borrow() {
        Some(handle) => readiness(&handle.get()),
        None => Readiness { ready: false, detail: "starting".to_owned() },
    });
    let (ask, asked) = tokio::sync::mpsc::channel::<Asked>(8);
    let shown = Shared::default();
    let stop = pipeline::Stop::default();
    let board = Board::bind(listen, metrics, readiness)
        .await
        .or_fail(Kind::Configuration)?
        .showing(shown.clone())
        .accepting(Writes {
            token,
            reload: Arc::new(move || Box::pin(ask_for_reload(ask.clone()))),
            acknowledge: acknowledging(config.clone(), shown.clone(), stop.clone()),
        });
    tracing::info!(address = %listen, "listening");
    let (stop_board, board_stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(board.serve(async move {
        let _ = board_stopped.await;
    }));

    let options = Options { stages, observer: Box::new(Display(shown.clone())), ..Options::default() };
    let at_start = config.clone();
    let started = tokio::task::spawn_blocking(move || Pipeline::start(config, options)).await;
    let pipeline = started.or_fail(Kind::Internal)?.map_err(settings::failure)?;
    told.send_replace(Some(pipeline.status()));
    let feeds = follow(&at_start, &shown)?;
    let stopper = pipeline.stopper();
    let reloading = tokio::spawn(keep_plans(reloader(file, at_start, pipeline.allowing()), asked));
    let joining = tokio::task::spawn_blocking(move || pipeline.join());
    tokio::pin!(joining);
    let mut asked = None;
    let ended = tokio::select! {
        ended = &mut joining => ended,
        () = super::asked_to_end() => {
            tracing::info!("asked to end; draining");
            asked = Some(Instant::now());
            stop.set();
            stopper.set();
            joining.await
        }
    };
    stop.set();
    reloading.abort();
    drop(feeds);
    let _ = stop_board.send(());
    let left = asked.map_or(END, |asked: Instant| END.saturating_sub(asked.elapsed()));
    let _ = tokio::time::timeout(left.clamp(LEAST, Duration::from_secs(2)), serving).await;
    ended.or_fail(Kind::Internal)?.map_err(settings::failure)?;
    Ok(Answer::Yes)
}

/// Puts acknowledgements into the log, one at a time: they share a transactional id.
fn acknowledging(config: pipeline::Config, shown: Shared, stop: pipeline::Stop) -> AcknowledgeSource {
    let (config, one) = (Arc::new(config), Arc::new(tokio::sync::Mutex::new(())));
    Arc::new(move |alert, said| {
        let (config, one, stop) = (Arc::clone(&config), Arc::clone(&one), stop.clone());
        let known = shown.alert(&alert);
        let Acknowledgement { function, note, until } = said;
        let said = pipeline::Acknowledge { alert, function, note, until };
        Box::pin(async move {
            let _turn = one.lock().await;
            let send = move || pipeline::acknowledge(&config, &said, known, &stop);
            match tokio::task::spawn_blocking(send).await {
                Ok(Ok(alert)) => Ok(format!("in the log: {}", alert.title)),
                Ok(Err(failure)) => Err(failure.to_string()),
                Err(_) => Err("the service is ending; try again".to_owned()),
            }
        })
    })
}

/// Whoever wants the plans read again waits here for what came of it.
type Asked = tokio::sync::oneshot::Sender<Result<String, String>>;

async fn ask_for_reload(ask: tokio::sync::mpsc::Sender<Asked>) -> Result<String, String> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let busy = || "the service is starting or ending; try again".to_owned();
    ask.try_send(answer).map_err(|_| busy())?;
    answered.await.unwrap_or_else(|_| Err(busy()))
}

fn reloader(file: Config, config: pipeline::Config, allowing: pipeline::AllowHandle) -> Reloader {
    let plans = config.plans.clone();
    let apply = Box::new(move |plan: &pipeline::ConfiguredPlan| pipeline::apply_plan(&config, plan));
    Reloader::new(file, &plans, apply, Box::new(move |names| allowing.allow(names)))
}

/// Reads the plans again on SIGHUP, when asked over HTTP, and when a file has changed.
async fn keep_plans(mut reloader: Reloader, mut asked: tokio::sync::mpsc::Receiver<Asked>) {
    let Ok(mut hangups) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else {
        return;
    };
    let mut look = tokio::time::interval(LOOK_AT_FILES);
    loop {
        let (cause, answer) = tokio::select! {
            Some(answer) = asked.recv() => (Some(Cause::Asked), Some(answer)),
            Some(()) = hangups.recv() => (Some(Cause::Asked), None),
            _ = look.tick() => (None, None),
        };
        // Files and the broker may be slow.
        let work = tokio::task::spawn_blocking(move || {
            let cause = cause.or_else(|| reloader.changed().then_some(Cause::Changed));
            let outcome = cause.map(|cause| reloader.reload(cause));
            (reloader, outcome)
        });
        let Ok((back, outcome)) = work.await else { return };
        reloader = back;
        if let (Some(answer), Some(outcome)) = (answer, outcome) {
            // Who has asked may be gone.
            let _ = answer.send(outcome);
        }
    }
}

/// Shows every workspace of every partition on the status board and among the metrics.
pub(crate) struct Display(pub(crate) Shared);

impl Observer for Display {
    fn observe(&mut self, partition: i32, engine: &Engine) {
        self.0.look(partition, engine);
    }

    fn gone(&mut self, partition: i32) {
        self.0.gone(partition);
    }
}

/// Shows what the alerts topic says, and what lies among the dead letters, as long as the feeds are kept.
pub(crate) fn follow(config: &pipeline::Config, shown: &Shared) -> Outcome<[pipeline::Feed; 2]> {
    let (alerts, letters) = (shown.clone(), shown.clone());
    let alerts = pipeline::follow_alerts(config, move |told| match told {
        pipeline::Told::Record(record) => alerts.told(record),
        pipeline::Told::All => alerts.told_all(true),
        pipeline::Told::Lost => alerts.told_all(false),
    });
    let letters = pipeline::follow_dead_letters(config, move |told| match told {
        pipeline::Told::Record(letter) => {
            let pipeline::DeadLetter { at: (partition, offset), time, class, of } = letter;
            letters.refused(DeadLetter { partition, offset, time, class, of });
        }
        pipeline::Told::All => letters.refused_all(true),
        pipeline::Told::Lost => letters.refused_all(false),
    });
    Ok([alerts.map_err(settings::failure)?, letters.map_err(settings::failure)?])
}

/// Ready once everything assigned is restored; until then, how far it is.
pub(crate) fn readiness(status: &Status) -> Readiness {
    if let Some(failed) = &status.failed {
        return Readiness { ready: false, detail: format!("failed: {failed}") };
    }
    if status.ready() {
        let lines = std::iter::once("ready".to_owned()).chain(standby(status));
        return Readiness { ready: true, detail: lines.collect::<Vec<_>>().join("\n") };
    }
    let mut waiting: Vec<String> = Vec::new();
    if status.intake.as_ref().is_some_and(|intake| !intake.joined) {
        waiting.push("intake: joining its group".to_owned());
    }
    if let Some(engine) = &status.engine {
        if !engine.joined {
            waiting.push("engine: joining its group".to_owned());
        }
        for (number, why) in &engine.left {
            waiting.push(format!("engine: partition {number} is left to a newer program: {why}"));
        }
        for (number, partition) in engine.partitions.iter().filter(|(_, partition)| !partition.live) {
            let at = partition.position;
            waiting.push(match partition.replay {
                Some((from, to)) => format!("engine: partition {number} replays {from} to {to}, now at {at}"),
                None => format!("engine: partition {number} is being restored"),
            });
        }
    }
    Readiness { ready: false, detail: waiting.join("\n") }
}

/// How near the standbys are to what their owners have committed.
fn standby(status: &Status) -> impl Iterator<Item = String> {
    let standby = status.engine.iter().flat_map(|engine| &engine.standby);
    standby.map(|(number, standby)| {
        let (at, committed) = (standby.position, standby.committed);
        format!("standby: partition {number} stands at {at} of {committed} committed by its owner")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_pipeline::{EngineStatus, IntakeStatus, PartitionStatus, StandbyStatus};

    #[test]
    fn readiness_says_what_is_being_waited_for() {
        let mut status = Status {
            intake: Some(IntakeStatus::default()),
            engine: Some(EngineStatus { joined: true, ..EngineStatus::default() }),
            failed: None,
        };
        assert_eq!(readiness(&status).detail, "intake: joining its group");
        status.intake = Some(IntakeStatus { joined: true, ..IntakeStatus::default() });
        let partition = PartitionStatus { replay: Some((5, 90)), position: 40, ..PartitionStatus::default() };
        let engine =
            EngineStatus { joined: true, partitions: [(2, partition)].into(), ..EngineStatus::default() };
        status.engine = Some(engine);
        assert_eq!(readiness(&status).detail, "engine: partition 2 replays 5 to 90, now at 40");
        let left = [(1, "upgrade it".to_owned())].into();
        status.engine = Some(EngineStatus { joined: true, left, ..EngineStatus::default() });
        let detail = readiness(&status).detail;
        assert_eq!(detail, "engine: partition 1 is left to a newer program: upgrade it");
        let kept = StandbyStatus { position: 7, committed: 9 };
        status.engine =
            Some(EngineStatus { joined: true, standby: [(3, kept)].into(), ..EngineStatus::default() });
        let ready = readiness(&status);
        assert!(ready.ready, "whatever a standby lacks");
        assert_eq!(ready.detail, "ready\nstandby: partition 3 stands at 7 of 9 committed by its owner");
        status.engine = None;
        assert!(readiness(&status).ready);
        status.failed = Some("fenced".to_owned());
        assert!(!readiness(&status).ready);
    }
}
