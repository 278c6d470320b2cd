//! What a search reads.

use keeper_domain::{MovieQuery, TitlePart};

use super::*;

/// Adds movies with a title each, which is an expression of their number `n`.
fn add(place: &harness::Database, movies: u32, title: &str) {
    let insert = format!(
        "INSERT INTO movies (title, title_folded, description, created_at, updated_at) SELECT title, lower(title), \
         '', now(), now() FROM (SELECT {title} title FROM generate_series(1, {movies}) n) many"
    );
    Postgres::shared().psql(&place.name, &insert);
}

#[tokio::test]
async fn a_rare_part_of_a_title_is_found_without_looking_at_all_of_them() {
    let place = Postgres::shared().database();
    let read = || -> u64 {
        let rows = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'movies'";
        Postgres::shared().psql(&place.name, rows).trim().parse().unwrap()
    };
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let title = "'Movie ' || n || ' of the catalogue' || \
        CASE n WHEN 5000 THEN ' ¿qx?' WHEN 6000 THEN ' 千と千尋' ELSE '' END";
    add(&place, 30_000, title);
    Postgres::shared().psql(&place.name, "VACUUM ANALYZE movies");
    for part in ["q", "qx", "X?", "¿", "千", "千尋", "と千尋", "5000 of", "zzz", "z"] {
        let before = read();
        // A connection reports what it read when it ends, at the latest.
        let movies = PgMovies::new(PgDatabase::new(&settings(&place), Schema::Inventory).unwrap());
        let title = TitlePart::new(part).unwrap();
        let found = movies.search(MovieQuery { title }, page(None, 100)).await.unwrap();
        assert!(found.items.len() < 20, "{part}: {}", found.items.len());
        drop(movies);
        let query = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        harness::eventually("the connections are closed", std::time::Duration::from_secs(20), async || {
            (Postgres::shared().psql(&place.name, query).trim() == "0").then_some(())
        })
        .await;
        let rows = read() - before;
        assert!(rows < 500, "{part}: {rows} rows were read");
    }
}

/// What was added and is not in an index proper yet is read by each search.
#[tokio::test]
async fn additions_do_not_slow_searches_down() {
    let place = Postgres::shared().database();
    PgDatabase::new(&settings(&place), Schema::Inventory).unwrap().migrate().await.unwrap();
    let title = "'Movie ' || md5(n::text)";
    add(&place, 30_000, title);
    Postgres::shared().psql(&place.name, "VACUUM ANALYZE movies");
    add(&place, 3_000, title);
    for part in ["title_folded LIKE '%qxz%'", "string_to_array(title_folded, NULL) @> ARRAY['q']"] {
        let explain =
            format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM movies WHERE {part} LIMIT 100");
        let plan: serde_json::Value =
            serde_json::from_str(&Postgres::shared().psql(&place.name, &explain)).unwrap();
        let plan = &plan[0]["Plan"];
        let blocks = ["Shared Hit Blocks", "Shared Read Blocks"].map(|which| plan[which].as_u64().unwrap());
        let blocks: u64 = blocks.iter().sum();
        assert!(blocks < 50, "{part}: {blocks} blocks were read");
    }
}
