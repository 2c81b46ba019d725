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
        std::fs::create_dir_all(directory)?;
        let store = DirectoryStore::new(directory, &config.topics.log);
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
        Ok(Some(Checkpoints { queue, writer }))
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
