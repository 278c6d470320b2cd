use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use thiserror::Error;

/// Standard output is a full disk, or a pipe that nobody reads any more.
#[derive(Debug, Error)]
#[error("load: cannot write to standard output: {0}")]
pub(crate) struct NotPrinted(#[from] io::Error);

/// Prints a text and a line's end.
///
/// # Errors
/// It is not written in full.
pub(crate) fn say(text: impl Display) -> Result<(), NotPrinted> {
    let mut output = BufWriter::new(io::stdout().lock());
    writeln!(output, "{text}")?;
    Ok(output.flush()?)
}

/// Prints a text to standard error. Nobody could be told that it fails.
pub(crate) fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
