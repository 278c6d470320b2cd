//! Settings in layers: the unit's `default.toml`, then a file, then the environment.
//!
//! The defaults name every key and show its type, so they decide what is known and how the text of an environment
//! variable is read: a password of digits stays text.

use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use keeper_settings::WrongSetting;
use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::{Table, Value};

use crate::secrets;

/// The variable that names the settings file.
const FILE_VARIABLE: &str = "KEEPER_CONFIG";
/// The settings file that is read if it is there.
const DEFAULT_FILE: &str = "keeper.toml";
const PREFIX: &str = "KEEPER_";

/// Why the settings cannot be used: one sentence that names the key and where it came from.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// The settings of a unit, merged and not yet read.
#[derive(Debug, Clone)]
pub struct UnitSettings {
    figment: Figment,
}

impl UnitSettings {
    /// Merges a unit's defaults, the settings file and the process's environment.
    ///
    /// # Errors
    /// A key is unknown or has the wrong type, a password is where none belongs, or the file that `KEEPER_CONFIG` names
    /// cannot be read.
    pub fn load(defaults: &str) -> Result<Self, SettingsError> {
        let mut variables = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            let text = value.into_string();
            let text =
                text.map_err(|_| SettingsError(format!("the environment variable {name} is not UTF-8")))?;
            variables.push((name.to_owned(), text));
        }
        Self::merge(defaults, &variables)
    }

    fn merge(defaults: &str, variables: &[(String, String)]) -> Result<Self, SettingsError> {
        let defaults: Table = defaults
            .parse()
            .map_err(|error| SettingsError(format!("the built-in defaults are wrong: {error}")))?;
        let mut figment = Figment::from(Serialized::defaults(&defaults));
        if let Some(path) = file(variables)? {
            figment = figment.merge(SettingsFile::read(&defaults, path)?);
        }
        let environment = environment(&defaults, variables)?;
        let merged = Self { figment: figment.merge(Serialized::from(environment, Profile::Default)) };
        // Before any value is read, since an error may show the value.
        secrets::check(&merged.read()?).map_err(|wrong| merged.refused(&wrong))?;
        Ok(merged)
    }

    /// Reads the settings that `T` has; other sections are passed over.
    ///
    /// # Errors
    /// A value does not fit its type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        self.figment.extract().map_err(|error| {
            self.refused(&WrongSetting::new(error.path.join("."), format!("cannot be used: {}", error.kind)))
        })
    }

    /// The error of a setting that cannot be used, on one line whatever is in its value.
    pub(crate) fn refused(&self, WrongSetting { key, why }: &WrongSetting) -> SettingsError {
        let text = format!("setting {key} ({}) {why}", self.source_of(key));
        SettingsError(text.replace(['\n', '\r'], " "))
    }

    fn source_of(&self, key: &str) -> String {
        match self.figment.find_metadata(key).and_then(|metadata| metadata.source.as_ref()) {
            Some(figment::Source::File(path)) => format!("from {}", path.display()),
            // What is neither from the file nor a default came from the environment.
            _ => format!("default, or from {}", variable_of(key)),
        }
    }

    /// The effective settings as TOML, secrets masked.
    ///
    /// # Errors
    /// The settings cannot be written, which is a fault of this crate.
    pub fn masked(&self) -> Result<String, SettingsError> {
        let mut table: Table = self.read()?;
        secrets::mask(&mut table);
        toml::to_string(&table).map_err(|error| SettingsError(error.to_string()))
    }
}

fn file(variables: &[(String, String)]) -> Result<Option<PathBuf>, SettingsError> {
    let named = variables.iter().find(|(name, _)| name == FILE_VARIABLE);
    match named {
        Some((_, path)) if !Path::new(path).is_file() => {
            Err(SettingsError(format!("{FILE_VARIABLE} names the file {path}, which is not there")))
        }
        Some((_, path)) => Ok(Some(path.into())),
        None => Ok(Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file())),
    }
}

/// A settings file whose keys are all known. It is read once: what was checked is what is used.
struct SettingsFile {
    path: PathBuf,
    table: Table,
}

impl SettingsFile {
    fn read(defaults: &Table, path: PathBuf) -> Result<Self, SettingsError> {
        let place = path.display();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| SettingsError(format!("cannot read {place}: {error}")))?;
        let table: Table = text
            .parse()
            // Without the line itself: there may be a secret in it.
            .map_err(|error: toml::de::Error| {
                let start = error.span().map_or(0, |span| span.start.min(text.len()));
                let line = text[..start].matches('\n').count() + 1;
                let message = error.message().replace('\n', " ");
                SettingsError(format!("{place} is not TOML, in line {line}: {message}"))
            })?;
        check_sections(defaults, &table, &place)?;
        Ok(Self { path, table })
    }
}

impl Provider for SettingsFile {
    fn metadata(&self) -> Metadata {
        Metadata::from("settings file", self.path.as_path())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Serialized::defaults(&self.table).data()
    }
}

fn check_sections(
    defaults: &Table,
    table: &Table,
    place: &std::path::Display<'_>,
) -> Result<(), SettingsError> {
    for (section, keys) in table {
        let Some(known) = defaults.get(section).and_then(Value::as_table) else {
            return Err(SettingsError(format!(
                "unknown section [{section}] in {place}; {}",
                one_of(defaults)
            )));
        };
        let Some(keys) = keys.as_table() else {
            return Err(SettingsError(format!("{section} in {place} must be a section: [{section}]")));
        };
        check_keys(section, known, keys, place)?;
    }
    Ok(())
}

/// Looks for keys that are not known, in a section and in the sections within it.
fn check_keys(
    section: &str,
    known: &Table,
    keys: &Table,
    place: &std::path::Display<'_>,
) -> Result<(), SettingsError> {
    for (key, value) in keys {
        let name = format!("{section}.{key}");
        let Some(default) = known.get(key) else {
            return Err(SettingsError(format!("unknown setting {name} in {place}; {}", one_of(known))));
        };
        match (default, value) {
            (Value::Table(known), Value::Table(keys)) => check_keys(&name, known, keys, place)?,
            _ if !default.same_type(value) => {
                let (is, must) = (value.type_str(), default.type_str());
                return Err(SettingsError(format!("setting {name} in {place} is {is}, it must be {must}")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn environment(defaults: &Table, variables: &[(String, String)]) -> Result<Table, SettingsError> {
    let mut settings = Table::new();
    for (name, text) in variables.iter().filter(|(name, _)| name != FILE_VARIABLE) {
        let path = name[PREFIX.len()..].to_ascii_lowercase();
        let Some((section, key)) = path.split_once("__") else {
            let message =
                format!("unknown environment variable {name}: settings are named {PREFIX}<SECTION>__<KEY>");
            return Err(SettingsError(message));
        };
        let Some(known) = defaults.get(section).and_then(Value::as_table) else {
            let message =
                format!("unknown section {section} in the environment variable {name}; {}", one_of(defaults));
            return Err(SettingsError(message));
        };
        let (key, path) = (key.replace("__", "."), [section].into_iter().chain(key.split("__")));
        let Some(default) = find(known, key.split('.')) else {
            let message = format!(
                "unknown setting {section}.{key} in the environment variable {name}; {}",
                one_of(known)
            );
            return Err(SettingsError(message));
        };
        let value = read_as(default, text).ok_or_else(|| {
            let must = default.type_str();
            SettingsError(format!(
                "setting {section}.{key} in the environment variable {name} must be {must}"
            ))
        })?;
        put(&mut settings, path, value);
    }
    Ok(settings)
}

/// The setting of this path that is no section.
fn find<'a>(known: &'a Table, mut path: impl Iterator<Item = &'a str>) -> Option<&'a Value> {
    let found = path.try_fold(None::<&Value>, |value, key| {
        let table = value.map_or(Some(known), Value::as_table)?;
        Some(table.get(key)).filter(Option::is_some)
    })?;
    found.filter(|value| !value.is_table())
}

fn put<'a>(settings: &mut Table, path: impl Iterator<Item = &'a str>, value: Value) {
    let path: Vec<_> = path.collect();
    let [sections @ .., key] = &path[..] else { return };
    let mut table = settings;
    for section in sections {
        let entry = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(within) = entry else { return };
        table = within;
    }
    table.insert((*key).to_owned(), value);
}

/// Reads a variable's text as the type that the default has.
fn read_as(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
        Value::Float(_) => text.trim().parse().ok().map(Value::Float),
        // A list is written with commas.
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        _ => Some(Value::String(text.to_owned())),
    }
}

fn one_of(table: &Table) -> String {
    format!("known here: {}", table.keys().cloned().collect::<Vec<_>>().join(", "))
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
