//! Writes checkpoints beside the work: one at a time, in its own thread.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::checkpoint::{Checkpoint, CheckpointStore};
use crate::failure::Failure;
use crate::metric;

/// How long the stage waits for the writer where it must not skip a checkpoint lightly.
const PATIENCE: Duration = Duration::from_secs(3);

/// The writer. Its queue holds one checkpoint; while that waits, further ones are skipped and counted, except at
/// the end.
pub(super) struct Checkpoints {
    queue: SyncSender<(i32, Checkpoint)>,
    writer: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the writer.
    pub(super) fn over(store: Arc<dyn CheckpointStore>) -> Result<Checkpoints, Failure> {
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

    /// Hands a checkpoint over; waits for room only where asked to, and not for long: a store that hangs must hold up
    /// neither the group nor the end.
    pub(super) fn keep(&self, partition: i32, checkpoint: Checkpoint, wait: bool) {
        let until = Instant::now() + if wait { PATIENCE } else { Duration::ZERO };
        let mut waiting = (partition, checkpoint);
        // A writer that is gone has said why.
        while let Err(TrySendError::Full(back)) = self.queue.try_send(waiting) {
            if Instant::now() >= until {
                metric::checkpoint("skipped");
                return;
            }
            waiting = back;
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Writes what waits, and ends; what takes too long is left, for it only saves time.
    pub(super) fn finish(self) {
        drop(self.queue);
        let until = Instant::now() + PATIENCE;
        while !self.writer.is_finished() {
            if Instant::now() >= until {
                tracing::warn!("the last checkpoint is not written in time and left");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
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
    use std::sync::Mutex;

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
        let checkpoints =
            Checkpoints::over(Arc::new(Full { refuses: 2, tried: Arc::clone(&tried) })).unwrap();
        for position in 1..=4 {
            let last = LastRecord::of(position - 1, b"");
            checkpoints.keep(0, Checkpoint { version: 1, position, last, state: Vec::new() }, true);
        }
        checkpoints.finish();
        assert_eq!(*crate::client::lock(&tried), [1, 2, 3, 4]);
    }
}
