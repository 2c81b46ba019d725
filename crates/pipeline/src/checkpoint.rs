//! Checkpoints: a state machine's snapshot with the log position it stands at.
//!
//! A checkpoint only saves time. Whatever is wrong with one, the log before it gives the same state again; so
//! one that is torn, foreign or of another version is passed over, loudly.

#[cfg(feature = "object-store")]
mod object;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use plumbline_engine::task::{Checkpoint, LastRecord};

use crate::config::CheckpointPlace;
use crate::failure::Failure;
use crate::metric;

/// Where checkpoints are kept.
pub trait CheckpointStore: Send + Sync {
    /// Keeps a checkpoint of a partition durably and forgets all others but the two furthest. Either the whole
    /// checkpoint is found later or none.
    fn save(&self, partition: i32, checkpoint: &Checkpoint) -> io::Result<()>;

    /// Forgets the checkpoints of a partition beyond the end of its log, and says how many: they are of another log
    /// that had its name, and would outrank those of this one.
    fn forget_beyond(&self, partition: i32, end: i64) -> io::Result<usize>;

    /// The newest whole checkpoint of the version at or before `position`.
    fn newest(&self, partition: i32, version: u32, position: i64) -> io::Result<Option<Checkpoint>>;
}

/// How many checkpoints of a partition are kept, besides the one just saved.
const KEPT: usize = 2;

/// What of the found, furthest first, goes after the one at `saved` has been written.
fn outdated<K>(found: Vec<(i64, K)>, saved: i64) -> impl Iterator<Item = K> {
    found.into_iter().skip(KEPT).filter(move |(at, _)| *at != saved).map(|(_, name)| name)
}

/// The store of a place, for the log `topic`.
pub(crate) fn open(place: &CheckpointPlace, topic: &str) -> Result<Arc<dyn CheckpointStore>, Failure> {
    match place {
        CheckpointPlace::Directory(root) => {
            if let Err(error) = fs::create_dir_all(root) {
                // The service does not depend on them; the writer tries again each time.
                tracing::warn!(directory = %root.display(), %error, "checkpoints cannot be kept for now");
            }
            Ok(Arc::new(DirectoryStore::new(root, topic)))
        }
        #[cfg(feature = "object-store")]
        CheckpointPlace::Url { url, options } => {
            let options = options.iter().map(|(key, value)| (key.clone(), value.clone()));
            Ok(Arc::new(object::ObjectCheckpoints::open(url, options, topic)?))
        }
        #[cfg(not(feature = "object-store"))]
        CheckpointPlace::Url { url, .. } => {
            let message = format!(
                "checkpoints at `{url}` need a program built with `--features object-store`; a directory does not"
            );
            Err(Failure::new(crate::failure::Kind::Configuration, message))
        }
    }
}

/// The first of the found, newest first, that is whole and of the version, at or before `position`. What is passed
/// over is told.
fn newest_whole<K: fmt::Display>(
    partition: i32,
    found: Vec<(i64, K)>,
    version: u32,
    position: i64,
    read: impl Fn(&K) -> io::Result<Vec<u8>>,
) -> Option<Checkpoint> {
    for (at, name) in found {
        if at > position {
            continue;
        }
        match read(&name).map(Checkpoint::from_bytes) {
            Ok(Some(checkpoint)) if checkpoint.version == version => return Some(checkpoint),
            Ok(Some(other)) => {
                tracing::warn!(partition, %name, made_by = other.version, ours = version,
                    "checkpoint of another version passed over");
            }
            Ok(None) => tracing::warn!(partition, %name, "torn checkpoint passed over"),
            Err(error) => tracing::warn!(partition, %name, %error, "unreadable checkpoint passed over"),
        }
        metric::checkpoint("unusable");
    }
    None
}

/// The position that a name of ours stands for.
fn position_of(name: &str) -> Option<i64> {
    name.strip_suffix(".checkpoint")?.parse().ok()
}

fn name_of(position: i64) -> String {
    format!("{position:020}.checkpoint")
}

/// Checkpoints in a local directory, one folder per log topic and partition.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    root: PathBuf,
}

impl DirectoryStore {
    /// A store in `root` for the log `topic`. The folder is made when first needed.
    pub fn new(root: &Path, topic: &str) -> DirectoryStore {
        DirectoryStore { root: root.join(topic) }
    }

    fn folder(&self, partition: i32) -> PathBuf {
        self.root.join(partition.to_string())
    }

    /// Positions and files of a partition, newest first. Foreign files are left alone.
    fn list(&self, partition: i32) -> io::Result<Vec<(i64, PathBuf)>> {
        let entries = match fs::read_dir(self.folder(partition)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if let Some(position) = path.file_name().and_then(|n| n.to_str()).and_then(position_of) {
                found.push((position, path));
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }
}

impl CheckpointStore for DirectoryStore {
    fn save(&self, partition: i32, checkpoint: &Checkpoint) -> io::Result<()> {
        let folder = self.folder(partition);
        fs::create_dir_all(&folder)?;
        let path = folder.join(name_of(checkpoint.position));
        let temporary = path.with_extension("writing");
        if let Err(error) = write(&temporary, checkpoint) {
            // On a full disk what was written of it would keep the space that others wait for.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        fs::rename(&temporary, &path)?;
        // The rename itself must be on the disk before older checkpoints go.
        File::open(&folder)?.sync_all()?;
        for old in outdated(self.list(partition)?, checkpoint.position) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    fn forget_beyond(&self, partition: i32, end: i64) -> io::Result<usize> {
        let beyond: Vec<_> = self.list(partition)?.into_iter().filter(|(at, _)| *at > end).collect();
        beyond.iter().try_for_each(|(_, path)| fs::remove_file(path))?;
        Ok(beyond.len())
    }

    fn newest(&self, partition: i32, version: u32, position: i64) -> io::Result<Option<Checkpoint>> {
        let found = self.list(partition)?.into_iter().map(|(at, path)| (at, Shown(path)));
        Ok(newest_whole(partition, found.collect(), version, position, |Shown(path)| fs::read(path)))
    }
}

/// A path in messages.
struct Shown(PathBuf);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

fn write(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let mut file = File::create(path)?;
    let (header, crc) = checkpoint.frame();
    for part in [header.as_slice(), &checkpoint.state, &crc] {
        file.write_all(part)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests;
