use std::path::Path;

use keeper_http_server::HttpSettings;
use keeper_identity::{AuthMode, AuthSettings};

/// What a person who has just started the system wants to know.
pub(crate) fn greeting(http: HttpSettings, data: &Path, auth: &AuthSettings) -> String {
    let host = if http.address.is_unspecified() { "localhost".to_owned() } else { http.address.to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let base = format!("http://{host}:{}", http.port);
    let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let access = match (auth.mode, auth.keys().is_some(), auth.jwt.is_on()) {
        (AuthMode::Open, ..) => "open to all who reach it; `standalone keys --help` says how to ask for keys",
        (AuthMode::Required, true, true) => "with an API key, or a token of the issuer",
        (AuthMode::Required, false, true) => "with a token of the issuer",
        (AuthMode::Required, _, false) => "with an API key",
    };
    format!(
        "\n  Code Keeper is running.\n\n  \
         API            {base}/api/movies\n  \
         Documentation  {base}/api-docs\n  \
         Access         {access}\n  \
         Data           {}\n  \
         Stop           Ctrl-C; the data stays\n",
        data.display()
    )
}
