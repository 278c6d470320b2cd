//! `standalone backup`: taken while orders come and while nothing runs, served from as it is, never over anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use keeper_tests::harness::{Directory, Unit};

use super::files::{add, data, order, over, recorded};

fn back_up(unit: &Unit, to: &Path) -> Output {
    tokio::task::block_in_place(|| unit.command(&["backup", &to.display().to_string()]))
}

fn made(unit: &Unit, to: &Path) {
    let output = back_up(unit, to);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&to.display().to_string()), "{said}");
}

/// Makes no backup, leaves nothing beside, and says why.
fn not_made(unit: &Unit, to: &Path) -> String {
    let parent = to.parent().expect("it is in a folder");
    let before = names(parent);
    let output = back_up(unit, to);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(names(parent), before);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = files.map(|file| file.expect("it is readable").path()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_every_order_that_was_accepted_before_it() {
    let unit = Arc::new(Unit::new("standalone", []));
    unit.start();
    unit.ready().await;
    let movie = add(&unit, "Solaris").await;
    let (accepted, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (unit, accepted, stop) = (Arc::clone(&unit), Arc::clone(&accepted), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    let id = order(&unit).await;
                    accepted.lock().expect("no client panics").push(id);
                }
            })
        })
        .collect();
    let copies = Directory::new();
    for round in 0..5 {
        let before = accepted.lock().expect("no client panics").clone();
        let to = copies.join(&round.to_string());
        made(&unit, &to);
        let restored = over(&to);
        restored.start();
        restored.ready().await;
        for id in before.iter().rev().take(200) {
            recorded(&restored, id).await;
        }
        assert_eq!(
            restored.api().get(&format!("/api/movies/{}", movie["id"])).await.expect(200).json(),
            movie
        );
        assert_eq!(restored.terminate().code(), Some(0), "{}", restored.log());
    }
    stop.store(true, Relaxed);
    for client in clients {
        client.await.expect("each order is accepted");
    }
    assert!(accepted.lock().expect("no client panics").len() > 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_overwrites_nothing_and_leaves_nothing_of_one_that_fails() {
    let unit = Unit::new("standalone", []);
    let copies = Directory::new();
    let to = copies.join("copy");
    assert!(not_made(&unit, &to).contains("there is no data in"));
    unit.start();
    unit.ready().await;
    let id = order(&unit).await;
    assert_eq!(unit.terminate().code(), Some(0));
    // While nothing runs, and into a folder that is empty.
    fs::create_dir(&to).expect("it can be made");
    made(&unit, &to);
    let (billing, files) = (fs::read(to.join("billing.db")).expect("it is there"), names(&to));
    assert_eq!(files, ["billing.db", "inventory.db"].map(|file| to.join(file)));
    assert!(not_made(&unit, &to).contains("is there already"));
    assert_eq!((fs::read(to.join("billing.db")).expect("it is there"), names(&to)), (billing, files));
    let file = copies.write("file", "somebody's");
    assert!(not_made(&unit, &file).contains("is there already"));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "somebody's");
    let said = not_made(&unit, &copies.join("not-mounted/copy"));
    assert!(said.contains("cannot write") && !copies.join("not-mounted").exists(), "{said}");
    let restored = over(&to);
    restored.start();
    restored.ready().await;
    recorded(&restored, &id).await;
    // What is missing is not left out in silence.
    fs::remove_file(data(&unit).join("inventory.db")).expect("it is there");
    assert!(not_made(&unit, &copies.join("half")).contains("inventory.db is missing"));
}
