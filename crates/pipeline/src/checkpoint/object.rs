//! Checkpoints in an object store.
//!
//! An object appears whole or not at all, and its name carries the position: instances that share a store need no
//! lock. Two that write one position write the same state; one that is behind writes a name that goes with the next.

use std::io;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, parse_url_opts};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;
use url::Url;

use super::{Arc, Checkpoint, CheckpointStore, name_of, newest_whole, outdated, position_of};
use crate::failure::{Failure, Kind};

/// What listing, and deleting one, may take; the client itself repeats requests.
const ASK: Duration = Duration::from_secs(30);
/// What reading or writing one may take.
const MOVE: Duration = Duration::from_secs(300);
/// Larger ones are written in parts of this size.
const PART: usize = 16 << 20;

/// Checkpoints under one prefix of a bucket, by log topic and partition.
pub(super) struct ObjectCheckpoints {
    store: Arc<dyn ObjectStore>,
    root: Path,
    runtime: Runtime,
}

impl ObjectCheckpoints {
    /// A store at the URL; nothing is asked of it yet.
    pub(super) fn open(
        url: &str,
        options: impl IntoIterator<Item = (String, String)>,
        topic: &str,
    ) -> Result<ObjectCheckpoints, Failure> {
        let wrong = |error: String| {
            Failure::new(Kind::Configuration, error).during(format!("checkpoints at `{url}`"))
        };
        let parsed = Url::parse(url).map_err(|e| wrong(e.to_string()))?;
        // The environment writes in capitals what the client reads in small letters.
        let options = options.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, root) = parse_url_opts(&parsed, options).map_err(|e| wrong(e.to_string()))?;
        ObjectCheckpoints::over(store.into(), root.child(topic))
    }

    fn over(store: Arc<dyn ObjectStore>, root: Path) -> Result<ObjectCheckpoints, Failure> {
        // Its own threads: the client's connections live between calls.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("object-store")
            .enable_all()
            .build()?;
        Ok(ObjectCheckpoints { store, root, runtime })
    }

    fn folder(&self, partition: i32) -> Path {
        self.root.child(partition.to_string())
    }

    /// Positions and objects of a partition, newest first. Foreign objects are left alone.
    async fn list(&self, partition: i32) -> io::Result<Vec<(i64, Path)>> {
        let folder = self.folder(partition);
        let objects: Vec<_> = within(ASK, self.store.list(Some(&folder)).try_collect()).await?;
        let mut found: Vec<(i64, Path)> = objects
            .into_iter()
            .filter_map(|object| Some((position_of(object.location.filename()?)?, object.location)))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    async fn delete(&self, path: &Path) -> io::Result<()> {
        match within(ASK, self.store.delete(path)).await {
            // Another instance has been quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    async fn write(&self, partition: i32, checkpoint: &Checkpoint) -> io::Result<()> {
        let path = self.folder(partition).child(name_of(checkpoint.position));
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), path, PART);
        let written = async {
            let (header, crc) = checkpoint.frame();
            for part in [header.as_slice(), &checkpoint.state, &crc] {
                writer.write_all(part).await?;
            }
            // The object appears here.
            writer.shutdown().await
        };
        // Parts of one that failed are left to the bucket's rule for incomplete uploads: they are no object.
        tokio::time::timeout(MOVE, written).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl CheckpointStore for ObjectCheckpoints {
    fn save(&self, partition: i32, checkpoint: &Checkpoint) -> io::Result<()> {
        self.runtime.block_on(async {
            self.write(partition, checkpoint).await?;
            for old in outdated(self.list(partition).await?, checkpoint.position) {
                self.delete(&old).await?;
            }
            Ok(())
        })
    }

    fn forget_beyond(&self, partition: i32, end: i64) -> io::Result<usize> {
        self.runtime.block_on(async {
            let found = self.list(partition).await?;
            let beyond: Vec<_> = found.into_iter().filter(|(at, _)| *at > end).collect();
            for (_, path) in &beyond {
                self.delete(path).await?;
            }
            Ok(beyond.len())
        })
    }

    fn newest(&self, partition: i32, version: u32, position: i64) -> io::Result<Option<Checkpoint>> {
        let found = self.runtime.block_on(self.list(partition))?;
        let read = |path: &Path| {
            self.runtime.block_on(within(MOVE, async { self.store.get(path).await?.bytes().await }))
        };
        Ok(newest_whole(partition, found, version, position, |path| read(path).map(Vec::from)))
    }
}

/// What the store answers within the time.
async fn within<T>(
    time: Duration,
    answer: impl Future<Output = Result<T, object_store::Error>>,
) -> io::Result<T> {
    match tokio::time::timeout(time, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests;
