use std::sync::{Mutex, PoisonError};

use keeper_settings::WrongSetting;
use sqlx::postgres::PgConnectOptions;
use tokio::task::spawn_blocking;

use crate::PgSettings;

/// How a connection is opened, with the password and the authority that their files have now: a secret that was rotated
/// needs no restart.
#[derive(Debug)]
pub(crate) struct Access {
    dependency: &'static str,
    settings: PgSettings,
    /// The options of the files when they could last be read, and whether that was the last time.
    last: Mutex<(PgConnectOptions, bool)>,
}

impl Access {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub(crate) fn new(dependency: &'static str, settings: &PgSettings) -> Result<Self, WrongSetting> {
        let last = Mutex::new((settings.connect_options()?, true));
        Ok(Self { dependency, settings: settings.clone(), last })
    }

    /// The options, read anew where they are in files. While a file cannot be read, those that it had before.
    pub(crate) async fn options(&self) -> PgConnectOptions {
        if self.has_files() {
            let settings = self.settings.clone();
            // A file may be on a disk that does not answer.
            if let Ok(read) = spawn_blocking(move || settings.connect_options()).await {
                self.keep(read);
            }
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Whether another try may find other options.
    pub(crate) fn has_files(&self) -> bool {
        !self.settings.password_file.is_empty() || !self.settings.tls_ca.is_empty()
    }

    fn keep(&self, read: Result<PgConnectOptions, WrongSetting>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(options) => *last = (options, true),
            Err(wrong) => {
                if last.1 {
                    let dependency = self.dependency;
                    tracing::warn!(dependency, %wrong, "a secret cannot be read again; the last one is used");
                }
                last.1 = false;
            }
        }
    }
}
