//! Warm standby: state machines of log partitions that other instances judge, kept near what those have committed.
//!
//! A standby never reads past the committed position of its owner. So it owes nothing and knows nothing that is not
//! out: whoever takes the partition over goes on from it exactly as from a checkpoint, and what the owner had judged
//! and not committed is judged and said by the successor. It publishes nothing, commits nothing and writes no
//! checkpoint; it reads as an onlooker that is no member of the group.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plumbline_engine::task::{Held, Origin, Position};
use rdkafka::Message;

use super::STAGE;
use super::history::LogHistory;
use super::start::{Start, position};
use crate::checkpoint::CheckpointStore;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::metric;
use crate::read::Reader;
use crate::service::Shared;
use crate::status::StandbyStatus;
use crate::stop::Stop;

/// Time between looks at what the owners have committed; about so much of the log is replayed at a takeover.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// One partition is read for so long at a time, so that none waits for another that is far behind.
const SLICE: Duration = Duration::from_secs(1);
/// How long asking for committed positions may take; while a dead owner's transaction is open, they are not told.
const ASK: Duration = Duration::from_secs(2);
/// How long the stage waits for states. Without them it goes on from checkpoints.
const HAND_OVER: Duration = Duration::from_secs(10);
/// How long its end is waited for.
const FINISH: Duration = Duration::from_secs(1);
/// A partition that could not be followed is tried again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// The standby as the stage sees it.
pub(super) struct Standby {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

enum Order {
    /// The stage judges these partitions: their states are to be handed to it, others may be followed.
    HandOver { owned: Vec<i32>, answer: Sender<BTreeMap<i32, Held>> },
    /// The stage judges nothing any more and leaves these states.
    TakeBack(BTreeMap<i32, Held>),
}

impl Standby {
    /// Starts the standby, where the configuration wants one.
    pub(super) fn start(
        config: &Config,
        shared: &Shared,
        store: Option<Arc<dyn CheckpointStore>>,
        log_partitions: i32,
    ) -> Result<Option<Standby>, Failure> {
        if config.engine.standby_partitions == 0 {
            return Ok(None);
        }
        let (orders, received) = channel();
        let follower = Follower {
            reader: Reader::onlooker(config, STAGE)?,
            history: Reader::new(config)?,
            config: config.clone(),
            store,
            shared: shared.clone(),
            log_partitions,
            orders: received,
            waiting: None,
            chosen: Vec::new(),
            states: BTreeMap::new(),
            given_up: BTreeMap::new(),
            shown: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("standby".to_owned()).spawn(move || follower.run())?;
        Ok(Some(Standby { orders, thread }))
    }

    /// The states of the partitions that the stage judges from now on, as far as they are kept here.
    pub(super) fn hand_over(&self, owned: Vec<i32>) -> BTreeMap<i32, Held> {
        let (answer, answered) = channel();
        if self.orders.send(Order::HandOver { owned, answer }).is_err() {
            return BTreeMap::new();
        }
        answered.recv_timeout(HAND_OVER).unwrap_or_else(|_| {
            tracing::warn!("the standby is busy; partitions are restored from checkpoints");
            BTreeMap::new()
        })
    }

    /// The stage judges nothing any more; the next assignment may give it the same partitions again.
    pub(super) fn take_back(&self, states: BTreeMap<i32, Held>) {
        // A standby that is gone has said why.
        let _ = self.orders.send(Order::TakeBack(states));
    }

    /// Ends it. Where it waits for a broker it is left: nothing of it has to be kept.
    pub(super) fn finish(self, stop: &Stop) {
        drop(self.orders);
        let until = stop.patience(FINISH);
        while !self.thread.is_finished() {
            if Instant::now() >= until {
                tracing::debug!("the standby does not end in time and is left");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.thread.join().is_err() {
            tracing::warn!("the standby panicked");
        }
    }
}

/// The thread that reads.
struct Follower {
    config: Config,
    store: Option<Arc<dyn CheckpointStore>>,
    shared: Shared,
    reader: Reader,
    /// For a plan that folds the log anew, in the middle of reading.
    history: Reader,
    log_partitions: i32,
    orders: Receiver<Order>,
    /// An order that came while a partition was being read.
    waiting: Option<Order>,
    /// Partitions to follow; none while it is not known which the stage owns.
    chosen: Vec<i32>,
    states: BTreeMap<i32, Held>,
    given_up: BTreeMap<i32, Instant>,
    shown: Vec<i32>,
}

/// Why reading a stretch has ended before its end.
enum Interrupted {
    ByTime,
    ByOrder(Order),
    ByEnd,
    Broken(Failure),
}

impl Follower {
    fn run(mut self) {
        while !self.shared.stop.is_set() {
            let behind = self.turn().unwrap_or_else(|failure| {
                // Nothing depends on it; the next turn tries again.
                tracing::warn!(%failure, "the standby cannot follow for now");
                false
            });
            let order = match self.waiting.take() {
                Some(order) => Ok(order),
                None if behind => self.orders.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                }),
                None => self.orders.recv_timeout(LOOK_EVERY),
            };
            match order {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.chosen.clear();
        self.show(&BTreeMap::new());
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::HandOver { owned, answer } => {
                let kept = owned.iter().filter_map(|p| Some((*p, self.states.remove(p)?)));
                let theirs = kept.map(|(p, held)| (p, Held { origin: Origin::Standby, ..held })).collect();
                // A stage that has not waited restores from checkpoints.
                let _ = answer.send(theirs);
                self.chosen = chosen(self.log_partitions, &owned, self.config.engine.standby_partitions);
                self.states.retain(|partition, _| self.chosen.contains(partition));
                self.given_up.clear();
            }
            Order::TakeBack(states) => {
                self.states.extend(states);
                self.chosen.clear();
            }
        }
    }

    /// Follows every chosen partition for a while; true where one is still behind.
    fn turn(&mut self) -> Result<bool, Failure> {
        if self.chosen.is_empty() {
            self.show(&BTreeMap::new());
            return Ok(false);
        }
        let log = self.config.topics.log.clone();
        let committed = self.reader.committed(&log, self.chosen.iter().copied(), ASK)?;
        let version = self.config.engine.machine.version;
        let mut seen = BTreeMap::new();
        let mut behind = false;
        for partition in self.chosen.clone() {
            if self.given_up.get(&partition).is_some_and(|at| at.elapsed() < AGAIN) {
                continue;
            }
            let Some(element) = committed.find_partition(&log, partition) else { continue };
            let followed = position(&element, version).and_then(|position| match position {
                Some(position) => self.follow(partition, position).map(|at| Some((at, position.next))),
                None => Ok(None),
            });
            match followed {
                Ok(Some((position, committed))) => {
                    let status = StandbyStatus { position, committed };
                    behind |= status.lag() > 0;
                    seen.insert(partition, status);
                }
                Ok(None) => {}
                Err(failure) if failure.kind() == Kind::Unavailable => return Err(failure),
                Err(failure) => {
                    tracing::warn!(%failure, partition, "the standby of this partition is given up for a while");
                    self.states.remove(&partition);
                    self.given_up.insert(partition, Instant::now());
                }
            }
            if self.waiting.is_some() || self.shared.stop.is_set() {
                return Ok(true);
            }
        }
        self.show(&seen);
        Ok(behind)
    }

    /// Reads towards the committed position; hands back where it stands then.
    fn follow(&mut self, partition: i32, committed: Position) -> Result<i64, Failure> {
        let config = &self.config;
        // Somebody has set the group back: what was read is no longer out.
        let kept = self.states.remove(&partition).filter(|held| held.position <= committed.next);
        let mut held = match kept {
            Some(held) => held,
            None => {
                let (reader, store) = (&self.reader, self.store.as_deref());
                Start { config, reader, store, partition }.follow(committed.next)?
            }
        };
        if held.position < committed.next {
            let begun = Instant::now();
            let log = config.topics.log.as_str();
            let mut history = LogHistory { reader: &self.history, member: None, log, partition };
            let (orders, stop) = (&self.orders, &self.shared.stop);
            let interrupted = || {
                if stop.is_set() {
                    return Some(Interrupted::ByEnd);
                }
                match orders.try_recv() {
                    Ok(order) => Some(Interrupted::ByOrder(order)),
                    Err(TryRecvError::Disconnected) => Some(Interrupted::ByEnd),
                    Err(TryRecvError::Empty) => (begun.elapsed() > SLICE).then_some(Interrupted::ByTime),
                }
            };
            let stopped = self.reader.read(
                (log, partition),
                Some(held.position),
                Some(committed.next),
                || interrupted().map_or(ControlFlow::Continue(()), ControlFlow::Break),
                |message| {
                    let value = message.payload().unwrap_or_default();
                    if let Err(stop) = held.follow(message.offset(), value, &mut history) {
                        return ControlFlow::Break(Interrupted::Broken(stop.into()));
                    }
                    // The end is known: no wait for what may come behind it.
                    match held.position >= committed.next {
                        true => ControlFlow::Break(Interrupted::ByEnd),
                        false => interrupted().map_or(ControlFlow::Continue(()), ControlFlow::Break),
                    }
                },
            );
            match stopped {
                Ok(Some(Interrupted::Broken(failure))) => return Err(failure),
                Ok(Some(Interrupted::ByOrder(order))) => self.waiting = Some(order),
                Ok(Some(Interrupted::ByTime | Interrupted::ByEnd)) => {}
                // Read to there: control records alone lie between.
                Ok(None) => held.position = committed.next,
                Err(failure) => {
                    // What has been applied is whole.
                    self.states.insert(partition, held);
                    return Err(failure);
                }
            }
        }
        held.caught_up(committed);
        let position = held.position;
        self.states.insert(partition, held);
        Ok(position)
    }

    fn show(&mut self, standby: &BTreeMap<i32, StandbyStatus>) {
        for partition in self.shown.iter().filter(|partition| !standby.contains_key(partition)) {
            metric::standby_gone(*partition);
        }
        for (partition, status) in standby {
            metric::standby_at(*partition, status.lag());
        }
        self.shown = standby.keys().copied().collect();
        self.shared.status.engine(|engine| engine.standby.clone_from(standby));
    }
}

/// The partitions to follow: those nearest to the ones that the instance owns, for the group assigns ranges, and a
/// range grows at its ends when a neighbour is gone.
fn chosen(log_partitions: i32, owned: &[i32], most: usize) -> Vec<i32> {
    let distance = |partition: i32| owned.iter().map(|own| own.abs_diff(partition)).min().unwrap_or(0);
    let mut others: Vec<i32> = (0..log_partitions).filter(|partition| !owned.contains(partition)).collect();
    others.sort_by_key(|partition| (distance(*partition), *partition));
    others.truncate(most);
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_of_what_is_owned_are_followed_first_and_no_more_than_allowed() {
        for (owned, most, expected) in [
            ([4, 5].as_slice(), 2, [3, 6].as_slice()),
            (&[4, 5], 4, &[3, 6, 2, 7]),
            (&[0, 1], 100, &[2, 3, 4, 5, 6, 7]),
            (&[], 3, &[0, 1, 2]),
            (&[3], 0, &[]),
        ] {
            assert_eq!(chosen(8, owned, most), expected, "{owned:?}, at most {most}");
        }
    }

    #[test]
    fn one_that_waits_for_a_broker_is_not_waited_for() {
        let (orders, _kept) = channel();
        let (free, freed) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = freed.recv();
        });
        let begun = Instant::now();
        Standby { orders, thread }.finish(&Stop::default());
        assert!(begun.elapsed() < FINISH * 3, "{:?}", begun.elapsed());
        drop(free);
    }
}
