//! How the tables come to be.

use super::*;

#[tokio::test]
async fn replicas_that_start_at_the_same_time_migrate_once() {
    let settings = settings(&Postgres::shared().database());
    // The second time there is nothing left to do.
    for _ in 0..2 {
        let replicas: Vec<_> = (0..4).map(|_| Database::new(&settings, Schema::Billing).unwrap()).collect();
        let migrations = futures_util::future::join_all(replicas.iter().map(Database::migrate)).await;
        assert!(migrations.iter().all(Result::is_ok), "{migrations:?}");
    }
}

#[tokio::test]
async fn an_older_program_works_with_a_newer_schema() {
    let place = Postgres::shared().database();
    let database = Database::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations SELECT 9999, 'newer', now(), true, checksum, 1 FROM _sqlx_migrations LIMIT 1";
    Postgres::shared().psql(&place.name, newer);
    database.migrate().await.unwrap();
    DatabaseProbe::new(database).check().await.unwrap();
}

#[tokio::test]
async fn a_database_without_its_schema_is_not_ready() {
    let place = Postgres::shared().database();
    let database = Database::new(&settings(&place), Schema::Inventory).unwrap();
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
