//! Starts a stack, runs a command against it, and takes the stack away again:
//!
//! `with-stack standalone|distributed[+keys] COMMAND [ARGUMENT…]`
//!
//! The command finds the API's address in `BASE_URL` and the address of the front unit's management port in
//! `MANAGEMENT_URL`. With `+keys` the stack asks for API keys, and one that may do everything is in `API_KEY`. A variable
//! `FRONT_KEEPER_…` is a setting of the unit that has the API. It ends with the command's exit code; the log of the stack is
//! shown when that is not 0.

use std::process::{Command, ExitCode};

use keeper_tests::harness::{Kind, Stack};
use keeper_tests::scenarios::access;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || {
        eprintln!("usage: with-stack standalone|distributed[+keys] COMMAND [ARGUMENT…]");
        ExitCode::from(2)
    };
    let Some((stack, command)) = arguments.split_first().filter(|(_, command)| !command.is_empty()) else {
        return usage();
    };
    let (name, keys) = stack.strip_suffix("+keys").map_or((stack.as_str(), false), |name| (name, true));
    let kind = match name {
        "standalone" => Kind::Standalone,
        "distributed" => Kind::Distributed,
        _ => return usage(),
    };
    let stack = if keys { access::guarded_stack(kind) } else { Stack::new(kind) };
    let stack = settings().into_iter().fold(stack, |stack, (name, value)| stack.with_front(&name, &value));
    let key =
        if keys { access::key(stack.front(), "tests", &access::SCOPES.join(",")) } else { String::new() };
    stack.start().await;
    let status = Command::new(&command[0])
        .args(&command[1..])
        .env("BASE_URL", stack.api().base())
        .env("API_KEY", key)
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

/// The settings of the unit that has the API.
#[expect(clippy::disallowed_methods, reason = "this is the main of a tool for tests")]
fn settings() -> Vec<(String, String)> {
    let of_front = |(name, value): (String, String)| {
        let name = name.strip_prefix("FRONT_").filter(|name| name.starts_with("KEEPER_"))?;
        Some((name.to_owned(), value))
    };
    std::env::vars().filter_map(of_front).collect()
}
