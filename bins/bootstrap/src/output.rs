use std::fmt::Display;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;

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

/// Whether what is printed goes nowhere: to `/dev/null`, or to a standard output that was closed, which the runtime replaces by that
/// before anything can ask.
pub fn nobody_sees() -> bool {
    let device = |path: &str| fs::metadata(path).map(|file| file.rdev());
    matches!((device("/dev/stdout"), device("/dev/null")), (Ok(output), Ok(null)) if output == null)
}
