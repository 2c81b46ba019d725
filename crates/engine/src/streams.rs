//! How far each stream of events has come in event time, and when a tick may close without missing any.
//!
//! A stream is what one source says on one input topic. It stands at the newest time it has spoken of, less
//! the lateness it is allowed. A stream that has fallen silent while its inputs are read to their end stands
//! at the clock less `idle_after`, so that one dead source does not stop the others' ticks for ever. While
//! an input partition is known to hold records that are not read yet, no tick closes at all: what is missing
//! would look like drift.

use std::collections::BTreeMap;

use plumbline_events::{BodyView, ClockRecord, EventView};
use plumbline_units::{Seconds, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use crate::EngineConfig;

/// A partition that has not been reported for this long no longer holds ticks back: its topic was dropped
/// from the configuration.
const FORGOTTEN_AFTER: Seconds = Seconds::DAY;

/// How far the input partitions have been read, from the clock records of all intake instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    topics: BTreeMap<Box<str>, BTreeMap<i32, PartitionReport>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PartitionReport {
    /// By the clock of who reported it: the state machine's may await confirmation of a leap.
    reported: Timestamp,
    /// The state machine's clock at that report.
    heard: Timestamp,
    at_end: bool,
    last_at_end: Option<Timestamp>,
}

impl PartitionReport {
    fn remembered(&self, now: Timestamp) -> bool {
        self.reported >= now.minus(FORGOTTEN_AFTER)
    }
}

impl Inputs {
    /// Takes the positions of a clock record; `now` is the state machine's clock after it.
    pub(crate) fn observe(&mut self, record: &ClockRecord, now: Timestamp) {
        let at = record.time.min(now);
        for input in &record.inputs {
            let partitions = match self.topics.get_mut(&input.topic) {
                Some(partitions) => partitions,
                None => self.topics.entry(input.topic.clone()).or_default(),
            };
            let report = partitions.entry(input.partition).or_insert(PartitionReport {
                reported: record.time,
                heard: now,
                at_end: input.at_end,
                last_at_end: None,
            });
            report.reported = record.time;
            report.heard = now;
            report.at_end = input.at_end;
            if input.at_end {
                report.last_at_end = report.last_at_end.max(Some(at));
            }
        }
    }

    /// Whether some input partition holds records that have not been read.
    pub(crate) fn behind(&self, now: Timestamp) -> bool {
        self.topics.values().flat_map(BTreeMap::values).any(|report| !report.at_end && report.remembered(now))
    }

    /// Whether nobody has told of some input partition within the hour that ends at `at`: what it holds may be what
    /// a source has said meanwhile.
    pub(crate) fn untold(&self, at: Timestamp) -> bool {
        let since = at.minus(Seconds::HOUR);
        self.topics.values().flat_map(BTreeMap::values).any(|r| r.heard < since && r.remembered(at))
    }

    /// Since when every partition of `topic` has been seen read to its end; files are always at theirs, and
    /// nothing more is to come of a topic that nobody reads any longer.
    fn at_end(&self, topic: &str, now: Timestamp) -> Option<Timestamp> {
        match self.topics.get(topic) {
            None => Some(now),
            Some(partitions) => partitions
                .values()
                .filter(|report| report.remembered(now))
                .map(|report| report.last_at_end)
                .min()
                .unwrap_or(Some(now)),
        }
    }
}

/// What a target is made of, and so which streams it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Leads and opportunities.
    Funnel,
    /// Statements of spend.
    Spend,
    /// Both.
    Both,
}

/// One stream's progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// It has carried leads or opportunities.
    pub funnel: bool,
    /// It has carried spend.
    pub spend: bool,
    /// The newest event time it has spoken of, less its lateness.
    pub watermark: Timestamp,
    /// Its newest arrival.
    pub last_received: Timestamp,
}

/// The streams of one workspace, by input topic and source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    topics: BTreeMap<Box<str>, BTreeMap<Box<str>, Stream>>,
    count: usize,
}

const OTHER: &str = "(other)";

impl Streams {
    /// Takes an event; says whether its stream moved on.
    pub(crate) fn observe(&mut self, event: &EventView<'_>, zone: Zone, config: &EngineConfig) -> bool {
        let (funnel, spend, reached) = match event.body {
            BodyView::Spend { period_end, .. } => {
                let end = zone.start_of(period_end).min(event.received_at);
                (false, true, end.minus(config.spend_lateness))
            }
            _ => (true, false, event.occurred_at.min(event.received_at).minus(config.lateness)),
        };
        let stream = self.stream(event.input, event.source, config.max_streams, reached);
        let moved = reached > stream.watermark || (funnel && !stream.funnel) || (spend && !stream.spend);
        stream.funnel |= funnel;
        stream.spend |= spend;
        stream.watermark = stream.watermark.max(reached);
        stream.last_received = stream.last_received.max(event.received_at);
        moved
    }

    fn stream(&mut self, topic: &str, source: &str, bound: usize, reached: Timestamp) -> &mut Stream {
        let known = self.topics.get(topic).is_some_and(|sources| sources.contains_key(source));
        let (topic, source) = if known || self.count < bound { (topic, source) } else { (OTHER, OTHER) };
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.into(), BTreeMap::new());
        }
        let sources = self.topics.get_mut(topic).expect("inserted above if it was absent");
        if !sources.contains_key(source) {
            self.count += 1;
            let new =
                Stream { funnel: false, spend: false, watermark: reached, last_received: Timestamp::MIN };
            sources.insert(source.into(), new);
        }
        sources.get_mut(source).expect("inserted above if it was absent")
    }

    /// The time up to which everything needed has probably arrived. Without any such stream: as if one had
    /// been silent from the start.
    pub(crate) fn watermark(
        &self,
        needs: Needs,
        inputs: &Inputs,
        now: Timestamp,
        idle_after: Seconds,
    ) -> Timestamp {
        let idle = now.minus(idle_after);
        let mut lowest = None;
        for (topic, sources) in &self.topics {
            let at_end = inputs.at_end(topic, now);
            for stream in sources.values() {
                let needed = match needs {
                    Needs::Funnel => stream.funnel,
                    Needs::Spend => stream.spend,
                    Needs::Both => true,
                };
                if needed {
                    let silent = at_end.is_some_and(|at| at >= stream.last_received.plus(idle_after));
                    let stands = if silent { stream.watermark.max(idle) } else { stream.watermark };
                    lowest = Some(lowest.map_or(stands, |low: Timestamp| low.min(stands)));
                }
            }
        }
        lowest.unwrap_or(idle)
    }

    /// Topic, source and progress of each stream.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Stream)> {
        self.topics.iter().flat_map(|(topic, sources)| {
            sources.iter().map(move |(source, stream)| (&**topic, &**source, stream))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_events::{Attributes, InputPosition, LeadFactView};
    use plumbline_units::Day;

    fn hour(n: i64) -> Timestamp {
        Timestamp::clamped(1_700_006_400_000 + n * 3_600_000)
    }

    fn lead<'a>(
        none: &'a BTreeMap<Box<str>, Box<str>>,
        source: &'a str,
        occurred: i64,
        received: i64,
    ) -> EventView<'a> {
        EventView {
            received_at: hour(received),
            input: "crm.leads",
            occurred_at: hour(occurred),
            workspace: "default",
            source,
            event_id: "",
            attributes: Attributes::Map(none),
            body: BodyView::Lead { lead_id: "L", fact: LeadFactView::Created },
        }
    }

    fn clock(time: i64, at_end: bool) -> ClockRecord {
        let inputs = vec![InputPosition { topic: "crm.leads".into(), partition: 0, next_offset: 1, at_end }];
        ClockRecord { time: hour(time), inputs }
    }

    #[test]
    fn a_stream_stands_at_its_newest_event_less_lateness_and_the_slowest_stream_decides() {
        let (none, config) = (BTreeMap::new(), EngineConfig::default());
        let (mut streams, inputs) = (Streams::default(), Inputs::default());
        assert!(streams.observe(&lead(&none, "a", 10, 10), Zone::UTC, &config));
        assert!(!streams.observe(&lead(&none, "a", 3, 10), Zone::UTC, &config));
        streams.observe(&lead(&none, "b", 8, 10), Zone::UTC, &config);
        let at = |now| streams.watermark(Needs::Funnel, &inputs, hour(now), config.idle_after);
        assert_eq!(at(11), hour(7));
        // Six hours after the last arrival both are idle and stand at clock - 6 h.
        assert_eq!(at(20), hour(14));
    }

    #[test]
    fn a_forged_future_event_moves_its_stream_no_further_than_its_arrival() {
        let (none, config) = (BTreeMap::new(), EngineConfig::default());
        let mut streams = Streams::default();
        streams.observe(&lead(&none, "a", 500, 10), Zone::UTC, &config);
        let inputs = Inputs::default();
        assert_eq!(streams.watermark(Needs::Funnel, &inputs, hour(10), config.idle_after), hour(9));
    }

    #[test]
    fn a_silent_stream_is_idle_only_once_its_inputs_were_read_to_the_end_late_enough() {
        let (none, config) = (BTreeMap::new(), EngineConfig::default());
        let (mut streams, mut inputs) = (Streams::default(), Inputs::default());
        inputs.observe(&clock(10, true), hour(10));
        streams.observe(&lead(&none, "a", 10, 10), Zone::UTC, &config);
        let stands =
            |inputs: &Inputs, now| streams.watermark(Needs::Funnel, inputs, hour(now), config.idle_after);
        // Intake was down from hour 10: nothing was read, so silence proves nothing.
        inputs.observe(&clock(60, false), hour(60));
        assert_eq!(stands(&inputs, 60), hour(9));
        assert!(inputs.behind(hour(60)));
        inputs.observe(&clock(61, true), hour(61));
        assert_eq!(stands(&inputs, 61), hour(55));
        assert!(!inputs.behind(hour(61)));
    }

    #[test]
    fn a_topic_dropped_soon_after_its_last_event_holds_ticks_back_for_a_day_only() {
        let (none, config) = (BTreeMap::new(), EngineConfig::default());
        let (mut streams, mut inputs) = (Streams::default(), Inputs::default());
        streams.observe(&lead(&none, "a", 10, 10), Zone::UTC, &config);
        inputs.observe(&clock(11, true), hour(11));
        let at = |now| streams.watermark(Needs::Funnel, &inputs, hour(now), config.idle_after);
        assert_eq!(at(30), hour(9));
        assert_eq!(at(36), hour(30));
    }

    #[test]
    fn a_partition_reported_during_a_leap_is_not_forgotten_when_the_leap_is_confirmed() {
        let mut inputs = Inputs::default();
        // Back from three days' outage: the clock stands at hour 0 until the leap is confirmed.
        inputs.observe(&clock(72, false), hour(0));
        assert!(inputs.behind(hour(0)) && inputs.behind(hour(72)));
    }

    #[test]
    fn spend_waits_for_its_own_streams_only() {
        let (none, config) = (BTreeMap::new(), EngineConfig::default());
        let mut streams = Streams::default();
        streams.observe(&lead(&none, "crm", 100, 100), Zone::UTC, &config);
        let mut spend = lead(&none, "ads", 100, 100);
        let day = Zone::UTC.day_of(hour(100));
        spend.body = BodyView::Spend {
            spend_id: "s",
            period_start: Day::from_number(day.number() - 1),
            period_end: day,
            amount: plumbline_units::Money {
                micros: plumbline_units::Micros(1),
                currency: "EUR".parse().unwrap(),
            },
        };
        streams.observe(&spend, Zone::UTC, &config);
        let inputs = Inputs::default();
        let at = |needs| streams.watermark(needs, &inputs, hour(100), config.idle_after);
        assert_eq!(at(Needs::Funnel), hour(99));
        assert_eq!(at(Needs::Spend), Zone::UTC.start_of(day).minus(Seconds::hours(12)));
        assert_eq!(at(Needs::Both), at(Needs::Spend));
    }

    #[test]
    fn streams_are_bounded_and_further_ones_share_one() {
        let (none, config) = (BTreeMap::new(), EngineConfig { max_streams: 3, ..EngineConfig::default() });
        let mut streams = Streams::default();
        for n in 0..50 {
            let source = format!("s{n}");
            streams.observe(&lead(&none, &source, n, n), Zone::UTC, &config);
        }
        assert_eq!(streams.iter().count(), 4);
    }

    #[test]
    fn an_input_that_nobody_tells_of_for_an_hour_may_hold_what_a_source_has_said_until_it_is_forgotten() {
        let mut inputs = Inputs::default();
        inputs.observe(&clock(0, true), hour(0));
        let elsewhere = |time| {
            let mut record = clock(time, true);
            record.inputs[0].topic = "crm.opportunities".into();
            record
        };
        for (at, untold) in [(1, false), (2, true), (24, true), (25, false)] {
            inputs.observe(&elsewhere(at), hour(at));
            assert_eq!(inputs.untold(hour(at)), untold, "after {at} hours");
        }
        inputs.observe(&clock(2, true), hour(2));
        assert!(!inputs.untold(hour(2)));
    }
}
