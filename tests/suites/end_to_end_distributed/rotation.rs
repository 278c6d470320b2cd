//! A password that is changed under a unit that works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use keeper_tests::harness::{Postgres, Unit, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_password_needs_no_restart() {
    let (server, mut place) = (Postgres::shared(), Postgres::shared().database());
    place.user = format!("{}_rotated", place.name);
    server.psql("postgres", &format!("CREATE ROLE {} LOGIN PASSWORD 'first'", place.user));
    server.psql("postgres", &format!("ALTER DATABASE {} OWNER TO {}", place.name, place.user));
    let unit = Unit::new("inventory", place.settings()).with("KEEPER_DATABASE__PASSWORD_FILE", "password");
    let file = unit.folder().join("password");
    std::fs::write(&file, "first").expect("it can be written");
    unit.start();
    unit.ready().await;
    let api = unit.api();
    let stop = AtomicBool::new(false);
    let load = async |_| {
        let (mut added, mut others) = (0_usize, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let answer = api.post("/api/movies", &json!({ "title": "Solaris", "description": "" })).await;
            if answer.status == 201 {
                added += 1;
            } else {
                others.push(answer.status);
            }
            let list = api.get("/api/movies?limit=1").await.status;
            assert!(matches!(list, 200 | 503), "{list}");
        }
        (added, others)
    };
    let rotation = async {
        for password in ["second", "third"] {
            server.psql("postgres", &format!("ALTER ROLE {} PASSWORD '{password}'", place.user));
            let end = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{}'",
                place.user
            );
            // A login that was under way when the password was changed is ended in the next round.
            eventually("nobody can log in", Duration::from_secs(30), async || {
                server.psql(&place.name, &end);
                (api.get("/api/movies?limit=1").await.status == 503).then_some(())
            })
            .await;
            std::fs::write(&file, password).expect("it can be written");
            unit.ready().await;
            let movie = json!({ "title": password, "description": "" });
            let _ = api.post("/api/movies", &movie).await.expect(201);
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (load, ()) = tokio::join!(join_all((0..6).map(load)), rotation);
    // An addition that met the end of its session may have been carried out: 504.
    let others: Vec<_> = load.iter().flat_map(|(_, others)| others).collect();
    assert!(others.iter().all(|status| matches!(status, 503 | 504)), "{others:?}");
    let added: usize = load.iter().map(|(added, _)| added).sum();
    let late = others.iter().filter(|status| ***status == 504).count();
    let there: usize =
        server.psql(&place.name, "SELECT count(*) FROM movies").trim().parse().expect("it is a number");
    assert!((added + 2..=added + 2 + late).contains(&there), "{there} of {added} and {late}");
    // It is the process that was started first.
    assert_eq!(unit.log().matches("\"listening\"").count(), 1);
}
