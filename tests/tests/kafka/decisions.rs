//! What a person must decide: the service refuses, says between what, and goes on as told.

use std::path::Path;

use plumbline_pipeline::{Config, Failure, Kind, Options, Pipeline, ResetFrom, Stages};
use plumbline_tests::world::{World, eventually};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::support::{host, send_leads, world};

fn admin(world: &World) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &world.config.kafka["bootstrap.servers"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (client.create().unwrap(), runtime)
}

/// Starts the stages here and waits until they are ready or have ended.
fn start(config: &Config, stages: Stages) -> Result<(), Failure> {
    let pipeline = Pipeline::start(config.clone(), Options { stages, ..Options::default() })?;
    let status = pipeline.status();
    eventually("it is ready or has ended", 60, || Ok(status.ready() || pipeline.ended())).unwrap();
    pipeline.stop()
}

/// Runs until so many events are in the log and committed by the engine stage.
fn judged(world: &World, events: u64) {
    let running = host(&world.config, "all");
    eventually("all is in the log and read", 60, || {
        Ok(world.log_events()? == events && running.report().engine_lag.is_some_and(|lag| lag <= 4))
    })
    .unwrap();
    assert!(running.stop().unwrap());
}

#[test]
fn a_log_whose_number_of_partitions_has_changed_is_refused_by_both_stages() {
    let Some(world) = world("repartitioned") else { return };
    send_leads(&world, 0..100);
    judged(&world, 100);
    let (admin, runtime) = admin(&world);
    let more = [NewPartitions::new(&world.config.topics.log, 3)];
    let made = runtime.block_on(admin.create_partitions(&more, &AdminOptions::new())).unwrap();
    assert!(made.iter().all(Result::is_ok));
    for stages in [Stages { intake: true, engine: false }, Stages { intake: false, engine: true }] {
        let refused = start(&world.config, stages).unwrap_err();
        assert_eq!(refused.kind(), Kind::Data);
        let message = refused.to_string();
        assert!(message.contains("begun with 2 partitions and has 3"), "{message}");
        assert!(message.contains("new log"), "the way out: {message}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.path() {
            folder if folder.is_dir() => copy(&folder, &to.join(entry.file_name())),
            file => {
                std::fs::copy(&file, to.join(entry.file_name())).unwrap();
            }
        }
    }
}

#[test]
fn a_log_cut_off_behind_the_newest_checkpoint_is_refused_until_somebody_decides() {
    let Some(mut world) = world("cut-off") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (kept, early) = (folder.path().join("kept"), folder.path().join("early"));
    world.config.engine.checkpoints = Some(kept.clone().into());
    for (batch, part) in [(0..200, 1), (200..400, 2)] {
        send_leads(&world, batch);
        judged(&world, part * 200);
        if part == 1 {
            copy(&kept, &early);
        }
    }
    // The later checkpoints are lost, and so is all but the last record of each log partition.
    world.config.engine.checkpoints = Some(early.into());
    let mut ends = TopicPartitionList::new();
    for partition in 0..world.config.topics.log_partitions {
        let records = world.read(&world.config.topics.log).unwrap();
        let last = records.iter().filter(|seen| seen.partition == partition).map(|seen| seen.offset).max();
        ends.add_partition_offset(&world.config.topics.log, partition, Offset::Offset(last.unwrap()))
            .unwrap();
    }
    let (admin, runtime) = admin(&world);
    runtime.block_on(admin.delete_records(&ends, &AdminOptions::new())).unwrap();
    let engine = Stages { intake: false, engine: true };
    let refused = start(&world.config, engine).unwrap_err();
    assert_eq!(refused.kind(), Kind::Data);
    assert!(refused.to_string().contains("--reset-from checkpoint"), "{refused}");
    for decision in [ResetFrom::Checkpoint, ResetFrom::Earliest] {
        world.config.engine.reset_from = Some(decision);
        start(&world.config, engine).unwrap();
    }
}
