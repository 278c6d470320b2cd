use std::os::unix::fs::chown;
use std::time::Duration;

use super::{Database, Directory, Launch, Process, free_port, system, until};

/// How a pooler shares the server's sessions between its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// A session is a client's for as long as it is connected.
    Session,
    /// A session is a client's for a transaction.
    Transaction,
    /// A session is a client's for a statement; there are no transactions.
    Statement,
}

/// A PgBouncer of this test process, in front of one database.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    target: Database,
    _process: Process,
    // Last: removed after the pooler has ended.
    _directory: Directory,
}

/// So few that its clients must share them.
const POOL: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);

impl PgBouncer {
    /// Starts it. With `ignored`, it drops start-up options that it does not know; by default it refuses them.
    pub fn start(target: &Database, mode: PoolMode, ignored: bool) -> Self {
        let (directory, port) = (Directory::new(), free_port());
        let mode = match mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
            PoolMode::Statement => "statement",
        };
        let ignored = if ignored { "options,extra_float_digits" } else { "" };
        // A session belongs to a client until it leaves: in session mode there must be enough for all.
        let pool = if mode == "session" { 40 } else { POOL };
        let users = directory.write("users", &format!("\"{}\" \"{}\"\n", target.user, target.password));
        let settings = directory.write(
            "pgbouncer.ini",
            &format!(
                "[databases]\n* = host={} port={}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\n\
                 default_pool_size = {pool}\nignore_startup_parameters = {ignored}\n",
                target.host,
                target.port,
                users.display(),
            ),
        );
        // It refuses to run as root.
        let user = system::unprivileged("postgres");
        if let Some((user, group)) = user {
            for path in [directory.path(), &users, &settings] {
                chown(path, Some(user), Some(group)).expect("we are root");
            }
        }
        let folders = ["/usr/sbin".into(), "/usr/local/sbin".into()];
        let program =
            system::folder_with("pgbouncer", &folders).expect("pgbouncer is installed").join("pgbouncer");
        let launch = Launch {
            program,
            arguments: vec![settings.display().to_string()],
            variables: Vec::new(),
            folder: directory.path().to_owned(),
            name: "pgbouncer".into(),
            user,
            end: "KILL",
        };
        let process = Process::start(&launch);
        until("PgBouncer listens", PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { port, target: target.clone(), _process: process, _directory: directory }
    }

    /// The database behind it, by way of it.
    pub fn database(&self) -> Database {
        Database { port: self.port, ..self.target.clone() }
    }
}
