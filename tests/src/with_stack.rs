//! Starts a stack, runs a command against it, and takes the stack away again:
//!
//! `with-stack standalone|distributed COMMAND [ARGUMENT…]`
//!
//! The command finds the API's address in `BASE_URL` and the address of the front unit's management port in
//! `MANAGEMENT_URL`. It ends with the command's exit code; the log of the stack is shown when that is not 0.

use std::process::{Command, ExitCode};

use keeper_tests::harness::{Kind, Stack};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, command) = match arguments.split_first() {
        Some((kind, command)) if kind == "standalone" && !command.is_empty() => (Kind::Standalone, command),
        Some((kind, command)) if kind == "distributed" && !command.is_empty() => (Kind::Distributed, command),
        _ => {
            eprintln!("usage: with-stack standalone|distributed COMMAND [ARGUMENT…]");
            return ExitCode::from(2);
        }
    };
    let stack = Stack::started(kind).await;
    let status = Command::new(&command[0])
        .args(&command[1..])
        .env("BASE_URL", stack.api().base())
        .env("MANAGEMENT_URL", stack.front().management().base())
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            for unit in stack.units() {
                eprintln!("--- the last lines of {}", unit.name());
                let log = unit.log();
                let lines: Vec<_> = log.lines().collect();
                lines[lines.len().saturating_sub(20)..].iter().for_each(|line| eprintln!("{line}"));
            }
            ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("{}: {error}", command[0]);
            ExitCode::from(127)
        }
    }
}
