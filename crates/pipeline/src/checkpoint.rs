//! Checkpoints: a state machine's snapshot with the log position it stands at.
//!
//! A checkpoint only saves time. Whatever is wrong with one, the log before it gives the same state again; so
//! one that is torn, foreign or of another version is passed over, loudly.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub use plumbline_engine::task::{Checkpoint, LastRecord};

use crate::metric;

/// Where checkpoints are kept.
pub trait CheckpointStore: Send + Sync {
    /// Keeps a checkpoint of a partition durably and forgets all but the two newest. Either the whole
    /// checkpoint is found later or none.
    fn save(&self, partition: i32, checkpoint: &Checkpoint) -> io::Result<()>;

    /// The newest whole checkpoint of the version at or before `position`.
    fn newest(&self, partition: i32, version: u32, position: i64) -> io::Result<Option<Checkpoint>>;
}

/// How many checkpoints of a partition are kept.
const KEPT: usize = 2;

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
            let stem = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".checkpoint"));
            if let Some(position) = stem.and_then(|s| s.parse().ok()) {
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
        let path = folder.join(format!("{:020}.checkpoint", checkpoint.position));
        let temporary = path.with_extension("writing");
        if let Err(error) = write(&temporary, checkpoint) {
            // On a full disk what was written of it would keep the space that others wait for.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        fs::rename(&temporary, &path)?;
        // The rename itself must be on the disk before older checkpoints go.
        File::open(&folder)?.sync_all()?;
        for (_, old) in self.list(partition)?.into_iter().skip(KEPT) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    fn newest(&self, partition: i32, version: u32, position: i64) -> io::Result<Option<Checkpoint>> {
        for (at, path) in self.list(partition)? {
            if at > position {
                continue;
            }
            match read(&path) {
                Ok(Some(checkpoint)) if checkpoint.version == version => return Ok(Some(checkpoint)),
                Ok(Some(other)) => {
                    tracing::warn!(path = %path.display(), made_by = other.version, ours = version,
                        "checkpoint of another version passed over");
                }
                Ok(None) => tracing::warn!(path = %path.display(), "torn checkpoint passed over"),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "unreadable checkpoint passed over");
                }
            }
            metric::checkpoint("unusable");
        }
        Ok(None)
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

/// Reads a checkpoint; `None` where it is not whole.
fn read(path: &Path) -> io::Result<Option<Checkpoint>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(Checkpoint::from_bytes(bytes))
}

#[cfg(test)]
mod tests;
