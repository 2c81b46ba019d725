//! What the instances share: the log service, the disks, the clock.

use plumbline_engine::task::{Checkpoint, LastRecord, Note, ResetFrom, Surroundings};
use plumbline_engine::{History, HistoryError, Stop};
use plumbline_events::{RecordView, decode_record};
use plumbline_units::Timestamp;

use super::Sabotage;
use super::broker::{Broker, Record, Topic};
use super::disk::Disk;
use super::program::Program;

/// What the instances share.
pub(super) struct World {
    pub(super) broker: Broker,
    /// One for each instance, or a single one.
    pub(super) disks: Vec<Disk>,
    pub(super) workspaces: Vec<String>,
    pub(super) log_partitions: i32,
    pub(super) plan: String,
    pub(super) now: Timestamp,
    pub(super) sabotage: Option<Sabotage>,
    /// The operator's word, once offsets were gone.
    pub(super) reset: Option<ResetFrom>,
    pub(super) standby: bool,
    /// What people have acknowledged: the id of the alert they saw, and the function that spoke.
    pub(super) words: Vec<(String, String)>,
    /// The engine stage reads one record at a time.
    pub(super) slow: bool,
}

impl World {
    pub(super) fn disk(&mut self, instance: usize) -> &mut Disk {
        let at = instance % self.disks.len();
        &mut self.disks[at]
    }

    /// The log partition of a workspace.
    pub(super) fn partition_of(&self, workspace: &str) -> i32 {
        let at = self.workspaces.iter().position(|name| name == workspace).unwrap_or(0);
        at as i32 % self.log_partitions
    }
}

/// The log read again from its start, by a program.
pub(super) struct LogOf<'a> {
    pub(super) broker: &'a Broker,
    pub(super) partition: i32,
    pub(super) program: Program,
}

impl History for LogOf<'_> {
    fn replay(
        &mut self,
        upto: i64,
        each: &mut dyn FnMut(i64, &RecordView<'_>) -> Result<(), Stop>,
    ) -> Result<(), HistoryError> {
        for (offset, record) in self.broker.committed_records((Topic::Log, self.partition)) {
            if offset >= upto {
                break;
            }
            let value = self.program.read(record.value.as_deref().unwrap_or_default());
            let view = decode_record(&value).map_err(|error| Box::new(Stop::Unreadable { offset, error }))?;
            each(offset, &view).map_err(Box::new)?;
        }
        Ok(())
    }
}

/// What a start asks.
pub(super) struct Asked<'a> {
    pub(super) broker: &'a Broker,
    pub(super) disk: &'a Disk,
    pub(super) partition: i32,
    pub(super) program: Program,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) notes: Vec<Note>,
}

impl Surroundings for Asked<'_> {
    type Error = String;

    fn checkpoint(&mut self, version: u32, upto: i64) -> Result<Option<Checkpoint>, String> {
        let ahead = self.sabotage == Some(Sabotage::CheckpointAhead);
        Ok(self.disk.newest(self.partition, version, if ahead { i64::MAX } else { upto }))
    }

    fn mark(&mut self, offset: i64) -> Result<Option<LastRecord>, String> {
        let found = self.broker.read((Topic::Log, self.partition), offset);
        let at = found.filter(|(at, _)| *at == offset);
        let read =
            |record: &Record| self.program.read(record.value.as_deref().unwrap_or_default()).into_owned();
        Ok(at.map(|(_, record)| LastRecord::of(offset, &read(record))))
    }

    fn judged_before(&mut self) -> Result<bool, String> {
        let is_epoch = |value: &[u8]| matches!(decode_record(value), Ok(RecordView::Epoch(_)));
        let mut records = self.broker.committed_records((Topic::Log, self.partition));
        Ok(records.any(|(_, record)| is_epoch(record.value.as_deref().unwrap_or_default())))
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

/// Where an alert goes: one key, one partition.
pub(super) fn alerts_partition(key: &[u8], partitions: i32) -> i32 {
    key.iter().fold(7, |sum: i32, byte| (sum * 31 + i32::from(*byte)) % 10_007) % partitions.max(1)
}
