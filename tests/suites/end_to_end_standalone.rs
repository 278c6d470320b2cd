//! The scenarios on one process with SQLite files, and what only that stack does.

use std::time::Duration;

use keeper_tests::harness::{Unit, until};

keeper_tests::end_to_end!(Standalone);

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
