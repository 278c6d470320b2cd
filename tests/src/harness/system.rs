use std::path::{Path, PathBuf};
use std::process::Command;

/// Letters and digits, different each time.
pub fn random_text(length: usize) -> String {
    let text = format!("{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple());
    // The end of a UUID of version 7 is random, its beginning is the time.
    text[text.len() - length..].to_owned()
}

/// The library that gives a program another time.
pub fn faketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").expect("it is there").flatten();
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    let mut libraries = folders.map(|folder| library(folder.path())).filter(|path| path.is_file());
    libraries.next().expect("faketime is installed").display().to_string()
}

/// Runs a command to its end and answers what it printed; fails with what it said when it does.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}\n{complaint}", output.status);
    text
}

/// The first of the folders, then of `PATH`, that holds a program.
pub(super) fn folder_with(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.iter().cloned().chain(std::env::split_paths(&path)).find(|folder| folder.join(program).is_file())
}

/// The subfolders of a folder, the one with the highest version number in its name first.
pub(super) fn newest_first(folder: &Path, below: &str) -> Vec<PathBuf> {
    let version = |path: &PathBuf| -> Vec<u32> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort_by_key(|path| std::cmp::Reverse(version(path)));
    found.into_iter().map(|path| path.join(below)).filter(|path| path.is_dir()).collect()
}

/// User and group under which servers that refuse to run as root are run; `None` when we are not root.
pub(super) fn unprivileged(name: &str) -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    [name, "nobody"].iter().find_map(|user| Some((id("-u", &[user])?, id("-g", &[user])?)))
}

/// Our own user and group.
pub(super) fn identity() -> (u32, u32) {
    id("-u", &[]).zip(id("-g", &[])).expect("id knows us")
}

/// A command that root runs. For an ordinary user sudo does, which asks for the password where it needs one.
pub(super) fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

fn is_root() -> bool {
    id("-u", &[]) == Some(0)
}

fn id(flag: &str, user: &[&str]) -> Option<u32> {
    let output = Command::new("id").arg(flag).args(user).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
