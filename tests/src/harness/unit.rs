use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::{Api, Directory, Launch, Process, eventually, free_port, system, until};

/// One of the binaries, running with nothing but the given settings, on free ports of the loopback.
#[derive(Debug)]
pub struct Unit {
    name: &'static str,
    port: u16,
    management_port: u16,
    launch: Launch,
    /// A program, with its arguments, that starts the unit's.
    starter: Vec<String>,
    process: Mutex<Option<Process>>,
    directory: Directory,
}

const PATIENCE: Duration = Duration::from_mins(1);

/// Which of a unit's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// That of the version before: `./tests/run versions` builds it.
    Before,
    /// Today's.
    Today,
}

impl Unit {
    /// Prepares a unit with settings (`KEEPER_…` variables); it is not started yet.
    pub fn new(name: &'static str, settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let (directory, port, management_port) = (Directory::new(), free_port(), free_port());
        let own = [
            ("KEEPER_HTTP__ADDRESS", "127.0.0.1".to_owned()),
            ("KEEPER_HTTP__PORT", port.to_string()),
            ("KEEPER_MANAGEMENT__ADDRESS", "127.0.0.1".to_owned()),
            ("KEEPER_MANAGEMENT__PORT", management_port.to_string()),
            ("KEEPER_LOG__FORMAT", "json".to_owned()),
        ];
        let launch = Launch {
            program: binary(name),
            arguments: Vec::new(),
            variables: own.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(settings).collect(),
            folder: directory.path().to_owned(),
            name: name.to_owned(),
            user: None,
            end: "KILL",
        };
        Self {
            name,
            port,
            management_port,
            launch,
            starter: Vec::new(),
            process: Mutex::new(None),
            directory,
        }
    }

    /// Adds a setting, or changes one; it holds from the next start on.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    /// The same, of a unit that somebody else owns.
    pub fn set(&mut self, key: &str, value: &str) {
        self.launch.variables.retain(|(name, _)| name != key);
        self.launch.variables.push((key.to_owned(), value.to_owned()));
    }

    /// Runs another version's program from the next start on, under the same address and over the same data.
    pub fn install(&mut self, version: Version) {
        self.launch.program = match version {
            Version::Today => binary(self.name),
            Version::Before => {
                let folder = std::env::var_os("KEEPER_OLDER_BIN_DIR");
                let folder = folder.expect("KEEPER_OLDER_BIN_DIR names the folder of the version before");
                Path::new(&folder).join(self.name)
            }
        };
    }

    /// Starts it with no more than so many descriptors.
    #[must_use]
    pub fn with_descriptors(mut self, most: u32) -> Self {
        self.starter = vec!["prlimit".to_owned(), format!("--nofile={most}:{most}")];
        self
    }

    /// The settings that it was given, without those of its own ports.
    pub fn settings(&self) -> Vec<(String, String)> {
        let own = ["KEEPER_HTTP__", "KEEPER_MANAGEMENT__", "KEEPER_LOG__"];
        let given = |key: &str| !own.iter().any(|section| key.starts_with(section));
        self.launch.variables.iter().filter(|(key, _)| given(key)).cloned().collect()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its folder, in which it runs.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// The number of its HTTP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its HTTP port is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its HTTP port.
    pub fn api(&self) -> Api {
        Api::new(self.url())
    }

    /// Its management port.
    pub fn management(&self) -> Api {
        Api::new(format!("http://127.0.0.1:{}", self.management_port))
    }

    /// Starts it, and does not wait. It keeps its ports and its folder from one start to the next.
    pub fn start(&self) {
        let mut process = self.process();
        assert!(process.is_none(), "{} runs already", self.name);
        let mut launch = self.launch.clone();
        if let [program, arguments @ ..] = &self.starter[..] {
            let started = launch.program.display().to_string();
            launch.program = program.into();
            launch.arguments = arguments.iter().cloned().chain([started]).chain(launch.arguments).collect();
        }
        *process = Some(Process::start(&launch));
    }

    /// Waits until all its dependencies answer and it does.
    pub async fn ready(&self) {
        self.is("ready").await;
    }

    /// Waits until `/health/ready` says this: `starting`, `ready`, `degraded` or `stopping`.
    pub async fn is(&self, status: &str) {
        self.tells(&format!(r#""status":"{status}""#)).await;
    }

    /// Waits until `/health/ready` says that this dependency does not answer.
    pub async fn misses(&self, dependency: &str) {
        self.tells(&format!(r#""name":"{dependency}","ok":false"#)).await;
    }

    async fn tells(&self, part: &str) {
        let management = self.management();
        eventually(&format!("{} tells {part}", self.name), PATIENCE, async || {
            self.still_runs();
            let request = management.request(reqwest::Method::GET, "/health/ready");
            super::Answer::try_of(request).await.is_ok_and(|answer| answer.body.contains(part)).then_some(())
        })
        .await;
    }

    fn still_runs(&self) {
        if let Some(ended) = self.process().as_mut().and_then(|process| process.wait(Duration::ZERO)) {
            panic!("{} ended: {ended}\n{}", self.name, self.log());
        }
    }

    /// Waits until `/health/<kind>` answers this status.
    pub async fn health(&self, kind: &str, status: u16) {
        let (management, path) = (self.management(), format!("/health/{kind}"));
        eventually(&format!("{} {path} {status}", self.name), PATIENCE, async || {
            self.still_runs();
            let request = management.request(reqwest::Method::GET, &path);
            super::Answer::try_of(request).await.is_ok_and(|answer| answer.status == status).then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.process().take().expect("it was started").kill();
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        self.process().as_ref().expect("it was started").signal(signal);
    }

    /// Waits for its end by itself.
    pub fn ended(&self) -> ExitStatus {
        until(&format!("{} ends", self.name), PATIENCE, || {
            let status = self.process().as_mut().expect("it was started").wait(Duration::ZERO)?;
            self.process().take();
            Some(status)
        })
    }

    /// SIGTERM, and the status with which it ends.
    pub fn terminate(&self) -> ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Runs a subcommand to its end, with the unit's settings.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.launch.program);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.launch.variables.iter().cloned()).current_dir(self.folder());
        command.output().expect("the binary starts")
    }

    /// What it wrote to standard output and standard error, in all its starts. A line is written a moment after what it tells
    /// of: those that are on their way are waited for, as long as they can be on their way.
    pub fn log(&self) -> String {
        let mut log = self.read("err");
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(20));
            let longer = self.read("err");
            if longer.len() == log.len() {
                break;
            }
            log = longer;
        }
        self.output() + &log
    }

    /// What it wrote to standard output.
    pub fn output(&self) -> String {
        self.read("out")
    }

    /// Limits the descriptors of the running process.
    pub fn limit_descriptors(&self, most: u32) {
        let pid = self.process().as_ref().expect("it was started").id().to_string();
        let limit = format!("--nofile={most}:{most}");
        system::run(Command::new("prlimit").args(["--pid", &pid, &limit]));
    }

    /// The processor time that it has taken since its start.
    pub fn processor_time(&self) -> Option<Duration> {
        self.process().as_ref()?.processor_time()
    }

    /// The peak of its resident memory, in KiB.
    pub fn peak_memory(&self) -> Option<u64> {
        self.process().as_ref()?.peak_memory()
    }

    fn read(&self, kind: &str) -> String {
        let path = self.directory.join(&format!("{}.{kind}", self.name));
        // A test may have put a pipe there, which is its own to read: opening it would wait for a writer.
        let bytes = if path.is_file() { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever the test was about: no secret is in what the unit wrote.
impl Drop for Unit {
    fn drop(&mut self) {
        drop(self.process().take());
        if !std::thread::panicking() {
            for kind in ["out", "err"] {
                super::assert_no_secret_in(&self.read(kind), &format!("std{kind} of {}", self.name));
            }
        }
    }
}

/// The path of one of the binaries: in `KEEPER_BIN_DIR`, or built now, with the features that the tests are built with.
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("KEEPER_BIN_DIR") {
            return folder.into();
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // A test target too: it makes cargo choose the features as for tests, so that nothing is built twice.
        cargo.args(["build", "--quiet", "--workspace", "--bins", "--test", "architecture"]);
        system::run(cargo.current_dir(env!("CARGO_MANIFEST_DIR")));
        // target/debug/deps/<test> → target/debug
        let test = std::env::current_exe().expect("the test knows its path");
        let folder = test.parent().expect("it is in a folder");
        if folder.ends_with("deps") { folder.parent().expect("deps is in a folder") } else { folder }
            .to_owned()
    });
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not built", path.display());
    path
}
