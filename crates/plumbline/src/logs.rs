//! Log lines on standard error; warnings that repeat are told once a minute.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::args::LogFormat;

/// The same warning is told at most once in this time.
const QUIET: Duration = Duration::from_secs(60);
/// Warnings told apart; what comes beyond shares one place until others have gone quiet.
const PLACES: usize = 1_000;
/// Fields whose values make two warnings of one place in the code different ones. All are bounded; texts that name
/// addresses, durations or offsets are not among them, for they differ each time.
const TELLING: [&str; 6] = ["partition", "stage", "topic", "workspace", "cause", "error"];

/// Logs go to standard error; `PLUMBLINE_LOG` says which, else all from `level` on.
pub(crate) fn to_stderr(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_env("PLUMBLINE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => logs.map_event_format(|inner| Sparing::new(inner, format)).init(),
        LogFormat::Json => logs.json().map_event_format(|inner| Sparing::new(inner, format)).init(),
    }
}

/// Leaves out warnings that repeat.
struct Sparing<F> {
    inner: F,
    format: LogFormat,
    repeats: Mutex<Repeats>,
}

impl<F> Sparing<F> {
    fn new(inner: F, format: LogFormat) -> Sparing<F> {
        Sparing { inner, format, repeats: Mutex::default() }
    }
}

impl<S, N, F> FormatEvent<S, N> for Sparing<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Levels are ordered by verbosity.
        if *event.metadata().level() <= Level::WARN {
            let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
            match repeats.admit(kind(event), Instant::now()) {
                None => return Ok(()),
                Some(0) => {}
                Some(left_out) => match self.format {
                    LogFormat::Text => writeln!(writer, "… left out {left_out} times since:")?,
                    LogFormat::Json => {
                        writeln!(writer, "{}", left_out_line(*event.metadata().level(), left_out))?
                    }
                },
            }
        }
        self.inner.format_event(context, writer, event)
    }
}

/// Says in JSON, at the level of the line that follows, how often that was left out.
fn left_out_line(level: Level, left_out: u64) -> String {
    format!(
        r#"{{"level":"{level}","fields":{{"message":"the next line was left out","left_out":{left_out}}}}}"#
    )
}

/// What makes two warnings the same: where in the code they come from, and the fields that tell.
fn kind(event: &Event<'_>) -> u64 {
    struct Telling(DefaultHasher);
    impl Visit for Telling {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if TELLING.contains(&field.name()) {
                (field.name(), format!("{value:?}")).hash(&mut self.0);
            }
        }
    }
    let mut telling = Telling(DefaultHasher::new());
    event.metadata().callsite().hash(&mut telling.0);
    event.record(&mut telling);
    telling.0.finish()
}

/// When each kind was last told, and how often it was left out since.
#[derive(Default)]
struct Repeats {
    told: HashMap<u64, (Instant, u64)>,
}

/// Whatever has no place of its own.
const OTHERS: u64 = 0;

impl Repeats {
    /// How often the kind was left out since it was last told, or `None` where it is left out now.
    fn admit(&mut self, kind: u64, now: Instant) -> Option<u64> {
        let quiet = |at: &Instant| now.saturating_duration_since(*at) >= QUIET;
        if self.told.len() >= PLACES && !self.told.contains_key(&kind) {
            self.told.retain(|_, (at, _)| !quiet(at));
        }
        let full = self.told.len() >= PLACES && !self.told.contains_key(&kind);
        match self.told.entry(if full { OTHERS } else { kind }) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert((now, 0));
                Some(0)
            }
            std::collections::hash_map::Entry::Occupied(mut place) => {
                let (at, left_out) = place.get_mut();
                if quiet(at) {
                    *at = now;
                    return Some(std::mem::take(left_out));
                }
                *left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_warning_is_told_once_a_minute_with_the_count_of_what_was_left_out() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(repeats.admit(7, at(0)), Some(0));
        assert_eq!(repeats.admit(8, at(1)), Some(0), "another kind");
        for second in 1..60 {
            assert_eq!(repeats.admit(7, at(second)), None);
        }
        assert_eq!(repeats.admit(7, at(60)), Some(59));
        assert_eq!(repeats.admit(7, at(61)), None);
        assert_eq!(repeats.admit(7, at(300)), Some(1));
    }

    #[test]
    fn what_was_left_out_is_told_at_the_level_of_its_line() {
        for (level, word) in [(Level::ERROR, "ERROR"), (Level::WARN, "WARN")] {
            let line: serde_json::Value = serde_json::from_str(&left_out_line(level, 7)).unwrap();
            assert_eq!((line["level"].as_str(), line["fields"]["left_out"].as_u64()), (Some(word), Some(7)));
        }
    }

    #[test]
    fn the_table_is_bounded_and_what_has_no_place_shares_one() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        for kind in 1..=PLACES as u64 {
            assert_eq!(repeats.admit(kind, start), Some(0));
        }
        assert_eq!(repeats.admit(5_000, start), Some(0), "the first of the others");
        assert_eq!(repeats.admit(6_000, start), None);
        assert_eq!(repeats.told.len(), PLACES + 1);
        // Once the rest has gone quiet there is room again.
        assert_eq!(repeats.admit(7_000, start + QUIET), Some(0));
        assert!(repeats.told.len() < 4);
    }
}
