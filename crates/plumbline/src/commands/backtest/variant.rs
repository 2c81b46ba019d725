//! Variants of a plan: its text edited and parsed again, so that every rule of `plan check` holds for them too.

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// One `--what-if`: assignments that hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// As it was written.
    pub(crate) label: String,
    assignments: Vec<(String, String)>,
}

impl Variant {
    /// Reads `place=value`, several separated by `,` or `;`.
    pub(crate) fn parse(text: &str) -> Result<Variant, String> {
        let mut assignments = Vec::new();
        for part in text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=').map(|(place, value)| (place.trim(), value.trim())) {
                Some((place, value)) if !place.is_empty() && !value.is_empty() => {
                    assignments.push((place.to_owned(), value.to_owned()));
                }
                _ => return Err(format!("`{part}` is no assignment such as lead-to-won.warn=-5%")),
            }
        }
        if assignments.is_empty() {
            return Err("no assignment such as lead-to-won.warn=-5%".to_owned());
        }
        Ok(Variant { label: text.trim().to_owned(), assignments })
    }

    /// The plan's text with the assignments made.
    pub(crate) fn edit(&self, plan: &str) -> Result<String, String> {
        let mut document: DocumentMut =
            plan.parse().map_err(|e| format!("the plan cannot be edited: {e}"))?;
        for (place, value) in &self.assignments {
            assign(&mut document, place, value).map_err(|why| format!("{place}={value}: {why}"))?;
        }
        Ok(document.to_string())
    }
}

/// What a target has that may be changed, as it is called here and in the plan.
const FIELDS: [(&str, &str); 6] = [
    ("warn", "warn"),
    ("critical", "critical"),
    ("value", "value"),
    ("strict", "strict"),
    ("budget", "false_alarms_per_year"),
    ("false_alarms_per_year", "false_alarms_per_year"),
];

fn assign(document: &mut DocumentMut, place: &str, value: &str) -> Result<(), String> {
    if matches!(place, "budget" | "false_alarms_per_year") {
        set(document.as_table_mut(), "false_alarms_per_year", value);
        return Ok(());
    }
    if let Some((from, to)) = place.strip_suffix(".conversion").and_then(|pair| pair.split_once('>')) {
        let is = |table: &dyn TableLike| (text(table, "from"), text(table, "to")) == (Some(from), Some(to));
        let found = entry(document, "transition", &is);
        let table = found.ok_or_else(|| format!("the plan has no transition from `{from}` to `{to}`"))?;
        set(table, "conversion", value);
        return Ok(());
    }
    // Names may hold points: the longest target that the place begins with is meant.
    let names = names(document, "target");
    let named = |name: &&String| place.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'));
    let Some(name) = names.iter().filter(named).max_by_key(|name| name.len()) else {
        return Err(format!(
            "the plan has no such target; it has {}; else budget, or FROM>TO.conversion",
            names.join(", ")
        ));
    };
    let is = |table: &dyn TableLike| text(table, "name") == Some(name);
    let table = entry(document, "target", &is).ok_or("the plan has no such target")?;
    let field = &place[name.len() + 1..];
    if let Some(scope) = field.strip_prefix("values.") {
        let values = table.get_mut("values").and_then(Item::as_table_like_mut);
        let values = values.ok_or_else(|| format!("target `{name}` has no `values` by scope"))?;
        set(values, scope, value);
        return Ok(());
    }
    let Some((_, key)) = FIELDS.iter().find(|(called, _)| *called == field) else {
        let known: Vec<&str> = FIELDS.iter().map(|(called, _)| *called).collect();
        return Err(format!("a target has {} or values.X, not `{field}`", known.join(", ")));
    };
    set(table, key, value);
    Ok(())
}

/// Writes a value; the spaces and comments around one that it replaces stay.
fn set(table: &mut dyn TableLike, key: &str, value: &str) {
    let mut new = literal(value);
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        _ => _ = table.insert(key, Item::Value(new)),
    }
}

/// Numbers and truth values as TOML writes them; everything else is text.
fn literal(value: &str) -> Value {
    match value.parse::<Value>() {
        Ok(parsed @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_))) => parsed,
        _ => value.into(),
    }
}

fn text<'t>(table: &'t dyn TableLike, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Item::as_str)
}

/// The tables of a list, in either of TOML's spellings.
fn entry<'d>(
    document: &'d mut DocumentMut,
    list: &str,
    is: &dyn Fn(&dyn TableLike) -> bool,
) -> Option<&'d mut dyn TableLike> {
    match document.get_mut(list)? {
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().find(|t| is(*t as &dyn TableLike)).map(|t| t as &mut dyn TableLike)
        }
        Item::Value(Value::Array(array)) => array
            .iter_mut()
            .filter_map(Value::as_inline_table_mut)
            .find(|t| is(*t as &dyn TableLike))
            .map(|t| t as &mut dyn TableLike),
        _ => None,
    }
}

fn names(document: &DocumentMut, list: &str) -> Vec<String> {
    let name = |table: &dyn TableLike| text(table, "name").map(str::to_owned);
    match document.get(list) {
        Some(Item::ArrayOfTables(tables)) => tables.iter().filter_map(|t| name(t)).collect(),
        Some(Item::Value(Value::Array(array))) => {
            array.iter().filter_map(|v| name(v.as_inline_table()?)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"# A comment that stays.
false_alarms_per_year = 1.0
[[transition]]
from = "lead"
to = "mql"
conversion = 0.5 # half
[[target]]
name = "lead-to-won"
warn = "-10%"
[[target]]
name = "lead-to-won.smb"
warn = "-10%"
[[target]]
name = "volume"
values = { smb = "30/day" }
"#;

    #[test]
    fn assignments_change_one_place_and_leave_the_rest_as_it_stands() {
        for (text, from, to) in [
            ("lead-to-won.warn=-5%", "\"lead-to-won\"\nwarn = \"-10%\"", "\"lead-to-won\"\nwarn = \"-5%\""),
            ("lead-to-won.smb.warn=-5%", ".smb\"\nwarn = \"-10%\"", ".smb\"\nwarn = \"-5%\""),
            ("lead>mql.conversion=0.45", "conversion = 0.5 #", "conversion = 0.45 #"),
            ("budget=2", "false_alarms_per_year = 1.0", "false_alarms_per_year = 2"),
            ("volume.values.smb=40/day", "30/day", "40/day"),
            ("volume.strict=true", "{ smb = \"30/day\" }\n", "{ smb = \"30/day\" }\nstrict = true\n"),
        ] {
            let edited = Variant::parse(text).unwrap().edit(PLAN).unwrap();
            let squeezed = |s: &str| s.replace("  ", " ");
            assert_eq!(squeezed(&edited), squeezed(&PLAN.replacen(from, to, 1)), "{text}");
        }
    }

    #[test]
    fn several_assignments_make_one_variant() {
        let edited = Variant::parse("lead-to-won.warn=-5%; budget=3").unwrap().edit(PLAN).unwrap();
        assert!(edited.contains("-5%") && edited.contains("false_alarms_per_year = 3"), "{edited}");
    }

    #[test]
    fn what_cannot_be_assigned_is_named() {
        assert!(Variant::parse("lead-to-won.warn").unwrap_err().contains("lead-to-won.warn"));
        for (text, why) in [
            ("leads.warn=-5%", "it has lead-to-won, lead-to-won.smb, volume"),
            ("lead-to-won.owner=me", "not `owner`"),
            ("mql>sql.conversion=0.4", "no transition from `mql` to `sql`"),
        ] {
            let error = Variant::parse(text).unwrap().edit(PLAN).unwrap_err();
            assert!(error.starts_with(text) && error.contains(why), "{error}");
        }
    }
}
