use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use keeper_domain::DeadLetter;
use keeper_ports::billing::Journal;
use keeper_ports::{Clock, PortError, PortResult};
use serde::Deserialize;
use serde_json::json;

use crate::clock::SystemClock;
use crate::dead_letters::text::{as_json, json_line};
use crate::output::say;
use crate::{SettingsError, StartError};

/// The file of what operators threw away, one JSON object a line, so that it can be had back; the section `dead_letters` of
/// the settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalFile {
    #[serde(rename = "journal")]
    file: PathBuf,
}

impl Journal for JournalFile {
    fn keep(&self, letter: &DeadLetter, because: &str) -> PortResult<()> {
        self.append(&json_line(&json!({
            "discarded_at": SystemClock.now().to_string(),
            "because": because,
            "dead_letter": as_json(letter),
        })))
    }
}

impl JournalFile {
    /// Appends a line; it is on the disk before `Ok`. Without a file in the settings nothing is kept.
    ///
    /// # Errors
    /// The line is not on the disk.
    fn append(&self, line: &str) -> PortResult<()> {
        if self.file.as_os_str().is_empty() {
            return Ok(());
        }
        self.write(line).map_err(|cause| {
            let path = self.file.display();
            let why = format!("{path} cannot be written, and what cannot be kept is not discarded: {cause}");
            PortError::failed("dead_letters.journal", why)
        })
    }

    fn write(&self, line: &str) -> io::Result<()> {
        // Bodies of orders are nobody else's to read.
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.file)?;
        // One command at a time: a line that is not written in full is taken back.
        file.lock()?;
        let length = file.metadata()?.len();
        let written = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_all());
        if let Err(cause) = written {
            let _ = file.set_len(length);
            return Err(cause);
        }
        // The file's name, too, where this made it.
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| ".".as_ref()))?.sync_all()
    }

    /// Copies what is kept to standard output.
    ///
    /// # Errors
    /// The settings name no file, or it cannot be read.
    pub(crate) fn print(&self) -> Result<(), StartError> {
        if self.file.as_os_str().is_empty() {
            return Err(SettingsError("setting dead_letters.journal names no file".into()).into());
        }
        let unreadable = |cause| StartError::Part(format!("{} cannot be read: {cause}", self.file.display()));
        let mut lines = match File::open(&self.file) {
            Ok(file) => BufReader::new(file),
            // Nothing was ever thrown away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut line = String::new();
        while lines.read_line(&mut line).map_err(unreadable)? > 0 {
            say(line.trim_end())?;
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn journal(file: impl Into<PathBuf>) -> JournalFile {
        JournalFile { file: file.into() }
    }

    #[test]
    fn lines_are_appended_for_the_owner_only_and_a_failure_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("discarded.jsonl");
        for number in [1, 2] {
            journal(&file).append(&json!({ "number": number, "body": "a\nb" }).to_string()).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[1]["number"]), (2, &2.into()));
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let missing = folder.path().join("none/discarded.jsonl");
        let error = journal(&missing).append("null").unwrap_err().chain();
        assert!(error.contains(&missing.display().to_string()), "{error}");
        journal("").append("null").unwrap();
    }
}
