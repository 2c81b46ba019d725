//! Two versions of the program, which judge the same log differently.

use std::borrow::Cow;

use plumbline_engine::EngineConfig;
use plumbline_events::{LogRecord, RecordView, decode_record, encode_record};

/// What the older version takes the plan for. So it opens some episodes earlier, others later, and one of another
/// severity; one it opens in the other direction.
const READS: [(&str, &str); 4] = [
    ("\"30/day\"", "\"12/day\""),
    ("\"20/day\"", "\"20/day\"\ncritical = \"±30%\""),
    ("\"12/day\"\nwarn = \"±25%\"", "\"15/day\"\nwarn = \"±10%\""),
    ("\"5/day\"", "\"12/day\""),
];

/// A version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// The one that is being replaced.
    Older,
    /// The one that is there in the end.
    Newer,
}

impl Program {
    /// Its state machine.
    pub(super) fn machine(self) -> EngineConfig {
        let newer = EngineConfig::default();
        let before = u32::from(self == Program::Older);
        EngineConfig { version: newer.version - before, ..newer }
    }

    /// A log record as it reads it.
    pub(super) fn read(self, value: &[u8]) -> Cow<'_, [u8]> {
        let Ok(RecordView::Plan(mut plan)) = decode_record(value) else { return value.into() };
        if self == Program::Newer {
            return value.into();
        }
        // Each text as it stands, not as another change left it.
        let parts = plan.toml.split_inclusive("[[target]]").map(|part| {
            let read = READS.iter().find(|(text, _)| part.contains(text));
            read.map_or_else(|| part.to_owned(), |(text, other)| part.replace(text, other))
        });
        plan.toml = parts.collect::<String>().into();
        let mut bytes = Vec::new();
        encode_record(&LogRecord::Plan(plan), &mut bytes);
        bytes.into()
    }
}
