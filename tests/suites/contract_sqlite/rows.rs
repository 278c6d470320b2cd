//! Rows that somebody wrote past the program.

use std::path::Path;
use std::process::Command;

use keeper_domain::{Description, MovieChange, MovieId, MovieQuery, Title, TitlePart};
use keeper_ports::PortError;
use keeper_tests::contract::rows::{UNREADABLE_TITLES, listed, orders_of, spelled_otherwise};
use keeper_tests::contract::samples::{movie_id, page};

use super::*;

/// Runs SQL on a file as somebody else does, and answers why it was refused; empty if it was not.
pub(super) fn sql(file: &Path, sql: &str) -> String {
    let run = "import sqlite3, sys\n\
        database = sqlite3.connect(sys.argv[1], timeout=10)\n\
        try:\n    \
            database.executescript(sys.argv[2])\n\
        except sqlite3.Error as error:\n    \
            print(error)\n";
    let output = Command::new("python3").args(["-c", run]).arg(file).arg(sql).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What took the rules away is as the files were before there were any.
fn forget_rules(file: &Path, table: &str) {
    for event in ["insert", "update"] {
        assert_eq!(sql(file, &format!("DROP TRIGGER {table}_can_be_read_{event}")), "");
    }
}

fn insert_movie(title: &str, created: i64) -> String {
    format!(
        "INSERT INTO movies (title, title_folded, description, created_at, updated_at)
         VALUES ('{title}', 'x', '', {created}, 1)"
    )
}

fn insert_order(number: usize, user: &str, recorded: i64) -> String {
    format!(
        "INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at)
         VALUES ('019a2f5e-7c1b-7d3a-9e4f-{number:012}', '{user}', 1, 150, 1, {recorded})"
    )
}

/// Milliseconds that RFC 3339 cannot write.
const NO_TIMES: [i64; 4] = [i64::MAX, i64::MIN, 253_402_300_800_000, -62_167_219_200_001];

#[tokio::test]
async fn a_movie_that_cannot_be_read_does_not_take_the_others_with_it() {
    let (directory, _folder) = directory();
    let movies = SqliteMovies::new(directory.inventory().await.unwrap());
    let file = directory.path().join("inventory.db");
    forget_rules(&file, "movies");
    for title in [" ", "a", " ", " ", " ", "b", "c", " "] {
        assert_eq!(sql(&file, &insert_movie(title, 1)), "");
    }
    for time in &NO_TIMES {
        assert_eq!(sql(&file, &insert_movie("x", *time)), "");
    }
    for limit in 1..=3 {
        assert_eq!(listed(&movies, limit).await, "abc", "a list of {limit} at a time is complete");
    }
    assert_eq!(movies.find(movie_id(1)).await.unwrap(), None, "it is neither in a list nor by itself");
    let all: Vec<MovieId> = (1..=12).map(movie_id).collect();
    assert_eq!(movies.find_many(all).await.unwrap().len(), 3);
}

/// An earlier version's titles are folded anew when the file is opened, but for those that cannot be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_that_cannot_be_read_does_not_stop_the_start() {
    let (directory, _folder) = directory();
    directory.inventory().await.unwrap().close().await.unwrap();
    let file = directory.path().join("inventory.db");
    assert_eq!(sql(&file, &insert_movie("Solaris", 1)), "");
    // Latin 1, as an import of a table in it leaves it; among more rows than are folded at once.
    let latin = insert_movie("x", 1).replace("'x', 'x'", "CAST(x'416de96c6965' AS TEXT), 'x'");
    assert_eq!(sql(&file, &latin), "");
    let many = "INSERT INTO movies (title, title_folded, description, created_at, updated_at)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        SELECT 'STALKER ' || i, 'x', '', 1, 1 FROM n";
    assert_eq!(sql(&file, many), "");
    assert_eq!(sql(&file, &latin), "");
    forget_rules(&file, "movies");
    assert_eq!(sql(&file, &insert_movie(" ", 1)), "");
    assert_eq!(sql(&file, &insert_movie("Stalker", i64::MAX)), "");
    let movies = SqliteMovies::new(directory.inventory().await.unwrap());
    for (part, found) in [("solaris", 1), ("stalker", 1500)] {
        let query = MovieQuery { title: TitlePart::new(part).unwrap() };
        let slice = movies.search(query, page(None, 1000)).await.unwrap();
        assert_eq!(slice.items.len(), found.min(1000), "{part}");
    }
    assert_eq!(movies.find(movie_id(2)).await.unwrap(), None);
    // It is put right as any other.
    let title = MovieChange::new(Some(Title::new("Amélie").unwrap()), None).unwrap();
    assert_eq!(movies.update(movie_id(2), title, at(3)).await.unwrap().unwrap().title.as_str(), "Amélie");
}

#[tokio::test]
async fn an_order_that_cannot_be_read_does_not_take_the_others_with_it() {
    let (directory, _folder) = directory();
    let ledger = SqliteOrders::new(directory.billing().await.unwrap());
    let file = directory.path().join("billing.db");
    forget_rules(&file, "orders");
    for (number, time) in NO_TIMES.into_iter().enumerate() {
        ledger.insert(vec![order("20")], at(1)).await.unwrap();
        assert_eq!(sql(&file, &insert_order(number, "20", time)), "");
    }
    for limit in 1..=3 {
        assert_eq!(orders_of(&ledger, "20", limit).await, NO_TIMES.len(), "{limit} at a time");
    }
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_read_does_not_take_the_others_with_it() {
    let (directory, _folder) = directory();
    let letters = SqliteDeadLetters::new(SqliteQueue::new(directory.billing().await.unwrap()));
    let file = directory.path().join("billing.db");
    // The reason of another version is no fault.
    let all =
        [("invalid", i64::MAX), ("unheard of", 1), ("invalid", i64::MIN), ("", i64::MAX), ("conflict", 2)];
    for (number, (reason, first_seen)) in all.iter().enumerate() {
        let insert = format!(
            "INSERT INTO dead_letters (id, reason, detail, first_seen, body)
             VALUES ('019a2f5e-7c1b-7d3a-9e4f-{number:012}', '{reason}', '', {first_seen}, x'')"
        );
        assert_eq!(sql(&file, &insert), "");
    }
    for (limit, readable) in [(1, 1), (2, 2), (10, 2)] {
        let list = letters.list(limit).await.unwrap();
        assert_eq!(list.letters.len(), readable, "{limit} at a time");
        assert_eq!(list.coverage.total, 5, "the others are counted");
    }
}

#[tokio::test]
async fn orders_that_were_recorded_under_another_spelling_are_found() {
    let (directory, _folder) = directory();
    let ledger = SqliteOrders::new(directory.billing().await.unwrap());
    let file = directory.path().join("billing.db");
    let number = std::cell::Cell::new(0);
    spelled_otherwise(&ledger, |spelling| {
        number.set(number.get() + 1);
        assert_eq!(sql(&file, &insert_order(number.get(), spelling, 1)), "");
    })
    .await;
}

#[tokio::test]
async fn the_tables_refuse_what_cannot_be_read() {
    let (directory, _folder) = directory();
    let movies = SqliteMovies::new(directory.inventory().await.unwrap());
    let _orders = directory.billing().await.unwrap();
    let (inventory, billing) = (directory.path().join("inventory.db"), directory.path().join("billing.db"));
    let nul = "' || char(0) || 'x";
    for title in UNREADABLE_TITLES.iter().chain(&[nul]) {
        assert_ne!(sql(&inventory, &insert_movie(title, 1)), "", "{title:?}");
    }
    for user in UNREADABLE_TITLES.iter().chain(&[nul, "\u{200b}", "\u{3164}", "\u{e0001}"]) {
        assert_ne!(sql(&billing, &insert_order(1, user, 1)), "", "{user:?}");
    }
    for time in NO_TIMES {
        assert!(sql(&inventory, &insert_movie("x", time)).contains("0000 to 9999"));
        assert!(sql(&billing, &insert_order(1, "20", time)).contains("0000 to 9999"));
    }
    movies.insert(movie("\u{3000}·"), at(-62_167_219_200_000)).await.unwrap();
    movies.insert(movie("🎬"), at(253_402_300_799_999)).await.unwrap();
}

/// A change that cannot be answered is not made.
#[tokio::test]
async fn a_movie_that_cannot_be_read_is_not_changed_unless_it_is_put_right() {
    let (directory, _folder) = directory();
    let movies = SqliteMovies::new(directory.inventory().await.unwrap());
    let file = directory.path().join("inventory.db");
    let id = movies.insert(movie("Solaris"), at(1)).await.unwrap().id;
    // As it was there before the rules were.
    let rule = include_str!("../../../adapters/sqlite/migrations/inventory/0004_rows_can_be_read.sql");
    let rule = &rule[rule.find("CREATE TRIGGER movies_can_be_read_update").unwrap()..];
    let broken = format!("DROP TRIGGER movies_can_be_read_update; UPDATE movies SET title = ' '; {rule}");
    assert_eq!(sql(&file, &broken), "");
    let text = Description::new("new").unwrap();
    let refused = movies.update(id, MovieChange::new(None, Some(text)).unwrap(), at(2)).await;
    assert!(matches!(refused, Err(PortError::Failed { .. })), "{refused:?}");
    let title = MovieChange::new(Some(Title::new("Solaris").unwrap()), None).unwrap();
    let right = movies.update(id, title, at(3)).await.unwrap().unwrap();
    assert_eq!(right.description.as_str(), "", "the refused change was not made");
}

/// The rule before this one; the column was there already.
#[tokio::test]
async fn titles_of_the_rule_before_are_folded_anew_and_found_by_an_index() {
    let (directory, _folder) = directory();
    let file = directory.path().join("inventory.db");
    drop(directory.inventory().await.unwrap());
    let stale = "INSERT INTO movies (title, title_folded, description, created_at, updated_at, folding)
                 VALUES ('ᾠδή', 'ωιδη', '', 1, 1, 1)";
    assert_eq!(sql(&file, stale), "");
    let movies = SqliteMovies::new(directory.inventory().await.unwrap());
    let title = keeper_domain::TitlePart::new("ωδη").unwrap();
    let query = keeper_domain::MovieQuery { title };
    let found = movies.search(query, keeper_tests::contract::samples::page(None, 10)).await.unwrap();
    assert_eq!(found.items.len(), 1);
    let by_index =
        format!("SELECT id FROM movies INDEXED BY movies_to_fold WHERE folding < {}", keeper_domain::FOLDING);
    assert_eq!(sql(&file, &by_index), "", "SQLite refuses an index that does not serve");
}
