//! Files that are not what they were: tables that were dropped, files that were swapped.

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
