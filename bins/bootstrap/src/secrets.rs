//! Keeps passwords out of what is printed: those that are where they belong, and those that somebody put elsewhere.

use keeper_settings::WrongSetting;
use toml::{Table, Value};

/// The one key whose text is a secret.
const SECRET: &str = "password";

/// Finds a text that holds a user or a password where none belongs, or a host that is more than one. What is wrong is said
/// without the text.
///
/// # Errors
/// There is one.
pub(crate) fn check(settings: &Table) -> Result<(), WrongSetting> {
    check_section("", settings)
}

fn check_section(path: &str, section: &Table) -> Result<(), WrongSetting> {
    for (key, value) in section {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(section) => check_section(&name, section)?,
            Value::String(text) if key != SECRET => check_text(&name, key, text)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_text(name: &str, key: &str, text: &str) -> Result<(), WrongSetting> {
    if key == "host" && !is_host(text) {
        let why = "must be a name or an address only, such as db.example.com; port, user and password are settings of their own";
        return Err(WrongSetting::new(name, why));
    }
    if holds_user(text) {
        let why = "holds a user or a password (something:something@…), which is not taken here";
        return Err(WrongSetting::new(name, why));
    }
    Ok(())
}

/// Replaces secrets by asterisks, in sections within sections too.
pub(crate) fn mask(section: &mut Table) {
    for (key, value) in section.iter_mut() {
        match value {
            Value::Table(section) => mask(section),
            value if key == SECRET && value.as_str() != Some("") => {
                *value = Value::String("********".into());
            }
            _ => {}
        }
    }
}

/// A name, an address, a path that begins with `/`, or nothing, which the adapters judge.
fn is_host(text: &str) -> bool {
    let path = text.starts_with('/') && !text.contains("://");
    path || !text.contains(|letter: char| letter.is_whitespace() || "@/?#=\\".contains(letter))
}

/// `scheme://…@…`, or `user:password@…`.
fn holds_user(text: &str) -> bool {
    let Some((before, _)) = text.rsplit_once('@') else { return false };
    before.contains("://") || (before.contains(':') && !before.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(key: &str, text: &str) -> Result<(), String> {
        let section = Table::from_iter([(key.to_owned(), Value::String(text.to_owned()))]);
        let settings = Table::from_iter([("database".to_owned(), Value::Table(section))]);
        check(&settings).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_password_where_none_belongs_is_refused_and_not_shown() {
        for (key, text) in [
            ("host", "postgres://u:s3cret@h"),
            ("host", "u:s3cret@h"),
            ("host", "s3cret@h"),
            ("host", "host=h password=s3cret"),
            ("host", "postgres://h/s3cret"),
            ("host", "h?password=s3cret"),
            ("host", "/x://u:s3cret@h"),
            ("name", "postgres://u:s3cret@h/db"),
            ("user", "u:s3cret@h"),
            ("url", "http://u:s3cret@h:8080"),
            ("url", "u:s3cret@h:8080"),
            ("tls", "amqps://u:s3@cret@h"),
        ] {
            let error = checked(key, text).unwrap_err();
            let named = error.starts_with(&format!("database.{key} "));
            assert!(named && !error.contains("s3"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_password_is_taken() {
        for (key, text) in [
            ("host", "db.example.com"),
            ("host", "::1"),
            ("host", "fe80::1%eth0"),
            ("host", "/var/run/postgresql"),
            ("host", "/run/pg@16"),
            ("host", ""),
            ("user", "inventory@server"),
            ("vhost", "/"),
            ("url", "http://[::1]:8080"),
            ("password_file", "/run/a:b/c@d"),
            ("password", "u:s3cret@h"),
            ("level", "info,keeper=debug"),
        ] {
            assert_eq!(checked(key, text), Ok(()), "{key} {text}");
        }
    }
}
