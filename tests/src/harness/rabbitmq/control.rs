use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::super::{random_text, run};

/// How long the node may take for one expression, in seconds.
const PATIENCE_S: &str = "90";

/// How a node is told what to do: by `erl_call`, which takes two milliseconds of processor time, or by `rabbitmqctl`, which
/// starts an Erlang machine and takes 400.
#[derive(Debug)]
pub(super) struct Control {
    rabbitmqctl: PathBuf,
    /// Erlang's own program for it, where there is one.
    erl_call: Option<PathBuf>,
    variables: Vec<(String, String)>,
    folder: PathBuf,
}

impl Control {
    /// Control of the node that these variables name. `erl_call` is looked for beside `epmd`.
    pub(super) fn new(
        rabbitmqctl: PathBuf,
        epmd: PathBuf,
        variables: Vec<(String, String)>,
        folder: PathBuf,
    ) -> Self {
        let erl_call = epmd.canonicalize().unwrap_or(epmd).with_file_name("erl_call");
        Self { rabbitmqctl, erl_call: Some(erl_call).filter(|path| path.is_file()), variables, folder }
    }

    /// Runs `rabbitmqctl --quiet` and answers what it prints.
    pub(super) fn ctl(&self, arguments: &[&str]) -> String {
        // One at a time: each listens on the one port that it may.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        run(self.command(&self.rabbitmqctl).arg("--quiet").args(arguments))
    }

    /// Has the node evaluate an Erlang expression, and answers its value as Erlang writes it. Fails with what Erlang says of
    /// an expression that has none, and of a node that is not there.
    pub(super) fn eval(&self, expression: &str) -> String {
        match &self.erl_call {
            Some(erl_call) => {
                self.call(erl_call, expression).unwrap_or_else(|said| panic!("{expression}: {said}"))
            }
            None => self.ctl(&["eval", &format!("{expression}.")]).trim().to_owned(),
        }
    }

    /// Whether the node is up. It waits while the node starts; one that does not take calls yet is not up.
    pub(super) fn is_up(&self) -> bool {
        if let Some(erl_call) = &self.erl_call {
            return self
                .call(erl_call, "rabbit:await_startup(node(), false, 80000)")
                .is_ok_and(|said| said == "ok");
        }
        self.ctl(&["await_startup"]);
        true
    }

    fn call(&self, erl_call: &PathBuf, expression: &str) -> Result<String, String> {
        let node = self.variables.iter().find(|(key, _)| key == "RABBITMQ_NODENAME").expect("it is set");
        // A node knows each that calls it by its name.
        let us = format!("test-{}", random_text(12));
        let mut call = self.command(erl_call);
        call.args(["-sname", &node.1, "-h", &us, "-timeout", PATIENCE_S, "-e"]);
        let mut child = call
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("erl_call starts");
        let mut script = child.stdin.take().expect("stdin is piped");
        // One that cannot connect ends without reading.
        let _ = writeln!(script, "{expression}.");
        drop(script);
        let output = child.wait_with_output().expect("erl_call ends");
        let said = String::from_utf8_lossy(&output.stdout);
        let value = said.trim().strip_prefix("{ok, ").and_then(|rest| rest.strip_suffix('}'));
        value.map(str::to_owned).ok_or_else(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn command(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
        command.envs(self.variables.iter().cloned()).current_dir(&self.folder);
        command
    }
}
