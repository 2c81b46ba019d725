//! Environment variables laid over the file's table.

use toml::{Table, Value};

const PREFIX: &str = "PLUMBLINE_";

/// Puts every `PLUMBLINE_SECTION__KEY` (and the keys outside sections) into the table.
pub(super) fn apply(table: &mut Table, environment: impl IntoIterator<Item = (String, String)>) {
    let mut settings: Vec<(String, String)> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
        .filter(|(name, _)| ["PLAN", "INSTANCE", "GROUP"].contains(&name.as_str()) || name.contains("__"))
        .collect();
    settings.sort();
    for (name, value) in settings {
        let path = path_of(&name);
        put(table, &path, literal(&path, &value));
    }
}

fn path_of(name: &str) -> Vec<String> {
    match name.strip_prefix("KAFKA__") {
        Some(property) => vec!["kafka".into(), property.to_lowercase().replace('_', ".")],
        None => name.split("__").map(str::to_lowercase).collect(),
    }
}

/// A number, boolean, list or inline table is read as TOML writes it; everything else is a string.
fn literal(path: &[String], text: &str) -> Value {
    let string = || Value::String(text.to_owned());
    let is_kafka = path.first().is_some_and(|section| section == "kafka");
    match toml::from_str::<Table>(&format!("value = {text}")) {
        // A line break could smuggle in a second key.
        Ok(mut parsed) if parsed.len() == 1 => match parsed.remove("value") {
            Some(Value::Table(table)) => Value::Table(table),
            Some(value @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_)))
                if !is_kafka =>
            {
                value
            }
            _ => string(),
        },
        _ => string(),
    }
}

/// Sets the value at a path; a scalar in the way gives way to a section.
fn put(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [section, rest @ ..] => {
            let inner = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
