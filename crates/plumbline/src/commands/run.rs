//! `plumbline run`: the service.

use std::sync::Arc;
use std::time::Duration;

use plumbline_board::{Board, Readiness, ReadinessSource, install_recorder, show};
use plumbline_engine::{Engine, STATE_MACHINE_VERSION};
use plumbline_pipeline::{self as pipeline, Observer, Options, Pipeline, ResetFrom, Status};

use crate::args::{Reset, RunArgs, Stages};
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::settings;

pub(crate) fn run(args: &RunArgs) -> Outcome {
    let config = settings::load(&args.config)?;
    let mut settings = settings::pipeline(&config)?;
    settings::check_token(&config)?;
    let reset = args.reset_from.map(|from| match from {
        Reset::Earliest => ResetFrom::Earliest,
        Reset::Latest => ResetFrom::Latest,
    });
    settings.intake.reset_from = reset;
    settings.engine.reset_from = reset;
    let runtime = super::runtime()?;
    runtime.block_on(serve(config.http.listen, settings, stages(args.stages)))
}

fn stages(stages: Stages) -> pipeline::Stages {
    pipeline::Stages { intake: stages != Stages::Engine, engine: stages != Stages::Intake }
}

async fn serve(listen: std::net::SocketAddr, config: pipeline::Config, stages: pipeline::Stages) -> Outcome {
    let metrics =
        install_recorder(env!("CARGO_PKG_VERSION"), STATE_MACHINE_VERSION).or_fail(Kind::Internal)?;
    pipeline::describe_metrics();
    // The address is taken before Kafka is touched: a second instance by mistake ends here.
    let (told, status) = tokio::sync::watch::channel::<Option<pipeline::StatusHandle>>(None);
    let readiness: ReadinessSource = Arc::new(move || match &*status.borrow() {
        Some(handle) => readiness(&handle.get()),
        None => Readiness { ready: false, detail: "starting".to_owned() },
    });
    let board = Board::bind(listen, metrics, readiness).await.or_fail(Kind::Configuration)?;
    tracing::info!(address = %listen, "listening");
    let (stop_board, board_stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(board.serve(async move {
        let _ = board_stopped.await;
    }));

    let options = Options { stages, observer: Box::new(Gauges), ..Options::default() };
    let started = tokio::task::spawn_blocking(move || Pipeline::start(config, options)).await;
    let pipeline = started.or_fail(Kind::Internal)?.map_err(settings::failure)?;
    told.send_replace(Some(pipeline.status()));
    let stopper = pipeline.stopper();
    let joining = tokio::task::spawn_blocking(move || pipeline.join());
    tokio::pin!(joining);
    let ended = tokio::select! {
        ended = &mut joining => ended,
        () = super::asked_to_end() => {
            tracing::info!("asked to end; draining");
            stopper.set();
            joining.await
        }
    };
    let _ = stop_board.send(());
    let _ = tokio::time::timeout(Duration::from_secs(2), serving).await;
    ended.or_fail(Kind::Internal)?.map_err(settings::failure)?;
    Ok(Answer::Yes)
}

/// Shows every workspace of every partition as gauges.
pub(crate) struct Gauges;

impl Observer for Gauges {
    fn observe(&mut self, _: i32, engine: &Engine) {
        engine.workspaces().for_each(show);
    }
}

/// Ready once everything assigned is restored; until then, how far it is.
pub(crate) fn readiness(status: &Status) -> Readiness {
    if let Some(failed) = &status.failed {
        return Readiness { ready: false, detail: format!("failed: {failed}") };
    }
    if status.ready() {
        return Readiness { ready: true, detail: "ready".to_owned() };
    }
    let mut waiting: Vec<String> = Vec::new();
    if status.intake.as_ref().is_some_and(|intake| !intake.joined) {
        waiting.push("intake: joining its group".to_owned());
    }
    if let Some(engine) = &status.engine {
        if !engine.joined {
            waiting.push("engine: joining its group".to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_pipeline::{EngineStatus, IntakeStatus, PartitionStatus};

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
        let engine = EngineStatus { joined: true, partitions: [(2, partition)].into(), alerts: 0 };
        status.engine = Some(engine);
        assert_eq!(readiness(&status).detail, "engine: partition 2 replays 5 to 90, now at 40");
        status.engine = None;
        assert!(readiness(&status).ready);
        status.failed = Some("fenced".to_owned());
        assert!(!readiness(&status).ready);
    }
}
