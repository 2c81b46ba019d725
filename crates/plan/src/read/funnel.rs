//! `[funnel]`, `[dimension.…]` and `[[rates]]`: what the fold needs.

use std::collections::BTreeSet;

use plumbline_units::{Currency, Name};

use super::source::{Field, Reader, Section, shown};
use super::tables;
use crate::model::{Dimension, DimensionIndex, ExchangeRate, Scope, StageIndex};

const MAX_STAGES: usize = 12;
const MAX_DIMENSIONS: usize = 8;
const MAX_VALUES: usize = 2_000;
const MAX_ALIASES: usize = 10_000;

/// Stages and dimensions, which everything else refers to.
pub(crate) struct Funnel {
    pub(crate) motion_name: Name,
    pub(crate) stages: Vec<Name>,
    pub(crate) opportunity: Option<StageIndex>,
    pub(crate) dimensions: Vec<Dimension>,
    /// Where `stages` is.
    pub(crate) stages_at: usize,
}

impl Funnel {
    pub(crate) fn read(reader: &mut Reader<'_>, root: &Section<'_>) -> Option<Funnel> {
        let example = "{ stages = [\"lead\", \"won\"] }";
        let section = root.require(reader, "funnel", example)?.section(
            reader,
            "`[funnel]`",
            &["stages", "dimensions", "opportunity"],
            example,
        )?;
        let example = "[\"lead\", \"mql\", \"sql\", \"opportunity\", \"won\"]";
        let field = section.require(reader, "stages", example)?;
        let stages_at = field.at();
        let stages = read_stages(reader, &field, example)?;
        let dimensions = read_dimensions(reader, root, &section)?;
        let motion_name = Name::new("default").expect("a short word is a name");
        let mut funnel = Funnel { motion_name, stages, opportunity: None, dimensions, stages_at };
        funnel.opportunity = match section.field("opportunity") {
            Some(field) => funnel.stage(reader, &field),
            None => funnel.stages.iter().position(|s| s.as_str() == "opportunity").map(stage_index),
        };
        Some(funnel)
    }

    /// The stage a field names.
    pub(crate) fn stage(&self, reader: &mut Reader<'_>, field: &Field<'_>) -> Option<StageIndex> {
        let text = field.text(reader, &format!("\"{}\"", self.stages[0]))?;
        let found = self.stages.iter().position(|stage| stage.as_str() == text).map(stage_index);
        if found.is_none() {
            let message = format!("{} names no stage of the funnel: `{}`", field.name, shown(text));
            reader.unknown(field.at(), message, text, self.stages.iter().map(Name::as_str));
        }
        found
    }

    /// The dimension called `text`.
    pub(crate) fn dimension(&self, reader: &mut Reader<'_>, at: usize, text: &str) -> Option<DimensionIndex> {
        let found = self.dimensions.iter().position(|d| d.name.as_str() == text);
        if found.is_none() {
            let message = format!("`{}` is not a dimension of the funnel", shown(text));
            reader.unknown(at, message, text, self.dimensions.iter().map(|d| d.name.as_str()));
        }
        found.map(|i| DimensionIndex(i as u8))
    }

    /// A declared value of a dimension.
    pub(crate) fn value<'s>(
        &'s self,
        reader: &mut Reader<'_>,
        at: usize,
        dimension: DimensionIndex,
        text: &str,
    ) -> Option<&'s Name> {
        let declared = &self.dimensions[usize::from(dimension.0)];
        let found = declared.declared(text);
        if found.is_none() {
            let message = format!("`{}` is not a declared value of `{}`", shown(text), declared.name);
            match declared.alias(text) {
                Some(value) => reader.error(at, message, format!("write `{value}`: this is an alias of it")),
                None => reader.unknown(at, message, text, declared.values.iter().map(Name::as_str)),
            }
        }
        found
    }

    /// A selector such as `{ segment = "smb" }`.
    pub(crate) fn selector(&self, reader: &mut Reader<'_>, field: &Field<'_>) -> Option<Scope> {
        let mut pairs = Vec::new();
        for (key, at, value) in field.entries(reader, "{ segment = \"smb\" }")? {
            let dimension = self.dimension(reader, at, key);
            let text = value.text(reader, "\"smb\"");
            let (dimension, text) = (dimension?, text?);
            if self.judgeable(reader, at, dimension) {
                pairs.push((dimension, self.value(reader, value.at(), dimension, text)?.clone()));
            } else {
                return None;
            }
        }
        pairs.sort();
        Some(Scope(pairs))
    }

    /// Whether the dimension declares its values, so that its scopes can be told apart; an error if not.
    pub(crate) fn judgeable(&self, reader: &mut Reader<'_>, at: usize, dimension: DimensionIndex) -> bool {
        let declared = &self.dimensions[usize::from(dimension.0)];
        if declared.values.is_empty() {
            reader.error(
                at,
                format!("the dimension `{}` declares no values: it only serves to explain", declared.name),
                format!("add `[dimension.{}]` with `values = [...]`", declared.name),
            );
        }
        !declared.values.is_empty()
    }
}

pub(crate) fn stage_index(position: usize) -> StageIndex {
    StageIndex(position as u8)
}

/// Distinct names of a list; a repeated one is an error.
pub(crate) fn read_names(reader: &mut Reader<'_>, field: &Field<'_>, example: &str) -> Option<Vec<Name>> {
    let mut names: Vec<Name> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut whole = true;
    for element in field.array(reader, example)? {
        match element.name(reader, example) {
            Some(name) if seen.insert(name.clone()) => names.push(name),
            Some(name) => {
                reader.error(
                    element.at(),
                    format!("{} lists `{name}` twice", field.name),
                    "remove one of them",
                );
                whole = false;
            }
            None => whole = false,
        }
    }
    whole.then_some(names)
}

fn read_stages(reader: &mut Reader<'_>, field: &Field<'_>, example: &str) -> Option<Vec<Name>> {
    let stages = read_names(reader, field, example)?;
    if !(2..=MAX_STAGES).contains(&stages.len()) {
        reader.error(
            field.at(),
            format!("a funnel has 2 to {MAX_STAGES} stages, this one {}", stages.len()),
            "name the stages a journey passes, first to last",
        );
        return None;
    }
    Some(stages)
}

fn read_dimensions(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    funnel: &Section<'_>,
) -> Option<Vec<Dimension>> {
    let names = match funnel.field("dimensions") {
        Some(field) => {
            let names = read_names(reader, &field, "[\"segment\", \"channel\"]")?;
            if names.len() > MAX_DIMENSIONS {
                reader.error(
                    field.at(),
                    format!("{} dimensions; at most {MAX_DIMENSIONS} are taken", names.len()),
                    "keep those that somebody plans or explains by",
                );
                return None;
            }
            names
        }
        None => Vec::new(),
    };
    let mut dimensions: Vec<Dimension> =
        names.into_iter().map(|name| Dimension::new(name, Vec::new(), Vec::new())).collect();
    let Some(field) = root.field("dimension") else { return Some(dimensions) };
    let mut whole = true;
    for (key, at, field) in field.entries(reader, "`[dimension.segment]`")? {
        match dimensions.iter_mut().find(|d| d.name.as_str() == key) {
            Some(dimension) => match read_dimension(reader, &field, dimension.name.clone()) {
                Some(read) => *dimension = read,
                None => whole = false,
            },
            None => {
                let message = format!("`{}` is not among the `dimensions` of `[funnel]`", shown(key));
                reader.unknown(at, message, key, dimensions.iter().map(|d| d.name.as_str()));
                whole = false;
            }
        }
    }
    whole.then_some(dimensions)
}

fn read_dimension(reader: &mut Reader<'_>, field: &Field<'_>, name: Name) -> Option<Dimension> {
    let what = format!("`[dimension.{name}]`");
    let section = field.section(reader, what, &["values", "aliases"], "a table with `values`")?;
    let values = match section.field("values") {
        Some(field) => read_names(reader, &field, "[\"smb\", \"mid\"]")?,
        None => Vec::new(),
    };
    let entries = match section.field("aliases") {
        Some(field) => field.entries(reader, "{ \"Small Business\" = \"smb\" }")?,
        None => Vec::new(),
    };
    if values.len() > MAX_VALUES || entries.len() > MAX_ALIASES {
        reader.error(
            section.at,
            format!("{}: more than {MAX_VALUES} values or {MAX_ALIASES} aliases", section.what),
            "declare the values somebody plans by; others are shown as unplanned",
        );
        return None;
    }
    let plain = Dimension::new(name, values, Vec::new());
    let aliases =
        entries.iter().filter_map(|(key, at, value)| read_alias(reader, &plain, key, *at, value)).collect();
    Some(Dimension::new(plain.name, plain.values, aliases))
}

/// A spelling and the value of `dimension` it stands for.
fn read_alias(
    reader: &mut Reader<'_>,
    dimension: &Dimension,
    key: &str,
    at: usize,
    value: &Field<'_>,
) -> Option<(Name, Name)> {
    let alias = Name::new(key).ok().filter(|_| key.trim() == key);
    if alias.is_none() {
        reader.error(
            at,
            format!(
                "`{}` cannot be an alias: values are compared without white space around them",
                shown(key)
            ),
            "write the spelling as the source sends it, trimmed",
        );
    }
    let target = value.name(reader, "\"smb\"")?;
    let alias = alias?;
    if dimension.declared(alias.as_str()).is_some() {
        reader.error(at, format!("the alias `{alias}` is itself a declared value"), "remove one of the two");
        return None;
    }
    if !dimension.values.is_empty() && dimension.declared(target.as_str()).is_none() {
        let message = format!("the alias `{alias}` stands for `{target}`, which is not a declared value");
        reader.unknown(value.at(), message, target.as_str(), dimension.values.iter().map(Name::as_str));
        return None;
    }
    Some((alias, target))
}

/// `[[rates]]`, sorted by currency and day.
pub(crate) fn read_rates(reader: &mut Reader<'_>, root: &Section<'_>, own: Currency) -> Vec<ExchangeRate> {
    let mut rates = Vec::new();
    let mut seen = BTreeSet::new();
    for section in tables(reader, root, "rates", ("rate", ""), &["currency", "from", "rate"]) {
        let currency_field = section.require(reader, "currency", "\"USD\"");
        let currency = currency_field.as_ref().and_then(|f| f.currency(reader));
        let from = section.require(reader, "from", "2026-01-01").and_then(|f| f.day(reader));
        let rate = section.require(reader, "rate", "\"0.92\"").and_then(|f| f.exchange_rate(reader));
        let (Some(currency), Some(from), Some(rate)) = (currency, from, rate) else { continue };
        if currency == own {
            let message = format!("{} converts {own}, the plan's own currency", section.what);
            reader.error(section.at, message, "remove it: the rate is 1");
        } else if !seen.insert((currency, from)) {
            reader.error(
                section.at,
                format!("{currency} has two rates from {from}"),
                "keep one rate per currency and day",
            );
        }
        rates.push(ExchangeRate { currency, from, rate });
    }
    rates.sort_by_key(|r| (r.currency, r.from));
    rates
}
