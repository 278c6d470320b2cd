use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The process that ends our children and removes our folders once this process is no more.
static JANITOR: OnceLock<Mutex<ChildStdin>> = OnceLock::new();

/// Tells the janitor one line of what `janitor.sh` understands.
pub(super) fn tell(line: &str) {
    let janitor = JANITOR.get_or_init(|| {
        #[expect(clippy::zombie_processes, reason = "it outlives this process")]
        let mut child = Command::new("bash")
            .args(["-c", include_str!("janitor.sh"), "janitor"])
            // Not our group: a Ctrl-C at the terminal must not reach it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("bash starts");
        Mutex::new(child.stdin.take().expect("stdin is piped"))
    });
    let mut janitor = janitor.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(janitor, "{line}").expect("the janitor listens");
}
