//! From the plan's text to a [`Plan`]: reads as much as it can, so that one run shows all findings.

mod funnel;
mod head;
mod pattern;
mod quantity;
mod scope;
mod season;
mod source;
mod target;
mod transition;

use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};

use self::funnel::Funnel;
pub(crate) use self::source::Reader;
use self::source::{Field, Section};
use crate::diagnostic::Diagnostic;
use crate::model::{Motion, Plan};

/// A plan that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The plan.
    pub plan: Plan,
    /// What somebody should look at all the same, in the order of the text.
    pub warnings: Vec<Diagnostic>,
}

/// Longer texts are refused before they are parsed: with its record around it
/// the text must fit a Kafka message of the default size, 1,048,588 bytes.
const MAX_TEXT_BYTES: usize = 1_000_000;

const KEYS: &[&str] = &[
    "plan",
    "revision",
    "effective_from",
    "live_from",
    "timezone",
    "currency",
    "fiscal_year_start",
    "false_alarms_per_year",
    "false_alarms_per_year_total",
    "lag_tolerance",
    "review_every",
    "funnel",
    "dimension",
    "rates",
    "transition",
    "target",
    "pattern",
    "motion",
];

pub(crate) fn parse(source_name: &str, text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    let mut reader = Reader::new(source_name, text);
    if text.len() > MAX_TEXT_BYTES {
        reader.error(
            0,
            format!("the plan has {} bytes; at most {MAX_TEXT_BYTES} are taken", text.len()),
            "split it into one plan per workspace",
        );
        return Err(reader.finish());
    }
    let (document, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        let at = error.span().map_or(0, |span| span.start);
        let mend = match error.message() {
            "duplicate key" => {
                "remove or rename one; tables that form a list take double brackets: `[[target]]`"
            }
            _ => "see https://toml.io for the syntax",
        };
        reader.error(at, format!("this is not TOML: {}", error.message()), mend);
    }
    // What the parser makes up after a syntax error would only raise findings of its own.
    if reader.has_errors() {
        return Err(reader.finish());
    }
    let plan = read(&mut reader, source_name, text, document.get_ref());
    match plan {
        Some(plan) if !reader.has_errors() => {
            crate::check::check(&mut reader, &plan);
            if reader.has_errors() {
                Err(reader.finish())
            } else {
                Ok(Parsed { plan, warnings: reader.finish() })
            }
        }
        _ => Err(reader.finish()),
    }
}

fn read<'a>(
    reader: &mut Reader<'_>,
    source_name: &str,
    text: &str,
    document: &'a DeTable<'a>,
) -> Option<Plan> {
    let root = Section::open(reader, "the plan", 0, document, KEYS);
    if let Some(motion) = root.field("motion") {
        reader.error(
            motion.at(),
            "`[[motion]]` is not supported yet: a plan has one funnel",
            "write its stages under `[funnel]`",
        );
    }
    let (currency, head) = head::read(reader, &root);
    let rates = currency.map(|currency| funnel::read_rates(reader, &root, currency));
    let funnel = Funnel::read(reader, &root)?;
    let transitions = transition::read(reader, &root, &funnel);
    let targets = target::read(reader, &root, currency?, &funnel, transitions.as_deref());
    let patterns = pattern::read(reader, &root, targets.as_deref());
    let (head, transitions, targets) = (head?, transitions?, targets?);
    let false_alarms_per_year = head::share(reader, head.budget, &targets)?;
    Some(Plan {
        name: head.name,
        source: source_name.into(),
        revision: head.revision,
        content_hash: Sha256::digest(text.as_bytes()).into(),
        effective_from: head.effective_from,
        live_from: head.live_from,
        zone: head.zone,
        currency: currency?,
        fiscal_year_start: head.fiscal_year_start,
        false_alarms_per_year,
        false_alarms_per_year_total: match head.budget {
            head::Budget::Each(_) => None,
            head::Budget::Total(total, _) => Some(total),
        },
        lag_tolerance: head.lag_tolerance,
        review_every: head.review_every,
        motions: vec![Motion {
            name: funnel.motion_name,
            stages: funnel.stages,
            opportunity: funnel.opportunity,
            transitions,
        }],
        dimensions: funnel.dimensions,
        rates: rates?,
        targets,
        patterns: patterns?,
    })
}

/// The tables of `[[key]]`, each with its place in the list and its words for messages:
/// "target `cac`", or "target 3" where it has no name; `of` names what they belong to.
fn tables<'a>(
    reader: &mut Reader<'_>,
    parent: &Section<'a>,
    key: &str,
    (noun, of): (&str, &str),
    known: &[&str],
) -> Vec<Section<'a>> {
    let Some(field) = parent.field(key) else { return Vec::new() };
    let DeValue::Array(items) = field.item.get_ref() else {
        reader.error(
            field.at(),
            format!("`{key}` is a list of tables"),
            format!("write `[[{key}]]` with double brackets"),
        );
        return Vec::new();
    };
    let mut sections = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let field = Field { name: format!("{noun} {}{of}", i + 1), item };
        let what = match item.get_ref() {
            DeValue::Table(table) => named(table, noun).unwrap_or_else(|| field.name.clone()),
            _ => field.name.clone(),
        };
        sections.extend(field.section(reader, what, known, &format!("`[[{key}]]` with double brackets")));
    }
    sections
}

fn named(table: &DeTable<'_>, noun: &str) -> Option<String> {
    let text = |key: &str| table.get(key).and_then(|item| item.get_ref().as_str()).map(source::shown);
    match (text("name"), text("from"), text("to")) {
        (Some(name), ..) => Some(format!("{noun} `{name}`")),
        (None, Some(from), Some(to)) => Some(format!("{noun} `{from}` → `{to}`")),
        _ => None,
    }
}
