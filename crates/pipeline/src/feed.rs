//! Following the alerts and the dead letters: what was told and what was refused, by whichever instance, for the status
//! board.

use std::collections::BTreeSet;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plumbline_events::dead_letter_header as header;
use plumbline_units::Timestamp;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Offset, TopicPartitionList};

use crate::client::reader_config;
use crate::config::Config;
use crate::failure::Failure;
use crate::read::is_fleeting;
use crate::stop::Stop;

/// Pause after what the client does not mend by itself.
const RETRY: Duration = Duration::from_secs(5);
/// How long a look for the next record waits.
const POLL: Duration = Duration::from_millis(200);

/// How long its end is waited for.
const FINISH: Duration = Duration::from_millis(500);

/// A reader of a topic in its own thread; ends when dropped. Where it waits for a broker it is left then.
pub struct Feed {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Of the dead letters of a partition, so many of those that are there when it is followed are handed over.
const OLD_LETTERS: i64 = 500;

/// What comes from a topic that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<T> {
    /// A committed record.
    Record(T),
    /// All there is has been handed over; what comes from now on is handed over as it comes.
    All,
    /// The topic cannot be followed for now: there may be records that were not handed over.
    Lost,
}

/// Where a dead letter is and what it is about; never what was in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its partition and offset on the dead-letter topic.
    pub at: (i32, i64),
    /// When the input came.
    pub time: Timestamp,
    /// Why it was refused, as a stable word.
    pub class: String,
    /// Topic, partition and offset of what was refused.
    pub of: String,
}

/// Hands every committed record of the alerts topic to `each`, from the oldest on and then as they come. The topic
/// is read without a group: every instance sees all of it. A broker that cannot be reached is waited for; after an
/// error records may be handed over again.
pub fn follow_alerts(
    config: &Config,
    mut each: impl FnMut(Told<&[u8]>) + Send + 'static,
) -> Result<Feed, Failure> {
    let topic = config.topics.alerts.clone();
    follow(config, topic, Offset::Beginning, move |told| {
        each(match told {
            Told::Record(message) => Told::Record(message.payload().unwrap_or_default()),
            Told::All => Told::All,
            Told::Lost => Told::Lost,
        });
    })
}

/// The same of the dead letters, from the newest [`OLD_LETTERS`] of each partition on.
pub fn follow_dead_letters(
    config: &Config,
    mut each: impl FnMut(Told<DeadLetter>) + Send + 'static,
) -> Result<Feed, Failure> {
    let topic = config.topics.dead_letters.clone();
    follow(config, topic, Offset::OffsetTail(OLD_LETTERS), move |told| {
        each(match told {
            Told::Record(message) => Told::Record(dead_letter(message)),
            Told::All => Told::All,
            Told::Lost => Told::Lost,
        });
    })
}

fn dead_letter(message: &BorrowedMessage<'_>) -> DeadLetter {
    let text = |name: &str| {
        let headers = message.headers()?;
        let value = headers.iter().filter(|found| found.key == name).last()?.value?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let part = |name: &str| text(name).unwrap_or_else(|| "?".to_owned());
    DeadLetter {
        at: (message.partition(), message.offset()),
        time: Timestamp::clamped(message.timestamp().to_millis().unwrap_or_default()),
        class: part(header::CLASS),
        of: format!("{}-{}@{}", part(header::TOPIC), part(header::PARTITION), part(header::OFFSET)),
    }
}

fn follow(
    config: &Config,
    topic: String,
    from: Offset,
    mut each: impl FnMut(Told<&BorrowedMessage<'_>>) + Send + 'static,
) -> Result<Feed, Failure> {
    let stop = Stop::default();
    let (config, stopped) = (config.clone(), stop.clone());
    let name = topic.clone();
    let follow = move || {
        while !stopped.is_set() {
            if let Err(failure) = read(&config, &topic, from, &stopped, &mut each) {
                each(Told::Lost);
                tracing::warn!(%failure, "{topic} cannot be followed for now; the board shows what came before");
                stopped.pause(RETRY);
            }
        }
    };
    let thread = std::thread::Builder::new().name(name).spawn(follow)?;
    Ok(Feed { stop, thread: Some(thread) })
}

fn read(
    config: &Config,
    topic: &str,
    from: Offset,
    stop: &Stop,
    each: &mut impl FnMut(Told<&BorrowedMessage<'_>>),
) -> Result<(), Failure> {
    let consumer: BaseConsumer = reader_config(config).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), crate::client::REQUEST)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().filter(|t| t.name() == topic).flat_map(|t| t.partitions()) {
        list.add_partition_offset(topic, partition.id(), from)?;
    }
    if list.count() == 0 {
        stop.pause(RETRY);
        return Ok(());
    }
    consumer.assign(&list)?;
    let mut ends = Ends::of(list.count());
    while !stop.is_set() {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => each(Told::Record(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let all = ends.reached(partition);
                if all {
                    each(Told::All);
                }
            }
            // Retention has removed what was next.
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OffsetOutOfRange))) => {
                each(Told::Lost);
                ends = Ends::of(list.count());
                consumer.assign(&list)?;
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown))) => {
                each(Told::Lost);
                ends = Ends::of(list.count());
                // Assigned anew, the client says again when it is at the end.
                let here = consumer.position()?;
                for mut element in here.elements() {
                    if element.offset() == Offset::Invalid {
                        element.set_offset(from)?;
                    }
                }
                consumer.assign(&here)?;
            }
            Some(Err(error)) if is_fleeting(&error) => {}
            Some(Err(error)) => return Err(Failure::from(error).during(format!("following {topic}"))),
        }
    }
    Ok(())
}

/// The partitions whose end has been reached.
struct Ends {
    reached: BTreeSet<i32>,
    partitions: usize,
}

impl Ends {
    fn of(partitions: usize) -> Ends {
        Ends { reached: BTreeSet::new(), partitions }
    }

    /// True once: with the last partition whose end is reached.
    fn reached(&mut self, partition: i32) -> bool {
        self.reached.insert(partition) && self.reached.len() == self.partitions
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.set();
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + FINISH;
        while !thread.is_finished() {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if thread.join().is_err() {
            tracing::warn!("the reader of a topic panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_waits_for_a_silent_broker_is_not_waited_for() {
        // Takes connections and answers nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let kafka = [("bootstrap.servers".to_owned(), address)].into();
        let feed = follow_alerts(&Config { kafka, ..Config::default() }, |_| {}).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        drop(feed);
        assert!(begun.elapsed() < FINISH * 3, "{:?}", begun.elapsed());
    }

    #[test]
    fn all_is_told_once_every_partition_has_been_read_to_its_end() {
        let mut ends = Ends::of(2);
        let told: Vec<bool> = [1, 1, 0, 0, 1].into_iter().map(|partition| ends.reached(partition)).collect();
        assert_eq!(told, [false, false, true, false, false]);
    }
}
