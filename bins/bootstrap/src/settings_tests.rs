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

fn merged(variables: &[(&str, &str)]) -> Result<UnitSettings, String> {
    let variables: Vec<_> =
        variables.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    UnitSettings::merge(DEFAULTS, &variables).map_err(|error| error.to_string())
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
        ("KEEPER_HTTP__PROT", "1", "unknown setting http.prot in the environment variable KEEPER_HTTP__PROT"),
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

const NESTED: &str = "[auth]\nmode = \"open\"\n[auth.jwt]\nissuer = \"\"\nleeway_s = 60\n";

#[test]
fn a_section_within_a_section_is_read_from_file_and_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keeper.toml");
    std::fs::write(&file, "[auth.jwt]\nissuer = \"https://a\"").unwrap();
    let read = |name: &str, value: &str| {
        let variables = [(FILE_VARIABLE, file.to_str().unwrap()), (name, value)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        UnitSettings::merge(NESTED, &variables).map_err(|error| error.to_string())
    };
    let masked = read("KEEPER_AUTH__JWT__LEEWAY_S", "5").unwrap().masked().unwrap();
    assert!(masked.contains("leeway_s = 5") && masked.contains("issuer = \"https://a\""), "{masked}");
    let refused = read("KEEPER_AUTH__JWT__ISSUER", "https://u:p@b").unwrap_err();
    assert!(refused.starts_with("setting auth.jwt.issuer ") && !refused.contains("u:p"), "{refused}");
    for (name, message) in [
        ("KEEPER_AUTH__JWT__ISUER", "unknown setting auth.jwt.isuer in"),
        ("KEEPER_AUTH__JWT", "unknown setting auth.jwt in"),
        ("KEEPER_AUTH__MODE__X", "unknown setting auth.mode.x in"),
        ("KEEPER_AUTH__JWT__LEEWAY_S", "setting auth.jwt.leeway_s in the environment variable"),
    ] {
        let error = read(name, "x").unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
    std::fs::write(&file, "[auth.jwt]\nisuer = 1").unwrap();
    assert!(read("KEEPER_AUTH__MODE", "open").unwrap_err().starts_with("unknown setting auth.jwt.isuer in"));
    std::fs::write(&file, "[auth]\njwt = 1").unwrap();
    assert!(read("KEEPER_AUTH__MODE", "open").unwrap_err().contains("is integer, it must be table"));
}

#[test]
fn a_list_is_written_with_commas() {
    let list = |text: &str| {
        let variables = [("KEEPER_HTTP__ORIGINS".to_owned(), text.to_owned())];
        UnitSettings::merge("[http]\norigins = []", &variables).unwrap().masked().unwrap()
    };
    assert_eq!(list("a, b,"), "[http]\norigins = [\"a\", \"b\"]\n");
    assert_eq!(list(""), "[http]\norigins = []\n");
}
