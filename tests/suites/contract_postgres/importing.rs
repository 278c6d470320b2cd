//! Rows that somebody copied in with their ids, past the program.

use std::collections::BTreeSet;

use super::*;

async fn movies_over(place: &harness::Database) -> PgMovies {
    let database = PgDatabase::new(&settings(place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    PgMovies::new(database)
}

fn copy_in(place: &harness::Database, ids: &str) {
    let rows = format!(
        "INSERT INTO movies (id, title, title_folded, description, created_at, updated_at) OVERRIDING SYSTEM VALUE
         SELECT id, 'imported', 'imported', '', now(), now() FROM {ids} AS id"
    );
    Postgres::shared().psql(&place.name, &rows);
}

#[tokio::test]
async fn ids_that_were_copied_in_are_passed_over() {
    let place = Postgres::shared().database();
    let movies = movies_over(&place).await;
    let first = movies.insert(movie("first"), at(1)).await.unwrap().id;
    // Right after the one that was drawn last, with a gap, and one far away.
    copy_in(&place, "generate_series(3, 20000)");
    copy_in(&place, "generate_series(9000000000, 9000000000)");
    let added = join_all((0..40).map(|_| movies.insert(movie("added"), at(2)))).await;
    let ids: BTreeSet<_> = added.into_iter().map(|added| added.unwrap().id).collect();
    assert_eq!(ids.len(), 40);
    assert!(ids.iter().all(|id| *id > first && !(3..=20_000).contains(&id.get())), "{ids:?}");
    for id in ids {
        assert_eq!(movies.find(id).await.unwrap().unwrap().title.as_str(), "added");
    }
    assert_eq!(movies.find(movie_id(3)).await.unwrap().unwrap().title.as_str(), "imported");
    // No id is given twice, although the highest ones go.
    let last = movies.insert(movie("last"), at(3)).await.unwrap().id;
    assert!(movies.delete(last).await.unwrap());
    assert!(movies.insert(movie("after"), at(4)).await.unwrap().id > last);
}

#[tokio::test]
async fn the_command_of_the_documentation_sets_the_sequence() {
    let place = Postgres::shared().database();
    let movies = movies_over(&place).await;
    copy_in(&place, "generate_series(1, 500)");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../bins/RUNNING.md")).unwrap();
    let commands: Vec<_> =
        text.lines().filter(|line| line.trim_start().starts_with("SELECT setval")).collect();
    assert_eq!(commands.len(), 2, "one for movies, one for orders");
    Postgres::shared().psql(&place.name, commands[0]);
    assert_eq!(movies.insert(movie("next"), at(1)).await.unwrap().id, movie_id(501));
    // With nothing copied in, it sets back nothing.
    assert!(movies.delete(movie_id(501)).await.unwrap());
    Postgres::shared().psql(&place.name, commands[0]);
    assert_eq!(movies.insert(movie("next"), at(2)).await.unwrap().id, movie_id(502));
    let orders = Postgres::shared().database();
    PgDatabase::new(&settings(&orders), Schema::Billing).unwrap().migrate().await.unwrap();
    Postgres::shared().psql(&orders.name, commands[1]);
}
