//! Event files: canonical JSON lines in the order they would have arrived, or an exported log in its own order.

mod open;
mod sort;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use plumbline_events::{EventRecord, Limits, LogRecord, decode_json_line, encode_record, record_from_json};
use plumbline_units::{Seconds, Timestamp};
use serde::Deserialize;

use crate::args::Order;
use crate::exit::{Kind, OrFail, Outcome};
use crate::progress::Progress;

pub(crate) use open::{FinishWrite, MAX_LINE, create, is_standard, open};
use open::{Line, read_line};
use sort::{Sorted, Sorter};

/// Memory for sorting before runs are spilled to disk.
const SORT_BUDGET: usize = 256 << 20;
/// How many rejected lines are kept as examples.
const EXAMPLES: usize = 5;

/// What to read and how.
pub(crate) struct Request<'a> {
    /// Files in the order of ties.
    pub(crate) files: &'a [PathBuf],
    /// How events are ordered.
    pub(crate) order: Order,
    /// Events more than a day later are rejected.
    pub(crate) until: Timestamp,
    /// Where progress is shown.
    pub(crate) progress: Progress,
}

/// Log records as canonical bytes, one after another.
pub(crate) struct Records {
    feed: Feed,
    tally: Tally,
    /// Arrival of the first and last event, where they were sorted.
    span: Option<(Timestamp, Timestamp)>,
}

enum Feed {
    /// Sorted already.
    Sorted(Sorted),
    /// Lines taken as they stand.
    Lines(Lines),
}

/// What became of the lines read so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records handed on, or waiting to be.
    pub(crate) accepted: u64,
    /// Lines rejected, by the reason's class.
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// The first few rejected lines: place and reason.
    pub(crate) examples: Vec<String>,
}

impl Records {
    /// Opens the files; events to be ordered are read and sorted now.
    pub(crate) fn open(request: &Request<'_>) -> Outcome<Records> {
        let mut lines = Lines::open(request)?;
        let mut tally = Tally::default();
        if lines.export || request.order == Order::File {
            return Ok(Records { feed: Feed::Lines(lines), tally, span: None });
        }
        let mut span: Option<(Timestamp, Timestamp)> = None;
        let mut sorter = Sorter::new(SORT_BUDGET);
        let mut record = Vec::new();
        while let Some(received_at) = lines.next_record(&mut record, &mut tally)? {
            let (first, last) = span.unwrap_or((received_at, received_at));
            span = Some((first.min(received_at), last.max(received_at)));
            sorter.push(received_at.millis(), &record).or_fail_with(Kind::Internal, || "sorting".into())?;
        }
        let sorted = sorter.finish().or_fail_with(Kind::Internal, || "sorting".into())?;
        Ok(Records { feed: Feed::Sorted(sorted), tally, span })
    }

    /// Whether this is an exported log.
    pub(crate) fn is_export(&self) -> bool {
        matches!(&self.feed, Feed::Lines(lines) if lines.export)
    }

    /// How many days lie between the first and the last arrival, where events were sorted.
    pub(crate) fn days_spanned(&self) -> Option<u32> {
        let (first, last) = self.span?;
        u32::try_from(last.millis_since(first) / 86_400_000 + 1).ok()
    }

    /// The next record's bytes, in `record`; false at the end.
    pub(crate) fn next(&mut self, record: &mut Vec<u8>) -> Outcome<bool> {
        match &mut self.feed {
            Feed::Sorted(sorted) => {
                let key = sorted.next(record).or_fail_with(Kind::Internal, || "sorting".into())?;
                Ok(key.is_some())
            }
            Feed::Lines(lines) => Ok(lines.next_record(record, &mut self.tally)?.is_some()),
        }
    }

    /// What became of the lines read so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Tally {
    /// How many lines were rejected.
    pub(crate) fn rejections(&self) -> u64 {
        self.rejected.values().sum()
    }

    fn reject(&mut self, place: String, class: &'static str, why: impl std::fmt::Display) {
        *self.rejected.entry(class).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{place}: {class}: {why}"));
        }
    }

    /// Lines for a summary: how many were rejected and why, with examples.
    pub(crate) fn report(&self) -> Vec<String> {
        if self.rejected.is_empty() {
            return Vec::new();
        }
        let classes: Vec<String> =
            self.rejected.iter().map(|(class, count)| format!("{class} {count}")).collect();
        let mut lines = vec![format!("{} lines rejected: {}", self.rejections(), classes.join(", "))];
        lines.extend(self.examples.iter().map(|example| format!("  {example}")));
        lines
    }
}

/// The lines of several files, one after another.
struct Lines {
    files: VecDeque<PathBuf>,
    current: Option<(PathBuf, Box<dyn BufRead>)>,
    bar: indicatif::ProgressBar,
    line: Vec<u8>,
    /// A line read ahead to see what the files are.
    peeked: Option<Line>,
    number: u64,
    until: Timestamp,
    limits: Limits,
    export: bool,
}

impl Lines {
    fn open(request: &Request<'_>) -> Outcome<Lines> {
        let sizes = request.files.iter().map(|f| std::fs::metadata(f).ok().map(|m| m.len()));
        let mut lines = Lines {
            files: request.files.iter().cloned().collect(),
            current: None,
            bar: request.progress.bytes("reading", sizes.sum()),
            line: Vec::new(),
            peeked: None,
            number: 0,
            until: request.until,
            limits: Limits::default(),
            export: false,
        };
        let first = lines.advance()?;
        lines.export = first == Line::Whole && is_export_line(&lines.line);
        if lines.export && request.files.len() > 1 {
            return Err(
                Kind::Arguments.says("an exported log is taken alone: it is whole and has its own order")
            );
        }
        lines.peeked = Some(first);
        Ok(lines)
    }

    /// The next accepted record: its bytes in `record`, the time it is ordered by.
    fn next_record(&mut self, record: &mut Vec<u8>, tally: &mut Tally) -> Outcome<Option<Timestamp>> {
        loop {
            let found = match self.peeked.take() {
                Some(found) => found,
                None => self.advance()?,
            };
            let decoded = match found {
                Line::End => {
                    self.bar.finish_and_clear();
                    return Ok(None);
                }
                Line::TooLong => Err(("too_large", format!("more than {MAX_LINE} bytes"))),
                Line::Whole if self.line.iter().all(u8::is_ascii_whitespace) => continue,
                Line::Whole => self.decode(),
            };
            match decoded {
                Ok((time, decoded)) => {
                    record.clear();
                    encode_record(&decoded, record);
                    tally.accepted += 1;
                    return Ok(Some(time));
                }
                // A log is whole or it is not a log: what follows a gap would be judged wrongly.
                Err((_, why)) if self.export => {
                    return Err(Kind::Input.says(format!("{}: {why}", self.place())));
                }
                Err((class, why)) => tally.reject(self.place(), class, why),
            }
        }
    }

    fn decode(&self) -> Result<(Timestamp, LogRecord), (&'static str, String)> {
        if self.export {
            let text = std::str::from_utf8(&self.line).map_err(|e| ("unreadable", e.to_string()))?;
            let record = record_from_json(text).map_err(|e| ("unreadable", e.to_string()))?;
            return Ok((Timestamp::MIN, record));
        }
        let (event, received_at) =
            decode_json_line(&self.line, &self.limits).map_err(|e| (e.class(), e.to_string()))?;
        let received_at = received_at.unwrap_or(event.envelope.occurred_at);
        let latest = self.until.plus(Seconds::DAY);
        if event.envelope.occurred_at > latest || received_at > latest {
            return Err(("future", format!("more than one day after {}", self.until)));
        }
        Ok((received_at, LogRecord::Event(EventRecord { received_at, input: "file".into(), event })))
    }

    /// Reads the next line of the files into `self.line`.
    fn advance(&mut self) -> Outcome<Line> {
        loop {
            let Some((path, reader)) = &mut self.current else {
                let Some(path) = self.files.pop_front() else { return Ok(Line::End) };
                let reader = open(&path, &self.bar)
                    .or_fail_with(Kind::Input, || format!("cannot read {}", path.display()))?;
                self.number = 0;
                self.current = Some((path, reader));
                continue;
            };
            let found = read_line(reader.as_mut(), MAX_LINE, &mut self.line)
                .or_fail_with(Kind::Input, || format!("{}:{}", path.display(), self.number + 1))?;
            if found == Line::End {
                self.current = None;
                continue;
            }
            self.number += 1;
            return Ok(found);
        }
    }

    fn place(&self) -> String {
        let path = self.current.as_ref().map_or(Path::new("-"), |(path, _)| path);
        format!("{}:{}", path.display(), self.number)
    }
}

/// Whether a line is one of `plumbline log export`: it names the input it came from, or is a log record that is
/// no event.
fn is_export_line(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
        input: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Head<'_>>(line)
        .is_ok_and(|head| head.input.is_some() || head.kind.starts_with("log."))
}
