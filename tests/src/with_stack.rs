//! Starts a stack, runs a command against it, and takes the stack away again.

fn main() {}
