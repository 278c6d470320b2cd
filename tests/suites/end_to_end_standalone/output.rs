//! Output that nobody takes: a full disk and a closed pipe are failures, told once and without a panic.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use keeper_tests::harness::{Unit, binary};
use serde_json::json;

use super::files::{add, data};

fn command(name: &str, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(binary(name));
    command.args(arguments).env_clear().current_dir(folder).stderr(Stdio::piped());
    command
}

/// As `COMMAND > /dev/full`.
fn to_a_full_disk(mut command: Command) -> Output {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    command.stdout(full).output().expect("the binary starts")
}

/// As `COMMAND | true`, where nobody reads.
fn to_nobody(mut command: Command) -> Output {
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    drop(reader);
    command.stdout(writer).output().expect("the binary starts")
}

#[tokio::test]
async fn what_cannot_be_written_is_a_failure() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    add(&unit, "Solaris").await;
    assert_eq!(unit.terminate().code(), Some(0));
    let every = ["gateway", "inventory", "billing", "standalone"].into_iter().flat_map(|name| {
        [&["config"][..], &["openapi"], &["--version"], &["--help"]].map(|arguments| (name, arguments))
    });
    let list = [&["dead-letters", "list"][..], &["dead-letters", "list", "--json"]];
    for (name, arguments) in every.chain(list.map(|arguments| ("standalone", arguments))) {
        let output = to_a_full_disk(command(name, arguments, unit.folder()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name} {arguments:?}: {said}");
        let cause =
            format!("{name}: cannot write to standard output: No space left on device (os error 28)\n");
        assert_eq!(said, cause, "{arguments:?}");
        let output = to_nobody(command(name, arguments, unit.folder()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let cause = format!("{name}: cannot write to standard output: Broken pipe (os error 32)\n");
        assert_eq!((output.status.code(), said), (Some(1), cause), "{name} {arguments:?}");
    }
}

/// The ids of dead letters that are put into the file of a unit that does not run.
fn dead_letters(file: &Path) -> Vec<String> {
    let ids: Vec<String> = (0..5).map(|number| format!("019a2f5e-7c1b-7d3a-9e4f-{number:012}")).collect();
    let insert = "import sqlite3, sys\n\
        with sqlite3.connect(sys.argv[1]) as database:\n    \
            for id in sys.argv[2:]:\n        \
                database.execute(\"INSERT INTO dead_letters (id, reason, detail, first_seen, body) \
                    VALUES (?, 'invalid', '', 1, x'7b')\", [id])\n";
    let output = Command::new("python3").args(["-c", insert]).arg(file).args(&ids).output();
    let output = output.expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ids
}

/// The commands that have something to show of the data, or change it: each with arguments of its own for either try.
#[tokio::test]
async fn what_was_done_and_cannot_be_told_is_a_failure() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    add(&unit, "Solaris").await;
    assert_eq!(unit.terminate().code(), Some(0));
    let letters = dead_letters(&data(&unit).join("billing.db"));
    let [first, second, third, fourth, fifth] = [0, 1, 2, 3, 4].map(|at| letters[at].as_str());
    let standalone = |arguments: &[&str]| {
        let mut standalone = command("standalone", arguments, unit.folder());
        standalone.env("KEEPER_AUTH__KEYS_FILE", "keys.toml").env("KEEPER_DEAD_LETTERS__JOURNAL", "journal");
        standalone
    };
    let keys = [(); 2].map(|()| {
        let create = ["keys", "create", "--name", "shop", "--scopes", "movies:write"];
        let made = standalone(&create).output().expect("the binary starts").stdout;
        let key = String::from_utf8(made).expect("it is text");
        key.rsplit('_').nth(2).expect("it has an id").to_owned()
    });
    for (to_full, to_closed) in [
        (&["doctor"][..], &["doctor"][..]),
        (&["keys", "list"], &["keys", "list"]),
        (&["keys", "revoke", &keys[0]], &["keys", "revoke", &keys[1]]),
        (&["backup", "one"], &["backup", "another"]),
        (&["dead-letters", "show", fifth], &["dead-letters", "show", fifth, "--json"]),
        (
            &["dead-letters", "discard", first, "--reason", "a test"],
            &["dead-letters", "discard", second, "--reason", "a test"],
        ),
        (&["dead-letters", "replay", third], &["dead-letters", "replay", fourth]),
        (&["dead-letters", "replay", "--all"], &["dead-letters", "replay", "--reason", "invalid"]),
    ] {
        let full = (to_a_full_disk(standalone(to_full)), "No space left on device (os error 28)");
        let closed = (to_nobody(standalone(to_closed)), "Broken pipe (os error 32)");
        for (output, cause) in [full, closed] {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let cause = format!("standalone: cannot write to standard output: {cause}\n");
            assert!(output.status.code() == Some(1) && said.ends_with(&cause), "{to_full:?}: {said}");
            assert!(!said.contains("panicked"), "{to_full:?}: {said}");
        }
    }
    // It was done, for all that.
    assert!(unit.folder().join("one").join("billing.db").exists());
}

/// `load` ends its visits, and still says what became of the orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_nobody_reads_accounts_for_its_orders() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    let url = unit.url();
    let load = |arguments: &[&str]| command("load", arguments, unit.folder());
    let run = ["--url", &url, "--seconds", "600", "--rate", "5", "--every", "1", "--patience", "20"];
    let outputs = tokio::task::block_in_place(|| {
        [
            (to_a_full_disk(load(&["--help"])), "No space left on device (os error 28)", ""),
            (to_nobody(load(&["--version"])), "Broken pipe (os error 32)", ""),
            (to_a_full_disk(load(&run)), "No space left on device (os error 28)", "accepted"),
            (to_nobody(load(&run)), "Broken pipe (os error 32)", "accepted"),
        ]
    });
    for (output, cause, account) in outputs {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let cause = format!("load: cannot write to standard output: {cause}\n");
        assert!(output.status.code() == Some(1) && said.ends_with(&cause), "{said}");
        assert!(said.contains(account) && !said.contains("panicked"), "{said}");
    }
}

/// As `COMMAND >&-`.
fn to_nowhere(command: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec \"$0\" \"$@\" >&-").arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().expect("it is set")).env_clear();
    shell
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .expect("there is a shell")
}

#[test]
fn a_key_that_cannot_be_shown_is_not_made() {
    let folder = tempfile::tempdir().expect("it can be made");
    let file = folder.path().join("keys.toml");
    for name in ["gateway", "standalone"] {
        let create = || {
            let arguments = ["keys", "create", "--name", "shop", "--scopes", "movies:write"];
            let mut create = command(name, &arguments, folder.path());
            create.env("KEEPER_AUTH__KEYS_FILE", &file);
            create
        };
        let null = OpenOptions::new().write(true).open("/dev/null").expect("it is there");
        let to_null = create().stdout(null).output().expect("the binary starts");
        for (output, why) in [
            (to_a_full_disk(create()), "No space left on device"),
            (to_nobody(create()), "Broken pipe"),
            (to_nowhere(&create()), "shown only once"),
            (to_null, "shown only once"),
        ] {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(1) && said.contains(why), "{said}");
            let kept = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(!kept.contains("shop"), "{said}{kept}");
        }
        let made = create().output().expect("the binary starts");
        assert!(
            made.status.success() && std::fs::read_to_string(&file).expect("it is there").contains("shop")
        );
        std::fs::remove_file(&file).expect("it is there");
    }
}

#[test]
fn a_journal_that_cannot_be_printed_and_an_error_that_cannot_be_told_are_failures() {
    let folder = tempfile::tempdir().expect("it can be made");
    let line = json!({ "because": "a test" }).to_string();
    std::fs::write(folder.path().join("journal"), format!("{line}\n")).expect("it can be written");
    let mut journal = command("standalone", &["dead-letters", "journal"], folder.path());
    journal.env("KEEPER_DEAD_LETTERS__JOURNAL", "journal");
    let output = to_a_full_disk(journal);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("standard output"), "{said}");
    // Standard error is full, too: the exit code is all there is.
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut list = command("standalone", &["dead-letters", "list"], folder.path());
    assert_eq!(list.stderr(full).status().expect("the binary starts").code(), Some(1));
}
