use keeper_settings::WrongSetting;
use serde::Deserialize;

use crate::{JwtSettings, KeyEntry, KeyFile};

/// Whether callers are asked who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Everybody may do everything.
    Open,
    /// Callers need credentials.
    Required,
}

/// Who may use the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// Whether callers are asked who they are.
    pub mode: AuthMode,
    /// Whether movies are read without credentials.
    pub public_reads: bool,
    /// The file of API keys; empty: there are none.
    pub keys_file: String,
    /// Whose tokens are believed.
    pub jwt: JwtSettings,
}

impl AuthSettings {
    /// The file of API keys, if there is one.
    pub fn keys(&self) -> Option<KeyFile> {
        (!self.keys_file.is_empty()).then(|| KeyFile::new(&self.keys_file))
    }

    /// Says whether callers can be recognised with these settings.
    ///
    /// # Errors
    /// Credentials are required and there are none, or their file cannot be used.
    pub fn check(&self) -> Result<(), WrongSetting> {
        self.jwt.check()?;
        match (self.mode, self.keys()) {
            (AuthMode::Open, _) => Ok(()),
            (AuthMode::Required, Some(file)) => readable(&file).map(drop),
            (AuthMode::Required, None) if self.jwt.is_on() => Ok(()),
            (AuthMode::Required, None) => {
                let why = "is required, which needs auth.keys_file or auth.jwt.issuer";
                Err(WrongSetting::new("auth.mode", why))
            }
        }
    }
}

fn readable(file: &KeyFile) -> Result<Vec<KeyEntry>, WrongSetting> {
    let wrong = |error| format!("names the file {}, which {error}", file.path().display());
    file.load().map_err(|error| WrongSetting::new("auth.keys_file", wrong(error)))
}
