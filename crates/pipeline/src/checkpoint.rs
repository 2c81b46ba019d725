//! Checkpoints: a state machine's snapshot with the log position it stands at.
//!
//! A checkpoint only saves time. Whatever is wrong with one, the log before it gives the same state again; so
//! one that is torn, foreign or of another version is passed over, loudly.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::metric;

/// A snapshot of one log partition's state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Version of the state machine that made it.
    pub version: u32,
    /// Every record below this offset is in it.
    pub position: i64,
    /// The last record in it: restoring reads that record again and compares, so that a checkpoint of another
    /// log under the same name is noticed.
    pub last: LastRecord,
    /// The snapshot.
    pub state: Vec<u8>,
}

/// The last record of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// Its offset.
    pub offset: i64,
    /// CRC-32 of its value.
    pub crc: u32,
}

impl LastRecord {
    /// The mark of a record.
    pub fn of(offset: i64, value: &[u8]) -> LastRecord {
        LastRecord { offset, crc: crc32fast::hash(value) }
    }
}

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
const MAGIC: &[u8; 8] = b"PLMBCKP1";
/// Magic, version, position, last offset, last CRC, length of the state.
const HEADER: usize = 8 + 4 + 8 + 8 + 4 + 8;

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
    let header = header(checkpoint);
    let mut crc = crc32fast::Hasher::new();
    for part in [header.as_slice(), &checkpoint.state] {
        crc.update(part);
        file.write_all(part)?;
    }
    file.write_all(&crc.finalize().to_le_bytes())?;
    file.sync_all()
}

fn header(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&checkpoint.version.to_le_bytes());
    header.extend_from_slice(&checkpoint.position.to_le_bytes());
    header.extend_from_slice(&checkpoint.last.offset.to_le_bytes());
    header.extend_from_slice(&checkpoint.last.crc.to_le_bytes());
    header.extend_from_slice(&(checkpoint.state.len() as u64).to_le_bytes());
    header
}

/// Reads a checkpoint; `None` where it is not whole.
fn read(path: &Path) -> io::Result<Option<Checkpoint>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(parse(bytes))
}

fn parse(mut bytes: Vec<u8>) -> Option<Checkpoint> {
    let body = bytes.len().checked_sub(4)?;
    let crc = u32::from_le_bytes(bytes[body..].try_into().ok()?);
    if body < HEADER || !bytes.starts_with(MAGIC) || crc32fast::hash(&bytes[..body]) != crc {
        return None;
    }
    let length = u64::from_le_bytes(bytes[32..HEADER].try_into().ok()?);
    if length != (body - HEADER) as u64 {
        return None;
    }
    let version = u32::from_le_bytes(bytes[8..12].try_into().ok()?);
    let position = i64::from_le_bytes(bytes[12..20].try_into().ok()?);
    let last = LastRecord {
        offset: i64::from_le_bytes(bytes[20..28].try_into().ok()?),
        crc: u32::from_le_bytes(bytes[28..32].try_into().ok()?),
    };
    bytes.truncate(body);
    bytes.drain(..HEADER);
    Some(Checkpoint { version, position, last, state: bytes })
}

#[cfg(test)]
mod tests;
