//! Settings in layers: the unit's `default.toml`, then a file, then the environment.
//!
//! The defaults name every key and show its type, so they decide what is known and how the text of an environment
//! variable is read: a password of digits stays text.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::{Figment, Profile};
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
pub struct Settings {
    figment: Figment,
}

impl Settings {
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
            check_file(&defaults, &path)?;
            figment = figment.merge(Toml::file_exact(&path));
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

fn check_file(defaults: &Table, path: &Path) -> Result<(), SettingsError> {
    let place = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| SettingsError(format!("cannot read {place}: {error}")))?;
    let table: Table = text
        .parse()
        // Without the line itself: there may be a secret in it.
        .map_err(|error: toml::de::Error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let what = error.message().replace('\n', " ");
            SettingsError(format!("{place} is not TOML, in line {line}: {what}"))
        })?;
    for (section, keys) in &table {
        let Some(known) = defaults.get(section).and_then(Value::as_table) else {
            return Err(SettingsError(format!(
                "unknown section [{section}] in {place}; {}",
                one_of(defaults)
            )));
        };
        let Some(keys) = keys.as_table() else {
            return Err(SettingsError(format!("{section} in {place} must be a section: [{section}]")));
        };
        for (key, value) in keys {
            let Some(default) = known.get(key) else {
                return Err(SettingsError(format!(
                    "unknown setting {section}.{key} in {place}; {}",
                    one_of(known)
                )));
            };
            if !default.same_type(value) {
                let (is, must) = (value.type_str(), default.type_str());
                return Err(SettingsError(format!(
                    "setting {section}.{key} in {place} is {is}, it must be {must}"
                )));
            }
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
        let Some(default) = known.get(key) else {
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
        let section = settings.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Some(section) = section.as_table_mut() {
            section.insert(key.to_owned(), value);
        }
    }
    Ok(settings)
}

/// Reads a variable's text as the type that the default has.
fn read_as(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
        Value::Float(_) => text.trim().parse().ok().map(Value::Float),
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
mod tests {
    use std::io::Write;

    use serde::Deserialize;

    use super::*;

    const DEFAULTS: &str =
        "[http]\nport = 3000\n[database]\npassword = \"\"\nmigrate = true\ntls = \"disable\"\n";

    #[derive(Debug, Deserialize)]
    struct Read {
        http: Http,
        database: Database,
    }
    #[derive(Debug, Deserialize)]
    struct Http {
        port: u16,
    }
    #[derive(Debug, Deserialize)]
    struct Database {
        password: String,
        migrate: bool,
        tls: Tls,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Tls {
        Disable,
        VerifyFull,
    }

    fn merged(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables: Vec<_> =
            variables.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
        Settings::merge(DEFAULTS, &variables).map_err(|error| error.to_string())
    }

    fn with_file(text: &str, variables: &[(&str, &str)]) -> Result<Read, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let variables = [&[(FILE_VARIABLE, path)], variables].concat();
        merged(&variables)?.read().map_err(|error| error.to_string().replace(path, "FILE"))
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let read =
            with_file("[http]\nport = 1\n[database]\ntls = \"verify-full\"", &[("KEEPER_HTTP__PORT", "2")])
                .unwrap();
        assert_eq!((read.http.port, read.database.migrate, read.database.tls), (2, true, Tls::VerifyFull));
        assert_eq!(with_file("", &[]).unwrap().database.tls, Tls::Disable);
    }

    #[test]
    fn a_password_of_digits_stays_text() {
        let settings = merged(&[("KEEPER_DATABASE__PASSWORD", "007")]).unwrap();
        assert_eq!(settings.read::<Read>().unwrap().database.password, "007");
        let shown = settings.masked().unwrap();
        assert!(shown.contains("********") && !shown.contains("007"), "{shown}");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, text, says) in [
            ("KEEPER_HTTP_PORT", "1", "unknown environment variable KEEPER_HTTP_PORT"),
            (
                "KEEPER_HTTP__PROT",
                "1",
                "unknown setting http.prot in the environment variable KEEPER_HTTP__PROT",
            ),
            ("KEEPER_HTPP__PORT", "1", "unknown section htpp in the environment variable KEEPER_HTPP__PORT"),
            (
                "KEEPER_HTTP__PORT",
                "many",
                "setting http.port in the environment variable KEEPER_HTTP__PORT must be",
            ),
            ("KEEPER_DATABASE__MIGRATE", "yes", "database.migrate"),
            ("KEEPER_CONFIG", "/nowhere/keeper.toml", "KEEPER_CONFIG names the file /nowhere/keeper.toml"),
        ] {
            let error = merged(&[(name, text)]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        for (name, text) in [("KEEPER_HTTP__PORT", "70000"), ("KEEPER_DATABASE__TLS", "maybe")] {
            let error = merged(&[(name, text)]).unwrap().read::<Read>().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_wrong_file_is_named() {
        for (text, says) in [
            ("[http]\nprot = 1", "unknown setting http.prot in"),
            ("[htpp]\nport = 1", "unknown section [htpp] in"),
            ("http = 1", "must be a section"),
            ("[http]\nport = \"1\"", "is string, it must be integer"),
            ("[http", "is not TOML, in line 1"),
            ("[log]\npassword = s3cret", "is not TOML, in line 2"),
            ("[http]\nport = 70000", "setting http.port (from FILE)"),
            ("[database]\ntls = \"\\n\"", "setting database.tls (from FILE)"),
        ] {
            let error = with_file(text, &[]).unwrap_err();
            assert!(error.contains(says) && !error.contains("s3cret") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_value_that_cannot_work_is_named_with_its_source() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[http]\nport = 7\n").unwrap();
        let path = file.path().to_str().unwrap();
        let settings = merged(&[(FILE_VARIABLE, path)]).unwrap();
        for (key, source) in [
            ("http.port", format!("from {path}")),
            ("database.migrate", "default, or from KEEPER_DATABASE__MIGRATE".to_owned()),
        ] {
            let error = settings.refused(&WrongSetting::new(key, "must be nicer")).to_string();
            assert_eq!(error, format!("setting {key} ({source}) must be nicer"));
        }
    }
}
