//! Rows that somebody wrote past the program.

use keeper_tests::contract::rows::{UNREADABLE_TITLES, listed, orders_of, spelled_otherwise};

use super::*;

/// Times that chrono or RFC 3339 cannot hold, as SQL.
const NO_TIMES: [&str; 4] = ["'infinity'", "'-infinity'", "'290000-01-01'", "'10000-01-01'"];

fn insert_movie(title: &str, created: &str) -> String {
    format!(
        "INSERT INTO movies (title, title_folded, description, created_at, updated_at)
         VALUES ({title}, 'x', '', {created}, now())"
    )
}

fn insert_order(user: &str, recorded: &str) -> String {
    format!(
        "INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at)
         VALUES (gen_random_uuid(), {user}, 1, 150, now(), {recorded})"
    )
}

/// A migrated database whose table has lost its rules: so it was before there were any.
async fn without_rules(schema: Schema) -> (harness::Database, PgDatabase) {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), schema).unwrap();
    database.migrate().await.unwrap();
    let (table, rules): (_, &[&str]) = match schema {
        Schema::Inventory => {
            ("movies", &["movies_title_not_blank", "movies_title_can_be_read", "movies_times_can_be_written"])
        }
        Schema::Billing => {
            ("orders", &["orders_user_not_blank", "orders_user_can_be_read", "orders_times_can_be_written"])
        }
    };
    for rule in rules {
        Postgres::shared().psql(&place.name, &format!("ALTER TABLE {table} DROP CONSTRAINT {rule}"));
    }
    (place, database)
}

#[tokio::test]
async fn a_movie_that_cannot_be_read_does_not_take_the_others_with_it() {
    let (place, database) = without_rules(Schema::Inventory).await;
    let sql = |sql: &str| Postgres::shared().psql(&place.name, sql);
    let titles = ["' '", "'a'", "' '", "' '", "' '", "'b'", "'c'", "' '"];
    for title in &titles {
        drop(sql(&insert_movie(title, "now()")));
    }
    for time in &NO_TIMES {
        drop(sql(&insert_movie("'x'", time)));
    }
    let movies = PgMovies::new(database);
    for limit in 1..=3 {
        assert_eq!(listed(&movies, limit).await, "abc", "a list of {limit} at a time is complete");
    }
    assert_eq!(movies.find(movie_id(1)).await.unwrap(), None, "it is neither in a list nor by itself");
    let all = (1..=12).map(movie_id).collect();
    assert_eq!(movies.find_many(all).await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_does_not_take_the_others_with_it() {
    let (place, database) = without_rules(Schema::Billing).await;
    let ledger = PgOrders::new(database);
    for time in NO_TIMES {
        ledger.insert(vec![order("20")], at(1)).await.unwrap();
        Postgres::shared().psql(&place.name, &insert_order("'20'", time));
    }
    for limit in 1..=3 {
        assert_eq!(orders_of(&ledger, "20", limit).await, NO_TIMES.len(), "{limit} at a time");
    }
}

#[tokio::test]
async fn orders_that_were_recorded_under_another_spelling_are_found() {
    let (place, database) = without_rules(Schema::Billing).await;
    let ledger = PgOrders::new(database);
    spelled_otherwise(&ledger, |spelling| {
        Postgres::shared().psql(&place.name, &insert_order(&format!("'{spelling}'"), "now()"));
    })
    .await;
}

#[tokio::test]
async fn the_tables_refuse_what_cannot_be_read() {
    let refused = |place: &harness::Database, insert: String| {
        let program = Postgres::shared().programs().join("psql");
        let psql = std::process::Command::new(program)
            .args([
                "-qX",
                "-h",
                &place.host,
                "-p",
                &place.port.to_string(),
                "-U",
                &place.user,
                "-d",
                &place.name,
            ])
            .args(["-c", &insert])
            .env("PGPASSWORD", &place.password)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&psql.stderr).into_owned();
        assert!(said.contains("violates check constraint"), "{insert}: {said}");
    };
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    for title in &UNREADABLE_TITLES {
        refused(&place, insert_movie(&format!("'{title}'"), "now()"));
    }
    for time in &NO_TIMES {
        refused(&place, insert_movie("'x'", time));
    }
    let movies = PgMovies::new(database);
    movies.insert(movie("\u{3000}·"), at(-62_167_219_200_000)).await.unwrap();
    movies.insert(movie("🎬"), at(253_402_300_799_999)).await.unwrap();
    let place = Postgres::shared().database();
    PgDatabase::new(&settings(&place), Schema::Billing).unwrap().migrate().await.unwrap();
    for user in UNREADABLE_TITLES.iter().chain(&["\u{200b}", "\u{3164}", "\u{e0001}"]) {
        refused(&place, insert_order(&format!("'{user}'"), "now()"));
    }
    for time in &NO_TIMES {
        refused(&place, insert_order("'20'", time));
    }
}

/// A change that cannot be answered is not made.
#[tokio::test]
async fn a_movie_that_cannot_be_read_is_not_changed_unless_it_is_put_right() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let sql = |sql: &str| Postgres::shared().psql(&place.name, sql);
    // As it was there before the rules were.
    sql(
        "ALTER TABLE movies DROP CONSTRAINT movies_title_can_be_read, DROP CONSTRAINT movies_title_not_blank",
    );
    sql(&insert_movie("' '", "now()"));
    sql("ALTER TABLE movies ADD CONSTRAINT movies_title_can_be_read CHECK (NOT is_blank(title)) NOT VALID");
    let movies = PgMovies::new(database);
    let text = keeper_domain::Description::new("new").unwrap();
    let refused = movies.update(movie_id(1), MovieChange::new(None, Some(text)).unwrap(), at(2)).await;
    assert!(matches!(refused, Err(PortError::Failed { .. })), "{refused:?}");
    assert_eq!(sql("SELECT description FROM movies").trim(), "");
    // Titles of an earlier rule beside it are folded all the same.
    sql(&insert_movie("'Amélie'", "now()"));
    assert_eq!(movies.fold_all().await.unwrap().titles, 1);
    let title = MovieChange::new(Some(Title::new("Solaris").unwrap()), None).unwrap();
    assert!(movies.update(movie_id(1), title, at(2)).await.unwrap().is_some());
    assert_eq!(movies.fold_all().await.unwrap().titles, 0);
}
