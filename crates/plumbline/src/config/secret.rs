//! Values that may come from a file or a variable, and are never shown.

use std::fmt;

use serde::Deserialize;

/// A setting written out, or the place of a secret. `Debug` shows nothing of a value.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text, a number, { file = \"…\" } or { env = \"…\" }")]
pub(crate) enum Secret {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Place(Place),
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(crate) enum Place {
    File(std::path::PathBuf),
    Env(String),
}

impl Secret {
    /// The value now. A secret's file may end with a line break, which is not part of it.
    pub(crate) fn reveal(&self) -> Result<String, String> {
        match self {
            Secret::Text(text) => Ok(text.clone()),
            Secret::Integer(number) => Ok(number.to_string()),
            Secret::Boolean(flag) => Ok(flag.to_string()),
            Secret::Place(Place::File(path)) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
                .map_err(|e| format!("cannot read the secret's file {}: {e}", path.display())),
            Secret::Place(Place::Env(name)) => {
                std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
            }
        }
    }

    /// The value now, if its place holds one.
    pub(crate) fn reveal_if_set(&self) -> Result<Option<String>, String> {
        match self {
            Secret::Place(Place::Env(name)) if std::env::var_os(name).is_none() => Ok(None),
            other => other.reveal().map(Some),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Place(place) => place.fmt(f),
            _ => f.write_str("…"),
        }
    }
}
