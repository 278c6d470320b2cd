use thiserror::Error;

use crate::SettingsError;

/// Why a unit does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Something that the unit is made of does not start.
    #[error("{0}")]
    Part(String),
    /// What a command has to say cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] std::io::Error),
}

impl StartError {
    /// Wraps the error of a part whose message is for operators, all its causes on one line.
    pub fn part(error: impl std::error::Error + 'static) -> Self {
        Self::Part(keeper_ports::chain(&error))
    }
}

impl From<prometheus::Error> for StartError {
    fn from(error: prometheus::Error) -> Self {
        Self::part(error)
    }
}
