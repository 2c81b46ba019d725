//! The same facts in another order.

use plumbline_simulator::Generated;
use plumbline_units::{Seconds, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Delays every message by up to `within`, so that they overtake each other, and delivers `doubled` (a share) of
/// them a second time. In order of arrival again.
pub fn jittered(events: &[Generated], seed: u64, within: Seconds, doubled: f64) -> Vec<Generated> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut delayed = Vec::with_capacity(events.len() + events.len() / 8);
    for event in events {
        let copies = 1 + usize::from(rng.random::<f64>() < doubled);
        for _ in 0..copies {
            let wait = rng.random_range(0..=within.0.max(0) * 1000);
            let received_at = Timestamp::clamped(event.received_at.millis() + wait);
            delayed.push(Generated { received_at, event: event.event.clone() });
        }
    }
    delayed.sort_by_key(|event| event.received_at);
    delayed
}
