//! What producers send: leads that arrive by the clock from two sources and move on by a rule, with duplicates,
//! shuffles and poison.

use std::collections::BTreeMap;

use plumbline_units::Timestamp;
use rand::Rng;
use rand::rngs::StdRng;

use super::broker::{Broker, Record, Topic};

/// Number of input topics.
pub(super) const INPUTS: [&str; 2] = ["crm.leads", "crm.opportunities"];
const EVERY: i64 = 2 * 3_600_000;

/// The producers.
pub(super) struct Feed {
    rng: StdRng,
    workspaces: Vec<String>,
    /// Next lead of each workspace: number and time.
    next: Vec<(u64, i64)>,
    /// Sent with the next ones: later, or again.
    held_back: Vec<(Topic, i32, Vec<u8>)>,
    /// Every second lead is missing from here on: something to tell of.
    drop_from: i64,
    now: Timestamp,
    pub(super) sent: u64,
    /// When each source of each workspace sent something that was not held back.
    pub(super) heard: Heard,
}

/// By workspace and source.
pub(super) type Heard = BTreeMap<(String, &'static str), Vec<Timestamp>>;

impl Feed {
    pub(super) fn new(rng: StdRng, workspaces: Vec<String>, start: Timestamp, drop_from: Timestamp) -> Feed {
        let next =
            workspaces.iter().enumerate().map(|(n, _)| (0, start.millis() + n as i64 * 600_000)).collect();
        Feed {
            rng,
            workspaces,
            next,
            held_back: Vec::new(),
            drop_from: drop_from.millis(),
            now: start,
            sent: 0,
            heard: Heard::new(),
        }
    }

    /// Sends what is due at `now`.
    pub(super) fn until(&mut self, now: Timestamp, broker: &mut Broker) {
        self.now = now;
        for at in 0..self.workspaces.len() {
            while self.next[at].1 <= now.millis() {
                let (number, time) = self.next[at];
                self.next[at] = (number + 1, time + EVERY);
                if time >= self.drop_from && number % 3 != 0 {
                    continue;
                }
                self.lead(at, number, time, broker);
            }
        }
    }

    fn lead(&mut self, workspace: usize, number: u64, time: i64, broker: &mut Broker) {
        let name = self.workspaces[workspace].clone();
        let source = ["hubspot", "webforms"][(number % 2) as usize];
        let at = |hours: i64| Timestamp::clamped(time + hours * 3_600_000);
        let segment = ["smb", "mid", "weird"][(number % 7 / 3) as usize];
        let event = |kind: &str, id: &str, at: Timestamp, more: &str| {
            format!(
                r#"{{"type":"{kind}","occurred_at":"{at}","workspace":"{name}","source":"{source}","{id}_id":"{name}-{number}"{more}}}"#
            )
        };
        let attributes = format!(r#","attributes":{{"segment":"{segment}"}}"#);
        let created = event("lead.created", "lead", at(0), &attributes);
        if self.send(Topic::Input(0), created, broker) {
            self.heard.entry((name.clone(), source)).or_default().push(self.now);
        }
        if number.is_multiple_of(4) {
            // The plan has a rate for one of the currencies: the other ones go to the dead letters.
            let currency = if number.is_multiple_of(8) { "EUR" } else { "USD" };
            let amount = format!(r#""amount":{{"value":"100.50","currency":"{currency}"}}"#);
            let more = format!(r#","lead_id":"{name}-{number}",{amount}"#);
            // Said ahead of time, so that it may overtake the lead.
            self.send(Topic::Input(1), event("opportunity.won", "opportunity", at(1), &more), broker);
        }
        if number.is_multiple_of(9) {
            self.send(Topic::Input(0), event("lead.deleted", "lead", at(2), ""), broker);
        }
        if number.is_multiple_of(11) && number > 0 {
            let into = format!(r#","into_lead_id":"{name}-{}""#, number - 1);
            self.send(Topic::Input(0), event("lead.merged", "lead", at(1), &into), broker);
        }
    }

    /// Says whether it was sent at once.
    fn send(&mut self, topic: Topic, text: String, broker: &mut Broker) -> bool {
        let partition = self.rng.random_range(0..broker.partitions(topic));
        let value = text.into_bytes();
        let fate = self.rng.random_range(0..20);
        match fate {
            0 => self.held_back.push((topic, partition, value)),
            1 => {
                self.held_back.push((topic, partition, value.clone()));
                self.append(topic, partition, value, broker);
            }
            _ => self.append(topic, partition, value, broker),
        }
        if !self.held_back.is_empty() && self.rng.random_range(0..4) == 0 {
            let at = self.rng.random_range(0..self.held_back.len());
            let (topic, partition, value) = self.held_back.swap_remove(at);
            self.append(topic, partition, value, broker);
        }
        fate > 0
    }

    /// A burst of what nobody can read.
    pub(super) fn poison(&mut self, broker: &mut Broker) {
        for n in 0..self.rng.random_range(1..30) {
            let topic = Topic::Input(self.rng.random_range(0..INPUTS.len() as u8));
            let partition = self.rng.random_range(0..broker.partitions(topic));
            let value = match n % 4 {
                0 => b"{\"type\":\"lead.created\"".to_vec(),
                1 => vec![0xff; 40],
                2 => Vec::new(),
                _ => {
                    br#"{"type":"lead.created","occurred_at":"2035-01-01T00:00:00Z","lead_id":"x"}"#.to_vec()
                }
            };
            self.append(topic, partition, value, broker);
        }
    }

    fn append(&mut self, topic: Topic, partition: i32, value: Vec<u8>, broker: &mut Broker) {
        self.sent += 1;
        broker.append((topic, partition), Record { value: Some(value), ..Record::default() });
    }
}
