//! Passwords that are changed while a unit works.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// A role whose password is in a file, and a catalogue that knows the file only.
struct Rotated {
    place: harness::Database,
    role: String,
    file: std::path::PathBuf,
    movies: PgMovies,
    probe: DatabaseProbe,
    _folder: tempfile::TempDir,
}

impl Rotated {
    async fn started() -> Self {
        let (server, place) = (Postgres::shared(), Postgres::shared().database());
        let role = format!("{}_rotated", place.name);
        server.psql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'first'"));
        server.psql("postgres", &format!("ALTER DATABASE {} OWNER TO {role}", place.name));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "first\n").unwrap();
        let settings =
            PgSettings { user: role.clone(), password_file: file.display().to_string(), ..settings(&place) };
        let database = PgDatabase::new(&settings, Schema::Inventory).unwrap();
        database.migrate().await.unwrap();
        let probe = DatabaseProbe::new(database.clone());
        Self { place, role, file, movies: PgMovies::new(database), probe, _folder: folder }
    }

    fn change_role(&self, password: &str) {
        Postgres::shared().psql("postgres", &format!("ALTER ROLE {} PASSWORD '{password}'", self.role));
    }

    /// As a platform does: all at once.
    fn change_file(&self, password: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{password}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// Every connection has to log in anew.
    fn end_sessions(&self) {
        let end = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{}'",
            self.role
        );
        Postgres::shared().psql(&self.place.name, &end);
    }

    async fn works(&self) {
        harness::eventually("it works with the new password", Duration::from_secs(10), async || {
            self.probe.check().await.ok()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_rotated_under_load() {
    let rotated = Rotated::started().await;
    let (stop, count, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let writer = async |number: usize| {
        let (mut added, mut failed) = (Vec::new(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            match rotated.movies.insert(movie(&format!("by {number}")), at(1)).await {
                Ok(movie) => {
                    added.push(movie.id);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    failed.push(error);
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            if let Some(id) = added.last() {
                let found = rotated.movies.find(*id).await;
                assert!(found.as_ref().is_ok_and(Option::is_some) || unavailable(&found), "{found:?}");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        (added, failed)
    };
    let rotation = async {
        for round in 1..=3 {
            let password = format!("round {round}");
            // The role first, or the file: in between, whoever logs in is refused.
            if round % 2 == 0 {
                rotated.change_file(&password);
                rotated.change_role(&password);
            } else {
                rotated.change_role(&password);
                let before = refused.load(Ordering::Relaxed);
                harness::eventually("it is felt", Duration::from_secs(20), async || {
                    // Again and again: who was logging in just now is in no list yet, and would carry the load alone.
                    rotated.end_sessions();
                    (refused.load(Ordering::Relaxed) > before).then_some(())
                })
                .await;
                rotated.change_file(&password);
            }
            rotated.end_sessions();
            rotated.works().await;
            let before = count.load(Ordering::Relaxed);
            harness::eventually("its load goes on", Duration::from_secs(20), async || {
                (count.load(Ordering::Relaxed) > before + 50).then_some(())
            })
            .await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (written, ()) = tokio::join!(join_all((0..8).map(writer)), rotation);
    let failed: Vec<_> = written.iter().flat_map(|(_, failed)| failed).collect();
    // Calls that met the end of their session may have been carried out: 504.
    assert!(failed.iter().all(|error| error.is_transient()), "{failed:?}");
    let added: Vec<_> = written.into_iter().flat_map(|(added, _)| added).collect();
    assert!(added.len() > 150, "{}", added.len());
    for ids in added.chunks(500) {
        assert_eq!(rotated.movies.find_many(ids.to_vec()).await.unwrap().len(), ids.len());
    }
}

#[tokio::test]
async fn who_has_no_reason_to_log_in_notices_nothing() {
    let rotated = Rotated::started().await;
    rotated.movies.insert(movie("before"), at(1)).await.unwrap();
    rotated.change_role("second");
    // The file is changed a while later: the connections that there are go on meanwhile.
    rotated.movies.insert(movie("meanwhile"), at(1)).await.unwrap();
    rotated.change_file("second");
    rotated.end_sessions();
    rotated.works().await;
    rotated.movies.insert(movie("after"), at(1)).await.unwrap();
    // A file that is away for a moment is no reason to fail.
    std::fs::remove_file(&rotated.file).unwrap();
    rotated.end_sessions();
    rotated.works().await;
    rotated.movies.insert(movie("without"), at(1)).await.unwrap();
}
