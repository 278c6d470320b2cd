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
    let mut batches = Vec::new();
    while let Ok(folded @ 1..) = movies.fold_some().await {
        batches.push(folded);
    }
    assert_eq!(batches, [500, 500, 200]);
    assert_eq!(found("amelie").await, 1000);
    assert_eq!(sql("SELECT count(DISTINCT updated_at) FROM movies"), "1", "nothing else was changed");
    // As the version before changes a title, and as this one does.
    let id = movie_id(7);
    sql("UPDATE movies SET title = 'Žižek', title_folded = 'žižek', updated_at = now() WHERE id = 7");
    assert_eq!(movies.fold_some().await.unwrap(), 1);
    assert_eq!(found("zizek").await, 1);
    let change = |title: Option<&str>, text: Option<&str>| {
        let title = title.map(|title| Title::new(title).unwrap());
        MovieChange::new(title, text.map(|text| keeper_domain::Description::new(text).unwrap())).unwrap()
    };
    movies.update(id, change(Some("Čapek"), None), at(1)).await.unwrap().unwrap();
    movies.update(id, change(None, Some("R.U.R.")), at(1)).await.unwrap().unwrap();
    assert_eq!(movies.fold_some().await.unwrap(), 0, "what this program writes is folded already");
    assert_eq!(found("capek").await, 1);
}
