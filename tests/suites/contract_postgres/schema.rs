//! How the tables come to be.

use super::*;

#[tokio::test]
async fn replicas_that_start_at_the_same_time_migrate_once() {
    let settings = settings(&Postgres::shared().database());
    // The second time there is nothing left to do.
    for _ in 0..2 {
        let replicas: Vec<_> = (0..4).map(|_| PgDatabase::new(&settings, Schema::Billing).unwrap()).collect();
        let migrations = futures_util::future::join_all(replicas.iter().map(PgDatabase::migrate)).await;
        assert!(migrations.iter().all(Result::is_ok), "{migrations:?}");
    }
}

#[tokio::test]
async fn an_older_program_works_with_a_newer_schema() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations SELECT 9999, 'newer', now(), true, checksum, 1 FROM _sqlx_migrations LIMIT 1";
    Postgres::shared().psql(&place.name, newer);
    database.migrate().await.unwrap();
    DatabaseProbe::new(database).check().await.unwrap();
}

#[tokio::test]
async fn a_database_without_its_schema_is_not_ready() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    let (probe, movies) = (DatabaseProbe::new(database.clone()), PgMovies::new(database.clone()));
    assert!(unavailable(&probe.check().await));
    assert!(unavailable(&movies.insert(movie("too early"), at(1)).await));
    database.migrate().await.unwrap();
    Postgres::shared().psql(&place.name, "DELETE FROM _sqlx_migrations WHERE version = 3");
    assert!(unavailable(&probe.check().await), "a migration is missing");
    Postgres::shared().psql(&place.name, "DROP INDEX movies_title_folded_trigrams");
    database.migrate().await.unwrap();
    probe.check().await.unwrap();
    movies.insert(movie("in time"), at(1)).await.unwrap();
}

/// At an upgrade the version before this one goes on writing, by its own rule.
#[tokio::test]
async fn titles_of_an_earlier_rule_are_folded_anew() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let movies = PgMovies::new(database);
    let sql = |sql: &str| Postgres::shared().psql(&place.name, sql);
    sql("INSERT INTO movies (title, title_folded, description, created_at, updated_at)
         SELECT 'Amélie', 'amélie', '', now(), now() FROM generate_series(1, 1200)");
    let found = async |typed: &str| {
        let title = keeper_domain::TitlePart::new(typed).unwrap();
        movies.search(MovieQuery { title }, page(None, 1000)).await.unwrap().items.len()
    };
    assert_eq!(found("amelie").await, 0);
    assert_eq!(movies.fold_all().await.unwrap().titles, 1200);
    assert_eq!(found("amelie").await, 1000);
    assert_eq!(sql("SELECT count(DISTINCT updated_at) FROM movies"), "1", "nothing else was changed");
    // As the version before changes a title, and as this one does.
    let id = movie_id(7);
    sql("UPDATE movies SET title = 'Žižek', title_folded = 'žižek', updated_at = now() WHERE id = 7");
    assert_eq!(movies.fold_all().await.unwrap().titles, 1);
    assert_eq!(found("zizek").await, 1);
    let change = |title: Option<&str>, text: Option<&str>| {
        let title = title.map(|title| Title::new(title).unwrap());
        MovieChange::new(title, text.map(|text| keeper_domain::Description::new(text).unwrap())).unwrap()
    };
    movies.update(id, change(Some("Čapek"), None), at(1)).await.unwrap().unwrap();
    movies.update(id, change(None, Some("R.U.R.")), at(1)).await.unwrap().unwrap();
    assert_eq!(movies.fold_all().await.unwrap().titles, 0, "what this program writes is folded already");
    assert_eq!(found("capek").await, 1);
}

/// The rule before this one; the column was there already.
#[tokio::test]
async fn titles_of_the_rule_before_are_folded_anew_and_found_by_an_index() {
    let (place, movies) = with_stale("'ᾠδή', 'ωιδη', '', now(), now(), 1 FROM generate_series(1, 3)").await;
    assert_eq!(movies.fold_all().await.unwrap().titles, 3);
    let title = keeper_domain::TitlePart::new("ωδη").unwrap();
    assert_eq!(movies.search(MovieQuery { title }, page(None, 10)).await.unwrap().items.len(), 3);
    let index = Postgres::shared()
        .psql(&place.name, "SELECT indexdef FROM pg_indexes WHERE indexname = 'movies_to_fold'");
    assert!(index.ends_with(&format!("(folding < {})", keeper_domain::FOLDING)), "{index}");
}

async fn with_stale(rows: &str) -> (harness::Database, PgMovies) {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let insert =
        "INSERT INTO movies (title, title_folded, description, created_at, updated_at, folding) SELECT";
    Postgres::shared().psql(&place.name, &format!("{insert} {rows}"));
    (place, PgMovies::new(database))
}

/// An adopter's rule that rows from before it break, as PostgreSQL allows.
#[tokio::test]
async fn a_title_that_another_rule_refuses_does_not_keep_others_from_being_folded() {
    let (place, movies) =
        with_stale("'Amélie', 'amélie', '', now(), now(), 0 FROM generate_series(1, 700)").await;
    let rule = "ALTER TABLE movies ADD CONSTRAINT adopters CHECK (id NOT IN (3, 600)) NOT VALID";
    Postgres::shared().psql(&place.name, rule);
    let folding = {
        let movies = movies.clone();
        tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move { movies.keep_folding().await }))
    };
    harness::eventually("the others are folded", std::time::Duration::from_secs(20), async || {
        let left = format!("SELECT count(*) FROM movies WHERE folding < {}", keeper_domain::FOLDING);
        (Postgres::shared().psql(&place.name, &left) == "2").then_some(())
    })
    .await;
    drop(folding);
    let folded = movies.fold_all().await.unwrap();
    assert_eq!((folded.titles, folded.refused), (0, 2));
    let cause = folded.cause.unwrap();
    assert!(cause.contains("movie 3:") && cause.contains("adopters"), "{cause}");
}
