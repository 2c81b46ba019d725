//! A snapshot with the log position it stands at, and its form in bytes.
//!
//! A checkpoint only saves time. Whatever is wrong with one, the log before it gives the same state again; so
//! one that is torn, foreign or of another version is passed over.

const MAGIC: &[u8; 8] = b"PLMBCKP1";
/// Magic, version, position, last offset, last CRC, length of the state.
const HEADER: usize = 8 + 4 + 8 + 8 + 4 + 8;

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

impl Checkpoint {
    /// What stands before the state, and the CRC-32 that stands after it: the state is not copied.
    pub fn frame(&self) -> (Vec<u8>, [u8; 4]) {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&self.version.to_le_bytes());
        header.extend_from_slice(&self.position.to_le_bytes());
        header.extend_from_slice(&self.last.offset.to_le_bytes());
        header.extend_from_slice(&self.last.crc.to_le_bytes());
        header.extend_from_slice(&(self.state.len() as u64).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header);
        crc.update(&self.state);
        (header, crc.finalize().to_le_bytes())
    }

    /// The checkpoint as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (mut bytes, crc) = self.frame();
        bytes.extend_from_slice(&self.state);
        bytes.extend_from_slice(&crc);
        bytes
    }

    /// Reads a checkpoint; `None` where it is not whole.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Option<Checkpoint> {
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
}
