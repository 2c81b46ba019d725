//! Following the alerts topic: what was told, by whichever instance, for the status board.

use std::collections::BTreeSet;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
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

/// A reader of the alerts topic in its own thread; ends when dropped. Where it waits for a broker it is left then.
pub struct AlertFeed {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// What comes from the alerts topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'m> {
    /// A committed record.
    Record(&'m [u8]),
    /// All there is has been handed over; what comes from now on is handed over as it comes.
    All,
    /// The topic cannot be followed for now: there may be records that were not handed over.
    Lost,
}

/// Hands every committed record of the alerts topic to `each`, from the oldest on and then as they come. The topic
/// is read without a group: every instance sees all of it. A broker that cannot be reached is waited for; after an
/// error records may be handed over again.
pub fn follow_alerts(
    config: &Config,
    mut each: impl FnMut(Told<'_>) + Send + 'static,
) -> Result<AlertFeed, Failure> {
    let stop = Stop::default();
    let (config, stopped) = (config.clone(), stop.clone());
    let follow = move || {
        while !stopped.is_set() {
            if let Err(failure) = read(&config, &stopped, &mut each) {
                each(Told::Lost);
                tracing::warn!(%failure, "the alerts topic cannot be followed for now; the board shows what came before");
                stopped.pause(RETRY);
            }
        }
    };
    let thread = std::thread::Builder::new().name("alerts".to_owned()).spawn(follow)?;
    Ok(AlertFeed { stop, thread: Some(thread) })
}

fn read(config: &Config, stop: &Stop, each: &mut impl FnMut(Told<'_>)) -> Result<(), Failure> {
    let topic = config.topics.alerts.as_str();
    let consumer: BaseConsumer = reader_config(config).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), crate::client::REQUEST)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().filter(|t| t.name() == topic).flat_map(|t| t.partitions()) {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
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
            Some(Ok(message)) => each(Told::Record(message.payload().unwrap_or_default())),
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
                        element.set_offset(Offset::Beginning)?;
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

impl Drop for AlertFeed {
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
            tracing::warn!("the reader of the alerts topic panicked");
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
