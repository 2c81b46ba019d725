//! Checkpoints as bytes, and what may happen to them.

use std::collections::BTreeMap;

use plumbline_engine::task::Checkpoint;

/// The checkpoints of every partition, by position, as they lie on one disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    files: BTreeMap<(i32, i64), Vec<u8>>,
}

/// What happens to the newest checkpoint of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) enum Damage {
    /// It is gone, with all others.
    Lost,
    /// Cut at this share of its length, in per mille.
    Torn(usize),
    /// One bit is another, at this share of its length.
    Flipped(usize),
    /// It says another version made it.
    OtherVersion,
    /// It says that it stands at the offset of another log's record.
    Foreign,
}

impl Disk {
    /// Keeps a checkpoint, and the two newest of its partition.
    pub(super) fn save(&mut self, partition: i32, checkpoint: &Checkpoint) {
        self.files.insert((partition, checkpoint.position), checkpoint.to_bytes());
        let mine: Vec<_> =
            self.files.range((partition, 0)..=(partition, i64::MAX)).map(|(k, _)| *k).collect();
        for old in mine.iter().rev().skip(2) {
            self.files.remove(old);
        }
    }

    /// The newest whole checkpoint of the version at or before `upto`.
    pub(super) fn newest(&self, partition: i32, version: u32, upto: i64) -> Option<Checkpoint> {
        let upto = upto.max(0);
        let files = self.files.range((partition, 0)..=(partition, upto)).rev();
        files.filter_map(|(_, bytes)| Checkpoint::from_bytes(bytes.clone())).find(|c| c.version == version)
    }

    /// Damages the newest of the partition; says whether there was one.
    pub(super) fn damage(&mut self, partition: i32, damage: Damage) -> bool {
        if let Damage::Lost = damage {
            self.files.retain(|(p, _), _| *p != partition);
            return true;
        }
        let mut files = self.files.range_mut((partition, 0)..=(partition, i64::MAX));
        let Some((_, bytes)) = files.next_back() else { return false };
        match damage {
            Damage::Lost => {}
            Damage::Torn(share) => bytes.truncate(bytes.len() * share / 1000),
            Damage::Flipped(share) => {
                let at = (bytes.len() * share / 1000).min(bytes.len() - 1);
                bytes[at] ^= 0x10;
            }
            Damage::OtherVersion | Damage::Foreign => {
                let Some(mut checkpoint) = Checkpoint::from_bytes(bytes.clone()) else { return false };
                match damage {
                    Damage::OtherVersion => checkpoint.version += 1_000,
                    _ => checkpoint.last.crc ^= 1,
                }
                *bytes = checkpoint.to_bytes();
            }
        }
        true
    }
}
