//! The two database files: whole by themselves after a stop, refused when one of them is not what it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keeper_tests::harness::Unit;
use serde_json::{Value, json};

/// What a stop and every command must have emptied or taken away.
fn logs(data: &Path) -> Vec<String> {
    let files = fs::read_dir(data).expect("the folder is there").map(|file| file.expect("it is readable"));
    let left = files.filter(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
            && file.metadata().is_ok_and(|file| file.len() > 0)
    });
    left.map(|file| file.path().display().to_string()).collect()
}

pub(super) fn data(unit: &Unit) -> PathBuf {
    unit.folder().join("code-keeper-data")
}

/// A unit over another folder of data.
pub(super) fn over(data: &Path) -> Unit {
    Unit::new("standalone", [("KEEPER_STORAGE__DIRECTORY".to_owned(), data.display().to_string())])
}

pub(super) async fn add(unit: &Unit, title: &str) -> Value {
    let movie = json!({ "title": title, "description": "" });
    unit.api().post("/api/movies", &movie).await.expect(201).json()
}

pub(super) async fn order(unit: &Unit) -> String {
    let order = json!({ "user_id": "20", "number_of_items": "3", "total_amount": "180" });
    let answer = unit.api().post("/api/billing", &order).await.expect(200).json();
    answer["order_id"].as_str().expect("an order has an id").to_owned()
}

/// Waits until an order is recorded.
pub(super) async fn recorded(unit: &Unit, order: &str) {
    unit.api().get(&format!("/api/billing/orders/{order}?wait=30")).await.expect(200);
}

#[tokio::test]
async fn each_file_is_whole_by_itself_after_a_stop() {
    for round in 0..10 {
        let unit = Unit::new("standalone", []);
        unit.start();
        unit.ready().await;
        let movie = add(&unit, "Solaris").await;
        let id = order(&unit).await;
        unit.signal(["TERM", "INT"][round % 2]);
        assert_eq!(unit.ended().code(), Some(0), "{}", unit.log());
        assert_eq!(logs(&data(&unit)), [""; 0]);
        let copy = unit.folder().join("copy");
        fs::create_dir(&copy).expect("it can be made");
        for file in ["inventory.db", "billing.db"] {
            fs::copy(data(&unit).join(file), copy.join(file)).expect("the file is there");
        }
        let copied = over(&copy);
        copied.start();
        copied.ready().await;
        let found = copied.api().get(&format!("/api/movies/{}", movie["id"])).await.expect(200).json();
        assert_eq!(found, movie);
        recorded(&copied, &id).await;
    }
}

#[tokio::test]
async fn a_command_and_a_start_that_fails_leave_nothing_open() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    order(&unit).await;
    unit.kill();
    assert_ne!(logs(&data(&unit)), [""; 0], "nobody closes the files of a process that is killed");
    let listed = unit.command(&["dead-letters", "list"]);
    assert!(listed.status.success(), "{listed:?}");
    let of_billing = |log: &String| log.contains("billing.db");
    assert_eq!(logs(&data(&unit)).iter().filter(|log| of_billing(log)).count(), 0);
    // Another server has the port.
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = other.local_addr().expect("it listens").port().to_string();
    let failing = over(&data(&unit)).with("KEEPER_HTTP__PORT", &port);
    failing.start();
    assert_eq!(failing.ended().code(), Some(1), "{}", failing.log());
    assert_eq!(logs(&data(&unit)), [""; 0]);
}

/// Starts over a folder, and answers why it is refused.
fn refused(folder: &Path) -> String {
    let unit = over(folder).with("KEEPER_LOG__FORMAT", "text");
    unit.start();
    assert_eq!(unit.ended().code(), Some(1), "{}", unit.log());
    let log = unit.log();
    let (_, said) = log.rsplit_once("storage.directory: ").expect("it names the setting");
    said.to_owned()
}

#[tokio::test]
async fn a_folder_with_a_part_of_its_data_is_refused() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    let movie = add(&unit, "Solaris").await;
    let id = order(&unit).await;
    recorded(&unit, &id).await;
    assert_eq!(unit.terminate().code(), Some(0));
    let (data, kept) = (data(&unit), unit.folder().join("kept"));
    for file in ["inventory.db", "billing.db"] {
        let path = data.join(file);
        fs::rename(&path, &kept).expect("it is there");
        let said = refused(&data);
        assert!(said.contains(&format!("{file} is missing or empty")), "{said}");
        assert!(said.contains("storage.create_missing"), "{said}");
        assert!(!path.exists(), "nothing is made");
        fs::write(&path, "").expect("it can be made");
        assert!(refused(&data).contains(&format!("{file} is missing or empty")));
        // The first page of a database whose tables were in its log only.
        let mut header = fs::read(&kept).expect("it is there");
        header.truncate(100);
        header[28..32].copy_from_slice(&1u32.to_be_bytes());
        header[32..64].fill(0);
        header.resize(4096, 0);
        header[100] = 13;
        header[105..107].copy_from_slice(&4096u16.to_be_bytes());
        fs::write(&path, header).expect("it can be made");
        let said = refused(&data);
        assert!(said.contains(&format!("{file} has no tables")) && said.contains("delete it"), "{said}");
        fs::remove_file(&path).expect("it is there");
        fs::rename(&kept, &path).expect("it is there");
    }
    fs::remove_file(data.join("billing.db")).expect("it is there");
    let anew = over(&data).with("KEEPER_STORAGE__CREATE_MISSING", "true");
    anew.start();
    anew.ready().await;
    assert_eq!(anew.api().get("/api/movies").await.expect(200).json(), json!([movie]));
    anew.api().get(&format!("/api/billing/orders/{id}")).await.expect(404);
}

/// As an import in another character set leaves it.
#[tokio::test]
async fn a_title_that_cannot_be_read_is_named_and_the_others_are_served() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    let movie = add(&unit, "Solaris").await;
    assert_eq!(unit.terminate().code(), Some(0));
    let insert = "import sqlite3, sys\n\
        with sqlite3.connect(sys.argv[1]) as database:\n    \
            database.execute(\"INSERT INTO movies (title, title_folded, description, created_at, updated_at) \
                VALUES (CAST(x'416de96c6965' AS TEXT), '', '', 1, 1)\")\n";
    let file = data(&unit).join("inventory.db");
    let output = Command::new("python3").args(["-c", insert]).arg(file).output().expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    unit.start();
    unit.ready().await;
    let log = unit.log();
    let line = log.lines().find(|line| line.contains("title cannot be read")).expect("it is told");
    assert!(line.contains("ERROR") && line.contains("\"movie\":2,"), "{line}");
    let list = unit.api().get("/api/movies").await.expect(200).json();
    assert_eq!(list, serde_json::json!([movie]));
}
