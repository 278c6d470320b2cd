use std::path::Path;

use keeper_http_server::HttpSettings;
use keeper_identity::AuthMode;

/// What a person who has just started the system wants to know.
pub(crate) fn greeting(http: HttpSettings, data: &Path, mode: AuthMode) -> String {
    let host = if http.address.is_unspecified() { "localhost".to_owned() } else { http.address.to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let base = format!("http://{host}:{}", http.port);
    let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let access = match mode {
        AuthMode::Open => "open to all who reach it; `standalone keys --help` says how to ask for keys",
        AuthMode::Required => "with an API key",
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
