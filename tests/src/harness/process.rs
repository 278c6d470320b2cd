use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::janitor;

/// In what Linux tells of a process, on every machine.
const TICKS_PER_SECOND: u64 = 100;

/// What is started, and how. It gets `PATH`, the locale and the given variables, and nothing else of our environment.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub variables: Vec<(String, String)>,
    /// The folder it runs in, and writes its log `<name>.out` and `<name>.err` to (appending).
    pub folder: PathBuf,
    /// The log's name.
    pub name: String,
    /// User and group, when not ours.
    pub user: Option<(u32, u32)>,
    /// The signal that ends it without leaving anything behind.
    pub end: &'static str,
}

/// A child process, the leader of its own process group. It ends when this is dropped, and when the test process
/// ends, however it ends.
#[derive(Debug)]
pub struct Process {
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts it. It is known to the janitor before the program runs, so that not even a `kill -9` of the test
    /// process between the two leaves it behind.
    pub fn start(launch: &Launch) -> Self {
        let log = |kind: &str| {
            let path = launch.folder.join(format!("{}.{kind}", launch.name));
            File::options().create(true).append(true).open(path).expect("the log can be written")
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", "read -r go && exec \"$@\" </dev/null", "sh"])
            .arg(&launch.program)
            .args(&launch.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .envs(launch.variables.iter().cloned())
            .current_dir(&launch.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log("out"))
            .stderr(log("err"));
        if let Some((user, group)) = launch.user {
            command.uid(user).gid(group);
        }
        let mut child = command.spawn().expect("sh starts");
        janitor::tell(&format!("child {} {}", child.id(), launch.end));
        let mut go = child.stdin.take().expect("stdin is piped");
        go.write_all(b"go\n").expect("sh reads");
        Self { child, status: None }
    }

    /// Its process id, which is its group's too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// It has not ended.
    pub fn is_running(&mut self) -> bool {
        self.wait(Duration::ZERO).is_none()
    }

    /// Sends a signal, such as `TERM`. After `STOP` none of its threads runs any more.
    pub fn signal(&self, signal: &str) {
        if self.status.is_none() {
            send(signal, &self.id().to_string());
            let start = Instant::now();
            while signal == "STOP" && self.some_thread_runs() && start.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Sends a signal to it, to its group, and to its children, which may be leaders of groups of their own.
    pub fn signal_all(&self, signal: &str) {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.id()));
        send(signal, &format!("-{}", self.id()));
        for child in children.unwrap_or_default().split_whitespace() {
            send(signal, child);
        }
    }

    /// Whether the kernel has not stopped all of its threads yet (proc(5), state `T`).
    fn some_thread_runs(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        let stopped = |stat: String| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'));
        threads.is_ok_and(|mut threads| {
            threads.any(|thread| {
                let stat = thread.and_then(|thread| std::fs::read_to_string(thread.path().join("stat")));
                stat.is_ok_and(|stat| !stopped(stat))
            })
        })
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while self.status.is_none() {
            self.status = self.child.try_wait().expect("our child can be waited for");
            if self.status.is_some() {
                janitor::tell(&format!("gone {}", self.id()));
            } else if start.elapsed() >= limit {
                return None;
            } else {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.status
    }

    /// `kill -9` of the whole group.
    pub fn kill(&mut self) {
        if self.status.is_none() {
            send("KILL", &format!("-{}", self.id()));
            self.wait(Duration::from_secs(10)).expect("a killed process ends");
        }
    }

    /// The processor time that it has taken so far, in all its threads (Linux).
    pub fn processor_time(&self) -> Option<Duration> {
        let stat =
            std::fs::read_to_string(Path::new("/proc").join(self.id().to_string()).join("stat")).ok()?;
        // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(of_ticks(ticks))
    }

    /// The peak of its resident memory so far, in KiB (Linux).
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(Path::new("/proc").join(self.id().to_string()).join("status"));
        let status = status.ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn send(signal: &str, target: &str) {
    // The shell's own: not every system has the program.
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$1\" -- \"$2\" 2>/dev/null", "sh", signal, target])
        .status();
}

/// The processor time that all programs of this machine have taken since its start (Linux).
pub fn machine_processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").expect("this is Linux");
    let line = stat.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq …
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let idle = fields[3] + fields[4];
    of_ticks(fields[..7].iter().sum::<u64>() - idle)
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}
