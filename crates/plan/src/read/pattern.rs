//! `[[pattern]]`: combinations of targets that tell a story.

use std::collections::BTreeSet;

use plumbline_units::Name;

use super::source::{Reader, Section};
use super::tables;
use super::target::find_target;
use super::transition::{read_owners, read_text, read_url, two_functions};
use crate::model::{Condition, Direction, Owner, Pattern, Severity, Target};
use crate::suggest::mend_unknown;

const MAX_PATTERNS: usize = 200;
const MAX_CONDITIONS: usize = 16;
const KEYS: &[&str] = &["name", "all", "severity", "owners", "action", "runbook_url"];
const EXAMPLE: &str = "[\"lead-volume not-below\", \"lead-to-won below\"]";

/// `None` where one is wrong. Without targets only what stands alone is checked.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    targets: Option<&[Target]>,
) -> Option<Vec<Pattern>> {
    let sections = tables(reader, root, "pattern", ("pattern", ""), KEYS);
    if sections.len() > MAX_PATTERNS {
        let message = format!("{} patterns; at most {MAX_PATTERNS} are taken", sections.len());
        reader.error(sections[0].at, message, "remove some");
        return None;
    }
    let mut seen: BTreeSet<Name> = targets.unwrap_or(&[]).iter().map(|t| t.name.clone()).collect();
    let read: Vec<Option<Pattern>> =
        sections.iter().map(|section| read_one(reader, section, targets, &mut seen)).collect();
    read.into_iter().collect()
}

fn read_one(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    targets: Option<&[Target]>,
    seen: &mut BTreeSet<Name>,
) -> Option<Pattern> {
    let field = section.require(reader, "name", "\"lead-quality-trap\"");
    let name = field.as_ref().and_then(|f| f.name(reader, "\"lead-quality-trap\""));
    if let (Some(name), Some(field)) = (&name, &field)
        && !seen.insert(name.clone())
    {
        reader.error(
            field.at(),
            format!("another target or pattern is called `{name}`"),
            "rename one: both open episodes under their name",
        );
    }
    let severity = section.require(reader, "severity", "\"critical\"").and_then(|f| {
        match f.text(reader, "\"critical\"")? {
            "warning" => Some(Severity::Warning),
            "critical" => Some(Severity::Critical),
            other => {
                let mend = mend_unknown(other, ["warning", "critical"].into_iter());
                f.wrong(reader, "\"warning\" or \"critical\"", &mend)
            }
        }
    });
    let action = read_text(reader, section, "action");
    let runbook_url = read_url(reader, section);
    let own_owners = read_owners(reader, section);
    let targets = targets?;
    let all = read_conditions(reader, section, targets);
    let all = all?;
    let owners = match own_owners {
        Some(owners) => owners,
        None => members_owners(reader, section, targets, &all),
    };
    Some(Pattern {
        name: name?,
        all,
        severity: severity?,
        owners,
        action,
        runbook_url,
        line: reader.line(section.at),
    })
}

fn read_conditions(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    targets: &[Target],
) -> Option<Vec<Condition>> {
    let field = section.require(reader, "all", EXAMPLE)?;
    let elements = field.array(reader, EXAMPLE)?;
    if elements.is_empty() || elements.len() > MAX_CONDITIONS {
        reader.error(
            field.at(),
            format!("{} has {} conditions; it takes 1 to {MAX_CONDITIONS}", field.name, elements.len()),
            format!("write such as {EXAMPLE}"),
        );
        return None;
    }
    let mut all: Vec<Condition> = Vec::new();
    let mut whole = true;
    for element in elements {
        let text = element.text(reader, "\"lead-to-won below\"").unwrap_or("");
        let (name, word) = text.trim().rsplit_once(char::is_whitespace).unwrap_or((text, ""));
        let (direction, negated) = match word {
            "below" => (Direction::Below, false),
            "above" => (Direction::Above, false),
            "not-below" => (Direction::Below, true),
            "not-above" => (Direction::Above, true),
            _ => {
                let known = ["below", "above", "not-below", "not-above"];
                let mend = mend_unknown(word, known.into_iter());
                element.wrong::<()>(reader, "a target and its state", &mend);
                whole = false;
                continue;
            }
        };
        let names = targets.iter().map(|t| Some(&t.name));
        let Some(target) = find_target(reader, &element, name.trim(), names) else {
            whole = false;
            continue;
        };
        let condition = Condition { target, direction, negated };
        let clash =
            all.iter().any(|c| c.target == target && (c.direction == direction || !c.negated && !negated));
        if clash {
            reader.error(
                element.at(),
                format!("{} repeats or excludes another condition", element.name),
                "keep one condition per target and direction",
            );
            whole = false;
        }
        all.push(condition);
    }
    if whole && !all.iter().any(|c| !c.negated) {
        reader.error(
            field.at(),
            format!("{} holds whenever nothing drifts", field.name),
            "add a condition that says what does: `below` or `above`",
        );
        whole = false;
    }
    whole.then_some(all).filter(|all| same_scopes(reader, section, targets, all))
}

/// A pattern is judged per scope, so its members must be judged in the same ones.
fn same_scopes(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    targets: &[Target],
    all: &[Condition],
) -> bool {
    let scopes = |c: &Condition| -> BTreeSet<_> {
        targets[usize::from(c.target.0)].scopes.iter().map(|s| &s.scope).collect()
    };
    let Some(first) = all.first() else { return true };
    let expected = scopes(first);
    let Some(other) = all.iter().find(|c| scopes(c) != expected) else { return true };
    let name = |c: &Condition| &targets[usize::from(c.target.0)].name;
    if expected.is_disjoint(&scopes(other))
        || targets[usize::from(first.target.0)].each != targets[usize::from(other.target.0)].each
    {
        reader.error(
            section.at,
            format!(
                "{}: `{}` and `{}` are judged in different scopes",
                section.what,
                name(first),
                name(other)
            ),
            "give the members the same `each` and `where`",
        );
        return false;
    }
    reader.warning(
        section.at,
        format!("{}: `{}` has values in other scopes than `{}`", section.what, name(other), name(first)),
        "it is judged only where all members have a value",
    );
    true
}

fn members_owners(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    targets: &[Target],
    all: &[Condition],
) -> Vec<Owner> {
    let mut owners: Vec<Owner> = Vec::new();
    for owner in all.iter().flat_map(|c| &targets[usize::from(c.target.0)].owners) {
        if !owners.contains(owner) {
            owners.push(owner.clone());
        }
    }
    if !two_functions(&owners) {
        reader.error(
            section.at,
            format!("{} is owned by fewer than two functions", section.what),
            "add `owners` from at least two functions",
        );
    }
    owners
}
