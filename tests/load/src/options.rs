use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use url::Url;

use crate::mix::Mix;

/// Customers of a shop: they browse, search, add movies, order, and read their orders back.
///
/// Exit codes: 0 all accepted orders were found, 1 some were not, or it could not print, 2 it could not begin.
#[derive(Debug, Parser)]
#[command(name = "load", version, args_override_self = true)]
pub(crate) struct Options {
    /// The gateway's address. HTTP only: where there is only HTTPS, run it beside the gateway.
    #[arg(long, default_value = "http://127.0.0.1:3000", value_parser = address)]
    pub(crate) url: Url,
    /// Visits each second, from 0.1 to 5000.
    #[arg(long, default_value_t = 20.0, value_parser = rate)]
    rate: f64,
    /// For how long, in seconds, at most a day. 0: until Ctrl-C or SIGTERM.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    seconds: u64,
    /// The parts of each kind of visit.
    #[arg(long, default_value = "browse=50,search=25,add=5,order=15,read-back=5")]
    pub(crate) mix: Mix,
    /// So many visits at once at most, up to 10000. Those beyond are not made, and counted.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) at_once: u16,
    /// So many movies are added at most, up to 100000. They are deleted at the end.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) movies: u32,
    /// A file with an API key of the scopes movies:write, orders:write, orders:read and orders:any.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// For how long an order is tried again, and an accepted order waited for, in seconds, up to 3600.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience: u64,
    /// A line of what was done each so many seconds, from 1 to 3600.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

impl Options {
    /// The time from one visit to the next.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }

    /// `None`: until somebody stops it.
    pub(crate) fn time(&self) -> Option<Duration> {
        (self.seconds > 0).then(|| Duration::from_secs(self.seconds))
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }

    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs(self.every)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.1..=5_000.0).contains(rate));
    rate.ok_or_else(|| "it is a number from 0.1 to 5000".to_owned())
}

fn address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}; it looks like http://127.0.0.1:3000"))?;
    if url.scheme() != "http" || url.host().is_none() {
        return Err("only http:// works; where there is only HTTPS, run it beside the gateway".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_refused_by_name() {
        for (arguments, named) in [
            (["--rate", "0"], "0.1 to 5000"),
            (["--rate", "NaN"], "0.1 to 5000"),
            (["--rate", "6000"], "0.1 to 5000"),
            (["--seconds", "1.5"], "invalid digit"),
            (["--seconds", "86401"], "86400"),
            (["--url", "https://example.com"], "only http://"),
            (["--url", "localhost:3000"], "only http://"),
            (["--url", ""], "http://127.0.0.1:3000"),
            (["--mix", "order=1,buy=2"], "buy"),
            (["--at-once", "0"], "1..=10000"),
        ] {
            let refused =
                Options::try_parse_from([&["load"][..], &arguments].concat()).unwrap_err().to_string();
            assert!(refused.contains(named) && refused.contains(arguments[0]), "{refused}");
        }
        assert!(Options::try_parse_from(["load"]).is_ok());
    }
}
