use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use crate::StartError;

/// Prints a text and a line's end.
///
/// # Errors
/// It is not written in full.
pub fn say(text: impl Display) -> Result<(), StartError> {
    let mut output = BufWriter::new(io::stdout().lock());
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    written.map_err(StartError::Output)
}
