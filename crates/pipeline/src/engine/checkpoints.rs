//! Writes checkpoints beside the work: one at a time, in its own thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::checkpoint::{Checkpoint, CheckpointStore};
use crate::failure::Failure;
use crate::metric;
use crate::stop::Stop;

/// How long the stage waits for the writer where it must not skip checkpoints lightly: for all of them together. A
/// store that hangs must hold up neither the group nor the end.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The writer. At most one checkpoint waits for it; while one does, no other is made.
pub(super) struct Checkpoints {
    queue: Sender<(i32, Checkpoint)>,
    /// One waits.
    full: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the writer.
    pub(super) fn over(store: Arc<dyn CheckpointStore>) -> Result<Checkpoints, Failure> {
        let (queue, waiting) = channel::<(i32, Checkpoint)>();
        let full = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&full);
        let write = move || {
            for (partition, checkpoint) in waiting {
                taken.store(false, Ordering::Release);
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
        Ok(Checkpoints { queue, full, writer })
    }

    /// Whether the writer has room for one, or gets it by `until`. A state is serialised only for room.
    pub(super) fn has_room(&self, until: Instant) -> bool {
        while self.full.load(Ordering::Acquire) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Hands a checkpoint over, for which there is [room](Self::has_room).
    pub(super) fn keep(&self, partition: i32, checkpoint: Checkpoint) {
        self.full.store(true, Ordering::Release);
        // A writer that is gone has said why.
        let _ = self.queue.send((partition, checkpoint));
    }

    /// Writes what waits, and ends; what takes too long is left, for it only saves time.
    pub(super) fn finish(self, stop: &Stop) {
        drop(self.queue);
        let until = stop.patience(PATIENCE);
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

        fn forget_beyond(&self, _: i32, _: i64) -> io::Result<usize> {
            Ok(0)
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
            assert!(checkpoints.has_room(Instant::now() + PATIENCE));
            checkpoints.keep(0, Checkpoint { version: 1, position, last, state: Vec::new() });
        }
        checkpoints.finish(&Stop::default());
        assert_eq!(*crate::client::lock(&tried), [1, 2, 3, 4]);
    }

    /// A store that answers nothing until told to.
    struct Hung(Mutex<std::sync::mpsc::Receiver<()>>);

    impl CheckpointStore for Hung {
        fn save(&self, _: i32, _: &Checkpoint) -> io::Result<()> {
            let _ = crate::client::lock(&self.0).recv();
            Ok(())
        }

        fn forget_beyond(&self, _: i32, _: i64) -> io::Result<usize> {
            Ok(0)
        }

        fn newest(&self, _: i32, _: u32, _: i64) -> io::Result<Option<Checkpoint>> {
            Ok(None)
        }
    }

    #[test]
    fn many_partitions_together_wait_for_a_hung_store_no_longer_than_one_and_make_no_state_for_it() {
        let (answer, answers) = channel();
        let checkpoints = Checkpoints::over(Arc::new(Hung(Mutex::new(answers)))).unwrap();
        let made = std::cell::Cell::new(0);
        let begun = Instant::now();
        let until = begun + Duration::from_millis(300);
        for partition in 0..64 {
            if checkpoints.has_room(until) {
                made.set(made.get() + 1);
                let last = LastRecord::of(0, b"");
                checkpoints.keep(partition, Checkpoint { version: 1, position: 1, last, state: Vec::new() });
            }
        }
        assert_eq!(made.get(), 2, "one is being written, one waits");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        drop(answer);
        assert!(checkpoints.has_room(Instant::now() + PATIENCE));
        checkpoints.finish(&Stop::default());
    }
}
