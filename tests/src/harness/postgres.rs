use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::{Certificates, Directory, Launch, Process, free_port, random_text, run, system, until};

/// How a server differs from the usual one.
#[derive(Debug, Clone, Copy)]
pub struct PostgresOptions {
    /// What was committed survives a power failure. Off, it is quicker.
    pub fsync: bool,
    /// It offers TLS, and takes nothing else over TCP.
    pub tls: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { fsync: true, tls: false }
    }
}

/// A PostgreSQL server of this test process.
#[derive(Debug)]
pub struct Postgres {
    launch: Launch,
    programs: PathBuf,
    port: u16,
    password: String,
    certificates: Option<Certificates>,
    process: Mutex<Option<Process>>,
    // Last: removed after the server has ended.
    directory: Directory,
}

/// A database of its own for one test, owned by a role that is no superuser.
#[derive(Debug, Clone)]
pub struct Database {
    /// 127.0.0.1.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The database's name.
    pub name: String,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: String,
}

const ROLE: &str = "keeper";
const PATIENCE: Duration = Duration::from_mins(1);

impl Postgres {
    /// The usual server of this test process, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(PostgresOptions::default()))
    }

    /// Makes a cluster and starts its server. `CODE_KEEPER_POSTGRES` names the folder of another version's programs
    /// (`initdb`, `postgres`, `pg_isready`, `psql`), which the user `postgres` must reach when we are root.
    pub fn start(options: PostgresOptions) -> Self {
        let programs = programs();
        let (directory, port, password) = (Directory::new(), free_port(), random_text(16));
        let user = system::unprivileged("postgres");
        let certificates = options.tls.then(|| Certificates::make(directory.path()));
        super::keep_secret(&password);
        let secret = directory.write("password", &password);
        if let Some((user, group)) = user {
            for entry in std::fs::read_dir(directory.path()).expect("it is there").flatten() {
                chown(entry.path(), Some(user), Some(group)).expect("we are root");
            }
            chown(directory.path(), Some(user), Some(group)).expect("we are root");
        }
        let data = directory.join("data").display().to_string();
        let mut launch = Launch {
            program: programs.join("initdb"),
            arguments: ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"]
                .into_iter()
                .map(str::to_owned)
                .chain(["--username=postgres".into(), "--pgdata".into(), data.clone()])
                .chain([format!("--pwfile={}", secret.display())])
                .collect(),
            variables: Vec::new(),
            folder: directory.path().to_owned(),
            name: "initdb".into(),
            user,
            end: "KILL",
        };
        let status = Process::start(&launch).wait(PATIENCE);
        assert!(status.is_some_and(|status| status.success()), "initdb: {}", log_of(&launch));
        launch.program = programs.join("postgres");
        launch.arguments = arguments(&data, port, options, certificates.as_ref(), directory.path());
        launch.name = "postgres".into();
        // Immediate shutdown: unlike a kill, it gives its shared memory back.
        launch.end = "QUIT";
        let server =
            Self { launch, programs, port, password, certificates, process: Mutex::new(None), directory };
        server.start_again();
        server.psql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{}'", server.password));
        server
    }

    /// Creates an empty database with a name of its own.
    pub fn database(&self) -> Database {
        let name = format!("test_{}", random_text(12));
        self.psql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE}"));
        Database {
            host: "127.0.0.1".into(),
            port: self.port,
            name,
            user: ROLE.into(),
            password: self.password.clone(),
        }
    }

    /// Runs SQL as superuser; answers the rows as psql prints them, columns separated by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let socket = self.directory.path().display().to_string();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", &socket]);
        psql.args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        run(psql.env("PGPASSWORD", &self.password)).trim_end().to_owned()
    }

    /// The folder of initdb, pgbench and the other programs.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The authority that signed the server's certificate, where it offers TLS.
    pub fn ca(&self) -> Option<&Path> {
        Some(&self.certificates.as_ref()?.ca)
    }

    /// Stops the server, ending its connections.
    pub fn stop(&self) {
        self.end("INT");
    }

    /// Stops the server as a crash does, but for its shared memory.
    pub fn stop_immediately(&self) {
        self.end("QUIT");
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.process().take().expect("it was started").kill();
    }

    /// Starts the server again on the same port, and waits until it answers.
    pub fn start_again(&self) {
        let mut process = self.process();
        until("PostgreSQL starts", PATIENCE, || {
            // After a kill the first attempts meet the old server's children, which are about to end.
            if !process.as_mut().is_some_and(Process::is_running) {
                *process = Some(Process::start(&self.launch));
            }
            std::thread::sleep(Duration::from_millis(50));
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ready.status().is_ok_and(|status| status.success()).then_some(())
        });
    }

    /// Sends a signal such as `STOP` to the server and to its sessions.
    pub fn signal(&self, signal: &str) {
        self.process().as_ref().expect("it was started").signal_all(signal);
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process().as_ref().expect("it was started").id()
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        log_of(&self.launch)
    }

    fn end(&self, signal: &str) {
        let mut process = self.process().take().expect("it was started");
        process.signal(signal);
        process.wait(PATIENCE).expect("PostgreSQL stops");
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut process) = self.process().take() {
            process.signal(self.launch.end);
            process.wait(Duration::from_secs(5));
        }
    }
}

impl Database {
    /// The settings of a unit that uses this database.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("HOST", self.host.clone()),
            ("PORT", self.port.to_string()),
            ("NAME", self.name.clone()),
            ("USER", self.user.clone()),
            ("PASSWORD", self.password.clone()),
        ]
        .map(|(key, value)| (format!("KEEPER_DATABASE__{key}"), value))
        .into()
    }
}

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("CODE_KEEPER_POSTGRES") {
        return folder.into();
    }
    let usual = system::newest_first(Path::new("/usr/lib/postgresql"), "bin");
    system::folder_with("initdb", &usual)
        .expect("PostgreSQL is installed (Debian: apt-get install postgresql)")
}

fn log_of(launch: &Launch) -> String {
    std::fs::read_to_string(launch.folder.join(format!("{}.err", launch.name))).unwrap_or_default()
}

fn arguments(
    data: &str,
    port: u16,
    options: PostgresOptions,
    certificates: Option<&Certificates>,
    folder: &Path,
) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".into(),
        format!("port={port}"),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=300".into(),
        format!("fsync={}", if options.fsync { "on" } else { "off" }),
    ];
    if let Some(Certificates { certificate, key, .. }) = certificates {
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        let rules = folder.join("pg_hba.conf");
        let only_tls = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&rules, only_tls).expect("the folder can be written");
        settings.extend([
            "ssl=on".into(),
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
            format!("hba_file={}", rules.display()),
        ]);
    }
    ["-D".to_owned(), data.to_owned()]
        .into_iter()
        .chain(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]))
        .collect()
}
