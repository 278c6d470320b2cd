//! Files that are not what they were: tables that were dropped, files that were swapped.

use std::os::unix::fs::PermissionsExt;

use keeper_ports::Probe;
use keeper_sqlite::{DirectoryProbe, SqliteProbe, Storage};

use super::rows::sql;
use super::*;

#[tokio::test]
async fn a_file_that_has_lost_a_table_is_not_ready_and_is_refused_at_the_next_start() {
    for (file, tables) in [
        ("inventory.db", &["movies", "movie_titles"] as &[&str]),
        ("billing.db", &["orders", "order_queue", "dead_letters", "conflicts"]),
    ] {
        for table in tables {
            let (directory, _folder) = directory();
            let storage = Storage::open(&directory, false).await.unwrap();
            let opened = if file == "billing.db" { storage.billing() } else { storage.inventory() };
            let probe = SqliteProbe::new(opened.clone());
            probe.check().await.unwrap();
            assert_eq!(sql(&directory.path().join(file), &format!("DROP TABLE {table}")), "");
            let told = probe.check().await.unwrap_err().chain();
            assert!(told.contains(&format!("lost the table {table}")), "{told}");
            storage.close().await;
            for create_missing in [false, true] {
                let refused = Storage::open(&directory, create_missing).await.unwrap_err().to_string();
                assert!(
                    refused.contains(file) && refused.contains(&format!("lost its table {table}")),
                    "{refused}"
                );
            }
            let doctor = DirectoryProbe::new(directory.path().to_owned()).check().await.unwrap_err().chain();
            assert!(doctor.contains(table), "{doctor}");
        }
    }
}

/// As a table is that was copied by hand, or changed by somebody else.
#[tokio::test]
async fn a_file_that_has_lost_a_column_or_a_key_is_not_ready() {
    let copied =
        "CREATE TABLE copied AS SELECT * FROM orders; DROP TABLE orders; ALTER TABLE copied RENAME TO orders";
    for (file, change, lost) in [
        (
            "inventory.db",
            "ALTER TABLE movies RENAME COLUMN folding TO folds",
            "the column folding of the table movies",
        ),
        (
            "billing.db",
            "ALTER TABLE order_queue DROP COLUMN tracestate",
            "the column tracestate of the table order_queue",
        ),
        (
            "billing.db",
            "ALTER TABLE dead_letters DROP COLUMN detail",
            "the column detail of the table dead_letters",
        ),
        ("billing.db", "ALTER TABLE conflicts DROP COLUMN times", "the column times of the table conflicts"),
        ("billing.db", copied, "the primary key seq of the table orders"),
    ] {
        let (directory, _folder) = directory();
        let storage = Storage::open(&directory, false).await.unwrap();
        let opened = if file == "billing.db" { storage.billing() } else { storage.inventory() };
        let probe = SqliteProbe::new(opened.clone());
        probe.check().await.unwrap();
        assert_eq!(sql(&directory.path().join(file), change), "");
        let told = probe.check().await.unwrap_err().chain();
        assert!(told.contains(&format!("lost {lost}")), "{told}");
    }
}

/// A table that a later migration makes is not missing before.
#[tokio::test]
async fn a_file_of_an_earlier_version_is_brought_up_to_date() {
    let (directory, _folder) = directory();
    Storage::open(&directory, false).await.unwrap().close().await;
    let file = directory.path().join("billing.db");
    let earlier = "DROP TABLE conflicts; DROP TRIGGER orders_can_be_read_insert; DROP TRIGGER orders_can_be_read_update;
        DELETE FROM _sqlx_migrations WHERE version > 4";
    assert_eq!(sql(&file, earlier), "");
    DirectoryProbe::new(directory.path().to_owned()).check().await.unwrap();
    let storage = Storage::open(&directory, false).await.unwrap();
    SqliteProbe::new(storage.billing().clone()).check().await.unwrap();
    storage.close().await;
}

#[tokio::test]
async fn files_that_were_swapped_are_told_from_each_other() {
    let (directory, _folder) = directory();
    Storage::open(&directory, false).await.unwrap().close().await;
    let path = |name: &str| directory.path().join(name);
    std::fs::rename(path("inventory.db"), path("kept")).unwrap();
    std::fs::copy(path("billing.db"), path("inventory.db")).unwrap();
    let refused = Storage::open(&directory, false).await.unwrap_err().to_string();
    assert!(refused.contains("inventory.db holds the tables of billing.db"), "{refused}");
    std::fs::copy(path("kept"), path("inventory.db")).unwrap();
    std::fs::copy(path("kept"), path("billing.db")).unwrap();
    let refused = Storage::open(&directory, false).await.unwrap_err().to_string();
    assert!(refused.contains("billing.db holds the tables of inventory.db"), "{refused}");
}

/// In a container every process has the same number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_killed_does_not_stop_the_next_one_of_its_name() {
    let (directory, folder) = directory();
    Storage::open(&directory, false).await.unwrap().close().await;
    let left = folder.path().join(format!(".copy.{}.partial", std::process::id()));
    std::fs::create_dir(&left).unwrap();
    let to = folder.path().join("copy");
    directory.back_up(&to).await.unwrap();
    assert!(to.join("billing.db").exists() && to.join("inventory.db").exists() && left.exists());
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing of this one is left beside");
}
