//! Where settings come from: the file, the environment, the flags. Each becomes a list of [`Setting`]s.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Error;

/// What all variables begin with.
const PREFIX: &str = "HOOKMILL_";
/// Between section and key in a variable's name.
const SEPARATOR: &str = "__";
/// Variables with the prefix that are not configuration: of the command line, of the vault, of the tests.
const OTHER_VARIABLES: [&str; 5] = ["HOOKMILL_URL", "HOOKMILL_KEY", "HOOKMILL_CONFIG", "HOOKMILL_MASTER_KEY", "HOOKMILL_TEST_"];

/// A setting given on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag as typed, for messages: `--listen`.
    pub name: &'static str,
    /// The dotted key that it sets: `server.listen`.
    pub key: &'static str,
    /// The value as typed.
    pub value: String,
}

/// One key set in one place.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: Given,
    pub(super) place: Place,
}

/// A value with its type, or a text whose type the key decides.
#[derive(Debug)]
pub(super) enum Given {
    Typed(Value),
    Text(String),
}

/// Where a setting was found.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(PathBuf),
    Variable,
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable => f.write_str("the environment"),
            Self::Flag(name) => write!(f, "the flag {name}"),
        }
    }
}

impl Place {
    /// The key as people write it in this place.
    pub(super) fn spelled(&self, key: &str) -> String {
        match self {
            Self::File(_) | Self::Flag(_) => key.to_owned(),
            Self::Variable => variable(key),
        }
    }
}

impl Given {
    /// The value as the key wants it; what cannot be converted stays a text and is refused by its type.
    pub(super) fn shaped_like(&self, default: &Value) -> Value {
        let text = match self {
            Self::Typed(value) => return value.clone(),
            Self::Text(text) => text,
        };
        let typed = match default {
            Value::Bool(_) => text.parse().ok().map(Value::Bool),
            Value::Number(_) => text.parse::<u64>().ok().map(Value::from),
            Value::Array(_) => Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()),
            Value::Null if text.is_empty() => Some(Value::Null),
            Value::Null | Value::String(_) | Value::Object(_) => None,
        };
        typed.unwrap_or_else(|| Value::from(text.as_str()))
    }
}

impl Setting {
    pub(super) fn invalid(&self, why: &serde_json::Error) -> Error {
        let value = match &self.value {
            _ if self.key == "store.database" => "`***`".to_owned(),
            Given::Typed(value) => value.to_string(),
            Given::Text(text) => format!("{text:?}"),
        };
        Error::Invalid { key: self.place.spelled(&self.key), place: self.place.to_string(), value, why: why.to_string() }
    }
}

pub(super) fn from_file(path: &Path, settings: &mut Vec<Setting>) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(|why| Error::Unreadable { path: path.to_owned(), why })?;
    let table: toml::Table =
        text.parse().map_err(|why: toml::de::Error| Error::Malformed { path: path.to_owned(), why: why.to_string() })?;
    let place = Place::File(path.to_owned());
    flatten(&table, "", &place, settings);
    Ok(())
}

fn flatten(table: &toml::Table, prefix: &str, place: &Place, settings: &mut Vec<Setting>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(members) => flatten(members, &key, place, settings),
            other => {
                // Dates are the only TOML values without a JSON form; as text they are refused by the key's type.
                let value = serde_json::to_value(other).unwrap_or_else(|_| Value::from(other.to_string()));
                settings.push(Setting { key, value: Given::Typed(value), place: place.clone() });
            }
        }
    }
}

pub(super) fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    settings: &mut Vec<Setting>,
) -> Result<(), Error> {
    let mut own: Vec<(String, String)> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && !is_other(name)).collect();
    own.sort();
    for (name, value) in own {
        let key = name[PREFIX.len()..].replace(SEPARATOR, ".").to_ascii_lowercase();
        settings.push(Setting { key, value: Given::Text(value), place: Place::Variable });
    }
    Ok(())
}

fn is_other(name: &str) -> bool {
    OTHER_VARIABLES.iter().any(|other| name == *other || (other.ends_with('_') && name.starts_with(other)))
}

pub(super) fn from_flags(flags: &[Flag], settings: &mut Vec<Setting>) {
    settings.extend(flags.iter().map(|flag| Setting {
        key: flag.key.to_owned(),
        value: Given::Text(flag.value.clone()),
        place: Place::Flag(flag.name),
    }));
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', SEPARATOR).to_ascii_uppercase())
}
