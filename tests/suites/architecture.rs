//! The crate graph and the house rules that a file shows by itself.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/names.rs"]
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Which crates of the workspace a crate may use: nothing else, in any kind of dependency but those for tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("keeper-domain", &[]),
    ("keeper-ports", &["keeper-domain"]),
    ("keeper-access", &["keeper-domain"]),
    ("keeper-inventory", &["keeper-domain", "keeper-ports"]),
    ("keeper-billing", &["keeper-domain", "keeper-ports"]),
    ("keeper-wire", &["keeper-domain", "keeper-ports"]),
    ("keeper-settings", &[]),
    ("keeper-fetch", &[]),
    ("keeper-telemetry", &["keeper-domain", "keeper-ports"]),
    ("keeper-batching", &["keeper-domain", "keeper-ports", "keeper-telemetry"]),
    ("keeper-breaker", &["keeper-domain", "keeper-ports"]),
    ("keeper-http-server", HTTP_SERVER),
    ("keeper-http-client", ADAPTER),
    ("keeper-identity", ADAPTER),
    ("keeper-postgres", ADAPTER),
    ("keeper-rabbitmq", ADAPTER),
    ("keeper-sqlite", ADAPTER),
    (
        "keeper-bootstrap",
        &[
            "keeper-domain",
            "keeper-fetch",
            "keeper-http-server",
            "keeper-ports",
            "keeper-settings",
            "keeper-telemetry",
            "keeper-wire",
        ],
    ),
    (
        "keeper-edge",
        &[
            "keeper-access",
            "keeper-bootstrap",
            "keeper-domain",
            "keeper-http-server",
            "keeper-identity",
            "keeper-ports",
        ],
    ),
    (
        "gateway",
        &[
            "keeper-batching",
            "keeper-billing",
            "keeper-bootstrap",
            "keeper-breaker",
            "keeper-domain",
            "keeper-edge",
            "keeper-identity",
            "keeper-http-client",
            "keeper-http-server",
            "keeper-ports",
            "keeper-rabbitmq",
            "keeper-telemetry",
        ],
    ),
    (
        "inventory",
        &[
            "keeper-batching",
            "keeper-bootstrap",
            "keeper-domain",
            "keeper-http-server",
            "keeper-inventory",
            "keeper-ports",
            "keeper-postgres",
            "keeper-telemetry",
        ],
    ),
    (
        "billing",
        &[
            "keeper-billing",
            "keeper-bootstrap",
            "keeper-domain",
            "keeper-http-server",
            "keeper-ports",
            "keeper-postgres",
            "keeper-rabbitmq",
            "keeper-telemetry",
        ],
    ),
    (
        "standalone",
        &[
            "keeper-billing",
            "keeper-bootstrap",
            "keeper-domain",
            "keeper-edge",
            "keeper-identity",
            "keeper-http-server",
            "keeper-inventory",
            "keeper-ports",
            "keeper-sqlite",
            "keeper-telemetry",
        ],
    ),
    // A client as any other: it knows the public API only.
    ("load", &[]),
];

/// What may be done is decided by a rule, not by a use case: the routes ask it, and the document shows it.
const HTTP_SERVER: &[&str] = &[
    "keeper-access",
    "keeper-batching",
    "keeper-domain",
    "keeper-ports",
    "keeper-settings",
    "keeper-telemetry",
    "keeper-wire",
];

const ADAPTER: &[&str] = &[
    "keeper-batching",
    "keeper-domain",
    "keeper-fetch",
    "keeper-ports",
    "keeper-settings",
    "keeper-telemetry",
    "keeper-wire",
];

/// What the pure crates may use from outside. None of it does I/O.
const PURE: &[&str] = &[
    "async-trait",
    "chrono",
    "icu_casemap",
    "icu_normalizer",
    "icu_properties",
    "mockall",
    "thiserror",
    "uuid",
];

/// What a unit must not contain, however deep.
const NEVER: &[(&str, &[&str])] = &[
    (
        "gateway",
        &["keeper-postgres", "keeper-sqlite", "keeper-inventory", "sqlx", "sqlx-postgres", "libsqlite3-sys"],
    ),
    ("inventory", &["keeper-rabbitmq", "keeper-sqlite", "keeper-billing", "keeper-http-client", "lapin"]),
    ("billing", &["keeper-sqlite", "keeper-inventory", "keeper-http-client"]),
    ("standalone", &["keeper-postgres", "keeper-rabbitmq", "keeper-http-client", "lapin", "sqlx-postgres"]),
];

/// What an adapter must not contain, however deep: a store neither describes an API nor counts for one.
const NEVER_IN_ADAPTERS: &[(&str, &[&str])] = &[
    ("keeper-postgres", &["keeper-wire", "prometheus", "rocket", "schemars"]),
    ("keeper-sqlite", &["rocket", "schemars"]),
    ("keeper-http-client", &["prometheus", "rocket", "schemars"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(root()).other_options(["--locked".into()]).exec().unwrap()
}

fn uses(package: &Package) -> BTreeSet<&str> {
    let kept =
        package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    kept.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn crates_use_only_what_is_below_them() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in packages.iter().filter(|package| package.name.as_str() != "keeper-tests") {
        let Some(allowed) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} has no place in the graph: give it one in ALLOWED", package.name));
            continue;
        };
        for used in uses(package).intersection(&ours).filter(|used| !allowed.contains(*used)) {
            wrong.push(format!("{} must not use {used}", package.name));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(ours.len(), ALLOWED.len() + 1, "{ours:?}");
}

#[test]
fn the_cores_and_the_ports_do_no_io() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap();
        if folder.starts_with("core") || folder.starts_with("ports") {
            let foreign = uses(package).into_iter().filter(|used| !used.starts_with("keeper-"));
            for used in foreign {
                assert!(PURE.contains(&used), "{} must not use {used}", package.name);
            }
        }
    }
}

/// The names of all packages that Cargo would build for one by itself.
fn contents(package: &str) -> BTreeSet<String> {
    let mut cargo = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none"]);
    cargo.args(["--format", "{p}", "--package", package]).current_dir(root());
    let tree = keeper_tests::harness::run(&mut cargo);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn no_unit_contains_what_is_not_its_business() {
    for (unit, never) in NEVER {
        let contains = contents(unit);
        assert!(contains.contains("keeper-bootstrap"), "{contains:?}");
        for never in *never {
            assert!(!contains.contains(*never), "{unit} contains {never}");
        }
    }
}

#[test]
fn no_adapter_contains_what_is_not_its_business() {
    for (adapter, never) in NEVER_IN_ADAPTERS {
        let contains = contents(adapter);
        assert!(contains.contains("keeper-ports"), "{contains:?}");
        for never in *never {
            assert!(!contains.contains(*never), "{adapter} contains {never}");
        }
    }
}

/// The Rust files of the workspace, with their text.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["core", "ports", "adapters", "bins", "tests"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 30, "{found:?}");
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// What belongs together is in one file; what does not can be read one after the other.
#[test]
fn no_two_files_of_a_crate_import_each_other_in_a_circle() {
    let metadata = metadata();
    let circles: Vec<_> = metadata
        .workspace_packages()
        .iter()
        .filter(|package| package.name.as_str() != "keeper-tests")
        .filter_map(|package| {
            imports::Crate::read(&package.manifest_path.with_file_name("src").into_std_path_buf()).circle()
        })
        .collect();
    assert_eq!(circles, Vec::<Vec<PathBuf>>::new());
}

/// A case that is in no list is run by nobody.
#[test]
fn every_case_of_a_contract_is_in_its_list() {
    let files: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(root().join("tests/src/contract")))
        .collect();
    let lines = || files.iter().flat_map(|(_, text)| text.lines());
    let listed: BTreeSet<&str> = lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
    let cases = lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('('));
    let cases: Vec<_> =
        cases.filter(|(_, arguments)| arguments.contains("Subject")).map(|(name, _)| name).collect();
    assert!(cases.len() > 60, "{}", cases.len());
    let forgotten: Vec<_> = cases.into_iter().filter(|case| !listed.contains(case)).collect();
    assert_eq!(forgotten, Vec::<&str>::new());
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter_map(|(path, text)| Some((path, text.lines().count())).filter(|(_, lines)| *lines > 400))
        .collect();
    assert_eq!(long, [], "split them");
}

#[test]
fn nothing_unsafe_is_allowed_anywhere() {
    let metadata = metadata();
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", package.name);
        assert!(!manifest.contains("git = \""), "{} uses a crate that is not published", package.name);
    }
}

#[test]
fn units_only_assemble() {
    for (file, most) in [("main.rs", 15), ("unit.rs", 130)] {
        for unit in ["gateway", "inventory", "billing", "standalone"] {
            let path = root().join("bins").join(unit).join("src").join(file);
            let lines = std::fs::read_to_string(path).unwrap().lines().count();
            assert!(lines <= most, "{unit}/src/{file}: {lines} lines");
        }
    }
}

/// What `cargo deny check bans` would say, for those who do not have it.
#[test]
fn crates_are_used_by_those_only_whom_the_list_of_bans_names() {
    let bans: toml::Table = std::fs::read_to_string(root().join(".deny.toml")).unwrap().parse().unwrap();
    let metadata = metadata();
    let resolved = &metadata.resolve.as_ref().unwrap().nodes;
    for ban in bans["bans"]["deny"].as_array().unwrap() {
        let name = ban["crate"].as_str().unwrap();
        let allowed: BTreeSet<&str> = ban.get("wrappers").map_or_else(BTreeSet::new, |wrappers| {
            wrappers.as_array().unwrap().iter().map(|wrapper| wrapper.as_str().unwrap()).collect()
        });
        let users =
            resolved.iter().filter(|node| node.dependencies.iter().any(|id| metadata[id].name == name));
        let users: BTreeSet<&str> = users.map(|node| metadata[&node.id].name.as_str()).collect();
        let wrong: Vec<_> = users.difference(&allowed).collect();
        assert!(wrong.is_empty(), "{name} must not be used by {wrong:?}");
        let gone: Vec<_> = allowed.difference(&users).collect();
        assert!(gone.is_empty(), "{name} is not used by {gone:?}: .deny.toml says too much");
    }
}
