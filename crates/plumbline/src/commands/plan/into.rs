//! A plan's text with fitted numbers in place of its own; everything else stays as it stands.

use plumbline_drift::fit::{FittedLag, FittedRate, Level};
use plumbline_plan::{Metric, Plan, Scope, Target};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TomlError, Value};

use super::fragment::{comments, lag_text, quoted, rate_fields, rate_in_words, season_text, selector};
use super::history::History;
use super::levels::Levels;
use super::numbers::{FittedTransition, Numbers};

/// The whole plan.
pub(super) fn rewrite(
    text: &str,
    plan: &Plan,
    history: &History,
    numbers: &Numbers,
    values: bool,
) -> Result<String, TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let Some(transitions) = document.get_mut("transition").and_then(Item::as_array_of_tables_mut) else {
        return Ok(document.to_string());
    };
    for table in transitions.iter_mut() {
        let is = |key: &str, name: &str| table.get(key).and_then(Item::as_str) == Some(name);
        let fitted = numbers.transitions.iter().find(|t| {
            is("from", plan.stage_name(t.from).as_str()) && is("to", plan.stage_name(t.to).as_str())
        });
        if let Some(fitted) = fitted {
            replace(table, plan, history, fitted)?;
        }
    }
    if values && let Some(targets) = document.get_mut("target").and_then(Item::as_array_of_tables_mut) {
        for (table, target) in targets.iter_mut().zip(&plan.targets) {
            replace_values(table, plan, target, &numbers.levels)?;
        }
    }
    Ok(document.to_string())
}

/// The fitted values of a volume, spend or CAC target in place of its own, where every scope has one.
fn replace_values(table: &mut Table, plan: &Plan, target: &Target, levels: &Levels) -> Result<(), TomlError> {
    let fitted = |scope: &Scope| -> Option<(String, Option<&Level>)> {
        let levels = levels.of(scope)?;
        Some(match target.metric {
            Metric::Volume { stage } => {
                let level = levels.stages[usize::from(stage.0)].as_ref()?;
                (format!("{}/day", rounded(level.per_day)), Some(level))
            }
            Metric::Spend => {
                let level = levels.spend.as_ref()?;
                (format!("{} {}/day", rounded(level.per_day), plan.currency), Some(level))
            }
            Metric::Cac => (format!("{} {}", rounded(levels.cac?.0), plan.currency), None),
            _ => return None,
        })
    };
    let all: Option<Vec<_>> = target.scopes.iter().map(|scoped| fitted(&scoped.scope)).collect();
    let Some(all) = all.filter(|all| !all.is_empty()) else { return Ok(()) };
    if target.each.is_empty() {
        set(table, "value", &quoted(&all[0].0))?;
    } else {
        let values =
            nested(target, 0, &target.scopes.iter().map(|s| &s.scope).collect::<Vec<_>>(), &|scope| {
                target
                    .scopes
                    .iter()
                    .position(|s| s.scope == *scope)
                    .map_or(String::new(), |i| quoted(&all[i].0))
            });
        set(table, "values", &values)?;
        table.remove("value");
    }
    // The season of the target is one for its scopes: that of everything it judges together.
    let season = match target.metric {
        Metric::Volume { stage } => levels.0.first().and_then(|l| l.stages[usize::from(stage.0)].as_ref()),
        Metric::Spend => levels.0.first().and_then(|l| l.spend.as_ref()),
        _ => return Ok(()),
    };
    match season.and_then(|level| season_text(level.weekday.as_ref(), level.quarter_week.as_ref())) {
        Some(season) => set(table, "season", &season)?,
        None => {
            table.remove("season");
        }
    }
    Ok(())
}

/// `{ smb = { search = "…" } }` in the order of the target's `each`.
fn nested(target: &Target, depth: usize, scopes: &[&Scope], value: &dyn Fn(&Scope) -> String) -> String {
    let Some(dimension) = target.each.get(depth) else {
        return scopes.first().map_or(String::new(), |scope| value(scope));
    };
    let own = |scope: &Scope| scope.0.iter().find(|(d, _)| d == dimension).map(|(_, name)| name.clone());
    let names: Vec<_> = scopes.iter().filter_map(|scope| own(scope)).collect();
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    let entries: Vec<String> = seen
        .iter()
        .map(|name| {
            let inner: Vec<&Scope> =
                scopes.iter().copied().filter(|s| own(s).as_ref() == Some(name)).collect();
            format!("{} = {}", quoted(name.as_str()), nested(target, depth + 1, &inner, value))
        })
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// Four significant digits, without an exponent; at least two decimals below ten.
pub(super) fn rounded(value: f64) -> String {
    let decimals = if value >= 1000.0 {
        0
    } else if value >= 100.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

fn replace(
    table: &mut Table,
    plan: &Plan,
    history: &History,
    fitted: &FittedTransition,
) -> Result<(), TomlError> {
    let Ok(rate) = &fitted.rate else { return Ok(()) };
    let mut lines = comments(fitted);
    lines.insert(0, format!("fitted to {} days, {} to {}:", history.days(), history.first, history.last));
    put(table, rate, fitted.lag.as_ref().ok(), &lines)?;
    if fitted.scopes.is_empty() {
        return Ok(());
    }
    let overrides = table
        .entry("scope")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut();
    let Some(overrides) = overrides else { return Ok(()) };
    let mut fresh = Vec::new();
    for own in &fitted.scopes {
        let lines = [rate_in_words(&own.rate)];
        match overrides.iter_mut().find(|t| selects(t, plan, &own.scope)) {
            Some(table) => put(table, &own.rate, own.lag.as_ref(), &lines)?,
            None => {
                let mut table = Table::new();
                table.insert("where", parsed(&selector(plan, &own.scope))?);
                put(&mut table, &own.rate, own.lag.as_ref(), &lines)?;
                fresh.push(table);
            }
        }
    }
    // The first match wins: what is fitted to a scope stands before broader selectors of the author.
    let all: Vec<Table> = fresh.into_iter().chain(overrides.iter().cloned()).collect();
    overrides.clear();
    all.into_iter().for_each(|table| overrides.push(table));
    Ok(())
}

/// Whether an override's `where` is this scope.
fn selects(table: &Table, plan: &Plan, scope: &Scope) -> bool {
    let Some(entries) = table.get("where").and_then(Item::as_table_like) else { return false };
    entries.len() == scope.0.len()
        && scope.0.iter().all(|(d, value)| {
            let name = plan.dimensions[usize::from(d.0)].name.as_str();
            entries.get(name).and_then(Item::as_str) == Some(value.as_str())
        })
}

fn put(
    table: &mut Table,
    rate: &FittedRate,
    lag: Option<&FittedLag>,
    comments: &[String],
) -> Result<(), TomlError> {
    for (key, value) in rate_fields(rate) {
        match value {
            Some(value) => set(table, key, &value)?,
            None => {
                table.remove(key);
            }
        }
    }
    if let Some(lag) = lag {
        set(table, "lag", &lag_text(&lag.lag))?;
    }
    if let Some(mut key) = table.key_mut("conversion") {
        let lines: Vec<String> = comments.iter().map(|line| format!("# {line}\n")).collect();
        key.leaf_decor_mut().set_prefix(lines.concat());
    }
    Ok(())
}

/// Sets a value; a comment behind the former one goes with it.
fn set(table: &mut Table, key: &str, text: &str) -> Result<(), TomlError> {
    table.insert(key, parsed(text)?);
    Ok(())
}

fn parsed(text: &str) -> Result<Item, TomlError> {
    let value: Value = text.parse()?;
    Ok(Item::Value(value))
}
