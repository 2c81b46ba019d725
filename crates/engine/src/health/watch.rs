//! A pulse under watch: from a suspicious silence to an outage, its end, and whether what was missing came after all.

use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::Hour;
use super::pulse::Pulse;

/// An event this much older than its arrival may have been held back.
const HELD_BACK: Seconds = Seconds::HOUR;
/// A backlog is taken to be delivered once less than this share of an hour's messages stems from the silence.
const BACKLOG_SHARE: f64 = 0.2;
/// … or this many hours after the first message.
const BACKLOG_HOURS: i64 = 24;
/// Hours of silence whose loss, if nothing is delivered later, spoils days for good.
const LOST_HOURS: i64 = 24;
/// The loss is proven once the silence is longer than what is told of by so much: evidence that is thrown away is dear,
/// and the few messages of a silence that has just been found may never have been there. Of the silences told of by
/// chance one in eight or so passes it.
const PROVEN: f64 = 1.25;
/// Hours after which a silent source is taken to be gone.
const GONE_HOURS: i64 = 28 * 24;
const HOUR: i64 = 3_600_000;

/// A silence that is none of the usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outage {
    /// When it was last heard before.
    pub(crate) since: Timestamp,
    /// Hours of silence when it was found.
    pub(crate) hours: u32,
    /// Its nats when it was last heard of, and those from which it spoke.
    nats: f64,
    threshold: f64,
    /// Somebody was told.
    told: bool,
    /// The hour in which it was heard again.
    resumed: Option<i64>,
    /// Messages usual for the hours missed, and messages from them that came later.
    expected: f64,
    delivered: f64,
}

/// How an outage ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ended {
    /// It is heard again, and what it held back has come or no loss is proven.
    Whole,
    /// It is heard again from this instant on, and at least a day's messages never came.
    Lost(Timestamp),
    /// It is not heard any more.
    Gone,
}

/// A pulse under watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(crate) pulse: Pulse,
    pub(crate) outage: Option<Outage>,
    /// Silent for longer than is comfortable, but not yet for so long that somebody need hear of it.
    pub(crate) suspicious: bool,
}

impl Watch {
    pub(crate) fn new(received: Timestamp) -> Watch {
        Watch { pulse: Pulse::new(received), outage: None, suspicious: false }
    }

    pub(crate) fn heard(&mut self, received: Timestamp, occurred: Timestamp) {
        let held_back = |o: &Outage| occurred > o.since && occurred < received.minus(HELD_BACK);
        let late = self.outage.as_ref().is_some_and(held_back);
        self.pulse.heard(received, late);
    }

    /// Closes an hour. `budget` is in false pages a year; from `suspicion` nats on verdicts wait.
    pub(crate) fn close(&mut self, hour: &Hour<'_>, flow: f64, budget: f64, suspicion: f64) -> Option<Ended> {
        let (last, arrived) = (self.pulse.last, self.pulse.arrived(hour.number));
        let ended = match &mut self.outage {
            None => None,
            Some(outage) => {
                outage.delivered += f64::from(arrived.late);
                if arrived.messages > 0 && outage.resumed.is_none() {
                    outage.resumed = Some(hour.number);
                    outage.nats = self.pulse.silence().1;
                } else if !hour.blind && outage.resumed.is_none() {
                    outage.expected += flow * self.pulse.usual(hour.bin, 3);
                }
                over(outage, hour.number, arrived.messages, arrived.late)
            }
        };
        self.pulse.close(hour, flow, self.outage.is_some(), suspicion);
        if let (Some(ended), Some(outage)) = (ended, self.outage) {
            if outage.delivered < 0.1 * outage.expected && ended != Ended::Gone {
                self.pulse.was_usual(outage.nats);
            }
            if ended == Ended::Gone {
                self.pulse = Pulse::new(last);
            }
            self.outage = None;
            self.suspicious = false;
            // What nobody was told of ends without a word, and costs no evidence.
            return outage.told.then_some(ended);
        }
        if self.outage.is_none() && !hour.blind {
            let (settled, now) = self.pulse.silence();
            let knows = self.pulse.knows(hour.number);
            let threshold = self.pulse.threshold(budget);
            self.suspicious = knows && now >= suspicion.min(threshold);
            if knows && settled >= threshold {
                let missed = self.missed_so_far(hour);
                self.outage = Some(Outage {
                    since: last,
                    hours: self.pulse.silent_hours(),
                    nats: now,
                    threshold,
                    told: false,
                    resumed: None,
                    expected: missed,
                    delivered: 0.0,
                });
            }
        }
        None
    }

    /// Messages usual for the hours of the present silence.
    fn missed_so_far(&self, hour: &Hour<'_>) -> f64 {
        let hours = self.pulse.silent_hours().min(24 * 60) as usize;
        (0..hours).map(|back| self.pulse.usual((hour.bin + 168 - back % 168) % 168, 3)).sum()
    }

    /// Somebody is told of the outage, where there is one.
    pub(crate) fn tell(&mut self) {
        if let Some(outage) = &mut self.outage {
            outage.told = true;
        }
    }

    /// Whether somebody was told of an outage that is not over.
    pub(crate) fn is_told(&self) -> bool {
        self.outage.is_some_and(|outage| outage.told)
    }

    /// Whether verdicts made of it wait.
    pub(crate) fn holds(&self) -> bool {
        self.suspicious || self.outage.is_some()
    }
}

fn over(outage: &Outage, hour: i64, messages: u32, late: u32) -> Option<Ended> {
    let last_heard = outage.since.millis().div_euclid(HOUR);
    let Some(resumed) = outage.resumed else {
        return (hour >= last_heard + GONE_HOURS).then_some(Ended::Gone);
    };
    let delivering = f64::from(late) > BACKLOG_SHARE * f64::from(messages);
    if hour <= resumed || (delivering && hour < resumed + BACKLOG_HOURS) {
        return None;
    }
    let lost = resumed - last_heard >= LOST_HOURS
        && outage.delivered < 0.5 * outage.expected
        && outage.nats >= PROVEN * outage.threshold;
    Some(if lost { Ended::Lost(Timestamp::clamped(resumed * HOUR)) } else { Ended::Whole })
}
