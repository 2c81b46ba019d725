//! What one transaction takes of a task.

use super::{LogTask, Pending, Phase, Position};
use crate::AggregateUpdate;

/// What one transaction takes of a task, and the position that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    outputs: usize,
    aggregates: usize,
    /// What is out once the transaction commits.
    pub position: Position,
}

impl Share {
    /// Number of aggregate values in it.
    pub fn aggregates(&self) -> usize {
        self.aggregates
    }
}

impl LogTask {
    /// What a transaction with `room` for more records takes; `None` where there is nothing to say. Every
    /// transaction that says all outputs carries the newest value of each aggregate changed since the last.
    pub fn share(&mut self, room: &mut usize) -> Option<Share> {
        let version = self.engine.version();
        let at = |next| Position::whole(next).by(version);
        if matches!(self.phase, Phase::Replaying { .. }) {
            return None;
        }
        let live = self.live();
        let all_collected = self.aggregates.is_empty() && live;
        if all_collected {
            self.aggregates = self.engine.aggregates().into();
        }
        let outputs = self.outputs.len().min(*room);
        *room -= outputs;
        let aggregates = if outputs == self.outputs.len() { self.aggregates.len().min(*room) } else { 0 };
        *room -= aggregates;
        let whole = outputs == self.outputs.len() && aggregates == self.aggregates.len();
        let position = match outputs.checked_sub(1).map(|last| &self.outputs[last]) {
            // Until it has taken over, it goes on from where it has said something only, as from where the former left.
            None if !live => Position { former: self.former, ..self.committed.by(version) },
            // Of a record that was cut and has not been read again, what is out stays out.
            _ if whole && live => {
                let cut = self.resume.filter(|cut| cut.next == self.position);
                let (out, owed) = cut.map_or((0, 0), |cut| (cut.out, cut.owed));
                Position { out, owed, settled: all_collected, ..at(self.position) }
            }
            Some(last) => {
                let owed = self.owed_by_all(last.offset, outputs);
                Position { out: last.number, owed, former: self.former, ..at(last.offset) }
            }
            None => self.committed,
        };
        let moves = live && position != self.committed;
        let anything = outputs > 0 || aggregates > 0 || self.has_appends() || moves;
        anything.then_some(Share { outputs, aggregates, position })
    }

    /// How many outputs of the record that are owed whoever judges are out once the first `outputs` are.
    fn owed_by_all(&self, offset: i64, outputs: usize) -> u32 {
        let before = if self.committed.next == offset { self.committed.owed } else { 0 };
        let ours = self.outputs.iter().take(outputs).rev().take_while(|pending| pending.offset == offset);
        let more = ours.filter(|pending| LogTask::is_owed_by_all(&pending.output)).count();
        before + u32::try_from(more).unwrap_or(u32::MAX - before)
    }

    /// The records for the log that go with the next share.
    pub fn appends(&self) -> &[Vec<u8>] {
        &self.appends
    }

    /// The outputs of a share, in order.
    pub fn outputs(&self, share: &Share) -> impl Iterator<Item = &Pending> {
        self.outputs.iter().take(share.outputs)
    }

    /// The aggregates of a share.
    pub fn aggregates(&self, share: &Share) -> impl Iterator<Item = &AggregateUpdate> {
        self.aggregates.iter().take(share.aggregates)
    }

    /// The transaction with this share has committed: what it held is out. Hands back its outputs.
    pub fn confirm(&mut self, share: &Share) -> Vec<Pending> {
        self.aggregates.drain(..share.aggregates);
        self.appends.clear();
        self.committed = share.position;
        self.outputs.drain(..share.outputs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineConfig;
    use crate::task::Held;

    #[test]
    fn a_cut_record_stays_cut_until_it_is_read_again() {
        let committed = Position { out: 2, ..Position::whole(5) };
        let mut task = LogTask::new(Held::fresh(&EngineConfig::default(), 5), committed);
        let share = task.share(&mut 100).unwrap();
        assert_eq!(share.position, Position { settled: true, ..committed });
        task.confirm(&share);
        assert_eq!(task.share(&mut 100), None, "nothing more to say");
    }
}
