//! Writes checkpoints beside the work: one at a time, in its own thread.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::checkpoint::{Checkpoint, CheckpointStore, DirectoryStore};
use crate::config::Config;
use crate::failure::Failure;
use crate::metric;

/// The writer. Its queue holds one checkpoint; while that waits, further ones are skipped and counted, except at
/// the end.
pub(super) struct Checkpoints {
    queue: SyncSender<(i32, Checkpoint)>,
    writer: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the writer, where the configuration keeps checkpoints.
    pub(super) fn start(config: &Config) -> Result<Option<Checkpoints>, Failure> {
        let Some(directory) = &config.engine.checkpoint_dir else { return Ok(None) };
        if let Err(error) = std::fs::create_dir_all(directory) {
            // The service does not depend on them; the writer tries again each time.
            tracing::warn!(directory = %directory.display(), %error, "checkpoints cannot be kept for now");
        }
        Checkpoints::over(DirectoryStore::new(directory, &config.topics.log)).map(Some)
    }

    fn over(store: impl CheckpointStore + 'static) -> Result<Checkpoints, Failure> {
        let (queue, waiting) = sync_channel::<(i32, Checkpoint)>(1);
        let write = move || {
            for (partition, checkpoint) in waiting {
                match store.save(partition, &checkpoint) {
                    Ok(()) => {
                        metric::checkpoint_saved(partition, checkpoint.state.len(), checkpoint.position)
                    }
                    Err(error) => {
                        metric::checkpoint("failed");
                        tracing::warn!(partition, %error, "checkpoint not written; the log is replayed from an older one");
                    }
                }
            }
        };
        let writer = std::thread::Builder::new().name("checkpoints".to_owned()).spawn(write)?;
        Ok(Checkpoints { queue, writer })
    }

    /// Hands a checkpoint over; waits for room only where asked to.
    pub(super) fn keep(&self, partition: i32, checkpoint: Checkpoint, wait: bool) {
        if wait {
            // A writer that is gone has said why.
            let _ = self.queue.send((partition, checkpoint));
        } else if let Err(TrySendError::Full(_)) = self.queue.try_send((partition, checkpoint)) {
            metric::checkpoint("skipped");
        }
    }

    /// Writes what waits, and ends.
    pub(super) fn finish(self) {
        drop(self.queue);
        if self.writer.join().is_err() {
            tracing::warn!("the checkpoint writer panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::LastRecord;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// A disk that is full for the first writes.
    struct Full {
        refuses: u32,
        tried: Arc<Mutex<Vec<i64>>>,
    }

    impl CheckpointStore for Full {
        fn save(&self, _: i32, checkpoint: &Checkpoint) -> io::Result<()> {
            let mut tried = crate::client::lock(&self.tried);
            tried.push(checkpoint.position);
            match tried.len() as u32 > self.refuses {
                true => Ok(()),
                false => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        fn newest(&self, _: i32, _: u32, _: i64) -> io::Result<Option<Checkpoint>> {
            Ok(None)
        }
    }

    #[test]
    fn a_full_disk_stops_nothing_and_the_next_checkpoint_is_tried_again() {
        let tried = Arc::new(Mutex::new(Vec::new()));
        let checkpoints = Checkpoints::over(Full { refuses: 2, tried: Arc::clone(&tried) }).unwrap();
        for position in 1..=4 {
            let last = LastRecord::of(position - 1, b"");
            checkpoints.keep(0, Checkpoint { version: 1, position, last, state: Vec::new() }, true);
        }
        checkpoints.finish();
        assert_eq!(*crate::client::lock(&tried), [1, 2, 3, 4]);
    }
}
