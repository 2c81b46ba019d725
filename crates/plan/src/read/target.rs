//! `[[target]]`: what the plan promises, per scope.

use std::collections::BTreeSet;

use plumbline_units::{Currency, Name, Tolerance};
use toml::de::DeValue;

use super::funnel::Funnel;
use super::head::{read_budget, read_lag_tolerance};
use super::scope::{self, Scopes};
use super::season::{Mean, read_season};
use super::source::{Field, Reader, Section, shown};
use super::tables;
use super::transition::{read_owners, read_text, read_url, two_functions};
use crate::access::owners_between;
use crate::model::{
    Dependency, Direction, Metric, Owner, StageIndex, Strictness, Target, TargetIndex, Transition,
};
use crate::season::Season;

/// Targets of one plan.
const MAX_TARGETS: usize = 500;
/// Target × scope pairs of one plan: each is judged every day.
const MAX_SCOPES: usize = 10_000;

const METRICS: &[&str] = &["conversion", "cac", "volume", "spend", "velocity", "handoff"];
const KEYS: &[&str] = &[
    "name",
    "metric",
    "from",
    "to",
    "stage",
    "value",
    "values",
    "each",
    "where",
    "warn",
    "critical",
    "within",
    "season",
    "depends_on",
    "owners",
    "action",
    "runbook_url",
    "false_alarms_per_year",
    "lag_tolerance",
    "strict",
];

pub(crate) fn read(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    currency: Currency,
    funnel: &Funnel,
    transitions: Option<&[Transition]>,
) -> Option<Vec<Target>> {
    let sections = tables(reader, root, "target", ("target", ""), KEYS);
    if sections.len() > MAX_TARGETS {
        let message = format!("{} targets; at most {MAX_TARGETS} are taken", sections.len());
        reader.error(sections[0].at, message, "use `each` instead of one target per value");
        return None;
    }
    let names = read_target_names(reader, &sections);
    let mut room = MAX_SCOPES;
    let mut targets = Vec::new();
    for (section, name) in sections.iter().zip(&names) {
        let context = Context { currency, funnel, transitions, names: &names };
        targets.push(read_one(reader, section, name.as_ref(), &context, &mut room));
    }
    targets.into_iter().collect()
}

/// What a target's fields refer to.
struct Context<'c> {
    currency: Currency,
    funnel: &'c Funnel,
    /// `None` where they hold errors: what follows from them is not checked then.
    transitions: Option<&'c [Transition]>,
    names: &'c [Option<Name>],
}

fn read_target_names(reader: &mut Reader<'_>, sections: &[Section<'_>]) -> Vec<Option<Name>> {
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for section in sections {
        let field = section.require(reader, "name", "\"lead-to-won\"");
        let name = field.as_ref().and_then(|f| f.name(reader, "\"lead-to-won\""));
        if let (Some(name), Some(field)) = (&name, &field)
            && !seen.insert(name.clone())
        {
            reader.error(field.at(), format!("two targets are called `{name}`"), "rename one of them");
        }
        names.push(name);
    }
    names
}

fn read_one(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: Option<&Name>,
    context: &Context<'_>,
    room: &mut usize,
) -> Option<Target> {
    let metric = read_metric(reader, section, context.funnel);
    let tolerances = read_tolerances(reader, section);
    let season = season_of(reader, section, metric);
    let depends_on = read_dependencies(reader, section, name, context.names);
    let false_alarms_per_year = read_budget(reader, section).flatten();
    let lag_tolerance = read_own_lag_tolerance(reader, section, metric);
    let strict = section.field("strict").and_then(|f| read_strictness(reader, &f));
    let action = read_text(reader, section, "action");
    let runbook_url = read_url(reader, section);
    let own_owners = read_owners(reader, section);
    let metric = metric?;
    let owners = match own_owners {
        Some(owners) => owners,
        None => inherited_owners(reader, section, metric, context),
    };
    let Scopes { each, scopes } =
        scope::read(reader, section, metric, context.currency, context.funnel, context.transitions, room)?;
    let (warn, critical) = tolerances?;
    Some(Target {
        name: name?.clone(),
        metric,
        scopes,
        each,
        warn,
        critical,
        season: season?,
        depends_on,
        owners,
        action,
        runbook_url,
        false_alarms_per_year,
        lag_tolerance,
        strict,
        line: reader.line(section.at),
    })
}

fn read_metric(reader: &mut Reader<'_>, section: &Section<'_>, funnel: &Funnel) -> Option<Metric> {
    let field = section.require(reader, "metric", "\"conversion\"")?;
    let word = field.text(reader, "\"conversion\"")?;
    let takes: &[&str] = match word {
        "conversion" | "velocity" => &["from", "to"],
        "handoff" => &["from", "to", "within"],
        "volume" => &["stage", "season"],
        "spend" => &["season"],
        "cac" => &[],
        _ => {
            let message = format!("{} is unknown: `{}`", field.name, shown(word));
            reader.unknown(field.at(), message, word, METRICS.iter().copied());
            return None;
        }
    };
    for key in ["from", "to", "within", "stage", "season"] {
        if let Some(stray) = section.field(key).filter(|_| !takes.contains(&key)) {
            reader.error(
                stray.at(),
                format!("{} has no meaning for the metric `{word}`", stray.name),
                "remove it",
            );
        }
    }
    if word == "spend" {
        return Some(Metric::Spend);
    }
    if word == "cac" {
        return Some(Metric::Cac);
    }
    let first = format!("\"{}\"", funnel.stages[0]);
    if word == "volume" {
        let stage = section.require(reader, "stage", &first).and_then(|f| funnel.stage(reader, &f))?;
        return Some(Metric::Volume { stage });
    }
    let last = format!("\"{}\"", funnel.stages[funnel.stages.len() - 1]);
    let from = section.require(reader, "from", &first).and_then(|f| funnel.stage(reader, &f));
    let to_field = section.require(reader, "to", &last);
    let to = to_field.as_ref().and_then(|f| funnel.stage(reader, f));
    let within = match word {
        "handoff" => {
            Some(section.require(reader, "within", "\"7d\"").and_then(|f| f.duration(reader))).flatten()
        }
        _ => None,
    };
    let (from, to) = (from?, to?);
    if from >= to {
        reader.error(
            to_field.map_or(section.at, |f| f.at()),
            format!("`to` of {} does not come after `from` in the funnel", section.what),
            "name an earlier stage in `from` and a later one in `to`",
        );
        return None;
    }
    match word {
        "conversion" => Some(Metric::Conversion { from, to }),
        "velocity" => Some(Metric::Velocity { from, to }),
        _ => within.map(|within| Metric::Handoff { from, to, within }),
    }
}

fn read_tolerances(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<(Tolerance, Option<Tolerance>)> {
    let warn = section.require(reader, "warn", "\"-10%\"").and_then(|f| f.tolerance(reader));
    let Some(field) = section.field("critical") else { return warn.map(|warn| (warn, None)) };
    let critical = field.tolerance(reader)?;
    let warn = warn?;
    let wide = |inner: Option<f64>, outer: Option<f64>| match (inner, outer) {
        (_, None) => true,
        (Some(inner), Some(outer)) => outer >= inner,
        (None, Some(_)) => false,
    };
    if !wide(warn.below(), critical.below()) || !wide(warn.above(), critical.above()) {
        reader.error(
            field.at(),
            format!("{} ({critical}) is not wider than `warn` ({warn})", field.name),
            "each edge of `critical` needs an edge of `warn` on the same side, at most as far out",
        );
        return None;
    }
    Some((warn, Some(critical)))
}

/// Multipliers by day, flat where absent.
fn season_of(reader: &mut Reader<'_>, section: &Section<'_>, metric: Option<Metric>) -> Option<Season> {
    match (section.field("season"), metric) {
        (Some(field), Some(Metric::Volume { .. } | Metric::Spend)) => {
            read_season(reader, &field, Mean::OfDays)
        }
        // One of another metric is reported where the metric is read.
        _ => Some(Season::FLAT),
    }
}

fn read_strictness(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<Strictness> {
    match field.item.get_ref() {
        DeValue::Boolean(true) => Some(Strictness::Strict),
        DeValue::Boolean(false) => Some(Strictness::Plan),
        DeValue::String(text) if text == "half" => Some(Strictness::Half),
        _ => field.wrong(
            reader,
            "true, false or \"half\"",
            "true: no page inside the tolerance; leave it out to let volume decide",
        ),
    }
}

fn read_own_lag_tolerance(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    metric: Option<Metric>,
) -> Option<f64> {
    let read = read_lag_tolerance(reader, section).flatten()?;
    if matches!(metric, Some(Metric::Conversion { .. } | Metric::Cac) | None) {
        return Some(read);
    }
    let field = section.field("lag_tolerance")?;
    reader.error(
        field.at(),
        format!("{} has a meaning only for the metrics `conversion` and `cac`", field.name),
        "remove it",
    );
    None
}

fn read_dependencies(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    own: Option<&Name>,
    names: &[Option<Name>],
) -> Vec<Dependency> {
    let example = "[\"lead-to-won below\"]";
    let Some(elements) = section.field("depends_on").and_then(|f| f.array(reader, example)) else {
        return Vec::new();
    };
    let mut dependencies: Vec<Dependency> = Vec::new();
    for element in elements {
        let Some(text) = element.text(reader, "\"lead-to-won below\"") else { continue };
        let (name, direction) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((name, "below")) => (name.trim(), Direction::Below),
            Some((name, "above")) => (name.trim(), Direction::Above),
            _ => {
                element.wrong::<()>(
                    reader,
                    "a target and its direction",
                    "write \"TARGET below\" or \"TARGET above\"",
                );
                continue;
            }
        };
        let Some(target) = find_target(reader, &element, name, names.iter().map(Option::as_ref)) else {
            continue;
        };
        let dependency = Dependency { target, direction };
        if own.is_some_and(|own| own.as_str() == name) {
            reader.error(element.at(), format!("{} depends on itself", section.what), "remove it");
        } else if dependencies.contains(&dependency) {
            reader.error(element.at(), format!("{} is stated twice", element.name), "remove one of them");
        } else {
            dependencies.push(dependency);
        }
    }
    dependencies
}

/// The target called `name`.
pub(crate) fn find_target<'n>(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    name: &str,
    names: impl Iterator<Item = Option<&'n Name>> + Clone,
) -> Option<TargetIndex> {
    let found = names.clone().position(|known| known.is_some_and(|known| known.as_str() == name));
    if found.is_none() {
        let message = format!("{} names no target: `{}`", field.name, shown(name));
        reader.unknown(field.at(), message, name, names.flatten().map(Name::as_str));
    }
    found.map(|i| TargetIndex(i as u16))
}

/// The owners of the transitions the metric runs through, where the target names none.
fn inherited_owners(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    metric: Metric,
    context: &Context<'_>,
) -> Vec<Owner> {
    let Some(transitions) = context.transitions else { return Vec::new() };
    let first = StageIndex(0);
    let last = StageIndex(transitions.len() as u8);
    let (from, to) = match metric {
        Metric::Conversion { from, to }
        | Metric::Velocity { from, to }
        | Metric::Handoff { from, to, .. } => (from, to),
        Metric::Cac => (first, last),
        Metric::Volume { stage } => (first, stage),
        Metric::Spend => (first, first),
    };
    let owners = owners_between(transitions, from, to);
    if owners.is_empty() && from == to {
        reader.error(
            section.at,
            format!("{} has no owners, and no transition lends it any", section.what),
            "add `owners` from at least two functions",
        );
    } else if !two_functions(&owners) && !owners.is_empty() {
        reader.error(
            section.at,
            format!("{} is owned by one function only", section.what),
            "add `owners` from at least two functions",
        );
    }
    owners
}
