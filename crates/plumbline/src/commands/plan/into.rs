//! A plan's text with fitted numbers in place of its own; everything else stays as it stands.

use plumbline_drift::fit::{FittedLag, FittedRate};
use plumbline_plan::{Plan, Scope};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TomlError, Value};

use super::fragment::{comments, lag_text, rate_in_words, selector, share, shown_dispersion};
use super::history::History;
use super::numbers::{FittedTransition, Numbers};

/// The whole plan.
pub(super) fn rewrite(
    text: &str,
    plan: &Plan,
    history: &History,
    numbers: &Numbers,
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
    Ok(document.to_string())
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
    set(table, "conversion", &share(rate.rate))?;
    if let Some(lag) = lag {
        set(table, "lag", &lag_text(&lag.lag))?;
    }
    match shown_dispersion(rate) {
        Some(rho) => set(table, "dispersion", &share(rho))?,
        None => {
            table.remove("dispersion");
        }
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
