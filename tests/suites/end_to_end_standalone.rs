//! The scenarios on one process with SQLite files, and what only that stack does.

#![allow(clippy::expect_used, reason = "tests")]

#[path = "end_to_end_standalone/backup.rs"]
mod backup;
#[path = "end_to_end_standalone/files.rs"]
mod files;

#[path = "end_to_end_standalone/output.rs"]
mod output;

use std::time::Duration;

use keeper_tests::harness::{Kind, Unit, until};

keeper_tests::end_to_end!(Standalone);

#[path = "end_to_end/access.rs"]
mod access;

const STACK: Kind = Kind::Standalone;

#[tokio::test]
async fn it_says_in_one_block_where_everything_is() {
    let unit = Unit::new("standalone", []).with("KEEPER_LOG__FORMAT", "text");
    unit.start();
    unit.ready().await;
    let said = until("the block is printed", Duration::from_secs(10), || {
        Some(unit.log()).filter(|log| log.contains("/api-docs"))
    });
    for part in [unit.url(), format!("{}/api-docs", unit.url()), "code-keeper-data".into(), "Ctrl-C".into()] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    unit.signal("INT");
    assert_eq!(unit.ended().code(), Some(0), "{}", unit.log());
}

#[tokio::test]
async fn two_processes_do_not_share_a_folder() {
    let first = Unit::new("standalone", []);
    first.start();
    first.ready().await;
    let folder = first.folder().join("code-keeper-data").display().to_string();
    let second = Unit::new("standalone", [("KEEPER_STORAGE__DIRECTORY".to_owned(), folder)]);
    second.start();
    assert_ne!(second.ended().code(), Some(0), "{}", second.log());
    first.ready().await;
}

#[tokio::test]
async fn commands_that_read_the_data_make_none() {
    let unit = Unit::new("standalone", []).with("KEEPER_STORAGE__DIRECTORY", "mistyped");
    let folder = unit.folder().join("mistyped");
    let refused = |arguments: &[&str]| {
        let output = unit.command(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said, "standalone: storage.directory: there is no data in mistyped\n");
    };
    let id = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
    for arguments in [
        &["dead-letters", "list"][..],
        &["dead-letters", "show", id],
        &["dead-letters", "replay", "--all"],
        &["dead-letters", "discard", id, "--reason", "a test"],
    ] {
        refused(arguments);
        assert!(!folder.exists(), "{arguments:?} made the folder");
    }
    // A folder of something else.
    std::fs::create_dir(&folder).expect("it can be made");
    refused(&["dead-letters", "list"]);
    assert_eq!(std::fs::read_dir(&folder).expect("it is there").count(), 0);
    unit.start();
    unit.ready().await;
    let output = unit.command(&["dead-letters", "list"]);
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_unit_that_is_open_to_others_says_so_at_every_start() {
    let open = |address: &str, mode: &str| {
        let unit = Unit::new("standalone", [("KEEPER_AUTH__MODE".to_owned(), mode.to_owned())]);
        let unit = unit.with("KEEPER_HTTP__ADDRESS", address).with("KEEPER_AUTH__KEYS_FILE", "keys.toml");
        std::fs::write(unit.folder().join("keys.toml"), "keys = []").expect("it is written");
        unit
    };
    for (address, mode, starts) in
        [("0.0.0.0", "open", 2), ("127.0.0.1", "open", 0), ("0.0.0.0", "required", 0)]
    {
        let unit = open(address, mode);
        for _ in 0..2 {
            unit.start();
            unit.ready().await;
            unit.terminate();
        }
        assert_eq!(unit.log().matches("auth.mode is open").count(), starts, "{address} {mode}");
    }
}

#[tokio::test]
async fn authentication_without_credentials_to_check_stops_the_start() {
    for (key, value) in [("KEEPER_LOG__FORMAT", "text"), ("KEEPER_AUTH__KEYS_FILE", "missing.toml")] {
        let unit = Unit::new("standalone", [("KEEPER_AUTH__MODE".to_owned(), "required".to_owned())]);
        let output = unit.with(key, value).command(&["serve"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.starts_with("standalone: setting auth."), "{said}");
    }
}
