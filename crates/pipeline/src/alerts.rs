//! Following the alerts topic: what was told, by whichever instance, for the status board.

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

/// Hands every committed record of the alerts topic to `each`, from the oldest on and then as they come. The topic
/// is read without a group: every instance sees all of it. A broker that cannot be reached is waited for; after an
/// error records may be handed over again.
pub fn follow_alerts(
    config: &Config,
    mut each: impl FnMut(&[u8]) + Send + 'static,
) -> Result<AlertFeed, Failure> {
    let stop = Stop::default();
    let (config, stopped) = (config.clone(), stop.clone());
    let follow = move || {
        while !stopped.is_set() {
            if let Err(failure) = read(&config, &stopped, &mut each) {
                tracing::warn!(%failure, "the alerts topic cannot be followed for now; the board shows what came before");
                stopped.pause(RETRY);
            }
        }
    };
    let thread = std::thread::Builder::new().name("alerts".to_owned()).spawn(follow)?;
    Ok(AlertFeed { stop, thread: Some(thread) })
}

fn read(config: &Config, stop: &Stop, each: &mut impl FnMut(&[u8])) -> Result<(), Failure> {
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
    while !stop.is_set() {
        match consumer.poll(POLL) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Ok(message)) => each(message.payload().unwrap_or_default()),
            // Retention has removed what was next.
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OffsetOutOfRange))) => {
                consumer.assign(&list)?;
            }
            Some(Err(error)) if is_fleeting(&error) => {}
            Some(Err(error)) => return Err(Failure::from(error).during(format!("following {topic}"))),
        }
    }
    Ok(())
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
}
