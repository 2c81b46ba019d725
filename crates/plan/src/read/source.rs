//! The text being read: positions, findings, and tables whose keys are checked against the known ones.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Level};
use crate::suggest::mend_unknown;

pub(crate) type Item<'a> = Spanned<DeValue<'a>>;
pub(crate) type Table<'a> = DeTable<'a>;

/// More errors, and more warnings, than this are counted, not kept.
const MAX_FINDINGS: usize = 100;

/// Gathers findings while a plan is read.
pub(crate) struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    found: Vec<(usize, Diagnostic)>,
    errors: usize,
    warnings: usize,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(file: &'t str, text: &'t str) -> Reader<'t> {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        Reader { file, text, line_starts, found: Vec::new(), errors: 0, warnings: 0 }
    }

    pub(crate) fn error(&mut self, at: usize, message: impl Into<String>, mend: impl Into<String>) {
        self.errors += 1;
        if self.errors <= MAX_FINDINGS {
            self.push(Level::Error, at, message.into(), mend.into());
        }
    }

    /// An error about a word that is not among the known ones, with the nearest of them as the mend.
    pub(crate) fn unknown<'a>(
        &mut self,
        at: usize,
        message: impl Into<String>,
        word: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        // The search costs most of all: not for what will not be shown.
        let mend = if self.errors < MAX_FINDINGS { mend_unknown(word, known) } else { String::new() };
        self.error(at, message, mend);
    }

    pub(crate) fn warning(&mut self, at: usize, message: impl Into<String>, mend: impl Into<String>) {
        self.warnings += 1;
        if self.warnings <= MAX_FINDINGS {
            self.push(Level::Warning, at, message.into(), mend.into());
        }
    }

    fn push(&mut self, severity: Level, at: usize, message: String, mend: String) {
        let (line, column) = self.position(at);
        self.found.push((at, Diagnostic { severity, file: self.file.into(), line, column, message, mend }));
    }

    /// Line and column, from 1, of a byte offset.
    fn position(&self, at: usize) -> (u32, u32) {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts[line - 1];
        let before = self.text.get(start..at).unwrap_or("");
        (line as u32, before.chars().count() as u32 + 1)
    }

    pub(crate) fn line(&self, at: usize) -> u32 {
        self.position(at).0
    }

    /// The byte offset at which a line starts; the text's start for a line it does not have.
    pub(crate) fn line_start(&self, line: u32) -> usize {
        self.line_starts.get((line as usize).saturating_sub(1)).copied().unwrap_or(0)
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All findings in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(at, _)| *at);
        let mut all: Vec<Diagnostic> = self.found.into_iter().map(|(_, d)| d).collect();
        let dropped = self.errors.saturating_sub(MAX_FINDINGS) + self.warnings.saturating_sub(MAX_FINDINGS);
        if let (true, Some(last)) = (dropped > 0, all.last_mut()) {
            last.mend.push_str(&format!("\n  ({dropped} further findings are not shown)"));
        }
        all
    }
}

/// A table of the text, with the words that name it in messages.
pub(crate) struct Section<'a> {
    /// Such as "target `cac`".
    pub(crate) what: String,
    /// Where it starts.
    pub(crate) at: usize,
    table: &'a Table<'a>,
}

impl<'a> Section<'a> {
    /// Reports every key that is not among `known`.
    pub(crate) fn open(
        reader: &mut Reader<'_>,
        what: impl Into<String>,
        at: usize,
        table: &'a Table<'a>,
        known: &[&str],
    ) -> Section<'a> {
        let what = what.into();
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let message = format!("unknown key `{}` in {what}", shown(name));
            reader.unknown(key.span().start, message, name, known.iter().copied());
        }
        Section { what, at, table }
    }

    pub(crate) fn field(&self, key: &str) -> Option<Field<'a>> {
        let item = self.table.get(key)?;
        Some(Field { name: format!("`{key}` of {}", self.what), item })
    }

    /// The field, or an error at the section's start that says what to add.
    pub(crate) fn require(&self, reader: &mut Reader<'_>, key: &str, example: &str) -> Option<Field<'a>> {
        let field = self.field(key);
        if field.is_none() {
            reader.error(
                self.at,
                format!("{} has no `{key}`", self.what),
                format!("add `{key} = {example}`"),
            );
        }
        field
    }
}

/// A value of the text, with the words that name it in messages.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    pub(crate) name: String,
    pub(crate) item: &'a Item<'a>,
}

impl<'a> Field<'a> {
    pub(crate) fn at(&self) -> usize {
        self.item.span().start
    }

    /// An error that says what was expected instead; always `None`, to end a reading function with.
    pub(crate) fn wrong<T>(&self, reader: &mut Reader<'_>, expected: &str, mend: &str) -> Option<T> {
        let got = match self.item.get_ref() {
            DeValue::String(text) => format!("\"{}\"", shown(text)),
            DeValue::Integer(number) => shown(number.as_str()),
            DeValue::Float(number) => shown(number.as_str()),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(value) => value.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        reader.error(self.at(), format!("{} must be {expected}, not {got}", self.name), mend);
        None
    }

    pub(crate) fn text(&self, reader: &mut Reader<'_>, example: &str) -> Option<&'a str> {
        match self.item.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.wrong(reader, "text in quotes", &format!("write {example}")),
        }
    }

    /// The digits of a number, or the text: what a decimal reader takes.
    pub(crate) fn number_text(&self) -> Option<&'a str> {
        match self.item.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
            DeValue::Float(number) => Some(number.as_str()),
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A TOML number (not text) as a finite floating point number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self.item.get_ref() {
            DeValue::String(_) => None,
            _ => self.number_text()?.parse().ok().filter(|n: &f64| n.is_finite()),
        }
    }

    pub(crate) fn array(&self, reader: &mut Reader<'_>, example: &str) -> Option<Vec<Field<'a>>> {
        match self.item.get_ref() {
            DeValue::Array(items) => {
                let name = |i: usize| format!("element {} of {}", i + 1, self.name);
                Some(items.iter().enumerate().map(|(i, item)| Field { name: name(i), item }).collect())
            }
            _ => self.wrong(reader, "a list", &format!("write {example}")),
        }
    }

    /// The table's section, its keys checked.
    pub(crate) fn section(
        &self,
        reader: &mut Reader<'_>,
        what: impl Into<String>,
        known: &[&str],
        example: &str,
    ) -> Option<Section<'a>> {
        match self.item.get_ref() {
            DeValue::Table(table) => Some(Section::open(reader, what, self.at(), table, known)),
            _ => self.wrong(reader, "a table", &format!("write {example}")),
        }
    }

    /// The entries of a table with free keys, in the order of the text: (key, where the key is, value).
    pub(crate) fn entries(
        &self,
        reader: &mut Reader<'_>,
        example: &str,
    ) -> Option<Vec<(&'a str, usize, Field<'a>)>> {
        let DeValue::Table(table) = self.item.get_ref() else {
            return self.wrong(reader, "a table", &format!("write {example}"));
        };
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, item)| {
                let field = Field { name: format!("`{}` in {}", shown(key.get_ref()), self.name), item };
                (key.get_ref().as_ref(), key.span().start, field)
            })
            .collect();
        entries.sort_by_key(|(_, at, _)| *at);
        Some(entries)
    }
}

/// Text of the plan as messages quote it: one line, at most 60 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut cut: String =
        text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        cut.push('…');
    }
    cut
}
